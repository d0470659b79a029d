// Remembers what was applied to the children of an object, so that a pass that finds them as they were left asks for nothing.

import { createHash } from 'node:crypto';
import type { Applied } from '@tweendeck/client';
import { type KubeObject, type ObjectRef, type Resource, refKey, refOf } from '@tweendeck/kube';
import type { InformerOf } from './own-writes.ts';

/** A child as its controller renders it. */
export interface WantedChild {
  /** Never changed once it was handed over: what is rendered anew is another object. */
  readonly rendered: Applied;
  /** Where it is applied; undefined: in no namespace. */
  readonly namespace: string | undefined;
  /** By its uid. */
  readonly owner: string;
}

/** What was asked for, and the child as it was answered. */
interface Left {
  readonly digest: string;
  readonly owner: string;
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
  unchanged(resource: Resource<KubeObject>, wanted: WantedChild): KubeObject | undefined {
    const ref = refIn(wanted);
    const left = this.#left.get(keyOf(resource, refKey(ref)));
    if (left === undefined || left.owner !== wanted.owner) return undefined;
    const child = this.#informerOf(resource)?.get(ref);
    const { uid, resourceVersion } = child?.metadata ?? {};
    const isSame = uid === left.uid && resourceVersion === left.resourceVersion;
    return isSame && digestOf(wanted.rendered) === left.digest ? child : undefined;
  }

  keep(resource: Resource<KubeObject>, wanted: WantedChild, answered: KubeObject): void {
    const { uid, resourceVersion } = answered.metadata;
    if (this.#informerOf(resource) === undefined) return;
    const { rendered, owner } = wanted;
    const left = { digest: digestOf(rendered), owner, uid, resourceVersion };
    this.#left.set(keyOf(resource, refKey(refIn(wanted))), left);
  }

  forget(resource: Resource<KubeObject>, child: KubeObject): void {
    this.#left.delete(keyOf(resource, refKey(refOf(child))));
  }
}

function keyOf({ group, plural }: Resource<KubeObject>, ref: string): string {
  return `${group}/${plural} ${ref}`;
}

function refIn({ rendered, namespace }: WantedChild): ObjectRef {
  const { name } = rendered.metadata;
  return { name, ...(namespace ? { namespace } : {}) };
}

/** Controllers that remember what they rendered hand over the same objects again. */
const digests = new WeakMap<Applied, string>();

function digestOf(rendered: Applied): string {
  const known = digests.get(rendered);
  if (known !== undefined) return known;
  const digest = createHash('sha256').update(JSON.stringify(rendered)).digest('base64');
  digests.set(rendered, digest);
  return digest;
}
