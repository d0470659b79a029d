import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { KubeObject } from '@tweendeck/kube';
import { EventCorrelator, type EventRecord } from './event-correlator.ts';

function objectNamed(name: string): KubeObject {
  const metadata = {
    name,
    namespace: 'ns',
    uid: name,
    resourceVersion: '1',
    creationTimestamp: '',
  };
  return { apiVersion: 'v1', kind: 'Pod', metadata };
}

/** Says things about objects, `minutes` after the start. */
function teller() {
  const correlator = new EventCorrelator();
  let names = 0;
  return (
    message: string,
    { about = 'a', reason = 'Because', atMinutes = 0 } = {},
  ): EventRecord | undefined =>
    correlator.next(
      { about: objectNamed(about), type: 'Normal', reason, message },
      { monotonicMs: atMinutes * 60_000, wallMs: atMinutes * 60_000 },
      () => `event-${++names}`,
    );
}

test('the same words are counted on one event', () => {
  const tell = teller();
  assert.deepEqual(tell('up'), { name: 'event-1', message: 'up', firstAtMs: 0, count: 1 });
  const second = tell('up', { atMinutes: 1 });
  assert.deepEqual(second, { name: 'event-1', message: 'up', firstAtMs: 0, count: 2 });
});

for (const { name, options } of [
  { name: 'another object', options: { about: 'b' } },
  { name: 'another reason', options: { reason: 'Why' } },
])
  test(`${name} has an event of its own`, () => {
    const tell = teller();
    tell('up');
    assert.equal(tell('up', options)?.name, 'event-2');
  });

test('the eleventh different message in ten minutes is collapsed with those after it', () => {
  const tell = teller();
  for (let index = 1; index <= 10; index++) assert.equal(tell(`try ${index}`)?.count, 1);
  const eleventh = tell('try 11');
  assert.equal(eleventh?.message, '(combined from similar events): try 11');
  assert.deepEqual([eleventh?.count, tell('try 12')?.count], [1, 2]);
  assert.equal(tell('try 12')?.name, eleventh?.name);
  assert.equal(tell('try 3')?.count, 2);
});

test('after ten quiet minutes nothing is similar any more', () => {
  const tell = teller();
  for (let index = 1; index <= 12; index++) tell(`try ${index}`);
  assert.equal(tell('try 13', { atMinutes: 11 })?.message, 'try 13');
});

test('a flood about one object is cut at 25 and let through once in five minutes', () => {
  const tell = teller();
  const said = Array.from({ length: 40 }, () => tell('again'));
  assert.equal(said.filter((record) => record !== undefined).length, 25);
  assert.equal(tell('again', { atMinutes: 4 }), undefined);
  assert.equal(tell('again', { atMinutes: 6 })?.count, 26);
  assert.equal(tell('again', { atMinutes: 6 }), undefined);
  assert.ok(tell('hello', { about: 'b' }));
});

test('what was said longest ago is forgotten beyond 4,096', () => {
  const tell = teller();
  tell('up');
  for (let index = 0; index < 4_096; index++) tell('up', { about: `other-${index}` });
  assert.equal(tell('up')?.count, 1);
});
