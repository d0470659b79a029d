// How many placed pods of which kind are on which node, kept up with every placement instead of counted for each decision.

import type { Pod } from '@tweendeck/kube';
import type { PodMatcher } from './pod-matcher.ts';

/** By node name; nodes without any are left out. */
export type CountsByNode = ReadonlyMap<string, number>;

interface Counted {
  readonly matcher: PodMatcher;
  readonly byNode: Map<string, number>;
}

/** Beyond so many kinds those that nobody asked for lately are counted anew when somebody does. */
const kindsMax = 512;

export class PodCounts {
  readonly #kinds = new Map<string, Counted>();

  /** @param placed asked for when this kind was not counted before */
  of(
    matcher: PodMatcher,
    placed: () => Iterable<{ readonly pod: Pod; readonly nodeName: string }>,
  ): CountsByNode {
    let known = this.#kinds.get(matcher.key);
    if (known) this.#kinds.delete(matcher.key);
    else {
      known = { matcher, byNode: new Map() };
      for (const { pod, nodeName } of placed()) {
        if (matcher.matches(pod)) addTo(known.byNode, nodeName, 1);
      }
      if (this.#kinds.size >= kindsMax) this.#forgetOldest();
    }
    this.#kinds.set(matcher.key, known);
    return known.byNode;
  }

  /** `amount` is 1 or -1; a pod is taken away in the form in which it was added. */
  add(pod: Pod, nodeName: string, amount: 1 | -1): void {
    for (const { matcher, byNode } of this.#kinds.values()) {
      if (matcher.matches(pod)) addTo(byNode, nodeName, amount);
    }
  }

  /** What matchers look up besides pods has changed. */
  forget(): void {
    this.#kinds.clear();
  }

  #forgetOldest(): void {
    for (const key of this.#kinds.keys()) {
      this.#kinds.delete(key);
      return;
    }
  }
}

function addTo(byNode: Map<string, number>, nodeName: string, amount: number): void {
  const count = (byNode.get(nodeName) ?? 0) + amount;
  if (count === 0) byNode.delete(nodeName);
  else byNode.set(nodeName, count);
}
