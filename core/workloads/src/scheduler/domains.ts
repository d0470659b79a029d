// Sums by topology domain: a label's key and a node's value for it.

import type { Node } from '@tweendeck/kube';

export class Domains {
  readonly #sums = new Map<string, Map<string, number>>();

  get isEmpty(): boolean {
    return this.#sums.size === 0;
  }

  /** Nothing happens when the node is in no such domain. */
  add(topologyKey: string, node: Node, amount: number): void {
    const value = node.metadata.labels?.[topologyKey];
    if (value === undefined) return;
    const sums = this.#sums.get(topologyKey) ?? new Map<string, number>();
    this.#sums.set(topologyKey, sums.set(value, (sums.get(value) ?? 0) + amount));
  }

  at(topologyKey: string, node: Node): number {
    const value = node.metadata.labels?.[topologyKey];
    return value === undefined ? 0 : (this.#sums.get(topologyKey)?.get(value) ?? 0);
  }

  /** Over all keys. */
  sum(node: Node): number {
    let total = 0;
    for (const key of this.#sums.keys()) total += this.at(key, node);
    return total;
  }
}
