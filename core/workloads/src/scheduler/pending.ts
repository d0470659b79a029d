// Pods that wait for a node: whose turn it is, who has to wait for a change, and for how long at least.

import type { Pod } from '@tweendeck/kube';
import { type Clock, jsonEqual, type Timer } from '@tweendeck/std';

interface Pending {
  pod: Pod;
  attempts: number;
  /** Monotonic; not before this. */
  readyMs: number;
  place: 'active' | 'backing-off' | 'waiting' | 'in-hand';
  /** Something changed while it was in hand. */
  stale: boolean;
}

const backoffBaseMs = 1_000;
const backoffMaxMs = 10_000;
/** Who waits for a change is tried again after this long even without one. */
const forgottenMs = 300_000;

/** By priority, then first come first served. */
export class PendingPods implements Disposable {
  readonly #clock: Clock;
  readonly #pods = new Map<string, Pending>();
  readonly #active = new Map<number, Map<string, Pending>>();
  /** Those that a change may help: waiting or in hand. */
  readonly #listening = new Map<string, Pending>();
  /** Those whose time may come: waiting or backing off. */
  readonly #asleep = new Map<string, Pending>();
  #timer: { readonly timer: Timer; readonly dueMs: number } | undefined;
  #wake: (() => void) | undefined;

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  get length(): number {
    return this.#pods.size;
  }

  /** Takes in a pod, or its new state. A change of what it asks for gives it its turn at once. */
  set(pod: Pod): void {
    const { uid } = pod.metadata;
    const known = this.#pods.get(uid);
    if (!known) {
      const made: Pending = { pod, attempts: 0, readyMs: 0, place: 'waiting', stale: false };
      this.#pods.set(uid, made);
      this.#activate(uid, made);
      return;
    }
    const same =
      jsonEqual(known.pod.spec, pod.spec) &&
      jsonEqual(known.pod.metadata.labels, pod.metadata.labels);
    known.pod = pod;
    if (same) return;
    known.stale = true;
    if (known.place === 'waiting' || known.place === 'backing-off') this.#activate(uid, known);
  }

  delete(uid: string): void {
    const known = this.#pods.get(uid);
    if (!known) return;
    this.#pods.delete(uid);
    this.#listening.delete(uid);
    this.#asleep.delete(uid);
    this.#active.get(priorityOf(known.pod))?.delete(uid);
  }

  /** The next one, which is the caller's until `failed` or `delete`; undefined when none is due. */
  take(): Pod | undefined {
    const [priority] = [...this.#active.keys()].toSorted((left, right) => right - left);
    if (priority === undefined) return undefined;
    const pods = this.#active.get(priority);
    for (const [uid, pending] of pods ?? []) {
      pods?.delete(uid);
      if (pods?.size === 0) this.#active.delete(priority);
      this.#move(uid, pending, 'in-hand');
      pending.stale = false;
      pending.attempts++;
      return pending.pod;
    }
    this.#active.delete(priority);
    return this.take();
  }

  /** The pod found no place (`change`), something is in the making for it (`claims`), or its binding failed (`later`). */
  failed(uid: string, { until }: { readonly until: 'change' | 'claims' | 'later' }): void {
    const known = this.#pods.get(uid);
    if (!known) return;
    if (until === 'claims') known.attempts--;
    const delayMs =
      until === 'claims'
        ? 0
        : Math.min(backoffMaxMs, backoffBaseMs * 2 ** Math.min(known.attempts - 1, 20));
    const nowMs = this.#clock.monotonicMs();
    known.readyMs = nowMs + delayMs;
    this.#move(uid, known, until === 'later' || known.stale ? 'backing-off' : 'waiting');
    this.#setTimer(known.place === 'waiting' ? nowMs + forgottenMs : known.readyMs);
  }

  /** Something changed that may help those who wait (and for whom `helps` holds). */
  changed(helps: (pod: Pod) => boolean = () => true): void {
    const nowMs = this.#clock.monotonicMs();
    for (const [uid, pending] of this.#listening) {
      if (pending.place === 'in-hand') pending.stale ||= helps(pending.pod);
      if (pending.place !== 'waiting' || !helps(pending.pod)) continue;
      if (pending.readyMs <= nowMs) this.#activate(uid, pending);
      else {
        this.#move(uid, pending, 'backing-off');
        this.#setTimer(pending.readyMs);
      }
    }
  }

  /** Settles when `take` may give something. */
  async due(): Promise<void> {
    if (this.#active.size > 0) return;
    const { promise, resolve } = Promise.withResolvers<void>();
    this.#wake = resolve;
    await promise;
  }

  [Symbol.dispose](): void {
    this.#timer?.timer[Symbol.dispose]();
    this.#timer = undefined;
    this.#wake?.();
  }

  #activate(uid: string, pending: Pending): void {
    this.#move(uid, pending, 'active');
    const priority = priorityOf(pending.pod);
    const pods = this.#active.get(priority) ?? new Map<string, Pending>();
    this.#active.set(priority, pods.set(uid, pending));
    this.#wake?.();
    this.#wake = undefined;
  }

  #move(uid: string, pending: Pending, place: Pending['place']): void {
    pending.place = place;
    if (place === 'waiting' || place === 'in-hand') this.#listening.set(uid, pending);
    else this.#listening.delete(uid);
    if (place === 'waiting' || place === 'backing-off') this.#asleep.set(uid, pending);
    else this.#asleep.delete(uid);
  }

  #setTimer(dueMs: number): void {
    if (this.#timer && this.#timer.dueMs <= dueMs) return;
    this.#timer?.timer[Symbol.dispose]();
    const delayMs = Math.max(0, dueMs - this.#clock.monotonicMs());
    const timer = this.#clock.timer(delayMs, () => this.#timeIsUp(), { keepAlive: false });
    this.#timer = { timer, dueMs };
  }

  #timeIsUp(): void {
    this.#timer = undefined;
    const nowMs = this.#clock.monotonicMs();
    for (const [uid, pending] of this.#asleep) {
      const { readyMs, place } = pending;
      const dueMs = place === 'backing-off' ? readyMs : readyMs + forgottenMs;
      if (dueMs <= nowMs) this.#activate(uid, pending);
      else this.#setTimer(dueMs);
    }
  }
}

function priorityOf(pod: Pod): number {
  return pod.spec.priority ?? 0;
}
