// Remembers what was applied to the children of an object, so that a pass that finds them as they were left asks for nothing.

import { createHash } from 'node:crypto';
import type { Applied } from '@tweendeck/client';
import { type KubeObject, type Resource, refKey, refOf } from '@tweendeck/kube';
import type { InformerOf } from './own-writes.ts';

/** What was asked for, and the child as it was answered. */
interface Left {
  readonly digest: string;
  readonly uid: string;
  readonly resourceVersion: string;
}

/** Of one object, for as long as its controller lives. Only of resources that are cached: others are applied every time. */
export class AppliedChildren {
  readonly #informerOf: InformerOf;
  readonly #left = new Map<string, Left>();

  constructor(informerOf: InformerOf) {
    this.#informerOf = informerOf;
  }

  /** The child in the cache, when nobody has changed it since the same was applied. */
  unchanged(resource: Resource<KubeObject>, wanted: Applied): KubeObject | undefined {
    const { name, namespace } = wanted.metadata;
    const ref = { name, ...(namespace ? { namespace } : {}) };
    const left = this.#left.get(keyOf(resource, refKey(ref)));
    if (left === undefined) return undefined;
    const child = this.#informerOf(resource)?.get(ref);
    const { uid, resourceVersion } = child?.metadata ?? {};
    const isSame = uid === left.uid && resourceVersion === left.resourceVersion;
    return isSame && digestOf(wanted) === left.digest ? child : undefined;
  }

  keep(resource: Resource<KubeObject>, wanted: Applied, answered: KubeObject): void {
    const { uid, resourceVersion } = answered.metadata;
    if (this.#informerOf(resource) === undefined) return;
    const key = keyOf(resource, refKey(refOf(answered)));
    this.#left.set(key, { digest: digestOf(wanted), uid, resourceVersion });
  }

  forget(resource: Resource<KubeObject>, child: KubeObject): void {
    this.#left.delete(keyOf(resource, refKey(refOf(child))));
  }
}

function keyOf({ group, plural }: Resource<KubeObject>, ref: string): string {
  return `${group}/${plural} ${ref}`;
}

function digestOf(wanted: Applied): string {
  return createHash('sha256').update(JSON.stringify(wanted)).digest('base64');
}
