import assert from 'node:assert/strict';
import { test } from 'node:test';
import { type EventSeries, EventSeriesMemory } from './event-series.ts';

/** Says things about objects, and asks what is due, `minutes` after the start. */
function teller() {
  const memory = new EventSeriesMemory();
  let names = 0;
  const shown = ({ name, count, first }: EventSeries): string =>
    `${name} x${count} ${first.message}`;
  return {
    tell(
      atMinutes: number,
      { message = 'no room', version = '1', reason = 'Failed', action = 'Scheduling' } = {},
    ): string | undefined {
      const metadata = { name: 'a', namespace: 'ns', uid: 'a', creationTimestamp: '' };
      const about = {
        ...{ apiVersion: 'v1', kind: 'Pod' },
        metadata: { ...metadata, resourceVersion: version },
      };
      const now = { monotonicMs: atMinutes * 60_000, wallMs: atMinutes * 60_000 };
      const occurrence = { about, type: 'Warning', reason, action, message } as const;
      const series = memory.next(occurrence, now, () => `event-${++names}`);
      return series && shown(series);
    },
    due: (atMinutes: number) => memory.due(atMinutes * 60_000).map(shown),
  };
}

test('the second makes a series, the words of the first stay, further ones are only counted', () => {
  const { tell } = teller();
  assert.equal(tell(0), 'event-1 x1 no room');
  assert.equal(tell(1, { message: 'still no room' }), 'event-1 x2 no room');
  assert.equal(tell(2), undefined);
});

for (const { name, other } of [
  { name: 'a later version of the object', other: { version: '2' } },
  { name: 'another reason', other: { reason: 'Scheduled' } },
  { name: 'another action', other: { action: 'Binding' } },
]) {
  test(`${name} is another event`, () => {
    const { tell } = teller();
    tell(0);
    assert.equal(tell(1, other), 'event-2 x1 no room');
  });
}

for (const { name, told, atMinutes, due, next } of [
  { name: 'one event', told: [0], atMinutes: 6, due: [], next: 'event-2 x1 no room' },
  {
    name: 'a series with its count',
    told: [0, 0, 1],
    atMinutes: 7,
    due: ['event-1 x3 no room'],
    next: 'event-2 x1 no room',
  },
]) {
  test(`${name} has ended 6 minutes after its last`, () => {
    const { tell, due: dueAt } = teller();
    for (const minutes of told) tell(minutes);
    assert.deepEqual(dueAt(5), []);
    assert.deepEqual(dueAt(atMinutes), due);
    assert.equal(tell(atMinutes), next);
  });
}

test('a series that goes on is told every 30 minutes', () => {
  const { tell, due } = teller();
  tell(0);
  for (let minutes = 1; minutes <= 31; minutes += 5) tell(minutes);
  assert.deepEqual(due(31), ['event-1 x8 no room']);
  tell(36);
  assert.deepEqual(due(36), []);
  assert.equal(tell(37), undefined);
});
