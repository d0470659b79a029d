import assert from 'node:assert/strict';
import { test } from 'node:test';
import { seededRandom } from '@tweendeck/std';
import { MemoryDisk, systemError } from '../dataplane/memory-disk.ts';
import { RecordJournal } from './record-journal.ts';

const kind = 'numbers';
const recordBytes = 8;

function record(number: number): Buffer {
  const bytes = Buffer.alloc(recordBytes);
  bytes.writeDoubleLE(number);
  return bytes;
}

/** Opens the journal and tells what is in it. */
function read(disk: MemoryDisk, of: string = kind): { journal: RecordJournal; numbers: number[] } {
  const numbers: number[] = [];
  const journal = RecordJournal.open({ disk, kind: of, recordBytes }, (source, at) =>
    numbers.push(source.readDoubleLE(at)),
  );
  return { journal, numbers };
}

function* records(...numbers: number[]): Generator<{ source: Buffer; at: number }> {
  for (const number of numbers) yield { source: record(number), at: 0 };
}

test('a journal gives back what was appended, whole records only, at every length of its file', () => {
  const disk = new MemoryDisk();
  const { journal } = read(disk);
  for (const number of [1, 2, 3]) assert.ok(journal.append(record(number), 0));
  assert.equal(journal.records, 3);
  const full = journal.sizeBytes;
  for (let size = full; size >= full - 3 * 12; size--) {
    const torn = disk.afterCrash();
    for (const inode of torn.files.values()) inode.sizeBytes = size;
    const { journal: again, numbers } = read(torn);
    assert.deepEqual(numbers, [1, 2, 3].slice(0, Math.floor((size - 12) / 12)), `${size} bytes`);
    again.append(record(9), 0);
    assert.deepEqual(read(torn.afterCrash()).numbers, [...numbers, 9]);
  }
});

test('a journal reads none of another kind, and nothing behind a damaged record', () => {
  const disk = new MemoryDisk();
  const { journal } = read(disk);
  for (const number of [1, 2, 3]) journal.append(record(number), 0);
  const damaged = disk.afterCrash();
  for (const { bytes } of damaged.files.values()) bytes[12 * 2 + 3] = 1;
  assert.deepEqual(read(damaged).numbers, [1]);
  assert.deepEqual(read(disk.afterCrash(), 'letters').numbers, []);
});

test('a journal written anew holds its snapshot and what was appended meanwhile', async () => {
  const disk = new MemoryDisk();
  const { journal } = read(disk);
  for (let number = 0; number < 100; number++) journal.append(record(number), 0);
  const done = journal.rewrite(records(98, 99));
  journal.append(record(100), 0);
  const half = disk.afterCrash(); // between slices
  assert.ok(await done);
  journal.append(record(101), 0);
  assert.equal(disk.files.size, 1);
  assert.deepEqual(read(disk.afterCrash()).numbers, [98, 99, 100, 101]);
  assert.ok(read(half).numbers.includes(100));
});

test('a journal holds all that was synced when the power goes, also while it is written anew', async () => {
  const disk = new MemoryDisk();
  disk.losesUnsynced = true;
  const { journal } = read(disk);
  const random = seededRandom(3);
  const synced = new Set<number>();
  let last = 0;
  let looks = 0;
  const look = (): void => {
    const { journal: again, numbers } = read(disk.afterPowerLoss());
    again[Symbol.dispose]();
    for (const number of synced) assert.ok(numbers.includes(number), `${number} of ${last}`);
    looks++;
  };
  const running: Promise<unknown>[] = [];
  for (let step = 0; step < 600; step++) {
    const number = ++last;
    journal.append(record(number), 0);
    const all = Array.from({ length: number }, (_, at) => at + 1);
    if (random.next() < 0.1) running.push(journal.rewrite(records(...all)));
    if (random.next() < 0.3) {
      const files = journal.files.map((file) => file.sync());
      running.push(Promise.all(files).then(() => synced.add(number)));
    }
    for (let turn = random.integer(4); turn > 0; turn--) await Promise.resolve();
    if (random.next() < 0.2) await new Promise(setImmediate);
    if (random.next() < 0.2) look();
  }
  await Promise.all(running);
  look();
  assert.ok(looks > 50 && synced.size > 50, `${looks} looks at ${synced.size} numbers`);
  journal[Symbol.dispose]();
  assert.equal(disk.openFiles, 0);
});

test('a journal that dies while it is written anew is the one before', async () => {
  const disk = new MemoryDisk();
  const { journal } = read(disk);
  for (let number = 0; number < 3; number++) journal.append(record(number), 0);
  const endless = (function* (): Generator<{ source: Buffer; at: number }> {
    for (;;) yield { source: record(7), at: 0 };
  })();
  const done = journal.rewrite(endless);
  assert.deepEqual(read(disk.afterCrash()).numbers, [0, 1, 2]);
  journal[Symbol.dispose]();
  assert.equal(await done, false);
  assert.equal(disk.files.size, 1);
});

test('a journal stays as it is when the disk fails, and goes on when it is back', async () => {
  const disk = new MemoryDisk();
  const { journal } = read(disk);
  journal.append(record(1), 0);
  disk.fault = ({ operation }) =>
    operation === 'write' ? { error: systemError('ENOSPC'), writtenBytes: 5 } : undefined;
  assert.equal(journal.append(record(2), 0), false);
  assert.equal(await journal.rewrite(records(1)), false);
  disk.fault = () => undefined;
  assert.ok(journal.append(record(3), 0));
  assert.deepEqual(read(disk.afterCrash()).numbers, [1, 3]);
  assert.equal(disk.files.size, 1);
});
