// What an API server refuses of the kind of an engine.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { openApiServer, systemUser } from '@tweendeck/apiserver';
import { type Applied, createClient } from '@tweendeck/client';
import { customResourceDefinitionResource, isApiError, t } from '@tweendeck/kube';
import { SimClock } from '@tweendeck/sim';
import { seededRandom, silentLogger } from '@tweendeck/std';
import { openMemoryStore } from '@tweendeck/store';
import { ensureSystemNamespaces } from '@tweendeck/workloads';
import { engineKind } from './cluster-kind.ts';
import { type ToyOptions, toyEngine } from './testing/toy-engine.ts';

const kind = engineKind<ToyOptions>(
  toyEngine(() => ({ role: 'peer', synced: true, facts: null })),
  t.object({ flavour: t.string().optional() }).default({}),
);

/** A server that knows the kind. */
async function home() {
  const random = seededRandom(1);
  const clock = new SimClock({ random });
  const { signal } = new AbortController();
  const ground = { clock, random, log: silentLogger };
  const server = await openApiServer({ ...ground, store: openMemoryStore() }, signal);
  const client = createClient({ transport: server.transport(systemUser('home')), clock, random });
  await ensureSystemNamespaces(client, signal);
  const manager = { fieldManager: 'test', force: true };
  const definition = kind.crd() as unknown as Applied; // it is applied whole
  await client.apply(customResourceDefinitionResource, definition, manager, signal);
  const metadata = { name: 'c', namespace: 'default' };
  return {
    /** Undefined: it was taken. */
    refusalOf: async (spec: object) => {
      try {
        await client.apply(kind, { metadata, spec } as Applied, manager, signal);
        return undefined;
      } catch (error) {
        if (!isApiError(error)) throw error;
        const { reason, details } = error.toStatus();
        return { reason, causes: details?.causes ?? [] };
      }
    },
    version: async () => (await client.get(kind, metadata, signal))?.spec.version,
    [Symbol.asyncDispose]: () => server[Symbol.asyncDispose](),
  };
}

test('a new cluster has the newest version', async () => {
  await using server = await home();
  assert.equal(await server.refusalOf({}), undefined);
  assert.equal(await server.version(), '2');
});

test('a version is changed to where there is a way', async () => {
  await using server = await home();
  assert.equal(await server.refusalOf({ version: '1' }), undefined);
  assert.equal(await server.refusalOf({ version: '2' }), undefined);
  assert.equal(await server.version(), '2');
});

test('a version is refused where there is no way to it', async () => {
  await using server = await home();
  assert.equal(await server.refusalOf({ version: '2' }), undefined);
  const refusal = await server.refusalOf({ version: '1' });
  assert.equal(refusal?.reason, 'Invalid');
  assert.deepEqual(refusal.causes, [
    {
      reason: 'FieldValueInvalid',
      field: 'spec.version',
      message: 'Invalid value: "string": there is no way from the present version to this one',
    },
  ]);
  assert.equal(await server.version(), '2');
});

for (const { name, value, reason } of [
  { name: 'toy-port', value: 9, reason: 'clients look there' },
  { name: 'toy-port', value: 'nine', reason: 'clients look there' },
  { name: 'seed', value: '', reason: 'it follows options' },
]) {
  test(`a setting is refused that is the platform’s own: ${name} ${value}`, async () => {
    await using server = await home();
    assert.equal(await server.refusalOf({ config: { colour: 'red' } }), undefined);
    const refusal = await server.refusalOf({ config: { colour: 'red', [name]: value } });
    assert.deepEqual(refusal, {
      reason: 'Invalid',
      causes: [
        {
          reason: 'FieldValueForbidden',
          field: `spec.config.${name}`,
          message: `Forbidden: the platform's own: ${reason}`,
        },
      ],
    });
  });
}

test('a version that nobody knows is refused', async () => {
  await using server = await home();
  const refusal = await server.refusalOf({ version: '9' });
  const [first] = refusal?.causes ?? [];
  assert.deepEqual(first, {
    reason: 'FieldValueNotSupported',
    field: 'spec.version',
    message: 'Unsupported value: "9": supported values: "1", "2"',
  });
});
