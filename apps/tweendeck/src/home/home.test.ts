// Tables for the folder of a home and for the holders of ports.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { seededRandom } from '@tweendeck/std';
import { freshIdentity, homeDirectory } from './home-directory.ts';
import { listeners } from './port-holder.ts';

for (const { name, given, environment, path } of [
  {
    name: 'the one that was named',
    given: '/a/b',
    environment: { XDG_STATE_HOME: '/x' },
    path: '/a/b',
  },
  {
    name: 'the XDG state directory',
    given: undefined,
    environment: { XDG_STATE_HOME: '/x' },
    path: '/x/tweendeck',
  },
  {
    name: 'below the home directory',
    given: undefined,
    environment: {},
    path: '/home/u/.local/state/tweendeck',
  },
  {
    name: 'below it when XDG is empty',
    given: undefined,
    environment: { XDG_STATE_HOME: '' },
    path: '/home/u/.local/state/tweendeck',
  },
]) {
  test(`the data directory is ${name}`, () => {
    const environmentMap: Readonly<Record<string, string>> = { ...environment };
    assert.equal(homeDirectory(given, environmentMap, '/home/u').path, path);
  });
}

test('a fresh identity has ranges of its own, pods and services apart', () => {
  for (let seed = 0; seed < 50; seed++) {
    const { podRange, serviceRange } = freshIdentity(seededRandom(seed));
    assert.match(podRange, /^127\.(6[4-9]|[78]\d|9[0-5])\.\d+\.0\/24$/);
    assert.match(serviceRange, /^127\.(9[6-9]|1[01]\d|12[0-7])\.\d+\.0\/24$/);
  }
});

test('only listening sockets of the very port are found', () => {
  const table = [
    '  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode',
    '   0: 0100007F:1FBE 00000000:0000 0A 00000000:00000000 00:00000000 00000000     0        0 111 1',
    '   1: 0100007F:1FBE 0100007F:9C40 01 00000000:00000000 00:00000000 00000000     0        0 222 1',
    '   2: 0100007F:1FBF 00000000:0000 0A 00000000:00000000 00:00000000 00000000     0        0 333 1',
  ].join('\n');
  assert.deepEqual(listeners(table, 8_126), [{ address: '0100007F', inode: '111' }]);
  assert.deepEqual(listeners('', 8_126), []);
});
