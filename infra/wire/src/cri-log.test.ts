import assert from 'node:assert/strict';
import { Buffer } from 'node:buffer';
import { test } from 'node:test';
import { seededRandom } from '@tweendeck/std';
import { CriEncoder, criContentMax, parseCriLine } from './cri-log.ts';

const wallMs = Date.UTC(2026, 0, 2, 3, 4, 5, 678);
const stamp = '2026-01-02T03:04:05.678000000Z';

for (const { name, chunks, want } of [
  { name: 'a whole line', chunks: ['one\n'], want: `${stamp} stdout F one\n` },
  {
    name: 'two lines in one chunk',
    chunks: ['one\ntwo\n'],
    want: `${stamp} stdout F one\n${stamp} stdout F two\n`,
  },
  { name: 'a line in pieces', chunks: ['o', 'n', 'e\n'], want: `${stamp} stdout F one\n` },
  { name: 'an empty line', chunks: ['\n'], want: `${stamp} stdout F \n` },
  { name: 'an unfinished line at the end', chunks: ['on', 'e'], want: `${stamp} stdout P one\n` },
  { name: 'nothing for nothing', chunks: [''], want: '' },
  {
    name: 'a line of exactly the limit in one entry',
    chunks: ['x'.repeat(criContentMax), '\n'],
    want: `${stamp} stdout F ${'x'.repeat(criContentMax)}\n`,
  },
  {
    name: 'a longer line as a partial entry and its end',
    chunks: [`${'x'.repeat(criContentMax)}y\n`],
    want: `${stamp} stdout P ${'x'.repeat(criContentMax)}\n${stamp} stdout F y\n`,
  },
]) {
  test(`CRI encoder writes ${name}`, () => {
    const encoder = new CriEncoder('stdout');
    const written = chunks.map((chunk) => encoder.encode(Buffer.from(chunk), wallMs));
    assert.equal(Buffer.concat([...written, encoder.end(wallMs)]).toString(), want);
  });
}

for (const { name, line, want } of [
  {
    name: 'reads a full entry',
    line: `${stamp} stderr F a b`,
    want: { timestamp: stamp, stream: 'stderr', partial: false, content: 'a b' },
  },
  {
    name: 'reads a partial entry with more tags',
    line: `${stamp} stdout P:x a`,
    want: { timestamp: stamp, stream: 'stdout', partial: true, content: 'a' },
  },
  {
    name: 'reads an empty entry',
    line: `${stamp} stdout F `,
    want: { timestamp: stamp, stream: 'stdout', partial: false, content: '' },
  },
  { name: 'refuses a line cut short', line: stamp, want: undefined },
  { name: 'refuses another stream', line: `${stamp} stdin F a`, want: undefined },
  { name: 'refuses another tag', line: `${stamp} stdout X a`, want: undefined },
  { name: 'refuses another time', line: 'yesterday stdout F a', want: undefined },
]) {
  test(`CRI parser ${name}`, () => {
    const entry = parseCriLine(Buffer.from(line));
    const found = entry && { ...entry, content: Buffer.from(entry.content).toString() };
    assert.deepEqual(found, want);
  });
}

test('CRI encoder loses no byte however the output is cut', () => {
  for (let seed = 0; seed < 60; seed++) {
    const random = seededRandom(seed);
    const chunks = Array.from({ length: random.integer(12) }, () => {
      const kind = random.integer(3);
      if (kind === 0) return Buffer.from(random.bytes(random.integer(40)));
      return kind === 1 ? Buffer.from('\n') : Buffer.alloc(random.integer(40_000), 'z');
    });
    const encoder = new CriEncoder('stdout');
    const parts = chunks.map((chunk) => encoder.encode(chunk, wallMs));
    const encoded = Buffer.concat([...parts, encoder.end(wallMs)]);
    assert.deepEqual(decoded(encoded), Buffer.concat(chunks), `seed ${seed}`);
  }
});

function decoded(encoded: Buffer): Buffer {
  const pieces: Uint8Array[] = [];
  for (let start = 0; start < encoded.length; ) {
    const end = encoded.indexOf(0x0a, start);
    const entry = parseCriLine(encoded.subarray(start, end));
    assert.ok(entry, 'every line is an entry');
    assert.ok(entry.content.length <= criContentMax);
    pieces.push(entry.content, Buffer.from(entry.partial ? '' : '\n'));
    start = end + 1;
  }
  return Buffer.concat(pieces);
}
