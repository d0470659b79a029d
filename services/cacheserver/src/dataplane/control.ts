// What a person may ask of a cache beside the protocol: what is kept, why something is not, to take it away, to clean.

import { createHash, timingSafeEqual } from 'node:crypto';
import { isJsonObject, messageOf } from '@tweendeck/std';
import { parseUnityCacheId, parseUnityGuid, unityGuidText, unityHashText } from '@tweendeck/wire';
import type { CleanerRules } from '../cleaner/cleaner-rules.ts';
import type { HealthReply, HealthRequest } from './health-server.ts';
import type { StoredKey, ValueStore } from './value-store.ts';

/** Cleans now, or tells what would go; resolves with the report. */
export type CleanNow = (how: CleanOrder, signal: AbortSignal) => Promise<unknown>;

export interface CleanOrder {
  readonly dryRun: boolean;
  /** In place of the rules there were, from now on; undefined: by those. */
  readonly rules: CleanerRules | undefined;
}

/** A namespace as the control sees it. */
interface ControlledNamespace {
  readonly name: string;
  readonly store: ValueStore;
  /** Undefined where nothing cleans. */
  readonly clean: CleanNow | undefined;
}

export interface ControlOptions {
  readonly namespaces: readonly ControlledNamespace[];
  /** What `purge` and `clean` have to show, asked anew for each; undefined: nobody may. */
  readonly token: () => string | undefined;
}

/** A key as the control tells it. */
interface KeyFacts {
  readonly guid: string;
  readonly hash: string;
  readonly bytes: StoredKey['sizes'];
  readonly ageSeconds: number;
  readonly idleSeconds: number;
}

const pageKeys = 256;
/** Keys of one GUID that an answer shows at most. */
const shownKeysMax = 100;

type Answer = readonly [status: number, body: object];

/**
 * Answers `/control/...`; undefined for other paths. Looking is open to whoever reaches the status port, as figures
 * are; taking away and cleaning asks for the token.
 */
export function controlReply(
  { namespaces, token }: ControlOptions,
  request: HealthRequest,
  signal: AbortSignal,
): Promise<HealthReply> | undefined {
  const { pathname, searchParams } = request.url;
  if (!pathname.startsWith('/control/')) return undefined;
  const order = pathname.slice('/control/'.length);
  const changes = order === 'purge' || order === 'clean';
  if (!changes && order !== 'lookup' && order !== 'why')
    return answered(404, 'there is no such order');
  if (request.method !== (changes ? 'POST' : 'GET')) {
    return answered(405, `${order} is asked for with ${changes ? 'POST' : 'GET'}`);
  }
  const refusal = changes ? tokenProblem(token(), request.body) : undefined;
  if (refusal !== undefined) return answered(403, refusal);
  const found = namespaceOf(namespaces, searchParams.get('namespace'));
  if (typeof found === 'string') return answered(404, found);
  const rules = isJsonObject(request.body) ? request.body['rules'] : undefined;
  if (order === 'clean') return cleanReply(found, { rules, searchParams }, signal);
  return act(order, found, searchParams, signal).then(([status, body]) => json(status, body));
}

async function act(
  order: 'purge' | 'lookup' | 'why',
  namespace: ControlledNamespace,
  parameters: URLSearchParams,
  signal: AbortSignal,
): Promise<Answer> {
  if (order === 'purge' && parameters.get('all') === 'true') {
    return [200, { removedKeys: await namespace.store.clear() }];
  }
  const guidText = parameters.get('guid') ?? '';
  const hash = parameters.get('hash');
  const guid = parseUnityGuid(guidText);
  if (guid === undefined) return [400, { error: 'guid is 32 hex digits' }];
  if (hash === null && order !== 'why') {
    const keys = await keysOf(namespace.store, guid, signal);
    return order === 'lookup' ? [200, shownKeys(keys)] : purge(namespace.store, keys, signal);
  }
  const id = parseUnityCacheId(guidText, hash ?? '');
  if (id === undefined) return [400, { error: 'hash is 32 hex digits' }];
  if (order === 'why') return [200, await whyMiss(namespace.store, { id, guid }, signal)];
  const key = await namespace.store.describe(id, 0);
  if (order === 'lookup') return [200, shownKeys(key === undefined ? [] : [key])];
  return purge(namespace.store, key === undefined ? [] : [key], signal);
}

/** Why a get of this key misses, as far as can be known. */
async function whyMiss(
  store: ValueStore,
  { id, guid }: { readonly id: Buffer; readonly guid: Buffer },
  signal: AbortSignal,
): Promise<object> {
  const key = await store.describe(id, 0);
  const others = (await keysOf(store, guid, signal)).filter((other) => !other.id.equals(id));
  const same = shownKeys(others);
  if (key !== undefined) {
    const types = Object.keys(key.sizes).join(', ');
    const missing = ['a', 'i', 'r'].filter((type) => !types.includes(type)).join(', ');
    const why = missing === '' ? 'it is here' : `it is here with ${types} and without ${missing}`;
    return { found: true, why, key: factsOf(key), sameGuid: same };
  }
  const youngest = Math.min(...others.map(({ ageSeconds }) => ageSeconds));
  const why =
    others.length === 0
      ? 'nothing of this GUID is here: it was never stored, refused, cleaned or evicted'
      : `other hashes of this GUID are here, the youngest for ${Math.round(youngest)} s: what is imported differs ` +
        '(content, import settings, platform, version of the editor), or this one was evicted';
  return { found: false, why, sameGuid: same };
}

async function purge(
  store: ValueStore,
  keys: readonly StoredKey[],
  signal: AbortSignal,
): Promise<Answer> {
  let removedKeys = 0;
  for (const { id } of keys) {
    signal.throwIfAborted();
    const removal = await store.remove(id, 0);
    if (removal.outcome === 'refused') return [507, { removedKeys, error: removal.reason }];
    if (removal.outcome === 'removed') removedKeys++;
  }
  return [200, { removedKeys }];
}

async function cleanReply(
  namespace: ControlledNamespace,
  { rules, searchParams }: { readonly rules: unknown; readonly searchParams: URLSearchParams },
  signal: AbortSignal,
): Promise<HealthReply> {
  const parsed = rules === undefined ? undefined : parseRules(rules);
  if (rules !== undefined && parsed === undefined) {
    return json(400, { error: 'rules are ttlSeconds, renewOnHit, maxBytes and freeBytes' });
  }
  const dryRun = searchParams.get('dryRun') === 'true';
  return json(...(await clean(namespace, { dryRun, rules: parsed }, signal)));
}

/** Undefined for what is no set of rules; their values are looked at by the cleaner. */
function parseRules(value: unknown): CleanerRules | undefined {
  if (!isJsonObject(value)) return undefined;
  const { ttlSeconds, renewOnHit, maxBytes, freeBytes, ...others } = value;
  const numbers = { ttlSeconds, maxBytes, freeBytes };
  const wrong = Object.values(numbers).some((one) => one !== undefined && typeof one !== 'number');
  const renews = renewOnHit === undefined || typeof renewOnHit === 'boolean';
  if (wrong || !renews || Object.keys(others).length > 0) return undefined;
  return {
    ...(typeof ttlSeconds === 'number' ? { ttlSeconds } : {}),
    ...(typeof renewOnHit === 'boolean' ? { renewOnHit } : {}),
    ...(typeof maxBytes === 'number' ? { maxBytes } : {}),
    ...(typeof freeBytes === 'number' ? { freeBytes } : {}),
  };
}

async function clean(
  { clean: run }: ControlledNamespace,
  order: CleanOrder,
  signal: AbortSignal,
): Promise<Answer> {
  if (run === undefined) return [409, { error: 'no cleaner is configured for this namespace' }];
  try {
    return [200, { report: await run(order, signal) }];
  } catch (error) {
    return [500, { error: messageOf(error) }];
  }
}

/** Each key once, whatever order the pages have. Lets others have their turn between pages. */
async function keysOf(
  store: ValueStore,
  guid: Uint8Array,
  signal: AbortSignal,
): Promise<readonly StoredKey[]> {
  const found = new Map<string, StoredKey>();
  let cursor: string | undefined;
  do {
    const page = await store.keys({ guid, keysMax: pageKeys, ...(cursor ? { cursor } : {}) });
    for (const key of page.keys) found.set(key.id.toString('latin1'), key);
    cursor = page.next;
    await new Promise<void>((resolve) => setImmediate(resolve));
    signal.throwIfAborted();
  } while (cursor !== undefined);
  return [...found.values()];
}

function shownKeys(keys: readonly StoredKey[]): object {
  const youngestFirst = keys.toSorted((left, right) => left.ageSeconds - right.ageSeconds);
  return { count: keys.length, keys: youngestFirst.slice(0, shownKeysMax).map(factsOf) };
}

function factsOf({ id, sizes, ageSeconds, idleSeconds }: StoredKey): KeyFacts {
  const guid = unityGuidText(id.subarray(0, 16));
  const hash = unityHashText(id.subarray(16));
  return { guid, hash, bytes: sizes, ageSeconds, idleSeconds };
}

function namespaceOf(
  namespaces: readonly ControlledNamespace[],
  name: string | null,
): ControlledNamespace | string {
  const names = namespaces.map((namespace) => namespace.name).join(', ');
  const [first] = namespaces;
  if (name === null && first !== undefined && namespaces.length === 1) return first;
  if (name === null) return `say which namespace: ${names}`;
  return namespaces.find((namespace) => namespace.name === name) ?? `there is ${names}`;
}

function tokenProblem(wanted: string | undefined, body: unknown): string | undefined {
  if (wanted === undefined || wanted === '') {
    return 'nobody may: the server was started without a token of the control';
  }
  const shown = isJsonObject(body) ? body['token'] : undefined;
  const digest = (text: string): Buffer => createHash('sha256').update(text).digest();
  const right = typeof shown === 'string' && timingSafeEqual(digest(shown), digest(wanted));
  return right ? undefined : 'the token of the control is missing or wrong';
}

function answered(status: number, error: string): Promise<HealthReply> {
  return Promise.resolve(json(status, { error }));
}

function json(status: number, body: object): HealthReply {
  return { status, type: 'application/json', body: `${JSON.stringify(body)}\n` };
}
