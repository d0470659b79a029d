// What was read of an owner, for a minute: Secrets are read by name, and not in every pass.

import { type KubeObject, keyOf } from '@tweendeck/kube';
import type { Clock } from '@tweendeck/std';

/** What was read counts for so long while all is well. */
const staleMs = 60_000;

type Owner = Pick<KubeObject, 'metadata'>;

export class Remembered<Value> {
  readonly #known = new Map<string, { uid: string; atMs: number; value: Value }>();

  /** Undefined when there is none, when it is too old, or another one's of that name. */
  get(owner: Owner, clock: Pick<Clock, 'monotonicMs'>): Value | undefined {
    const known = this.#known.get(keyOf(owner));
    const isFresh = known && clock.monotonicMs() - known.atMs < staleMs;
    return isFresh && known.uid === owner.metadata.uid ? known.value : undefined;
  }

  set(owner: Owner, value: Value, clock: Pick<Clock, 'monotonicMs'>): void {
    const { uid } = owner.metadata;
    this.#known.set(keyOf(owner), { uid, atMs: clock.monotonicMs(), value });
  }

  forget(key: string): void {
    this.#known.delete(key);
  }
}
