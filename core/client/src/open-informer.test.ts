import assert from 'node:assert/strict';
import { test } from 'node:test';
import { type ApiRequest, type ConfigMap, configMapResource } from '@tweendeck/kube';
import {
  EventStream,
  type ScriptedAnswer,
  SimClock,
  scriptedTransport,
  settle,
} from '@tweendeck/sim';
import { seededRandom, silentLogger } from '@tweendeck/std';
import { createClient } from './create-client.ts';
import { openInformer } from './open-informer.ts';

const never = new AbortController().signal;

function configMap(name: string, version: number, more: Partial<ConfigMap> = {}): ConfigMap {
  return {
    apiVersion: 'v1',
    kind: 'ConfigMap',
    metadata: {
      name,
      namespace: 'ns',
      uid: `uid-${name}`,
      resourceVersion: String(version),
      creationTimestamp: '2026-01-01T00:00:00Z',
      managedFields: [{ manager: 'someone' }],
    },
    ...more,
  };
}

function listOf(version: number, ...items: ConfigMap[]): ScriptedAnswer {
  return { json: { kind: 'ConfigMapList', metadata: { resourceVersion: String(version) }, items } };
}

/** An informer on an API that answers lists and watches in the order given; what handlers hear is kept as words. */
function informerOn(lists: readonly ScriptedAnswer[], watches: readonly ScriptedAnswer[]) {
  const clock = new SimClock({ random: seededRandom(1) });
  const left = { lists: [...lists], watches: [...watches] };
  const queryOf = (request: ApiRequest): URLSearchParams =>
    new URL(request.path, 'http://api').searchParams;
  const transport = scriptedTransport((request) => {
    const which = queryOf(request).get('watch') === 'true' ? left.watches : left.lists;
    return which.shift() ?? new Error('nothing is left in the script');
  });
  const random = seededRandom(2);
  const client = createClient({ transport, clock, random, attemptsMax: 1 });
  const informer = openInformer(
    client,
    configMapResource,
    { indexes: { color: (object) => (object.data?.['color'] ? [object.data['color']] : []) } },
    { clock, random, log: silentLogger },
    never,
  );
  const heard: string[] = [];
  informer.subscribe({
    updated: (object, previous) => {
      const { name, resourceVersion } = object.metadata;
      heard.push(`${previous ? 'changed' : 'new'} ${name}@${resourceVersion}`);
    },
    deleted: (object) =>
      heard.push(`gone ${object.metadata.name}@${object.metadata.resourceVersion}`),
  });
  const resumed = (): readonly (string | null)[] =>
    transport.requests
      .map(queryOf)
      .filter((query) => query.get('watch') === 'true')
      .map((query) => query.get('resourceVersion'));
  return {
    clock,
    informer,
    heard,
    transport,
    resumed,
    [Symbol.asyncDispose]: () => informer[Symbol.asyncDispose](),
  };
}

test('the list comes first, then events change the cache', async () => {
  const watch = new EventStream();
  await using run = informerOn([listOf(5, configMap('a', 3), configMap('b', 4))], [watch]);
  await run.informer.synced;
  watch.send('MODIFIED', configMap('a', 6));
  watch.send('ADDED', configMap('c', 7));
  watch.send('DELETED', configMap('b', 8));
  await settle();
  assert.deepEqual(run.heard, ['new a@3', 'new b@4', 'changed a@6', 'new c@7', 'gone b@8']);
  assert.deepEqual(
    run.informer.list().map((object) => object.metadata.name),
    ['a', 'c'],
  );
  assert.equal(run.informer.get({ namespace: 'ns', name: 'a' })?.metadata.managedFields, undefined);
});
