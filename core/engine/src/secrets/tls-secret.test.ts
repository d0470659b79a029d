// Certificates of clusters: made once, kept, made anew in time; and what a user gives.

import assert from 'node:assert/strict';
import { X509Certificate } from 'node:crypto';
import { test } from 'node:test';
import type { Secret } from '@tweendeck/kube';
import { SimClock } from '@tweendeck/sim';
import { seededRandom } from '@tweendeck/std';
import type { ClusterObject } from '../cluster-spec.ts';
import { toyEngine } from '../testing/toy-engine.ts';
import { TlsSecrets } from './tls-secret.ts';

const dayMs = 24 * 60 * 60 * 1_000;
const engine = toyEngine(() => ({ role: 'peer', synced: true, facts: null }));

/** Secrets in memory, and passes over one cluster. */
function scene(tls: object = { mode: 'required' }) {
  const kept = new Map<string, Secret>();
  const random = seededRandom(1);
  const clock = new SimClock({ random, startMs: Date.parse('2026-01-01T00:00:00Z') });
  // Only what is looked at.
  const owner = {
    ...{ apiVersion: 'tweendeck.io/v1alpha1', kind: 'Toy' },
    metadata: { name: 'c', namespace: 'n', uid: 'u' },
    spec: { tls },
  } as unknown as ClusterObject<unknown>;
  const client = {
    get: (_: unknown, { name }: { name: string }) => Promise.resolve(kept.get(name)),
    create: (_: unknown, secret: Secret) => {
      kept.set(secret.metadata.name, secret);
      return Promise.resolve(secret);
    },
    patch: (_: unknown, { name }: { name: string }, { body }: { body: Partial<Secret> }) => {
      const before = kept.get(name);
      assert.ok(before);
      kept.set(name, { ...before, ...body });
      return Promise.resolve(before);
    },
  };
  const secrets = new TlsSecrets(engine);
  const { signal } = new AbortController();
  const context = { client, clock, random, signal } as unknown as Parameters<
    TlsSecrets['ensure']
  >[2];
  return { kept, clock, ensure: (fresh = true) => secrets.ensure(owner, fresh, context) };
}

function pem(secret: Secret | undefined, key: string): string {
  return Buffer.from(secret?.data?.[key] ?? '', 'base64').toString();
}

test('members show what an authority of their own vouches for', async () => {
  const { kept, ensure } = scene();
  const tls = await ensure();
  assert.ok('fingerprint' in tls);
  const certificate = new X509Certificate(pem(kept.get('c-tls'), 'tls.crt'));
  const authority = new X509Certificate(pem(kept.get('c-ca'), 'tls.crt'));
  assert.equal(certificate.fingerprint256, tls.fingerprint);
  assert.ok(certificate.verify(authority.publicKey));
  assert.equal(pem(kept.get('c-tls'), 'ca.crt'), tls.authority);
  for (const host of [tls.serverName, 'c-rw.n.svc', 'c-data-0-0-0.c-members.n.svc'])
    assert.ok(certificate.checkHost(host), host);
  assert.equal(certificate.checkHost('d.n.svc'), undefined);
});

test('it stays the same, until it is near its end', async () => {
  const { clock, kept, ensure } = scene();
  const first = await ensure();
  assert.deepEqual(await ensure(), first);
  const authority = kept.get('c-ca');
  await clock.advance(334 * dayMs);
  assert.deepEqual(await ensure(), first);
  await clock.advance(2 * dayMs);
  const second = await ensure();
  assert.notDeepEqual(second, first);
  assert.equal(kept.get('c-ca'), authority, 'the authority stays');
});

test('no certificate outlives its authority', async () => {
  const { clock, kept, ensure } = scene();
  await ensure();
  const authority = kept.get('c-ca');
  await clock.advance(3_300 * dayMs);
  const tls = await ensure();
  assert.ok('fingerprint' in tls);
  assert.notEqual(kept.get('c-ca'), authority);
  const [leaf, parent] = ['c-tls', 'c-ca'].map(
    (name) => new X509Certificate(pem(kept.get(name), 'tls.crt')),
  );
  assert.ok(leaf && parent && Date.parse(leaf.validTo) < Date.parse(parent.validTo));
});

test('what was read counts for a minute', async () => {
  const { clock, kept, ensure } = scene();
  const first = await ensure();
  kept.delete('c-tls');
  assert.deepEqual(await ensure(false), first);
  await clock.advance(61_000);
  assert.notDeepEqual(await ensure(false), first);
});

test('a Secret of the user is taken as it is', async () => {
  const made = scene();
  await made.ensure();
  const { kept, ensure } = scene({ mode: 'required', secretName: 'mine' });
  const missing = await ensure();
  assert.ok('reason' in missing);
  assert.equal(missing.reason, 'CertificateMissing');
  const mine = made.kept.get('c-tls');
  assert.ok(mine);
  kept.set('mine', { ...mine, data: { ...mine.data, 'tls.crt': 'bm9uZQ==' } });
  const broken = await ensure();
  assert.ok('reason' in broken && /no certificate/.test(broken.message));
  kept.set('mine', mine);
  assert.ok('fingerprint' in (await ensure()));
  assert.deepEqual([...kept.keys()], ['mine']);
});

test("somebody else's Secret is left alone", async () => {
  const { kept, ensure } = scene();
  const other = { apiVersion: 'v1', kind: 'Secret', metadata: { name: 'c-tls' } };
  kept.set('c-tls', other as unknown as Secret);
  const taken = await ensure();
  assert.ok('reason' in taken);
  assert.equal(taken.reason, 'NameTaken');
});
