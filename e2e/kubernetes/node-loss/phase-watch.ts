// Writes down every phase of CacheServers with its reason, in order.

import { cacheServerKind } from '@tweendeck/cacheserver';
import { type Client, openInformer } from '@tweendeck/client';
import { clockOf, randomOf, silentLogger } from '@tweendeck/std';

export class PhaseWatch implements AsyncDisposable {
  readonly #seen = new Map<string, string[]>();
  readonly #stop = new AbortController();
  readonly #informer: AsyncDisposable;

  constructor(client: Client, namespace: string, tell: (name: string, phase: string) => void) {
    const tools = {
      clock: clockOf(globalThis),
      random: randomOf(globalThis.crypto),
      log: silentLogger,
    };
    const informer = openInformer(client, cacheServerKind, { namespace }, tools, this.#stop.signal);
    informer.subscribe({
      updated: ({ metadata: { name }, status }) => {
        const ready = status?.conditions?.find(({ type }) => type === 'Ready');
        const phase = `${status?.phase} ${ready?.reason}`;
        const phases = this.#seen.get(name) ?? [];
        if (phases.at(-1) === phase) return;
        this.#seen.set(name, [...phases, phase]);
        tell(name, phase);
      },
      deleted: () => undefined,
    });
    this.#informer = informer;
  }

  /** Each `PHASE REASON` that was not the one before. */
  of(name: string): readonly string[] {
    return this.#seen.get(name) ?? [];
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#informer[Symbol.asyncDispose]();
    this.#stop.abort();
  }
}
