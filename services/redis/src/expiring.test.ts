import assert from 'node:assert/strict';
import { test } from 'node:test';
import { RespError } from '@tweendeck/wire';
import { clockMsIn, expiring, expiringIn } from './expiring.ts';
import { commandFailed } from './redis-link.ts';

const id = 'a'.repeat(40);

for (const { name, expiry } of [
  { name: 'whatever role its server has', expiry: { untilMs: 7 } },
  { name: 'of a master', expiry: { untilMs: 7, role: { follows: undefined } } },
  { name: 'of a follower', expiry: { untilMs: 7, role: { follows: id } } },
])
  test(`a command that expires is found again: ${name}`, () => {
    const command = ['CLUSTER', 'REPLICATE', id];
    assert.deepEqual(expiringIn(expiring(command, expiry)), { command, ...expiry });
  });

for (const command of [['CLUSTER', 'NODES'], ['EVAL_RO', 'return 1', 0, 7, '', 'PING'], []])
  test(`no command that expires: ${command.join(' ')}`, () => {
    assert.equal(expiringIn(command), undefined);
  });

test('its words are readable for who watches the server', () => {
  const [name, , ...words] = expiring(['CLUSTER', 'FAILOVER', 'TAKEOVER'], { untilMs: 7 });
  assert.deepEqual([name, ...words], ['EVAL_RO', 0, 7, '', 'CLUSTER', 'FAILOVER', 'TAKEOVER']);
});

for (const { name, answer, clockMs } of [
  {
    name: 'seconds and microseconds',
    answer: ['1700000000', '123999'],
    clockMs: 1_700_000_000_123,
  },
  { name: 'as bytes', answer: [Buffer.from('17'), Buffer.from('5000')], clockMs: 17_005 },
])
  test(`the clock of a server: ${name}`, () => assert.equal(clockMsIn(answer), clockMs));

for (const answer of [null, 'OK', [], ['soon', '0'], new RespError('ERR')])
  test(`no clock of a server: ${String(answer)}`, () => {
    assert.throws(() => clockMsIn(answer), /^Error: TIME: it answered something else$/);
  });

for (const { name, command, says, code } of [
  { name: 'what is late', command: 'timed', says: 'EXPIRED 5 ms ago', code: 'REDIS_COMMAND_LATE' },
  { name: 'what is refused', command: 'timed', says: 'ERR no', code: 'REDIS_COMMAND_FAILED' },
  { name: 'a plain one', command: 'plain', says: 'EXPIRED', code: 'REDIS_COMMAND_FAILED' },
] as const)
  test(`the error of a command has its name: ${name}`, () => {
    const plain = ['CLUSTER', 'FAILOVER'];
    const sent = command === 'timed' ? expiring(plain, { untilMs: 7 }) : plain;
    const error = commandFailed('10.0.0.1:6379', sent, new RespError(says));
    assert.deepEqual([error.code, error.message], [code, `10.0.0.1:6379: CLUSTER: ${says}`]);
  });
