import assert from 'node:assert/strict';
import { test } from 'node:test';
import { endText } from './channel-end.ts';
import {
  type ChannelProtocol,
  negotiateProtocol,
  readMessage,
  readTerminalSize,
  writeMessage,
} from './channels.ts';

function protocolOf(name: string): ChannelProtocol {
  const protocol = negotiateProtocol(name);
  assert.ok(protocol);
  return protocol;
}

const v5 = protocolOf('v5.channel.k8s.io');
const v4 = protocolOf('v4.channel.k8s.io');
const base64 = protocolOf('v4.base64.channel.k8s.io');
const first = protocolOf('channel.k8s.io');

for (const { name, offered, chosen } of [
  { name: 'nothing named is the first version', offered: undefined, chosen: '' },
  { name: 'the one that is named', offered: 'v4.channel.k8s.io', chosen: 'v4.channel.k8s.io' },
  {
    name: 'version 5 goes first, wherever it stands',
    offered: 'v4.channel.k8s.io, v5.channel.k8s.io',
    chosen: 'v5.channel.k8s.io',
  },
  {
    name: "otherwise the client's order counts",
    offered: 'v9.channel.k8s.io,base64.channel.k8s.io,v4.channel.k8s.io',
    chosen: 'base64.channel.k8s.io',
  },
  { name: 'none is known', offered: 'v9.channel.k8s.io', chosen: undefined },
  { name: 'a tunnel is no channel', offered: 'SPDY/3.1+portforward.k8s.io', chosen: undefined },
]) {
  test(`negotiating: ${name}`, () => assert.equal(negotiateProtocol(offered)?.name, chosen));
}

const data = (channel: number, text: string) => ({
  type: 'data',
  channel,
  data: Buffer.from(text),
});

for (const { name, protocol, message, means } of [
  { name: 'data of a stream', protocol: v5, message: [0, 104, 105], means: data(0, 'hi') },
  { name: 'no data of a stream', protocol: v5, message: [0], means: data(0, '') },
  { name: 'an empty message', protocol: v5, message: [], means: { type: 'nothing' } },
  { name: 'a stream that is not there', protocol: v5, message: [9, 1], means: { type: 'nothing' } },
  {
    name: 'the end of the input',
    protocol: v5,
    message: [255, 0],
    means: { type: 'half-close', channel: 0 },
  },
  {
    name: 'the end of no stream',
    protocol: v5,
    message: [255],
    means: { type: 'broken', why: 'one byte names the stream that ends, and there are 0' },
  },
  {
    name: 'the end of two streams',
    protocol: v5,
    message: [255, 0, 1],
    means: { type: 'broken', why: 'one byte names the stream that ends, and there are 2' },
  },
  {
    name: 'the end of a stream that is not there',
    protocol: v5,
    message: [255, 7],
    means: { type: 'broken', why: 'no stream 7 can end' },
  },
  { name: 'an end before version 5', protocol: v4, message: [255, 0], means: { type: 'nothing' } },
  {
    name: 'base64',
    protocol: base64,
    message: [...Buffer.from('0aGk=')],
    means: data(0, 'hi'),
  },
  {
    name: 'what is no base64',
    protocol: base64,
    message: [...Buffer.from('0a')],
    means: { type: 'nothing' },
  },
]) {
  test(`reading ${name}`, () =>
    assert.deepEqual(readMessage(protocol, Buffer.from(message)), means));
}

test('bytes of any value come back as they went', () => {
  const bytes = Buffer.from(Array.from({ length: 256 }, (_, value) => value));
  for (const protocol of [v5, v4, base64, first]) {
    const message = writeMessage(protocol, 1, bytes);
    assert.equal(typeof message, protocol.base64 ? 'string' : 'object');
    assert.deepEqual(readMessage(protocol, Buffer.from(message)), {
      type: 'data',
      channel: 1,
      data: bytes,
    });
  }
});

for (const { name, text, size } of [
  { name: 'a size', text: '{"Width":80,"Height":24}', size: { columns: 80, rows: 24 } },
  { name: 'small letters', text: '{"width":1,"height":2}', size: { columns: 1, rows: 2 } },
  { name: 'too large', text: '{"Width":65536,"Height":1}', size: undefined },
  { name: 'half of it', text: '{"Width":80}', size: undefined },
  { name: 'no JSON', text: '{"Width"', size: undefined },
  { name: 'no object', text: 'null', size: undefined },
]) {
  test(`a terminal's size: ${name}`, () =>
    assert.deepEqual(readTerminalSize(Buffer.from(text)), size));
}

test('a good end is a Status, or nothing before version 4', () => {
  const end = { type: 'exited', exitCode: 0 } as const;
  assert.equal(endText(v5, end), '{"metadata":{},"status":"Success"}');
  assert.equal(endText(v4, end), '{"metadata":{},"status":"Success"}');
  assert.equal(endText(first, end), undefined);
});

test('an exit code is a cause', () => {
  const text = endText(v5, { type: 'exited', exitCode: 7 }) ?? '';
  assert.deepEqual(JSON.parse(text), {
    metadata: {},
    status: 'Failure',
    message: 'command terminated with non-zero exit code: command terminated with exit code 7',
    reason: 'NonZeroExitCode',
    details: { causes: [{ reason: 'ExitCode', message: '7' }] },
  });
});

test('a failure is internal, and twice so in version 5', () => {
  const end = { type: 'failed', message: 'it broke' } as const;
  assert.equal(JSON.parse(endText(v4, end) ?? '').message, 'Internal error occurred: it broke');
  assert.equal(
    JSON.parse(endText(v5, end) ?? '').message,
    'Internal error occurred: Internal error occurred: it broke',
  );
  assert.equal(endText(first, end), 'Internal error occurred: it broke');
});

test('a refusal is told in the words of an upgrade that failed', () => {
  const status = JSON.parse(
    endText(v5, { type: 'refused', message: 'container not found ("x")' }) ?? '',
  );
  assert.equal(status.code, 500);
  assert.equal(
    status.message,
    'Internal error occurred: unable to upgrade connection: container not found ("x")',
  );
});
