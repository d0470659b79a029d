import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Pod, Volume } from '@tweendeck/kube';
import { PodTokens, tokenKey } from './pod-tokens.ts';
import type { PodRuntime } from './runtime.ts';

const signal = new AbortController().signal;
const pod: Pod = {
  apiVersion: 'v1',
  kind: 'Pod',
  metadata: { name: 'p', namespace: 'a', uid: 'u', resourceVersion: '1', creationTimestamp: '' },
  spec: { containers: [] },
};
const projection = { path: 'token', expirationSeconds: 1_000 };
const volume: Volume = { name: 'v', projected: { sources: [{ serviceAccountToken: projection }] } };
const hourMs = 60 * 60 * 1_000;

/** Tokens are numbered; each lives as long as it was asked for, unless `lifeMs` says otherwise. */
function world(lifeMs?: number) {
  const state = { nowMs: 0, given: 0, broken: false };
  const host = {
    async token(_pod: Pod, { expirationSeconds }: { readonly expirationSeconds: number }) {
      if (state.broken) throw new Error('the API is away');
      state.given++;
      const expiresMs = state.nowMs + (lifeMs ?? expirationSeconds * 1_000);
      return { token: `token ${state.given}`, expiresMs };
    },
  };
  // Tokens need a host and a clock, and nothing else of a pod's world.
  const runtime = { host, clock: { nowMs: () => state.nowMs } } as unknown as PodRuntime;
  const tokens = new PodTokens(runtime, () => pod);
  const show = async (): Promise<string | undefined> =>
    (await tokens.of(volume, signal)).get(tokenKey(projection));
  return { state, show };
}

for (const { name, lifeMs, afterMs, broken = false, want } of [
  { name: 'is kept while it is young', afterMs: 799_000, want: 'token 1' },
  { name: 'is replaced when a fifth of its life is left', afterMs: 800_000, want: 'token 2' },
  {
    name: 'is replaced after a day',
    lifeMs: 1_000 * hourMs,
    afterMs: 24 * hourMs,
    want: 'token 2',
  },
  { name: 'is shown while no other is to be had', afterMs: 900_000, broken: true, want: 'token 1' },
]) {
  test(`a token ${name}`, async () => {
    const { state, show } = world(lifeMs);
    assert.equal(await show(), 'token 1');
    Object.assign(state, { nowMs: afterMs, broken });
    assert.equal(await show(), want);
  });
}

test('a token that has run out is not shown', async () => {
  const { state, show } = world();
  await show();
  Object.assign(state, { nowMs: 1_000_000, broken: true });
  await assert.rejects(show(), /the API is away/);
});
