// What is kept of passwords in a Secret, and what becomes of one that somebody writes into it.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Secret } from '@tweendeck/kube';
import { SimClock } from '@tweendeck/sim';
import { seededRandom } from '@tweendeck/std';
import type { ClusterObject } from '../cluster-spec.ts';
import { PasswordSecrets } from './password-secret.ts';
import type { Passwords } from './passwords.ts';

test('who writes a password changes it at once, and the one in use is taken for a while', async () => {
  const clock = new SimClock({ random: seededRandom(1), startMs: 5_000 });
  let kept: Secret | undefined;
  const client = {
    get: () => Promise.resolve(kept),
    create: (_: unknown, secret: Secret) => {
      kept = secret;
      return Promise.resolve(secret);
    },
    patch: (_: unknown, _ref: unknown, { body }: { body: Pick<Secret, 'data' | 'metadata'> }) => {
      assert.ok(kept);
      const metadata = { ...kept.metadata, ...body.metadata };
      kept = { ...kept, metadata, data: { ...kept.data, ...body.data } };
      return Promise.resolve(kept);
    },
  };
  // Only what is looked at.
  const owner = {
    ...{ apiVersion: 'tweendeck.io/v1alpha1', kind: 'Toy' },
    metadata: { name: 'c', namespace: 'n', uid: 'u' },
  } as unknown as ClusterObject<unknown>;
  const { signal } = new AbortController();
  const context = { client, clock, signal } as unknown as Parameters<PasswordSecrets['read']>[2];
  const files = ({ current, previous = '' }: Passwords) => ({ all: `${current} ${previous}` });
  const secrets = new PasswordSecrets({ component: 'toy', passwords: { user: 'u', files } });

  const first = { current: 'made', change: '', sinceMs: undefined };
  await secrets.write(owner, first, true, context);
  assert.deepEqual(await secrets.read(owner, true, context), first);
  const encoded = (text: string): string => Buffer.from(text).toString('base64');
  assert.ok(kept);
  kept = { ...kept, data: { ...kept.data, password: encoded('mine') } };
  const state = { current: 'mine', previous: 'made', change: '', sinceMs: 5_000 };
  assert.deepEqual(await secrets.read(owner, true, context), state);
  // Whoever starts alone takes both, whoever reads it next finds it as it is.
  assert.equal(kept.data?.['all'], encoded('mine made'));
  assert.deepEqual(await secrets.read(owner, true, context), state);
});
