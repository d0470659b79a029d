// Which watch events are compared, and which are only timing.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { foldEvents, type WatchEvent, watchEvents } from './watch-fold.ts';

const pod = (name: string, more: object = {}): object => ({
  metadata: { namespace: 'ns', name },
  ...more,
});
const event = (type: string, object: object): WatchEvent => ({ type, object });
const types = (events: Readonly<Record<string, readonly WatchEvent[]>>): object =>
  Object.fromEntries(
    Object.entries(events).map(([name, list]) => [name, list.map(({ type }) => type)]),
  );

test('reads whole lines only', () => {
  const body = '{"type":"ADDED","object":{}}\n{"type":"MODI';
  assert.deepEqual(watchEvents(body), [{ type: 'ADDED', object: {} }]);
});

test('keeps the order of each object apart', () => {
  const events = [event('ADDED', pod('a')), event('ADDED', pod('b')), event('DELETED', pod('a'))];
  assert.deepEqual(types(foldEvents(events, { statusSteps: 'kept' })), {
    'ns/a': ['ADDED', 'DELETED'],
    'ns/b': ['ADDED'],
  });
});

test('leaves out bookmarks but the one that ends the initial events', () => {
  const end = { metadata: { annotations: { 'k8s.io/initial-events-end': 'true' } } };
  const events = [event('BOOKMARK', {}), event('BOOKMARK', end)];
  assert.deepEqual(types(foldEvents(events, { statusSteps: 'kept' })), { BOOKMARK: ['BOOKMARK'] });
});

const steps = [
  event('ADDED', pod('a', { status: { n: 0 } })),
  event('MODIFIED', pod('a', { status: { n: 1 } })),
  event('MODIFIED', pod('a', { status: { n: 2 } })),
  event('MODIFIED', pod('a', { spec: { x: 1 }, status: { n: 2 } })),
];

test('keeps every step of a status where nothing but requests acts', () => {
  assert.deepEqual(foldEvents(steps, { statusSteps: 'kept' }), { 'ns/a': steps });
});

test('folds steps of a status to the last, where controllers act', () => {
  assert.deepEqual(foldEvents(steps, { statusSteps: 'folded' }), {
    'ns/a': [steps[0], steps[2], steps[3]],
  });
});

test('knows the object of a one-row table', () => {
  const table = { kind: 'Table', metadata: {}, rows: [{ object: pod('a') }] };
  assert.deepEqual(types(foldEvents([event('ADDED', table)], { statusSteps: 'kept' })), {
    'ns/a': ['ADDED'],
  });
});
