import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { defaultRespLimits, type RespLimits, RespParser } from './resp-parser.ts';
import { RespError, RespMap, RespSet, type RespValue, RespVerbatim } from './resp-value.ts';
import { respReply } from './resp-write.ts';

type Told = { value: RespValue } | { push: readonly RespValue[] } | { fault: string };

function read(
  packets: Iterable<Buffer>,
  limits: Partial<RespLimits> = {},
): { told: Told[]; midValue: boolean } {
  const told: Told[] = [];
  const parser = new RespParser(
    {
      value: (value) => told.push({ value }),
      push: (push) => told.push({ push }),
      fault: (fault) => told.push({ fault }),
    },
    { ...defaultRespLimits, ...limits },
  );
  for (const packet of packets) parser.push(packet);
  return { told, midValue: parser.midValue };
}

/** The whole, every byte alone, and every cut in two. */
function* cuts(bytes: Buffer): Generator<Buffer[]> {
  yield [bytes];
  yield Array.from(bytes, (_, at) => bytes.subarray(at, at + 1));
  for (let at = 1; at < bytes.length; at++) yield [bytes.subarray(0, at), bytes.subarray(at)];
}

const values: readonly {
  readonly name: string;
  readonly bytes: string;
  readonly told: readonly Told[];
}[] = [
  { name: 'a simple string', bytes: '+OK\r\n', told: [{ value: 'OK' }] },
  { name: 'an empty simple string', bytes: '+\r\n', told: [{ value: '' }] },
  {
    name: 'an error with its code',
    bytes: '-OOM no room\r\n',
    told: [{ value: new RespError('OOM no room') }],
  },
  {
    name: 'integers up to 64 bits',
    bytes: ':0\r\n:-7\r\n:+3\r\n:9223372036854775807\r\n',
    told: [{ value: 0 }, { value: -7 }, { value: 3 }, { value: 9223372036854775807n }],
  },
  {
    name: 'bulk strings that look like framing',
    bytes: '$7\r\n\r\n$-1\r\n\r\n$0\r\n\r\n',
    told: [{ value: Buffer.from('\r\n$-1\r\n') }, { value: Buffer.alloc(0) }],
  },
  {
    name: 'nulls of both protocols',
    bytes: '$-1\r\n*-1\r\n_\r\n',
    told: [{ value: null }, { value: null }, { value: null }],
  },
  {
    name: 'arrays in arrays',
    bytes: '*3\r\n*0\r\n*2\r\n:1\r\n$1\r\nx\r\n-ERR a\r\n',
    told: [{ value: [[], [1, Buffer.from('x')], new RespError('ERR a')] }],
  },
  {
    name: 'a map and a set',
    bytes: '%1\r\n+a\r\n~2\r\n:1\r\n:2\r\n',
    told: [{ value: new RespMap([['a', new RespSet([1, 2])]]) }],
  },
  {
    name: 'empty maps and sets',
    bytes: '%0\r\n~0\r\n',
    told: [{ value: new RespMap([]) }, { value: new RespSet([]) }],
  },
  {
    name: 'doubles',
    bytes: ',1.5\r\n,-2e3\r\n,inf\r\n,-inf\r\n,nan\r\n',
    told: [
      { value: 1.5 },
      { value: -2000 },
      { value: Number.POSITIVE_INFINITY },
      { value: Number.NEGATIVE_INFINITY },
      { value: Number.NaN },
    ],
  },
  {
    name: 'booleans and big numbers',
    bytes: '#t\r\n#f\r\n(12345678901234567890123\r\n',
    told: [{ value: true }, { value: false }, { value: 12345678901234567890123n }],
  },
  {
    name: 'verbatim text and bulk errors',
    bytes: '=6\r\ntxt:hi\r\n!6\r\nERR\r\nx\r\n',
    told: [
      { value: new RespVerbatim('txt', Buffer.from('hi')) },
      { value: new RespError('ERR\r\nx') },
    ],
  },
  {
    name: 'a push between replies',
    bytes: '+a\r\n>2\r\n+invalidate\r\n*1\r\n$1\r\nk\r\n+b\r\n',
    told: [{ value: 'a' }, { push: ['invalidate', [Buffer.from('k')]] }, { value: 'b' }],
  },
  {
    name: 'no attributes, outside and inside',
    bytes: '|1\r\n+ttl\r\n:5\r\n*2\r\n|1\r\n+x\r\n%0\r\n:1\r\n|0\r\n:2\r\n',
    told: [{ value: [1, 2] }],
  },
];

for (const { name, bytes, told } of values) {
  test(`reads ${name}, however it is cut`, () => {
    for (const packets of cuts(Buffer.from(bytes))) {
      assert.deepEqual(read(packets), { told, midValue: false });
    }
  });
}

const small = { bulkBytesMax: 8, valueBytesMax: 12, elementsMax: 6, depthMax: 2, lineBytesMax: 24 };

for (const { name, bytes, fault } of [
  { name: 'an unknown kind', bytes: 'HTTP/1.1 400\r\n', fault: 'kind-unknown' },
  { name: 'an empty line', bytes: '\r\n', fault: 'line-malformed' },
  { name: 'a line that ends without a carriage return', bytes: '+OK\n', fault: 'line-malformed' },
  { name: 'a number that is none', bytes: ':1x\r\n', fault: 'line-malformed' },
  {
    name: 'an integer beyond 64 bits',
    bytes: ':123456789012345678901\r\n',
    fault: 'line-malformed',
  },
  { name: 'a double that is none', bytes: ',.\r\n', fault: 'line-malformed' },
  { name: 'a boolean that is none', bytes: '#y\r\n', fault: 'line-malformed' },
  { name: 'a line without an end', bytes: `+${'x'.repeat(40)}`, fault: 'line-too-long' },
  { name: 'a line that is too long', bytes: `+${'x'.repeat(40)}\r\n`, fault: 'line-too-long' },
  { name: 'a negative length', bytes: '$-2\r\n', fault: 'length-malformed' },
  { name: 'a length in hex', bytes: '$0x4\r\n', fault: 'length-malformed' },
  { name: 'a streamed string', bytes: '$?\r\n', fault: 'length-malformed' },
  { name: 'a bulk string longer than it says', bytes: '$2\r\nabc\r\n', fault: 'length-malformed' },
  { name: 'a bulk string before its bytes', bytes: '$9\r\n', fault: 'bulk-too-large' },
  { name: 'a length of many terabytes', bytes: '$999999999999999\r\n', fault: 'bulk-too-large' },
  {
    name: 'strings that are too long together',
    bytes: '*2\r\n$7\r\n1234567\r\n$7\r\n',
    fault: 'value-too-large',
  },
  { name: 'an array that is too long', bytes: '*7\r\n', fault: 'too-many-elements' },
  { name: 'a map that is too long', bytes: '%4\r\n', fault: 'too-many-elements' },
  {
    name: 'arrays that are too long together',
    bytes: '*2\r\n*3\r\n:1\r\n:1\r\n:1\r\n*3\r\n',
    fault: 'too-many-elements',
  },
  { name: 'what is too deep', bytes: '*1\r\n*1\r\n*1\r\n', fault: 'too-deep' },
  { name: 'a push within a reply', bytes: '*2\r\n>1\r\n', fault: 'length-malformed' },
  { name: 'verbatim text without a form', bytes: '=3\r\ntxt\r\n', fault: 'length-malformed' },
]) {
  test(`refuses ${name}, once, and swallows the rest`, () => {
    for (const packets of cuts(Buffer.from(`${bytes}`))) {
      assert.deepEqual(read([...packets, Buffer.from('+OK\r\n')], small).told, [{ fault }]);
    }
  });
}

test('bounds count for each value anew', () => {
  const bytes = Buffer.from('*2\r\n$6\r\n123456\r\n$6\r\n123456\r\n'.repeat(5));
  assert.equal(read([bytes], small).told.length, 5);
});

test('tells what was written, however it is cut', () => {
  const leaf = fc.oneof(
    fc.constant(null),
    fc.boolean(),
    fc.maxSafeInteger(),
    fc.string().filter((text) => !/[\r\n]/.test(text)),
    fc.uint8Array({ maxLength: 40 }).map((bytes) => Buffer.from(bytes)),
  );
  const { value } = fc.letrec<{ value: RespValue }>((tie) => ({
    value: fc.oneof(
      { depthSize: 'small', maxDepth: 4 },
      leaf,
      fc.array(tie('value'), { maxLength: 4 }),
      fc.array(tie('value'), { maxLength: 4 }).map((items) => new RespSet(items)),
      fc
        .array(fc.tuple(leaf, tie('value')), { maxLength: 3 })
        .map((entries) => new RespMap(entries)),
    ),
  }));
  fc.assert(
    fc.property(fc.array(value, { maxLength: 5 }), fc.integer({ min: 1, max: 30 }), (all, step) => {
      const bytes = Buffer.concat(all.map((one) => respReply(one, 3)));
      const packets = Array.from({ length: Math.ceil(bytes.length / step) }, (_, at) =>
        bytes.subarray(at * step, (at + 1) * step),
      );
      const told = read(packets).told;
      assert.deepEqual(
        told,
        all.map((one) => ({ value: one })),
      );
    }),
  );
});

test('never throws, whatever comes', () => {
  fc.assert(
    fc.property(
      fc.array(fc.constantFrom(...'*$+-:%~|>=!_#,()?0129tf\r\n', '\r\n', '-1\r\n'), {
        maxLength: 60,
      }),
      (signs) => {
        const bytes = Buffer.from(signs.join(''));
        assert.deepEqual(
          read([bytes], small).told,
          read(
            Array.from(bytes, (byte) => Buffer.of(byte)),
            small,
          ).told,
        );
      },
    ),
  );
});
