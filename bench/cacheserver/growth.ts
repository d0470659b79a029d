// How cost grows with the keys that are there: filling, asking, memory, and a start after the process was killed.

import { tableOf } from '../support/readme.ts';
import { type KeySet, sendTo } from './send.ts';
import { type CacheSide, openSide } from './sides.ts';

const valueBytes = 100;
const keysMin = 250_000;
const readyMaxMs = 2_000;
const readyKeys = 1_000_000;
const askedFor = 20_000;

interface GrowthOptions {
  readonly directory: string;
  readonly keysMax: number;
  readonly write: (line: string) => void;
}

const setOf = (first: number, keys: number): KeySet => ({
  first: 100_000_000 + first,
  keys,
  i: valueBytes,
});

/** A table of a cache that doubles up to `keysMax` keys. */
export async function growth(
  { directory, keysMax, write }: GrowthOptions,
  signal: AbortSignal,
): Promise<readonly string[]> {
  const rows: string[][] = [];
  let side = await openSide('ours', { directory }, signal);
  try {
    const empty = side.residentBytes();
    const emptyReadyMs = side.readyMs.toFixed(0);
    rows.push(['0', '', '', '', `${emptyReadyMs} ms`, '', '', '', '', '']);
    let filled = 0;
    for (let keys = Math.min(keysMin, keysMax); keys <= keysMax; keys *= 2) {
      const fill = {
        connections: 8,
        depth: 64,
        sets: [setOf(filled, keys - filled)],
        types: 'i',
        puts: 1,
        count: keys - filled,
      };
      const puts = await sendTo(side, fill, signal);
      filled = keys;
      const gets = await ask(side, keys, signal);
      const perKey = (side.residentBytes() - empty) / keys;
      await side[Symbol.asyncDispose](); // killed
      side = await openSide('ours', { directory }, signal);
      const perKeyAfter = (side.residentBytes() - empty) / keys;
      const after = await ask(side, keys, signal);
      const ready = `${side.readyMs.toFixed(0)} ms`;
      const target = keys === readyKeys ? `< ${readyMaxMs} ms` : '';
      const verdict = keys !== readyKeys ? '' : side.readyMs < readyMaxMs ? 'met' : 'missed';
      rows.push([
        String(keys),
        puts.perSecond.toFixed(0),
        gets.perSecond.toFixed(0),
        perKey.toFixed(0),
        ready,
        target,
        verdict,
        perKeyAfter.toFixed(0),
        after.perSecond.toFixed(0),
        String(after.wrong),
      ]);
      write(`${keys} keys: ${rows.at(-1)?.slice(1).join(', ')}`);
    }
  } finally {
    await side[Symbol.asyncDispose]();
  }
  const head = ['keys', 'puts/s', 'gets/s', 'bytes a key', 'ready after', 'target', ''];
  return [
    `A cache that doubles: ${valueBytes} bytes a file, 8 connections, 64 operations on their way on each. At each size the`,
    'process is killed and started again; memory is what is resident beyond an empty cache.',
    '',
    ...tableOf([...head, 'bytes a key then', 'gets/s then', 'lost'], rows),
  ];
}

async function ask(
  side: CacheSide,
  keys: number,
  signal: AbortSignal,
): Promise<{ readonly perSecond: number; readonly wrong: number }> {
  const load = { connections: 8, depth: 64, sets: [setOf(0, keys)], types: 'i', random: true };
  return sendTo(side, { ...load, count: askedFor, check: true }, signal);
}
