// Looks whether a write-ahead log broke in its middle: SQLite would take what comes before as the whole and say nothing.

import { readFileSync } from 'node:fs';
import { StoreFault } from './sqlite-faults.ts';

const headerBytes = 32;
const frameHeaderBytes = 24;
const magicLittle = 0x377f0682;
const magicBig = 0x377f0683;

/**
 * Throws a StoreFault when commits stand behind a frame that is not as it was written. A crash leaves one transaction
 * unfinished at most, and only at the end. Format: https://www.sqlite.org/fileformat2.html#the_write_ahead_log.
 */
export function checkWriteAheadLog(path: string): void {
  const bytes = read(path);
  if (bytes.byteLength < headerBytes) return; // nothing was written since it was begun
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const magic = view.getUint32(0);
  if (magic !== magicLittle && magic !== magicBig) {
    throw new StoreFault('damaged', `${path} does not begin as a write-ahead log`);
  }
  const log = { view, isLittle: magic === magicLittle, pageBytes: view.getUint32(8) };
  if (log.pageBytes < 512 || log.pageBytes > 65_536) {
    throw new StoreFault('damaged', `the header of ${path} is not as it was written`);
  }
  const start = sum(log, { from: 0, to: 24 }, [0, 0]);
  if (start[0] !== view.getUint32(24) || start[1] !== view.getUint32(28)) {
    throw new StoreFault('damaged', `the header of ${path} is not as it was written`);
  }
  const broken = firstBroken(log, start);
  const lost = commitsFrom(log, broken);
  if (lost > 1) {
    throw new StoreFault(
      'damaged',
      `frame ${broken} of ${path} is not as it was written, and ${lost} commits stand behind it`,
    );
  }
}

interface Log {
  readonly view: DataView;
  readonly isLittle: boolean;
  readonly pageBytes: number;
}

type Sums = readonly [number, number];

function read(path: string): Uint8Array {
  try {
    return readFileSync(path);
  } catch (error) {
    if (error instanceof Error && 'code' in error && error.code === 'ENOENT')
      return new Uint8Array();
    throw error;
  }
}

function frameCount({ view, pageBytes }: Log): number {
  return Math.floor((view.byteLength - headerBytes) / (frameHeaderBytes + pageBytes));
}

function frameStart({ pageBytes }: Log, index: number): number {
  return headerBytes + index * (frameHeaderBytes + pageBytes);
}

/** Whether a frame belongs to this log, and not to the one whose room it uses. */
function isCurrent(log: Log, index: number): boolean {
  const start = frameStart(log, index);
  const { view } = log;
  return (
    view.getUint32(start + 8) === view.getUint32(16) &&
    view.getUint32(start + 12) === view.getUint32(20)
  );
}

function firstBroken(log: Log, start: Sums): number {
  let sums = start;
  const count = frameCount(log);
  for (let index = 0; index < count; index++) {
    if (!isCurrent(log, index)) return index;
    const at = frameStart(log, index);
    sums = sum(log, { from: at, to: at + 8 }, sums);
    const data = { from: at + frameHeaderBytes, to: at + frameHeaderBytes + log.pageBytes };
    sums = sum(log, data, sums);
    const { view } = log;
    if (sums[0] !== view.getUint32(at + 16) || sums[1] !== view.getUint32(at + 20)) return index;
  }
  return count;
}

/** Frames that end a transaction of this log, from one on. */
function commitsFrom(log: Log, first: number): number {
  let commits = 0;
  for (let index = first; index < frameCount(log); index++) {
    if (isCurrent(log, index) && log.view.getUint32(frameStart(log, index) + 4) > 0) commits++;
  }
  return commits;
}

function sum(
  { view, isLittle }: Log,
  { from, to }: { readonly from: number; readonly to: number },
  [first, second]: Sums,
): Sums {
  let a = first;
  let b = second;
  for (let position = from; position < to; position += 8) {
    a = (a + view.getUint32(position, isLittle) + b) >>> 0;
    b = (b + view.getUint32(position + 4, isLittle) + a) >>> 0;
  }
  return [a, b];
}
