// What a server is asked and told about its settings.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { redisParameters, settingsFile, settingsIn, settingsQuestions } from './settings.ts';

const answer = (...words: readonly string[]) => words.map((word) => Buffer.from(word));

test('where a server and its user mean the same, it has what is wanted', () => {
  const wanted = {
    ...{ 'repl-backlog-size': '2mb', 'notify-keyspace-events': 'KEA', hz: '20' },
    ...{ 'maxmemory-clients': '1g', timeout: '5', save: '' },
  };
  const has = settingsIn(
    wanted,
    answer(
      ...['hz', '10', 'repl-backlog-size', '2097152', 'notify-keyspace-events', 'AKE'],
      ...['maxmemory-clients', '1073741824', 'timeout', '5', 'save', ''],
    ),
  );
  assert.deepEqual(has, { ...wanted, hz: '10', 'maxmemory-clients': '1073741824' });
});

test('a server that tells nothing has nothing', () => {
  assert.deepEqual(settingsIn({ hz: '1' }, null), {});
  assert.deepEqual(settingsQuestions({}), []);
});

test('empty values are said as such in a file', () => {
  assert.equal(settingsFile({ save: '', hz: 7 }), 'save ""\nhz 7\n');
});

test('what is the platform’s own cannot be chosen', () => {
  for (const name of ['dir', 'bind', 'port', 'cluster-enabled', 'requirepass', 'masterauth']) {
    assert.equal(redisParameters[name], undefined, name);
  }
  assert.deepEqual(redisParameters['maxmemory-samples'], {
    ...{ type: 'integer', min: 1, max: 2_147_483_647, applies: 'live', default: '5' },
  });
});
