// Failed daemons are replaced at once the first time, then after a second, doubling up to 15 minutes: no node is fought with.

import { type DaemonSet, keyOf } from '@tweendeck/kube';
import { nodeOf } from './daemon-pod.ts';
import type { DaemonDeletion } from './plan.ts';

const firstMs = 1_000;
const longestMs = 15 * 60_000;

interface Wait {
  readonly delayMs: number;
  readonly sinceMs: number;
}

/** Kept in memory, by set and node. Times are monotonic. */
export class FailureWaits {
  readonly #waits = new Map<string, Map<string, Wait>>();

  /** The deletions that may be done now, and when to look again for the others. */
  due(
    set: DaemonSet,
    deletions: readonly DaemonDeletion[],
    nowMs: number,
  ): { readonly remove: readonly DaemonDeletion[]; readonly waitMs: number | undefined } {
    let waitMs: number | undefined;
    const remove = deletions.filter(({ pod, why }) => {
      if (why !== 'failed') return true;
      const left = this.#leftMs(keyOf(set), nodeOf(pod) ?? '', nowMs);
      if (left > 0) waitMs = Math.min(waitMs ?? left, left);
      return left === 0;
    });
    return { remove, waitMs };
  }

  forget(key: string): void {
    this.#waits.delete(key);
  }

  /** 0 when the node may have another try, which counts as one. */
  #leftMs(key: string, node: string, nowMs: number): number {
    const nodes = this.#waits.get(key) ?? new Map<string, Wait>();
    this.#waits.set(key, nodes);
    const wait = nodes.get(node);
    const left = wait ? wait.sinceMs + wait.delayMs - nowMs : 0;
    if (left > 0) return left;
    const isOld = !wait || nowMs - wait.sinceMs > 2 * longestMs;
    const delayMs = isOld ? firstMs : Math.min(longestMs, wait.delayMs * 2);
    nodes.set(node, { delayMs, sinceMs: nowMs });
    return 0;
  }
}
