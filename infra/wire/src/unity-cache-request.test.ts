import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { unityCacheBegin, unityCacheGet, unityCachePut } from './unity-cache-encode.ts';
import { UnityCacheRequestParser } from './unity-cache-request.ts';

const plainId = Buffer.alloc(32, 0x11);
/** Bytes that look like commands, ends of lines and extremes. */
const trickyId = Buffer.concat([
  Buffer.from('qteq\n\r'),
  Buffer.from([0, 0xff, 0x71, 0xff, 0]),
  Buffer.from('tstepagaqqqqqqqqqqqqq'),
]);

/** What a parser tells, in words. Bodies are joined, so that cuts do not show. */
function read(
  packets: readonly Buffer[],
  valueBytesMax = 2 ** 31 - 1,
): { events: string[]; parser: UnityCacheRequestParser } {
  const events: string[] = [];
  let body = '';
  const parser = new UnityCacheRequestParser(
    {
      version: () => events.push('version'),
      get: (type, bytes, at) => events.push(`get ${type} ${idText(bytes, at)}`),
      begin: (bytes, at) => events.push(`begin ${idText(bytes, at)}`),
      putStart: (type, sizeBytes) => events.push(`put ${type} ${sizeBytes}`),
      putBody: (part) => {
        assert.notEqual(part.length, 0);
        body += part.toString('latin1');
      },
      putEnd: () => {
        events.push(`body ${body}`);
        body = '';
      },
      commit: () => events.push('commit'),
      quit: () => events.push('quit'),
      fault: (fault) => events.push(fault),
    },
    { valueBytesMax },
  );
  for (const packet of packets) assert.equal(parser.push(packet), packet.length);
  return { events, parser };
}

function idText(bytes: Uint8Array, at: number): string {
  const id = Buffer.from(bytes.subarray(at, at + 32));
  return id.equals(plainId) ? 'plain' : id.equals(trickyId) ? 'tricky' : id.toString('hex');
}

function bytesOf(...parts: readonly (string | Buffer)[]): Buffer {
  return Buffer.concat(
    parts.map((part) => (typeof part === 'string' ? Buffer.from(part, 'latin1') : part)),
  );
}

/** The whole, every byte alone, and every cut in two. */
function* cuts(bytes: Buffer): Generator<Buffer[]> {
  yield [bytes];
  yield Array.from(bytes, (_, at) => bytes.subarray(at, at + 1));
  for (let at = 1; at < bytes.length; at++) yield [bytes.subarray(0, at), bytes.subarray(at)];
}

const size = (text: string): string => text.padStart(16, '0');
const begun = bytesOf('fe', unityCacheBegin(plainId));
const opened = ['version', 'begin plain'];

interface Row {
  readonly name: string;
  readonly sent: Buffer;
  readonly told: readonly string[];
}

const version: readonly Row[] = [
  ...['000000fe', 'fe', '00fe', 'FE', 'Fe', '0fe', '000fe', '0000fe', '00000fe'].map((text) => ({
    name: `${text} is the version`,
    sent: bytesOf(text),
    told: ['version'],
  })),
  ...['ff', 'fd', '000000fd', '-fe', 'zz', ' fe', '  fe', '+fe', '0xfe', '0000000fe'].map(
    (text) => ({ name: `${text} is refused`, sent: bytesOf(text), told: ['version-refused'] }),
  ),
  { name: 'nine zeros are refused', sent: bytesOf('000000000'), told: ['version-refused'] },
  {
    name: 'fe and a get',
    sent: bytesOf('fe', unityCacheGet('a', plainId)),
    told: ['version', 'get a plain'],
  },
  { name: 'fe and a quit', sent: bytesOf('feq'), told: ['version', 'quit'] },
  { name: 'fea: an unknown command', sent: bytesOf('fea'), told: ['version', 'unknown-command'] },
  { name: 'fe and a line end', sent: bytesOf('fe\r\n'), told: ['version', 'unknown-command'] },
  { name: 'feg waits for more', sent: bytesOf('feg'), told: ['version'] },
  {
    name: 'high bits are not stripped',
    sent: Buffer.from([0xe6, 0xe5]),
    told: ['version-refused'],
  },
  { name: 'HTTP is refused', sent: bytesOf('GET / HTTP/1.1\r\n\r\n'), told: ['version-refused'] },
  { name: 'TLS is refused', sent: Buffer.from([22, 3, 1, 2, 0, 1, 0]), told: ['version-refused'] },
  {
    name: 'PROXY v1 is refused',
    sent: bytesOf('PROXY TCP4 1.2.3.4 5.6.7.8 1 2\r\nfe'),
    told: ['version-refused'],
  },
  {
    name: 'PROXY v2 is refused',
    sent: bytesOf('\r\n\r\n\0\r\nQUIT\n!'),
    told: ['version-refused'],
  },
  { name: 'zeros and silence tell nothing', sent: bytesOf('00'), told: [] },
];

const framing: readonly Row[] = [
  ...(['a', 'i', 'r'] as const).map((type) => ({
    name: `a get of ${type} with every byte in its id`,
    sent: bytesOf('fe', unityCacheGet(type, trickyId), unityCacheGet(type, plainId)),
    told: ['version', `get ${type} tricky`, `get ${type} plain`],
  })),
  {
    name: 'a transaction of three files',
    sent: bytesOf(
      begun,
      unityCachePut('a', 5),
      'qteq\n',
      unityCachePut('i', 1),
      'q',
      unityCachePut('r', 2),
      'te',
      'te',
    ),
    told: [
      ...opened,
      'put a 5',
      'body qteq\n',
      'put i 1',
      'body q',
      'put r 2',
      'body te',
      'commit',
    ],
  },
  {
    name: 'a get inside a transaction',
    sent: bytesOf(begun, unityCacheGet('i', trickyId), unityCachePut('a', 1), 'x', 'te'),
    told: [...opened, 'get i tricky', 'put a 1', 'body x', 'commit'],
  },
  { name: 'unknown first letter', sent: bytesOf('fex'), told: ['version', 'unknown-command'] },
  {
    name: 'unknown second letter of a get',
    sent: bytesOf('fegx'),
    told: ['version', 'unknown-command'],
  },
  {
    name: 'unknown second letter of a put',
    sent: bytesOf(begun, 'px'),
    told: [...opened, 'unknown-command'],
  },
  {
    name: 'unknown second letter of t',
    sent: bytesOf('fetx'),
    told: ['version', 'unknown-command'],
  },
  { name: 'upper case is unknown', sent: bytesOf('feGA'), told: ['version', 'unknown-command'] },
  {
    name: 'an upper-case type is unknown',
    sent: bytesOf('fegA'),
    told: ['version', 'unknown-command'],
  },
  { name: 'q', sent: bytesOf('feq'), told: ['version', 'quit'] },
  {
    name: 'nothing after q counts',
    sent: bytesOf('feqq\n', unityCacheGet('a', plainId)),
    told: ['version', 'quit'],
  },
  { name: 'gq is no quit', sent: bytesOf('fegq'), told: ['version', 'unknown-command'] },
  { name: 'pq is no quit', sent: bytesOf(begun, 'pq'), told: [...opened, 'unknown-command'] },
  { name: 'tq is no quit', sent: bytesOf('fetq'), told: ['version', 'unknown-command'] },
  { name: 'q inside an id is data', sent: bytesOf('fegaqqqqqqqq'), told: ['version'] },
  {
    name: 'a line end between commands',
    sent: bytesOf('fe', unityCacheGet('a', plainId), '\n'),
    told: ['version', 'get a plain', 'unknown-command'],
  },
];

const sizes: readonly Row[] = [
  {
    name: 'an empty file keeps the step',
    sent: bytesOf(begun, unityCachePut('a', 0), 'te'),
    told: [...opened, 'put a 0', 'body ', 'commit'],
  },
  {
    name: 'upper-case digits',
    sent: bytesOf(begun, 'pa', size('A'), '0123456789', 'te'),
    told: [...opened, 'put a 10', 'body 0123456789', 'commit'],
  },
  ...['-1', '+5', '0x5', ' 5', '5 ', 'zzzz', 'NaN', '8zzz', '1.5', '٠'].map((text) => ({
    name: `size ${JSON.stringify(text)} is no size`,
    sent: bytesOf(begun, 'pa', Buffer.from(text.padStart(16, '0')).subarray(0, 16)),
    told: [...opened, 'size-malformed'],
  })),
  ...['80000000', 'ffffffff', '100000000', '20000000000001', 'ffffffffffffffff'].map((text) => ({
    name: `size ${text} is refused before its body`,
    sent: bytesOf(begun, 'pa', size(text)),
    told: [...opened, 'value-too-large'],
  })),
  {
    name: 'the largest size is taken, and waits',
    sent: bytesOf(begun, 'pa', size('7fffffff')),
    told: [...opened, 'put a 2147483647'],
  },
  {
    name: 'one byte short takes t as body, then e is unknown',
    sent: bytesOf(begun, unityCachePut('a', 3), 'xy', 'te'),
    told: [...opened, 'put a 3', 'body xyt', 'unknown-command'],
  },
  {
    name: 'one byte extra is an unknown command',
    sent: bytesOf(begun, unityCachePut('a', 1), 'xy', 'te'),
    told: [...opened, 'put a 1', 'body x', 'unknown-command'],
  },
  {
    name: 'a 1-byte file without body ends the stream',
    sent: bytesOf(begun, unityCachePut('i', 1), 'te'),
    told: [...opened, 'put i 1', 'body t', 'unknown-command'],
  },
  {
    name: 'a 1-byte file without body before another file',
    sent: bytesOf(begun, unityCachePut('i', 1), unityCachePut('r', 4), 'abcd', 'te'),
    told: [...opened, 'put i 1', 'body p', 'unknown-command'],
  },
];

const transactions: readonly Row[] = [
  { name: 'te without ts', sent: bytesOf('fete'), told: ['version', 'no-transaction'] },
  ...['pa', 'pi', 'pr'].map((put) => ({
    name: `${put} without ts`,
    sent: bytesOf('fe', put),
    told: ['version', 'no-transaction'],
  })),
  { name: 'te twice', sent: bytesOf(begun, 'tete'), told: [...opened, 'commit', 'no-transaction'] },
  {
    name: 'a put after te',
    sent: bytesOf(begun, 'tepa'),
    told: [...opened, 'commit', 'no-transaction'],
  },
  {
    name: 'ts twice',
    sent: bytesOf(begun, unityCacheBegin(trickyId), 'te'),
    told: [...opened, 'begin tricky', 'commit'],
  },
  { name: 'an empty transaction', sent: bytesOf(begun, 'te'), told: [...opened, 'commit'] },
  {
    name: 'the same type twice',
    sent: bytesOf(begun, unityCachePut('a', 1), 'x', unityCachePut('a', 2), 'yz', 'te'),
    told: [...opened, 'put a 1', 'body x', 'put a 2', 'body yz', 'commit'],
  },
  {
    name: 'zero guid and hash are the store’s affair',
    sent: bytesOf('fe', unityCacheBegin(Buffer.alloc(32)), 'te'),
    told: ['version', `begin ${'0'.repeat(64)}`, 'commit'],
  },
];

for (const { name, sent, told } of [...version, ...framing, ...sizes, ...transactions]) {
  test(`unity cache request: ${name}`, () => {
    for (const packets of cuts(sent)) {
      assert.deepEqual(
        read(packets).events,
        told,
        `cut as ${packets.map((packet) => packet.length)}`,
      );
    }
  });
}

test('unity cache request: a megabyte of te stops at the first', () => {
  assert.deepEqual(read([bytesOf('fe', 'te'.repeat(500_000))]).events, [
    'version',
    'no-transaction',
  ]);
});

test('unity cache request: 100 000 gets in one packet', () => {
  const gets = Buffer.concat(Array.from({ length: 100_000 }, () => unityCacheGet('r', plainId)));
  assert.equal(read([bytesOf('fe', gets)]).events.length, 100_001);
});

test('unity cache request: 10 000 transactions on one connection', () => {
  const one = bytesOf(unityCacheBegin(plainId), unityCachePut('i', 1), 'x', 'te');
  const { events } = read([bytesOf('fe'), ...Array.from({ length: 10_000 }, () => one)]);
  assert.equal(events.filter((event) => event === 'commit').length, 10_000);
});

test('unity cache request: a smaller limit on values holds at the byte', () => {
  assert.deepEqual(read([begun, unityCachePut('a', 100)], 100).events, [...opened, 'put a 100']);
  assert.deepEqual(read([begun, unityCachePut('a', 101)], 100).events, [
    ...opened,
    'value-too-large',
  ]);
});

test('unity cache request: a pause stops right behind the command, and nothing is lost', () => {
  const events: string[] = [];
  const parser: UnityCacheRequestParser = new UnityCacheRequestParser(
    {
      version: () => undefined,
      get: (type) => {
        events.push(type);
        parser.pause();
      },
      begin: () => undefined,
      putStart: () => undefined,
      putBody: () => undefined,
      putEnd: () => undefined,
      commit: () => undefined,
      quit: () => events.push('quit'),
      fault: (fault) => events.push(fault),
    },
    { valueBytesMax: 10 },
  );
  let rest = bytesOf('fe', unityCacheGet('a', plainId), unityCacheGet('i', trickyId), 'q');
  const read: number[] = [];
  while (rest.length > 0) {
    const used = parser.push(rest);
    read.push(used);
    assert.equal(
      parser.push(rest.subarray(used)),
      rest.length === used ? 0 : parser.paused ? 0 : -1,
    );
    rest = rest.subarray(used);
    parser.resume();
  }
  assert.deepEqual({ events, read }, { events: ['a', 'i', 'quit'], read: [36, 34, 1] });
});

test('unity cache request: where a client is stuck can be seen', () => {
  for (const { sent, midCommand, inTransaction } of [
    { sent: bytesOf('f'), midCommand: true, inTransaction: false },
    { sent: bytesOf('fe'), midCommand: false, inTransaction: false },
    { sent: bytesOf('feg'), midCommand: true, inTransaction: false },
    { sent: begun, midCommand: false, inTransaction: true },
    { sent: bytesOf(begun, 'pa000'), midCommand: true, inTransaction: true },
    { sent: bytesOf(begun, unityCachePut('a', 2), 'x'), midCommand: true, inTransaction: true },
  ]) {
    const { parser } = read([sent]);
    assert.deepEqual([parser.midCommand, parser.inTransaction], [midCommand, inTransaction]);
  }
});

test('unity cache request: any bytes in any packets are told the same, and never throw', () => {
  const piece = fc.oneof(
    fc
      .constantFrom('fe', '000000fe', 'te', 'q', 'pa', 'gi', 'ts', size('3'), size('0'), 'abc')
      .map((text) => Buffer.from(text)),
    fc.constantFrom(unityCacheGet('a', trickyId), unityCacheBegin(plainId), unityCachePut('r', 3)),
    fc.uint8Array({ maxLength: 40 }).map((bytes) => Buffer.from(bytes)),
  );
  fc.assert(
    fc.property(
      fc.array(piece, { maxLength: 12 }),
      fc.array(fc.nat(50), { maxLength: 40 }),
      (pieces, lengths) => {
        const bytes = Buffer.concat([Buffer.from('fe'), ...pieces]);
        const packets: Buffer[] = [];
        let at = 0;
        for (const length of lengths) {
          packets.push(bytes.subarray(at, at + length));
          at += length;
        }
        packets.push(bytes.subarray(at));
        assert.deepEqual(read(packets).events, read([bytes]).events);
      },
    ),
    { numRuns: 500 },
  );
});
