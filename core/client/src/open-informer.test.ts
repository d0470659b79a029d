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

const notServed: ScriptedAnswer = { status: 404, text: '404 page not found\n' };
const denied: ScriptedAnswer = {
  status: 403,
  json: { kind: 'Status', code: 403, reason: 'Forbidden', message: 'configmaps is forbidden' },
};

test('what is not served or not allowed is asked for again, and said meanwhile', async () => {
  await using run = informerOn([notServed, denied, listOf(5, configMap('a', 3))], []);
  await settle();
  assert.equal(run.informer.hasSynced, false);
  assert.match(run.informer.trouble?.message ?? '', /404 page not found/);
  await run.clock.advance(200);
  assert.equal(run.informer.trouble?.message, 'configmaps is forbidden');
  await run.clock.advance(1_000);
  assert.deepEqual([run.informer.hasSynced, run.informer.trouble], [true, undefined]);
  assert.deepEqual(run.heard, ['new a@3']);
});

test('a resource that was away is listed anew', async () => {
  const [first, second] = [new EventStream(), new EventStream()];
  const lists = [listOf(5, configMap('a', 3)), listOf(2, configMap('b', 1))];
  await using run = informerOn(lists, [first, notServed, second]);
  await run.informer.synced;
  first.end();
  await run.clock.advance(150);
  assert.equal(run.informer.hasSynced, true);
  assert.match(run.informer.trouble?.message ?? '', /404/);
  await run.clock.advance(1_000);
  assert.equal(run.informer.trouble, undefined);
  assert.deepEqual(run.heard, ['new a@3', 'new b@1', 'gone a@3']);
});

test('a connection that breaks is resumed from the last version seen', async () => {
  const [first, second] = [new EventStream(), new EventStream()];
  await using run = informerOn([listOf(5, configMap('a', 3))], [first, second]);
  await run.informer.synced;
  first.send('MODIFIED', configMap('a', 6));
  await settle();
  first.reset();
  await run.clock.advance(1_000);
  second.send('MODIFIED', configMap('a', 9));
  await settle();
  assert.deepEqual(run.resumed(), ['5', '6']);
  assert.deepEqual(run.heard, ['new a@3', 'changed a@6', 'changed a@9']);
});

test('an event cut in the middle is not lost', async () => {
  const [first, second] = [new EventStream(), new EventStream()];
  await using run = informerOn([listOf(5)], [first, second]);
  await run.informer.synced;
  first.sendRaw('{"type":"ADDED","object":{"kind":"Config');
  first.end();
  await run.clock.advance(1_000);
  second.send('ADDED', configMap('a', 6));
  await settle();
  assert.deepEqual(run.resumed(), ['5', '5']);
  assert.deepEqual(run.heard, ['new a@6']);
});

test('an event that comes in many pieces is one event', async () => {
  const watch = new EventStream();
  await using run = informerOn([listOf(5)], [watch]);
  await run.informer.synced;
  const line = `${JSON.stringify({ type: 'ADDED', object: configMap('ä', 6) })}\n`;
  for (const letter of line) watch.sendRaw(letter);
  await settle();
  assert.deepEqual(run.heard, ['new ä@6']);
});

test('bookmarks move the version to resume from, and what waits for it', async () => {
  const [first, second] = [new EventStream(), new EventStream()];
  await using run = informerOn([listOf(5, configMap('a', 3))], [first, second]);
  await run.informer.synced;
  const reached = run.informer.atLeast('900', never);
  first.send('BOOKMARK', { metadata: { resourceVersion: '1000' } });
  await reached;
  first.end();
  await run.clock.advance(1_000);
  assert.deepEqual(run.resumed(), ['5', '1000']);
  assert.deepEqual(run.heard, ['new a@3']);
});

for (const { name, gone } of [
  { name: 'a 410 answer', gone: { status: 410, json: { kind: 'Status', code: 410 } } },
  {
    name: 'a 410 in an ERROR event',
    gone: (() => {
      const stream = new EventStream();
      stream.send('ERROR', { kind: 'Status', code: 410, reason: 'Expired', message: 'too old' });
      return stream;
    })(),
  },
] satisfies readonly { name: string; gone: ScriptedAnswer }[])
  test(`after ${name} a new list says what changed and what went meanwhile`, async () => {
    await using run = informerOn(
      [
        listOf(5, configMap('a', 3), configMap('b', 4), configMap('c', 5)),
        listOf(90, configMap('a', 3), configMap('b', 80), configMap('d', 85)),
      ],
      [gone, new EventStream()],
    );
    await run.informer.synced;
    await run.clock.advance(1_000);
    assert.deepEqual(run.resumed(), ['5', '90']);
    assert.deepEqual(run.heard.slice(3), ['changed b@80', 'new d@85', 'gone c@5']);
  });

test('an object made anew under its old name is a deletion and an addition', async () => {
  const watch = new EventStream();
  await using run = informerOn([listOf(5, configMap('a', 3))], [watch]);
  await run.informer.synced;
  const anew = configMap('a', 8);
  watch.send('MODIFIED', { ...anew, metadata: { ...anew.metadata, uid: 'another' } });
  await settle();
  assert.deepEqual(run.heard, ['new a@3', 'gone a@3', 'new a@8']);
});

test('an event older than the cache is ignored', async () => {
  const watch = new EventStream();
  await using run = informerOn([listOf(9, configMap('a', 9))], [watch]);
  await run.informer.synced;
  watch.send('MODIFIED', configMap('a', 7));
  watch.send('DELETED', configMap('a', 8));
  await settle();
  assert.deepEqual(run.heard, ['new a@9']);
});

test('indexes follow every change', async () => {
  const watch = new EventStream();
  const red = configMap('a', 3, { data: { color: 'red' } });
  await using run = informerOn([listOf(5, red, configMap('b', 4))], [watch]);
  await run.informer.synced;
  const named = (color: string): readonly string[] =>
    run.informer.by('color', color).map((object) => object.metadata.name);
  assert.deepEqual([named('red'), named('blue')], [['a'], []]);
  watch.send('MODIFIED', configMap('a', 6, { data: { color: 'blue' } }));
  await settle();
  assert.deepEqual([named('red'), named('blue')], [[], ['a']]);
  watch.send('DELETED', configMap('a', 7));
  await settle();
  assert.deepEqual(named('blue'), []);
  assert.throws(() => run.informer.by('taste', 'sour'), /no index/);
});

test('a handler that throws stops neither the others nor the informer', async () => {
  const watch = new EventStream();
  await using run = informerOn([listOf(5, configMap('a', 3))], [watch]);
  await run.informer.synced;
  run.informer.subscribe({
    updated: () => assert.fail('no more'),
    deleted: () => assert.fail('no more'),
  });
  const late: string[] = [];
  run.informer.subscribe({
    updated: (object) => late.push(object.metadata.resourceVersion),
    deleted: () => late.push('gone'),
  });
  watch.send('MODIFIED', configMap('a', 6));
  watch.send('DELETED', configMap('a', 7));
  await settle();
  assert.deepEqual(late, ['3', '6', 'gone']);
});

test('a server that closes every watch at once is asked less and less often', async () => {
  const ended = (): EventStream => {
    const stream = new EventStream();
    stream.end();
    return stream;
  };
  await using run = informerOn([listOf(5)], Array.from({ length: 1_000 }, ended));
  await run.informer.synced;
  await run.clock.advance(60_000);
  assert.ok(run.resumed().length < 15, `${run.resumed().length} watches in a minute`);
  assert.ok(run.resumed().length > 8, `${run.resumed().length} watches in a minute`);
});

test('a watch that outlives its time limit without a word is given up', async () => {
  await using run = informerOn([listOf(5)], [new EventStream(), new EventStream()]);
  await run.informer.synced;
  await run.clock.advance(290_000);
  assert.equal(run.resumed().length, 1);
  await run.clock.advance(360_000);
  assert.equal(run.resumed().length, 2);
});

test('an API that is not there yet is waited for', async () => {
  const refused = new Error('connect ECONNREFUSED');
  await using run = informerOn(
    [refused, refused, listOf(5, configMap('a', 3))],
    [new EventStream()],
  );
  await run.clock.until(run.informer.synced);
  assert.deepEqual(run.heard, ['new a@3']);
});

test('closing before the first list rejects those who wait for it, and leaves no timer', async () => {
  const run = informerOn([new Error('down')], []);
  const waiting = assert.rejects(run.informer.synced, { code: 'CLIENT_INFORMER_CLOSED' });
  await settle();
  await run.informer[Symbol.asyncDispose]();
  await waiting;
  assert.equal(run.clock.waitingCount, 0);
});
