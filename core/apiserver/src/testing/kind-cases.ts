// Objects sent to a server and what it answers, freed of what differs from run to run: held against recorded answers.

import { isJsonObject, jsonEqual } from '@tweendeck/std';

/** One object of a kind, and what is done to it. */
export interface KindCase {
  /** A sentence; the key of the recorded answer. */
  readonly name: string;
  /** Collection, with `NS` for the namespace: `/api/v1/namespaces/NS/pods`. */
  readonly path: string;
  readonly object: object;
  /** A merge patch of the object once it is made; only its answer counts then. */
  readonly change?: object;
  /** Whether the patch goes to a subresource. */
  readonly part?: 'status' | 'scale';
  /** Asks for a table of the object instead. */
  readonly table?: boolean;
}

export interface CaseAnswer {
  readonly status: number;
  readonly warnings?: string;
  readonly body: unknown;
}

export interface CaseRequest {
  readonly method: 'GET' | 'POST' | 'PATCH';
  readonly path: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly body?: object;
}

/** Sends a request as a cluster administrator. */
export type SendCase = (request: CaseRequest) => Promise<{
  readonly status: number;
  readonly warnings: string | undefined;
  readonly body: unknown;
}>;

const json = { 'content-type': 'application/json', accept: 'application/json' };
const table = { accept: 'application/json;as=Table;v=v1;g=meta.k8s.io' };

/** Runs a case in a namespace of its own. `index` must differ between the cases of a server. */
export async function runKindCase(
  send: SendCase,
  { path, object, change, part, table: asTable }: KindCase,
  index: number,
): Promise<CaseAnswer> {
  const namespace = `ns-${index}`;
  const create = (where: string, body: object) =>
    send({ method: 'POST', path: where, headers: json, body });
  if (path.includes('/NS/')) {
    await create('/api/v1/namespaces', { metadata: { name: namespace } });
    const account = { metadata: { name: 'default' } };
    await create(`/api/v1/namespaces/${namespace}/serviceaccounts`, account);
  }
  const where = path.replace('/NS/', `/${namespace}/`);
  let answer = await create(where, object);
  const metadata = isJsonObject(answer.body) ? answer.body['metadata'] : undefined;
  const made = isJsonObject(metadata) ? metadata : {};
  const uid = typeof made['uid'] === 'string' ? made['uid'] : undefined;
  const own = `${where}/${String(made['name'])}`;
  if (answer.status === 201 && change) {
    answer = await send({
      method: 'PATCH',
      path: part ? `${own}/${part}` : own,
      headers: { ...json, 'content-type': 'application/merge-patch+json' },
      body: change,
    });
  }
  if (answer.status < 300 && asTable) {
    answer = await send({ method: 'GET', path: own, headers: table });
  }
  const generated = 'generateName' in metadataOf(object) ? String(made['name']) : undefined;
  const body = bare(answer.body, (text) => plain(text, { namespace, uid, generated }));
  const { status, warnings } = answer;
  return { status, ...(warnings === undefined ? {} : { warnings }), body };
}

function metadataOf(object: object): object {
  return 'metadata' in object && isJsonObject(object.metadata) ? object.metadata : {};
}

/** Names of failures too are made of generated ones. */
const generatedName = /case-[a-z0-9]{5}(?![a-z0-9])/g;
/** Differences are told in Go's names of fields, which we do not know. */
const difference = /\n@@[\s\S]*$/;
const stamp = /\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ/g;
const anyUid = /[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}/g;

function plain(
  text: string,
  {
    namespace,
    uid,
    generated,
  }: {
    readonly namespace: string;
    readonly uid: string | undefined;
    readonly generated: string | undefined;
  },
): string {
  const placed = text === namespace ? 'NS' : text.replaceAll(`${namespace}/`, 'NS/');
  const named = generated === undefined ? placed : placed.replaceAll(generated, 'NAME');
  return (uid === undefined ? named : named.replaceAll(uid, 'UID'))
    .replaceAll(generatedName, 'NAME')
    .replaceAll(anyUid, 'UID')
    .replaceAll(stamp, 'TIME')
    .replace(difference, '');
}

const left = new Set(['managedFields', 'resourceVersion', 'uid', 'creationTimestamp']);

/** Causes are told as often as they are looked for, which is upstream's way and says nothing. */
function withoutRepetition(list: readonly unknown[]): readonly unknown[] {
  return list.filter((item, position) => {
    const isCause = isJsonObject(item) && 'reason' in item && 'field' in item;
    return !isCause || list.findIndex((each) => jsonEqual(each, item)) === position;
  });
}

function bare(value: unknown, textOf: (text: string) => string): unknown {
  if (typeof value === 'string') return textOf(value);
  if (Array.isArray(value)) return withoutRepetition(value.map((item) => bare(item, textOf)));
  if (!isJsonObject(value)) return value;
  const entries = Object.entries(value)
    .filter(([key]) => !left.has(key))
    .map(([key, item]) => [textOf(key), bare(item, textOf)]);
  return Object.fromEntries(entries);
}
