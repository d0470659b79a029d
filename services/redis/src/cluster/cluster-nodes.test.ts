// Lines as redis-server 7.0.15 wrote them.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { parseInfo } from '../info.ts';
import { parseClusterNodes } from './cluster-nodes.ts';

const id = (letter: string): string => letter.repeat(40);

test('nodes are read with their slots and what is on its way', () => {
  const text = [
    `${id('a')} 127.0.0.1:6379@16379 myself,master - 0 1700000000000 3 connected 0-100 102 [101->-${id('b')}] [5000-<-${id('c')}]`,
    `${id('b')} 127.0.0.2:6379@16379,cache-1 master,fail? - 1 2 7 disconnected`,
    `${id('c')} :0@0 slave,noaddr ${id('a')} 0 0 3 disconnected`,
    '',
  ].join('\n');
  const [first, second, third] = parseClusterNodes(text);
  assert.deepEqual(first?.slots, [
    [0, 100],
    [102, 102],
  ]);
  assert.deepEqual([...(first?.migrating ?? [])], [[101, id('b')]]);
  assert.deepEqual([...(first?.importing ?? [])], [[5_000, id('c')]]);
  assert.deepEqual(
    [first?.epoch, first?.masterId, first?.flags.has('myself')],
    [3, undefined, true],
  );
  assert.deepEqual(
    [second?.host, second?.port, second?.flags.has('fail?')],
    ['127.0.0.2', 6_379, true],
  );
  assert.deepEqual([third?.host, third?.masterId], ['', id('a')]);
});

for (const text of [
  'nonsense',
  `${id('a')} nowhere master - 0 0 1 connected`,
  `${id('a')} 127.0.0.1:1@2 master - 0 0 1 connected 0-99999`,
  `${id('a')} 127.0.0.1:1@2 master - 0 0 1 connected [1-?-b]`,
]) {
  test(`what is no line is told: ${text.slice(-30)}`, () => {
    assert.throws(() => parseClusterNodes(text), /CLUSTER NODES/);
  });
}

test('fields of INFO are found among headlines', () => {
  const info = parseInfo('# Server\r\nredis_version:7.0.15\r\n\r\nexecutable:/a:b\r\n');
  assert.deepEqual(
    [...info],
    [
      ['redis_version', '7.0.15'],
      ['executable', '/a:b'],
    ],
  );
});
