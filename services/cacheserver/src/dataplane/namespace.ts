// A namespace as its listeners share it: a store, and what is counted of it.

import { Counters } from './counters.ts';
import { Latencies } from './latencies.ts';
import type { NamespaceParts, NamespaceStats } from './server-stats.ts';
import { TopClients } from './top-clients.ts';
import type { ValueStore } from './value-store.ts';

export interface NamespaceSource {
  readonly name: string;
  readonly store: ValueStore;
  readonly parts?: () => NamespaceParts;
}

export class CacheNamespace {
  readonly name: string;
  /** Stays the caller's. */
  readonly store: ValueStore;
  readonly counters: Counters = new Counters();
  readonly latencies: Latencies = new Latencies();
  readonly topClients: TopClients = new TopClients();

  readonly #parts: () => NamespaceParts;

  constructor({ name, store, parts = () => ({}) }: NamespaceSource) {
    this.name = name;
    this.store = store;
    this.#parts = parts;
  }

  stats(): NamespaceStats {
    return {
      server: this.counters.values(),
      store: this.store.stats(),
      latencies: this.latencies.values(),
      topClients: this.topClients.values(),
      ...this.#parts(),
    };
  }
}
