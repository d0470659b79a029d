// Decides what becomes of an event: a new object, a count on an old one, or nothing. Pure but for its memory.
//
// The rules and figures are those of client-go's event correlation: like events are counted, similar ones (of one
// object, type and reason) are collapsed after 10 different messages in 600 s, and each source may say 25 things about
// an object at once and one more every 300 s.

import type { KubeObject } from '@tweendeck/kube';
import { LeastRecentMap } from './least-recent-map.ts';
import { TokenBucket } from './token-bucket.ts';

/** Something worth telling about an object. */
export interface Occurrence {
  readonly about: KubeObject;
  readonly type: 'Normal' | 'Warning';
  /** Upper camel case. */
  readonly reason: string;
  readonly message: string;
  /** The part of the object that it is about, such as `spec.containers{app}`. */
  readonly fieldPath?: string | undefined;
  /** What was done, or tried, upper camel case; then the event is one of `events.k8s.io/v1`, else one of core's. */
  readonly action?: string;
}

/** One that says what was done. */
export type ActionOccurrence = Occurrence & { readonly action: string };

/** An event object that was written, or will be. */
export interface EventRecord {
  readonly name: string;
  readonly message: string;
  readonly firstAtMs: number;
  count: number;
}

const memoryMax = 4_096;
const similarMax = 10;
const similarWindowMs = 600_000;
const floodBurst = 25;
const floodPerSecond = 1 / 300;

interface Similar {
  readonly messages: Set<string>;
  lastMs: number;
}

/** Remembers up to 4,096 of each; forgotten ones start anew. */
export class EventCorrelator {
  readonly #floods = new LeastRecentMap<string, TokenBucket>(memoryMax);
  readonly #similar = new LeastRecentMap<string, Similar>(memoryMax);
  readonly #records = new LeastRecentMap<string, EventRecord>(memoryMax);

  /** The event to write, with its count raised; undefined: say nothing. `name` is for a new one. */
  next(
    occurrence: Occurrence,
    now: { readonly monotonicMs: number; readonly wallMs: number },
    name: () => string,
  ): EventRecord | undefined {
    const object = objectKey(occurrence.about);
    if (!this.#mayFlow(object, now.monotonicMs)) return undefined;
    const { type, reason, fieldPath = '' } = occurrence;
    const group = `${object} ${type} ${reason} ${fieldPath}`;
    const collapsed = this.#collapses(group, occurrence.message, now.monotonicMs);
    const key = collapsed ? `${group} *` : `${group} ${occurrence.message}`;
    const known = this.#records.get(key);
    const record: EventRecord = {
      name: known?.name ?? name(),
      message: collapsed
        ? `(combined from similar events): ${occurrence.message}`
        : occurrence.message,
      firstAtMs: known?.firstAtMs ?? now.wallMs,
      count: (known?.count ?? 0) + 1,
    };
    this.#records.set(key, record);
    return record;
  }

  #mayFlow(object: string, nowMs: number): boolean {
    let bucket = this.#floods.get(object);
    if (!bucket) {
      bucket = new TokenBucket({ burst: floodBurst, perSecond: floodPerSecond, nowMs });
      this.#floods.set(object, bucket);
    }
    return bucket.take(nowMs);
  }

  #collapses(group: string, message: string, nowMs: number): boolean {
    let similar = this.#similar.get(group);
    if (!similar || nowMs - similar.lastMs > similarWindowMs) {
      similar = { messages: new Set(), lastMs: nowMs };
      this.#similar.set(group, similar);
    }
    similar.lastMs = nowMs;
    if (similar.messages.size < similarMax) similar.messages.add(message);
    return !similar.messages.has(message);
  }
}

function objectKey(object: KubeObject): string {
  const { namespace = '', name, uid } = object.metadata;
  return `${object.kind} ${namespace}/${name} ${uid}`;
}
