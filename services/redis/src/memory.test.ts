// What servers say of their memory, and whether they may be restarted with another limit.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { limitTrouble, type MemorySpec, memoryFor, memoryIn } from './memory.ts';

const mebi = 1_048_576;

function specOf(memory?: string, policy?: string): MemorySpec {
  const limits: Readonly<Record<string, string>> = memory === undefined ? {} : { memory };
  return {
    groups: { data: { members: 1, resources: { limits } } },
    ...(policy ? { config: { 'maxmemory-policy': policy } } : {}),
  };
}

test('what a server says', () => {
  const info = new Map([
    ...([
      ['used_memory', '900'],
      ['used_memory_dataset', '700'],
    ] as const),
    ['maxmemory', '1000'],
  ]);
  assert.deepEqual(memoryIn(info), { data: 700, used: 900, max: 1_000 });
  assert.deepEqual(memoryIn(new Map()), { data: 0, used: 0, max: 0 });
});

test('70 % of the limit is for keys', () => {
  assert.equal(memoryFor(specOf('100Mi'), 'data'), 70 * mebi);
  assert.equal(memoryFor(specOf(), 'data'), Math.floor(256 * 0.7 * mebi));
});

interface Row {
  readonly name: string;
  /** In MiB. */
  readonly used: number;
  readonly max: number;
  readonly limit: string;
  readonly policy?: string;
  readonly wanted?: boolean;
  readonly held: boolean;
}

const rows: readonly Row[] = [
  { name: 'it holds less than it is to have', used: 30, max: 70, limit: '50Mi', held: false },
  { name: 'it holds more than it is to have', used: 36, max: 70, limit: '50Mi', held: true },
  { name: 'it has no bound, and holds more', used: 36, max: 0, limit: '50Mi', held: true },
  { name: 'it is full, and is to have as much', used: 71, max: 70, limit: '100Mi', held: false },
  { name: 'it is full, and is to have more', used: 71, max: 70, limit: '200Mi', held: false },
  { name: 'it is to go', used: 36, max: 70, limit: '50Mi', wanted: false, held: false },
  {
    ...{ name: 'its keys may be evicted', used: 36, max: 70, limit: '50Mi' },
    ...{ policy: 'allkeys-lru', held: false },
  },
];

for (const { name, used, max, limit, policy, wanted = true, held } of rows) {
  test(`a server ${held ? 'is not' : 'may be'} restarted when ${name}`, () => {
    const memory = { data: used * mebi, used: used * mebi, max: max * mebi };
    const trouble = limitTrouble(specOf(limit, policy), [{ name: 'one', wanted, memory }]);
    const message =
      'one uses 36 MiB, and the memory limit of the spec leaves 35 MiB for it: nobody is restarted with less than that; ask for more';
    assert.deepEqual(trouble, held ? { reason: 'NoRoom', message } : undefined);
  });
}
