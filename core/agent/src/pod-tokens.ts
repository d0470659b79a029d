// The service account tokens in one pod's volumes: asked for when a volume wants them, and again before they run out.

import type { Pod, Volume } from '@tweendeck/kube';
import type { PodRuntime, PodToken } from './runtime.ts';

type Projection = NonNullable<
  NonNullable<NonNullable<Volume['projected']>['sources']>[number]['serviceAccountToken']
>;

const defaultSeconds = 3_600;
/** As a kubelet does: a token is replaced when a fifth of its life is left, and after a day whatever it says. */
const keptShare = 0.8;
const keptMsMax = 24 * 60 * 60 * 1_000;

interface Held {
  readonly token: PodToken;
  readonly replaceMs: number;
}

/** Keeps tokens in memory only. */
export class PodTokens {
  readonly #runtime: PodRuntime;
  readonly #pod: () => Pod;
  readonly #held = new Map<string, Held>();

  constructor(runtime: PodRuntime, pod: () => Pod) {
    this.#runtime = runtime;
    this.#pod = pod;
  }

  /** The tokens that a volume shows, by {@link tokenKey}. */
  async of(volume: Volume, signal: AbortSignal): Promise<ReadonlyMap<string, string>> {
    const tokens = new Map<string, string>();
    for (const { serviceAccountToken } of volume.projected?.sources ?? []) {
      if (!serviceAccountToken) continue;
      tokens.set(tokenKey(serviceAccountToken), await this.#token(serviceAccountToken, signal));
    }
    return tokens;
  }

  async #token(projection: Projection, signal: AbortSignal): Promise<string> {
    const { host, clock } = this.#runtime;
    const key = tokenKey(projection);
    const nowMs = clock.nowMs();
    const held = this.#held.get(key);
    if (held && nowMs < held.replaceMs) return held.token.token;
    const { audience = '', expirationSeconds = defaultSeconds } = projection;
    try {
      const token = await host.token(this.#pod(), { audience, expirationSeconds }, signal);
      const lifeMs = token.expiresMs - nowMs;
      const replaceMs = nowMs + Math.min(lifeMs * keptShare, keptMsMax);
      this.#held.set(key, { token, replaceMs });
      return token.token;
    } catch (error) {
      if (held && nowMs < held.token.expiresMs) return held.token.token; // better than none; asked again soon
      throw error;
    }
  }
}

/** Projections of one pod that ask for the same share a token. */
export function tokenKey({
  audience = '',
  expirationSeconds = defaultSeconds,
}: Projection): string {
  return `${expirationSeconds} ${audience}`;
}
