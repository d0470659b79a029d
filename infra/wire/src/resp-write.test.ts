import assert from 'node:assert/strict';
import { test } from 'node:test';
import { RespParser } from './resp-parser.ts';
import { RespError, RespMap, RespSet, type RespValue, RespVerbatim } from './resp-value.ts';
import { RespCommandWriter, respReply } from './resp-write.ts';

for (const { name, command, bytes } of [
  { name: 'text', command: ['PING'], bytes: '*1\r\n$4\r\nPING\r\n' },
  {
    name: 'bytes and numbers',
    command: ['SET', Buffer.from([0, 13, 10]), -5],
    bytes: '*3\r\n$3\r\nSET\r\n$3\r\n\0\r\n\r\n$2\r\n-5\r\n',
  },
  { name: 'nothing and beyond ASCII', command: ['', 'ä'], bytes: '*2\r\n$0\r\n\r\n$2\r\nä\r\n' },
]) {
  test(`writes a command of ${name}`, () => {
    const writer = new RespCommandWriter();
    writer.write(command);
    assert.equal(writer.bytes, Buffer.byteLength(bytes));
    assert.equal(Buffer.concat(writer.take()).toString(), bytes);
    assert.equal(writer.bytes, 0);
    assert.deepEqual(writer.take(), []);
  });
}

test('writes commands of all lengths behind one another, in few buffers and long parts uncopied', () => {
  const writer = new RespCommandWriter();
  const commands = Array.from({ length: 300 }, (_, at) => [
    Buffer.from(`command ${at}`),
    Buffer.alloc(at % 50 === 0 ? 5_000 + at : (at * 37) % 4_097, at),
  ]);
  const taken: Buffer[] = [];
  for (const [at, command] of commands.entries()) {
    writer.write(command);
    if (at % 70 === 0) taken.push(...writer.take());
  }
  taken.push(...writer.take());
  const read: RespValue[] = [];
  const never = (): void => assert.fail('nothing but commands was written');
  const sink = { value: (value: RespValue) => read.push(value), push: never, fault: never };
  const parser = new RespParser(sink);
  for (const part of taken) parser.push(part);
  assert.deepEqual(read, commands);
  const long = commands[250]?.[1];
  assert.ok(
    taken.some((part) => part.buffer === long?.buffer && part.byteOffset === long.byteOffset),
  );
  assert.ok(taken.length < 100, `${taken.length} buffers`);
});

for (const { name, value, two, three } of [
  { name: 'null', value: null, two: '$-1\r\n', three: '_\r\n' },
  { name: 'a boolean', value: true, two: ':1\r\n', three: '#t\r\n' },
  { name: 'a double', value: 1.5, two: '$3\r\n1.5\r\n', three: ',1.5\r\n' },
  { name: 'no number', value: Number.NaN, two: '$3\r\nnan\r\n', three: ',nan\r\n' },
  { name: 'an error', value: new RespError('ERR no'), two: '-ERR no\r\n', three: '-ERR no\r\n' },
  {
    name: 'a map',
    value: new RespMap([['a', 1]]),
    two: '*2\r\n+a\r\n:1\r\n',
    three: '%1\r\n+a\r\n:1\r\n',
  },
  { name: 'a set', value: new RespSet([7n]), two: '*1\r\n:7\r\n', three: '~1\r\n(7\r\n' },
  {
    name: 'verbatim text',
    value: new RespVerbatim('txt', Buffer.from('x')),
    two: '$1\r\nx\r\n',
    three: '=5\r\ntxt:x\r\n',
  },
] satisfies readonly { name: string; value: RespValue; two: string; three: string }[]) {
  test(`answers ${name} in both protocols`, () => {
    assert.equal(respReply(value).toString(), two);
    assert.equal(respReply(value, 3).toString(), three);
  });
}
