// Sends the same histories to our API server and to a real kube-apiserver, and compares every answer.

import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { SchemaNode } from '@tweendeck/kube';
import { isJsonObject } from '@tweendeck/std';
import type { Endpoint } from '../../e2e/differential/endpoint.ts';
import { startServers } from '../../e2e/differential/servers.ts';
import { canonical } from './compare.ts';
import { definitionFor } from './definitions.ts';
import { scalableSchemas, scaleSubresource, withScaling } from './scale-cases.ts';
import { shrink } from './shrink.ts';
import { Source } from './source.ts';
import { sameAnswers } from './ssa.ts';
import { type History, type HistoryStep, historyOf, widgetSchemas } from './ssa-cases.ts';
import { relatedVersions } from './versions-cases.ts';

/** `scale`: histories change objects by way of `scale`, too; `versions`: what is written in one version is read in all. */
export type LiveArea = 'live' | 'scale' | 'versions';

export interface LiveRun {
  readonly count: number;
  readonly seed: number;
  readonly area: LiveArea;
  /** Differences after which to stop. */
  readonly differencesMax: number;
  readonly write: (line: string) => void;
}

/** How many histories share a definition, and how many of them go on at the same time. */
const poolSize = 200;
const lanes = 8;
/** A second that ends between the same request to two servers changes the order of managers: whatever differs is tried again. */
const triesMax = 3;

/** How many histories there were, and how many of them were told differently. */
export async function compareLive(
  run: LiveRun,
): Promise<{ readonly cases: number; readonly differences: number }> {
  const begunMs = performance.now();
  const directory = mkdtempSync(join(tmpdir(), 'oracle-live-'));
  await using opened = new AsyncDisposableStack();
  opened.defer(() => rmSync(directory, { recursive: true, force: true }));
  const { reference, subject } = opened.use(await startServers('bare', directory));
  let different = 0;
  let done = 0;
  for (let from = 0; from < run.count && different < run.differencesMax; from += poolSize) {
    await using pool = await Pool.open({ theirs: reference, ours: subject }, run, from);
    const numbers = Array.from(
      { length: Math.min(poolSize, run.count - from) },
      (_, i) => from + i,
    );
    const iterator = numbers.values();
    const lane = async (): Promise<void> => {
      for (const number of iterator) {
        const history = pool.history(number);
        done++;
        if (!(await pool.differs(history)) || different >= run.differencesMax) continue;
        different++;
        run.write(`${run.area}: history ${number} of seed ${run.seed} differs; made small:`);
        await tell(pool, history, run.write);
      }
    };
    await Promise.all(Array.from({ length: lanes }, lane));
    if (run.area === 'versions') different += await pool.moved(run.write);
  }
  const verdict = different === 0 ? 'all equal' : `${different} DIFFER`;
  const seconds = ((performance.now() - begunMs) / 1_000).toFixed(1);
  run.write(
    `${run.area.padEnd(18)} ${done} histories, ${verdict}, ${seconds} s (seed ${run.seed})`,
  );
  return { cases: done, differences: different };
}

interface Pair {
  readonly theirs: Endpoint;
  readonly ours: Endpoint;
}

async function tell(pool: Pool, found: History, write: LiveRun['write']): Promise<void> {
  const isWhole = ({ steps }: History): boolean =>
    Array.isArray(steps) &&
    steps.every(
      (step) =>
        step.op &&
        step.version &&
        step.manager &&
        step.subresource !== undefined &&
        (step.patch !== undefined ||
          step.object?.['kind'] === (step.subresource === 'scale' ? 'Scale' : 'Widget')) &&
        (step.object === undefined ||
          (nameOf(step.object) !== undefined && step.object['apiVersion'] !== undefined)),
    );
  const differs = async (each: History): Promise<boolean> => {
    const smaller = { ...each, schemas: found.schemas, kind: found.kind };
    return isWhole(smaller) && (await pool.differs(smaller));
  };
  const small = { ...(await shrink(found, differs, false)), schemas: found.schemas };
  write(`  case   ${JSON.stringify(small)}`);
  const { ours, theirs } = await pool.play(small);
  const at = ours.findIndex((each, index) => canonical(each) !== canonical(theirs[index]));
  write(`  ours   ${canonical(ours[at])}`);
  write(`  theirs ${canonical(theirs[at])}`);
}

function nameOf({ metadata }: Readonly<Record<string, unknown>>): unknown {
  return isJsonObject(metadata) ? metadata['name'] : undefined;
}

/**
 * Without structs that keep what nobody declared: merging keeps it below them too, pruning does not, and upstream counts
 * a generation for what is applied and then pruned.
 */
function withoutInheritance(schema: SchemaNode): SchemaNode {
  const { properties, items, additionalProperties, ...rest } = schema;
  const { 'x-kubernetes-preserve-unknown-fields': keeps, ...others } = rest;
  const entries = Object.entries(properties ?? {}).map(([name, each]): [string, SchemaNode] => [
    name,
    withoutInheritance(each),
  ]);
  return {
    ...(properties ? { ...others, properties: Object.fromEntries(entries) } : rest),
    ...(items ? { items: withoutInheritance(items) } : {}),
    ...(additionalProperties === undefined
      ? {}
      : {
          additionalProperties:
            typeof additionalProperties === 'object'
              ? withoutInheritance(additionalProperties)
              : additionalProperties,
        }),
    ...(keeps === undefined || properties ? {} : { 'x-kubernetes-preserve-unknown-fields': keeps }),
  };
}

/** Histories of one definition, which is there as long as the pool is open. */
class Pool implements AsyncDisposable {
  readonly #pair: Pair;
  readonly #group: string;
  readonly #seed: number;
  readonly #schemas: History['schemas'];
  readonly #statusApart: boolean;
  readonly #area: LiveArea;
  readonly #names: string[] = [];
  #storage = 0;
  #played = 0;

  private constructor(pair: Pair, { seed, area }: LiveRun, from: number) {
    const number = Math.floor(from / poolSize);
    this.#pair = pair;
    this.#seed = seed;
    this.#group = `p${number}.example.com`;
    this.#statusApart = number % 2 === 1;
    this.#area = area;
    const source = new Source(seed ^ 0x5eed, number);
    const drawn = area === 'versions' ? relatedVersions(source) : widgetSchemas(source);
    const schemas = area === 'scale' ? scalableSchemas(drawn) : drawn;
    this.#schemas = Object.fromEntries(
      Object.entries(schemas).map(([version, schema]) => [version, withoutInheritance(schema)]),
    );
  }

  static async open(pair: Pair, run: LiveRun, from: number): Promise<Pool> {
    const pool = new Pool(pair, run, from);
    const path = '/apis/apiextensions.k8s.io/v1/customresourcedefinitions';
    const definition = pool.#definition();
    for (const server of [pair.theirs, pair.ours]) {
      const answer = await send(server, 'POST', path, definition);
      if (answer.status !== 201) throw new Error(`no definition: ${canonical(answer.body)}`);
      for (const version of Object.keys(pool.#schemas)) {
        while ((await send(server, 'GET', pool.#path(version))).status !== 200)
          await new Promise((resolve) => setTimeout(resolve, 50));
      }
    }
    return pool;
  }

  history(number: number): History {
    const source = new Source(this.#seed, number);
    const history = historyOf(source, { schemas: this.#schemas, kinds: ['Widget'] });
    return this.#area === 'scale' ? withScaling(source, history) : history;
  }

  async differs(history: History): Promise<boolean> {
    for (let tries = 0; tries < triesMax; tries++) {
      const { ours, theirs } = await this.play(history);
      if (canonical(ours) === canonical(theirs) || sameAnswers(ours, theirs)) return false;
    }
    return true;
  }

  /** What both answer to a history, on an object of its own. */
  async play(
    history: History,
  ): Promise<{ readonly ours: readonly unknown[]; readonly theirs: readonly unknown[] }> {
    const name = `x${this.#played++}`;
    this.#names.push(name);
    const { ours, theirs } = this.#pair;
    const [our, their] = await Promise.all([
      this.#playOn(ours, history, name),
      this.#playOn(theirs, history, name),
    ]);
    return { ours: our, theirs: their };
  }

  async #playOn(server: Endpoint, { steps }: History, name: string): Promise<readonly unknown[]> {
    const answers: unknown[] = [];
    let resourceVersion: string | undefined;
    for (const step of steps) {
      const { body } = await this.#request(server, step, { name, resourceVersion });
      const metadata =
        isJsonObject(body) && body['kind'] !== 'Status' ? body['metadata'] : undefined;
      if (isJsonObject(metadata)) resourceVersion = String(metadata['resourceVersion']);
      answers.push(comparable(body, name));
      if (this.#area === 'versions') answers.push(...(await this.#readings(server, name)));
    }
    return answers;
  }

  /** An object in every version. */
  async #readings(server: Endpoint, name: string): Promise<readonly unknown[]> {
    const answers: unknown[] = [];
    for (const version of Object.keys(this.#schemas)) {
      const { body } = await send(server, 'GET', `${this.#path(version)}/${name}`);
      answers.push(comparable(body, name));
    }
    return answers;
  }

  /** Stores new objects in another version, and reads and changes those that are there; how many are told differently. */
  async moved(write: LiveRun['write']): Promise<number> {
    this.#storage = 1;
    const path = `/apis/apiextensions.k8s.io/v1/customresourcedefinitions/widgets.${this.#group}`;
    const { spec } = this.#definition();
    for (const server of [this.#pair.theirs, this.#pair.ours]) {
      const type = 'application/merge-patch+json';
      const { status, body } = await send(server, 'PATCH', path, { spec }, type);
      if (status !== 200) throw new Error(`no other storage: ${canonical(body)}`);
    }
    let different = 0;
    for (const name of this.#names) {
      let told: readonly (readonly unknown[])[] = [];
      for (let tries = 0; tries < triesMax; tries++) {
        const label = String(tries);
        const { theirs, ours } = this.#pair;
        told = await Promise.all(
          [ours, theirs].map((server) => this.#relabelled(server, { name, label })),
        );
        if (sameAnswers(told[0], told[1])) break;
      }
      if (sameAnswers(told[0], told[1])) continue;
      if (different++ > 0) continue;
      write(`versions: ${name} of ${this.#group} differs after the storage moved`);
      write(`  ours   ${canonical(told[0])}`);
      write(`  theirs ${canonical(told[1])}`);
      write(`  schemas ${JSON.stringify(this.#schemas)}`);
    }
    return different;
  }

  /** What is read before and after a change in one of the versions. */
  async #relabelled(
    server: Endpoint,
    { name, label }: { readonly name: string; readonly label: string },
  ): Promise<readonly unknown[]> {
    const versions = Object.keys(this.#schemas);
    const version = versions[Number(name.slice(1)) % versions.length] ?? 'v1';
    const before = await this.#readings(server, name);
    const path = `${this.#path(version)}/${name}?fieldManager=mover`;
    const change = { metadata: { labels: { moved: label } } };
    const { body } = await send(server, 'PATCH', path, change, 'application/merge-patch+json');
    return [...before, comparable(body, name), ...(await this.#readings(server, name))];
  }

  #request(
    server: Endpoint,
    { op, version, subresource, manager, force, object, patch }: HistoryStep,
    {
      name,
      resourceVersion,
    }: { readonly name: string; readonly resourceVersion: string | undefined },
  ): Promise<Reply> {
    const isApart = subresource === 'scale' || (this.#statusApart && subresource !== '');
    const below = isApart ? `/${subresource}` : '';
    const path = `${this.#path(version)}/${name}${below}?fieldManager=${manager}`;
    const body = this.#named(object ?? patch ?? {}, name);
    if (op === 'apply') {
      const type = 'application/apply-patch+yaml';
      return send(server, 'PATCH', `${path}&force=${force}`, body, type);
    }
    if (patch) return send(server, 'PATCH', path, body, 'application/merge-patch+json');
    if (resourceVersion === undefined && subresource !== 'scale')
      return send(server, 'POST', `${this.#path(version)}?fieldManager=${manager}`, body);
    const metadata = isJsonObject(body['metadata']) ? body['metadata'] : {};
    return send(server, 'PUT', path, { ...body, metadata: { ...metadata, resourceVersion } });
  }

  /** An object under its name here, and in the group of this pool. */
  #named(object: Readonly<Record<string, unknown>>, name: string): Record<string, unknown> {
    const text = JSON.stringify(object).replaceAll('example.com/', `${this.#group}/`);
    const renamed: unknown = JSON.parse(text);
    const body = isJsonObject(renamed) ? renamed : {};
    const { metadata } = body;
    return isJsonObject(metadata) && 'name' in metadata
      ? { ...body, metadata: { ...metadata, name } }
      : { ...body };
  }

  #path(version: string): string {
    return `/apis/${this.#group}/${version}/namespaces/default/widgets`;
  }

  #definition(): { readonly spec: object } {
    const text = JSON.stringify(definitionFor(this.#schemas)).replaceAll(
      'example.com',
      this.#group,
    );
    const definition = JSON.parse(text) as { spec: { versions: object[] } }; // what definitionFor makes
    const subresources = {
      ...(this.#statusApart ? { status: {} } : {}),
      ...(this.#area === 'scale' ? { scale: scaleSubresource } : {}),
    };
    const versions = definition.spec.versions.map((each, index) => ({
      ...each,
      subresources,
      storage: index === this.#storage,
    }));
    return { ...definition, spec: { ...definition.spec, versions } };
  }

  async [Symbol.asyncDispose](): Promise<void> {
    const path = `/apis/apiextensions.k8s.io/v1/customresourcedefinitions/widgets.${this.#group}`;
    const { theirs, ours } = this.#pair;
    await Promise.all([theirs, ours].map((server) => send(server, 'DELETE', path)));
  }
}

interface Reply {
  readonly status: number;
  readonly body: unknown;
}

async function send(
  server: Endpoint,
  method: string,
  path: string,
  body?: object,
  type = 'application/json',
): Promise<Reply> {
  const answer = await server.ask(
    {
      method,
      path,
      headers: { accept: 'application/json', ...(body ? { 'content-type': type } : {}) },
      body: Buffer.from(body ? JSON.stringify(body) : ''),
    },
    AbortSignal.timeout(30_000),
  );
  const text = answer.body.toString();
  return {
    status: answer.status,
    body: text.startsWith('{') ? (JSON.parse(text) as unknown) : text,
  };
}

/** Without what no two servers have in common: identities, versions, times. */
function comparable(body: unknown, name: string): unknown {
  const text = JSON.stringify(body, (key, value: unknown) => {
    if (['uid', 'resourceVersion', 'creationTimestamp', 'time'].includes(key)) return undefined;
    if (key !== 'managedFields' || !Array.isArray(value)) return value;
    return value.toSorted((left, right) => (ownerOf(left) < ownerOf(right) ? -1 : 1));
  });
  const plain: unknown = JSON.parse(text.replaceAll(new RegExp(`\\b${name}\\b`, 'g'), 'x'));
  if (!isJsonObject(plain) || plain['kind'] !== 'Status') return { object: plain };
  const { code, reason, message, details } = plain;
  const causes: unknown = isJsonObject(details) ? details['causes'] : undefined;
  if (!Array.isArray(causes)) return { object: null, error: { code, reason, message } };
  // Several stand in the order of a Go map, here and in the message.
  const told = causes.length > 1 ? String(message).replace(/ is invalid: .*/s, '') : message;
  const inOrder = causes.map(canonical).sort();
  return { object: null, error: { code, reason, message: told, causes: inOrder } };
}

function ownerOf(entry: unknown): string {
  if (!isJsonObject(entry)) return '';
  const { manager, operation, apiVersion, subresource } = entry;
  return JSON.stringify([manager, operation, apiVersion, subresource]);
}
