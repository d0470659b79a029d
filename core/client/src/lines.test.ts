import assert from 'node:assert/strict';
import { test } from 'node:test';
import { linesOf } from './lines.ts';

async function read(pieces: readonly string[], lengthMax?: number): Promise<readonly string[]> {
  const body = (async function* () {
    for (const piece of pieces) yield new TextEncoder().encode(piece);
  })();
  const lines: string[] = [];
  for await (const line of linesOf(body, lengthMax)) lines.push(line);
  return lines;
}

for (const { name, pieces, lines } of [
  { name: 'several lines in one piece', pieces: ['a\nb\nc\n'], lines: ['a', 'b', 'c'] },
  { name: 'one line in several pieces', pieces: ['a', 'b', 'c\n'], lines: ['abc'] },
  { name: 'an end that comes alone', pieces: ['ab', '\n', 'c\n'], lines: ['ab', 'c'] },
  { name: 'empty lines', pieces: ['\n\na\n\n'], lines: ['a'] },
  { name: 'nothing', pieces: [], lines: [] },
])
  test(`lines of ${name}`, async () => assert.deepEqual(await read(pieces), lines));

test('a letter cut in the middle of its bytes', async () => {
  const bytes = new TextEncoder().encode('ä\n');
  const body = (async function* () {
    yield bytes.subarray(0, 1);
    yield bytes.subarray(1);
  })();
  for await (const line of linesOf(body)) assert.equal(line, 'ä');
});

test('a stream that ends within a line is broken', () =>
  assert.rejects(read(['a\nb']), { code: 'CLIENT_UNREACHABLE' }));

for (const { name, pieces } of [
  { name: 'in one piece', pieces: ['123456\n'] },
  { name: 'in pieces without an end', pieces: ['123', '456'] },
])
  test(`a line beyond the limit, ${name}, is refused`, () =>
    assert.rejects(read(pieces, 5), { code: 'CLIENT_ANSWER_TOO_LARGE' }));
