import assert from 'node:assert/strict';
import { test } from 'node:test';
import { readProxyHeader } from './proxy-protocol.ts';

const signature = '\r\n\r\n\0\r\nQUIT\n';
const v2 = (command: number, family: number, ...tail: readonly Buffer[]): Buffer => {
  const rest = Buffer.concat(tail);
  const head = Buffer.from([command, family, rest.length >> 8, rest.length & 0xff]);
  return Buffer.concat([Buffer.from(signature, 'latin1'), head, rest]);
};
const four = Buffer.from([10, 1, 2, 3, 10, 0, 0, 1, 0x30, 0x39, 0x1f, 0xbe]);
const six = Buffer.concat([
  Buffer.from('20010db8000000000000000000000007', 'hex'),
  Buffer.alloc(16, 1),
  Buffer.from([0, 80, 0, 81]),
]);
const tlv = (length: number): Buffer =>
  Buffer.concat([Buffer.from([0x02, length >> 8, length & 0xff]), Buffer.alloc(length, 0x61)]);

const ends: readonly {
  readonly name: string;
  readonly sent: Buffer | string;
  readonly told: string;
}[] = [
  { name: 'TCP4', sent: 'PROXY TCP4 10.1.2.3 10.0.0.1 12345 8126\r\n', told: '10.1.2.3 12345' },
  { name: 'TCP6', sent: 'PROXY TCP6 2001:db8::7 ::1 1 2\r\n', told: '2001:db8::7 1' },
  {
    name: 'the longest TCP6',
    sent: `PROXY TCP6 ${Array(8).fill('ffff').join(':')} ${Array(8).fill('ffff').join(':')} 65535 65535\r\n`,
    told: 'ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff 65535',
  },
  { name: 'UNKNOWN', sent: 'PROXY UNKNOWN\r\n', told: 'local' },
  { name: 'UNKNOWN with a tail', sent: 'PROXY UNKNOWN ff:: ff:: 1 2\r\n', told: 'local' },
  { name: 'version 2 over IPv4', sent: v2(0x21, 0x11, four), told: '10.1.2.3 12345' },
  { name: 'version 2 over IPv6', sent: v2(0x21, 0x21, six), told: '2001:db8:0:0:0:0:0:7 80' },
  {
    name: 'version 2 with TLVs',
    sent: v2(0x21, 0x11, four, tlv(0), tlv(300)),
    told: '10.1.2.3 12345',
  },
  { name: 'version 2 LOCAL', sent: v2(0x20, 0x00), told: 'local' },
  { name: 'version 2 LOCAL with addresses', sent: v2(0x20, 0x11, four), told: 'local' },
  { name: 'version 2 of no family', sent: v2(0x21, 0x00, tlv(3)), told: 'local' },
  { name: 'version 2 over a Unix socket', sent: v2(0x21, 0x31, Buffer.alloc(216)), told: 'local' },
  {
    name: 'the longest version 2',
    sent: v2(0x21, 0x11, four, tlv(4_096 - 15)),
    told: '10.1.2.3 12345',
  },
];

const bad: readonly { readonly name: string; readonly sent: Buffer | string }[] = [
  { name: 'the cache protocol', sent: '000000fe' },
  { name: 'HTTP', sent: 'POST / HTTP/1.1\r\n' },
  { name: 'lower case', sent: 'proxy TCP4' },
  { name: 'a line end alone', sent: 'PROXY TCP4 10.1.2.3 10.0.0.1 1 2\n\r\n' },
  { name: 'an address of the other family', sent: 'PROXY TCP4 ::1 ::1 1 2\r\n' },
  { name: 'a family that is none', sent: 'PROXY TCP5 10.1.2.3 10.0.0.1 1 2\r\n' },
  { name: 'a port that is too high', sent: 'PROXY TCP4 10.1.2.3 10.0.0.1 65536 2\r\n' },
  { name: 'a port with a zero in front', sent: 'PROXY TCP4 10.1.2.3 10.0.0.1 01 2\r\n' },
  { name: 'a port too few', sent: 'PROXY TCP4 10.1.2.3 10.0.0.1 1\r\n' },
  { name: 'two blanks', sent: 'PROXY TCP4  10.1.2.3 10.0.0.1 1 2\r\n' },
  { name: 'an address with a zone', sent: 'PROXY TCP6 fe80::1%eth0 ::1 1 2\r\n' },
  { name: 'a line that does not end', sent: `PROXY UNKNOWN ${'x'.repeat(100)}` },
  { name: 'a line that ends too late', sent: `PROXY UNKNOWN ${'x'.repeat(100)}\r\n` },
  { name: 'a zero byte', sent: 'PROXY TCP4\0' },
  { name: 'version 3', sent: v2(0x31, 0x11, four) },
  { name: 'an unknown command', sent: v2(0x22, 0x11, four) },
  { name: 'datagrams', sent: v2(0x21, 0x12, four) },
  { name: 'an unknown family', sent: v2(0x21, 0x41, four) },
  { name: 'too few bytes for its family', sent: v2(0x21, 0x21, four) },
  { name: 'a TLV that is cut', sent: v2(0x21, 0x11, four, tlv(5).subarray(0, 7)) },
  { name: 'more than anybody sends', sent: v2(0x21, 0x11, four, tlv(4_096 - 14)) },
  { name: 'half a signature', sent: '\r\n\r\nx' },
];

for (const { name, sent, told } of ends) {
  test(`proxy header: ${name} is read at its last byte, and not before`, () => {
    const bytes = typeof sent === 'string' ? Buffer.from(sent, 'latin1') : sent;
    for (let length = 0; length < bytes.length; length++) {
      assert.equal(readProxyHeader(bytes.subarray(0, length)).state, 'more', `${length} bytes`);
    }
    const found = readProxyHeader(Buffer.concat([bytes, Buffer.from('000000fe')]));
    assert.ok(found.state === 'whole');
    assert.equal(found.bytes, bytes.length);
    const { header } = found;
    assert.equal(header.kind === 'local' ? 'local' : `${header.source} ${header.sourcePort}`, told);
  });
}

for (const { name, sent } of bad) {
  test(`proxy header: ${name} is malformed, however it is cut`, () => {
    const bytes = typeof sent === 'string' ? Buffer.from(sent, 'latin1') : sent;
    const states = Array.from(bytes, (_, at) => readProxyHeader(bytes.subarray(0, at + 1)).state);
    assert.equal(states.at(-1), 'malformed');
    assert.ok(!states.includes('whole'));
    assert.ok(states.slice(states.indexOf('malformed')).every((state) => state === 'malformed'));
  });
}
