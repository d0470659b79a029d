// Listening to members between passes.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { silentLogger } from '@tweendeck/std';
import { Listeners, type Listening } from './listeners.ts';

function scene() {
  const stop = new AbortController();
  const listeners = new Listeners(stop.signal, silentLogger);
  const begun: string[] = [];
  const ended: string[] = [];
  const leave = new Map<string, () => void>();
  const to = (key: string): Listening => ({
    key,
    run: (signal) => {
      begun.push(key);
      const { promise, resolve } = Promise.withResolvers<void>();
      leave.set(key, resolve);
      signal.addEventListener('abort', () => {
        ended.push(key);
        resolve();
      });
      return promise;
    },
  });
  return { stop, listeners, begun, ended, leave, to };
}

const turns = () => new Promise((resolve) => setImmediate(resolve));

test('listens once to each, and to nobody that is gone', async () => {
  const { stop, listeners, begun, ended, to } = scene();
  listeners.set('c', [to('a'), to('b')]);
  listeners.set('c', [to('a'), to('b')]);
  assert.deepEqual(begun, ['a', 'b']);
  listeners.set('c', [to('b')]);
  assert.deepEqual(ended, ['a']);
  await turns();
  listeners.set('c', [to('a'), to('b')]);
  assert.deepEqual(begun, ['a', 'b', 'a']);
  stop.abort();
  assert.deepEqual(ended.sort(), ['a', 'a', 'b']);
});

test('listens again to who went away', async () => {
  const { listeners, begun, leave, to } = scene();
  listeners.set('c', [to('a')]);
  leave.get('a')?.();
  await turns();
  listeners.set('c', [to('a')]);
  assert.deepEqual(begun, ['a', 'a']);
});

test('hears nothing after its end', () => {
  const { stop, listeners, begun, to } = scene();
  stop.abort();
  listeners.set('c', [to('a')]);
  assert.deepEqual(begun, []);
});
