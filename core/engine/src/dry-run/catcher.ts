// The context of a pass that reads what there is, and keeps what it would write.

import type { Applied, ObjectCache } from '@tweendeck/client';
import type { ReconcileContext } from '@tweendeck/controller';
import {
  type KubeObject,
  keyOf,
  type ObjectRef,
  type Resource,
  refKey,
  refOf,
} from '@tweendeck/kube';
import { silentLogger } from '@tweendeck/std';
import { type ChildChange, changedFields } from './child-changes.ts';
import { type DryWrite, dryClient } from './dry-client.ts';
import type { DryRunTools } from './dry-run-words.ts';

interface Sources {
  readonly resources: readonly Resource<KubeObject>[];
  readonly tools: DryRunTools;
}

/** The context of a pass that keeps what it would write. */
export class Catcher {
  readonly context: ReconcileContext<KubeObject>;
  readonly #object: KubeObject;
  readonly #caches: ReadonlyMap<string, readonly KubeObject[]>;
  readonly #changes = new Map<string, ChildChange>();
  readonly #applied = new Set<string>();

  private constructor(
    object: KubeObject,
    caches: ReadonlyMap<string, readonly KubeObject[]>,
    { clock, random, client }: DryRunTools,
    signal: AbortSignal,
  ) {
    this.#object = object;
    this.#caches = caches;
    this.context = {
      ...{ signal, clock, random, attempt: 0, log: silentLogger },
      client: dryClient(client, (write) => this.#wrote(write)),
      cache: (resource) => this.#cache(resource),
      apply: (resource, child) => this.#apply(resource, child),
      prune: (...of) => this.#prune(of),
      status: () => undefined,
      writeStatus: () => Promise.resolve(),
      event: () => undefined,
    };
  }

  /** Reads what there is of its children. */
  static async open(
    object: KubeObject,
    { resources, tools }: Sources,
    signal: AbortSignal,
  ): Promise<Catcher> {
    const { name, namespace } = object.metadata;
    const caches = new Map<string, readonly KubeObject[]>();
    for (const resource of resources) {
      const own = resource.group === 'tweendeck.io';
      const labels = own ? {} : { labelSelector: `app.kubernetes.io/instance=${name}` };
      const { items } = await tools.client.list(resource, { namespace, ...labels }, signal);
      caches.set(cacheKey(resource), items);
    }
    return new Catcher(object, caches, tools, signal);
  }

  changes(): readonly ChildChange[] {
    return [...this.#changes.values()];
  }

  #note(change: ChildChange): void {
    this.#changes.set(`${change.kind} ${change.name}`, change);
  }

  #wrote({ verb, resource: { kind }, name, body }: DryWrite): void {
    const change = verb === 'create' ? verb : 'change';
    const isTold = change === 'change' && kind !== 'Secret';
    this.#note({ change, kind, name, fields: isTold ? fieldsIn(body) : [] });
  }

  #cache<Other extends KubeObject>(resource: Resource<Other>): ObjectCache<Other> {
    // Objects are kept by resource.
    const all = (this.#caches.get(cacheKey(resource)) ?? []) as readonly Other[];
    const isNamed = (object: KubeObject, ref: ObjectRef): boolean => keyOf(object) === refKey(ref);
    return {
      get: (ref) => all.find((one) => isNamed(one, ref)),
      list: ({ labels = {} } = {}) =>
        all.filter(({ metadata }) =>
          Object.entries(labels).every(([key, value]) => metadata.labels?.[key] === value),
        ),
      by: (_index, uid) => all.filter((one) => ownerOf(one) === uid),
    };
  }

  #apply<Child extends KubeObject>(resource: Resource<Child>, child: Applied): Promise<Child> {
    const { kind } = resource;
    const { name } = child.metadata;
    const { namespace } = this.#object.metadata;
    this.#applied.add(`${kind} ${name}`);
    const ref = { name, ...(namespace === undefined ? {} : { namespace }) };
    const live = this.#cache(resource).get(ref);
    if (live === undefined) {
      this.#note({ change: 'create', kind, name, fields: [] });
      return Promise.resolve(child as unknown as Child); // nobody reads more of it than was given
    }
    const fields = changedFields(child, live);
    if (fields.length > 0) this.#note({ change: 'change', kind, name, fields });
    return Promise.resolve(live);
  }

  #prune(resources: readonly Resource<KubeObject>[]): Promise<readonly ObjectRef[]> {
    const { uid } = this.#object.metadata;
    const gone = resources.flatMap((resource) =>
      this.#cache(resource)
        .by('', uid)
        .filter(({ metadata }) => !this.#applied.has(`${resource.kind} ${metadata.name}`))
        .map((object) => ({ kind: resource.kind, object })),
    );
    for (const { kind, object } of gone) {
      this.#note({ change: 'delete', kind, name: object.metadata.name, fields: [] });
    }
    return Promise.resolve(gone.map(({ object }) => refOf(object)));
  }
}

function cacheKey({ group, plural }: Resource<KubeObject>): string {
  return `${group}/${plural}`;
}

function ownerOf({ metadata }: KubeObject): string | undefined {
  return metadata.ownerReferences?.find(({ controller }) => controller)?.uid;
}

/** Names of what a merge patch sets, never what to. */
function fieldsIn(body: unknown, path = ''): readonly string[] {
  if (typeof body !== 'object' || body === null || Array.isArray(body)) return [path];
  return Object.entries(body)
    .filter(([name, value]) => value !== null && name !== 'uid' && name !== 'resourceVersion')
    .flatMap(([name, value]) => fieldsIn(value, path === '' ? name : `${path}.${name}`));
}
