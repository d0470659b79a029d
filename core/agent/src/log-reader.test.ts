import assert from 'node:assert/strict';
import { Buffer } from 'node:buffer';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { seededRandom } from '@tweendeck/std';
import { CriEncoder } from '@tweendeck/wire';
import { LogFile, rotatedLogs } from './log-file.ts';
import { type LogReadOptions, readLog } from './log-reader.ts';

const noon = Date.UTC(2026, 0, 1, 12);
const never = new AbortController().signal;

async function inDirectory(work: (path: string) => Promise<void>): Promise<void> {
  const directory = await mkdtemp(join(tmpdir(), 'log-'));
  try {
    await work(join(directory, 'app', '0.log'));
  } finally {
    await rm(directory, { recursive: true, force: true });
  }
}

async function read(path: string, options: LogReadOptions = {}): Promise<string> {
  const blocks: Uint8Array[] = [];
  for await (const block of readLog(path, options, never)) blocks.push(block);
  return Buffer.concat(blocks).toString();
}

/** Ten lines, one a second from noon, in files of three. */
async function tenLines(path: string): Promise<void> {
  await using file = await LogFile.open(path, { bytesMax: 150, filesMax: 9 });
  const encoder = new CriEncoder('stdout');
  for (let index = 0; index < 10; index++) {
    await file.append(encoder.encode(Buffer.from(`line ${index}\n`), noon + index * 1_000));
  }
}

const lines = (first: number): string =>
  Array.from({ length: 10 - first }, (_, index) => `line ${first + index}\n`).join('');

for (const { name, options, want } of [
  { name: 'everything', options: {}, want: lines(0) },
  { name: 'nothing', options: { tailLines: 0 }, want: '' },
  { name: 'the last line', options: { tailLines: 1 }, want: lines(9) },
  { name: 'a tail within the last file', options: { tailLines: 3 }, want: lines(7) },
  { name: 'a tail over a rotation', options: { tailLines: 4 }, want: lines(6) },
  { name: 'a tail over two rotations', options: { tailLines: 8 }, want: lines(2) },
  { name: 'a tail of exactly all', options: { tailLines: 10 }, want: lines(0) },
  { name: 'a tail of more than there is', options: { tailLines: 99 }, want: lines(0) },
  { name: 'what came since', options: { sinceMs: noon + 5_000 }, want: lines(5) },
  {
    name: 'what came since, of the tail',
    options: { sinceMs: noon + 5_000, tailLines: 2 },
    want: lines(8),
  },
  { name: 'a limited number of bytes', options: { limitBytes: 9 }, want: 'line 0\nli' },
  {
    name: 'times',
    options: { timestamps: true, tailLines: 1 },
    want: '2026-01-01T12:00:09.000000000Z line 9\n',
  },
] as readonly { name: string; options: LogReadOptions; want: string }[]) {
  test(`a log of several files gives ${name}`, () =>
    inDirectory(async (path) => {
      await tenLines(path);
      assert.ok((await rotatedLogs(path)).length >= 2);
      assert.equal(await read(path, options), want);
    }));
}

test('a log joins partial entries and times them once', () =>
  inDirectory(async (path) => {
    {
      await using file = await LogFile.open(path, { bytesMax: 1_000_000, filesMax: 2 });
      const encoder = new CriEncoder('stderr');
      await file.append(encoder.encode(Buffer.from(`${'x'.repeat(20_000)}\nend`), noon));
      await file.append(encoder.end(noon));
    }
    assert.equal(await read(path), `${'x'.repeat(20_000)}\nend`);
    const timed = await read(path, { timestamps: true });
    assert.equal(timed.match(/2026-/g)?.length, 2);
  }));

test('the oldest file goes when there are too many', () =>
  inDirectory(async (path) => {
    await using file = await LogFile.open(path, { bytesMax: 50, filesMax: 3 });
    const encoder = new CriEncoder('stdout');
    for (let index = 0; index < 9; index++) {
      await file.append(encoder.encode(Buffer.from(`line ${index}\n`), noon));
    }
    assert.equal((await rotatedLogs(path)).length, 2);
    assert.equal(await read(path), 'line 6\nline 7\nline 8\n');
  }));

test('an appended log goes on where it was', () =>
  inDirectory(async (path) => {
    for (const text of ['one\n', 'two\n']) {
      await using file = await LogFile.open(path, { bytesMax: 1_000, filesMax: 2 });
      await file.append(new CriEncoder('stdout').encode(Buffer.from(text), noon));
    }
    assert.equal(await read(path), 'one\ntwo\n');
  }));

test('a follower misses nothing and repeats nothing, however writes, rotations and reads fall', () =>
  inDirectory(async (path) => {
    for (let seed = 1; seed <= 3; seed++) {
      const random = seededRandom(seed);
      const own = `${path}-${seed}`;
      const file = await LogFile.open(own, { bytesMax: 200, filesMax: 1_000 });
      const following = read(own, { follow: file });
      const encoder = new CriEncoder('stdout');
      let said = '';
      for (let index = 0; index < 60; index++) {
        const text = `${index}${'.'.repeat(random.integer(60))}\n`;
        said += text;
        await file.append(encoder.encode(Buffer.from(text), noon));
        if (random.integer(3) === 0) await new Promise<void>((resolve) => setImmediate(resolve));
      }
      await file[Symbol.asyncDispose]();
      assert.equal(await following, said, `seed ${seed}`);
    }
  }));

test('a follower stops when it is told to', () =>
  inDirectory(async (path) => {
    await using file = await LogFile.open(path, { bytesMax: 200, filesMax: 2 });
    const stop = new AbortController();
    const following = (async () => {
      for await (const _ of readLog(path, { follow: file }, stop.signal))
        assert.fail('nothing was written');
    })();
    stop.abort();
    await assert.rejects(following, { name: 'AbortError' });
  }));
