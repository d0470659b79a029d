// The store against a plain loop of append and fdatasync on the same disk in the same run; then 200 kills.

import { closeSync, fdatasyncSync, mkdtempSync, openSync, rmSync, writeSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

import { type Clock, clockOf, silentLogger } from '@tweendeck/std';
import { openSqliteStore, type Store } from '@tweendeck/store';

import { killStore } from '../e2e/store-kill.ts';

const clock: Clock = clockOf(globalThis);
const valueBytes = 1_100;
const keyCount = 10_000;
const watcherCount = 50;
const roundMs = 500;
const rounds = 3;

interface Options {
  readonly directory: string;
  readonly write: (line: string) => void;
}

/** Prints its tables line by line. `--kills=<count>` (200; 0 leaves them out), `--seed=<number>` (1). */
export async function run(
  options: { readonly args: readonly string[]; readonly write: (line: string) => void },
  signal: AbortSignal,
): Promise<void> {
  const { args, write } = options;
  const directory = mkdtempSync(join(tmpdir(), 'store-bench-'));
  try {
    await memory({ directory, write }, signal);
    await commits({ directory, write }, signal);
    await reads({ directory, write }, signal);
    const kills = numberOf(args, 'kills', 200);
    if (kills > 0)
      await deaths({ directory, write }, { kills, seed: numberOf(args, 'seed', 1) }, signal);
  } finally {
    rmSync(directory, { recursive: true });
  }
}

/** What the first open store adds to this process: a thread, its database, its code. */
async function memory({ directory, write }: Options, signal: AbortSignal): Promise<void> {
  const before = process.memoryUsage.rss();
  await using store = await openAt(join(directory, 'memory.db'), signal);
  await store.commit(batchOf(0).slice(0, 1));
  const resident = (process.memoryUsage.rss() - before) / 1e6;
  write(`an open, almost empty store: ${resident.toFixed(0)} MB more resident memory`);
  write('');
}

/** Best of a few rounds each, the two taking turns, so that what else the machine does meets both. */
async function commits({ directory, write }: Options, signal: AbortSignal): Promise<void> {
  await using store = await openAt(join(directory, 'commits.db'), signal);
  write(`durable commits of ${valueBytes} bytes, best of ${rounds} rounds of ${roundMs} ms`);
  write('writers   commits/s   p50 ms   p99 ms   append+fdatasync/s   ratio');
  for (const writers of [1, 16, 64, 256]) {
    let plain = 0;
    let best: Measured = { perSecond: 0, latenciesMs: [] };
    for (let round = 0; round < rounds; round++) {
      plain = Math.max(plain, appendLoop(join(directory, 'plain')));
      const measured = await commitLoop(store, writers, signal);
      if (measured.perSecond > best.perSecond) best = measured;
    }
    const sorted = best.latenciesMs.toSorted((a, b) => a - b);
    const cells = [
      pad(writers, 7),
      pad(best.perSecond, 12),
      pad((sorted[Math.floor(sorted.length / 2)] ?? 0).toFixed(2), 9),
      pad((sorted[Math.floor(sorted.length * 0.99)] ?? 0).toFixed(2), 9),
      pad(plain, 21),
      pad((best.perSecond / plain).toFixed(1), 8),
    ];
    write(cells.join(''));
  }
}

interface Measured {
  readonly perSecond: number;
  readonly latenciesMs: readonly number[];
}

async function commitLoop(store: Store, writers: number, signal: AbortSignal): Promise<Measured> {
  const latenciesMs: number[] = [];
  const startMs = clock.monotonicMs();
  const write = async (writer: number): Promise<void> => {
    for (let turn = writer; clock.monotonicMs() - startMs < roundMs; turn += writers) {
      signal.throwIfAborted();
      const beginMs = clock.monotonicMs();
      const value = new Uint8Array(valueBytes).fill(turn);
      await store.commit([{ operation: 'put', key: `/registry/pods/${turn % keyCount}`, value }]);
      latenciesMs.push(clock.monotonicMs() - beginMs);
    }
  };
  await Promise.all(Array.from({ length: writers }, (_, writer) => write(writer)));
  return { perSecond: perSecond(latenciesMs.length, clock.monotonicMs() - startMs), latenciesMs };
}

/** What the disk gives one who writes and waits, without any store. */
function appendLoop(path: string): number {
  const file = openSync(path, 'a');
  const bytes = new Uint8Array(valueBytes).fill(1);
  const startMs = clock.monotonicMs();
  let count = 0;
  for (; clock.monotonicMs() - startMs < roundMs; count++) {
    writeSync(file, bytes);
    fdatasyncSync(file);
  }
  closeSync(file);
  return perSecond(count, clock.monotonicMs() - startMs);
}

async function reads({ directory, write }: Options, signal: AbortSignal): Promise<void> {
  const path = join(directory, 'reads.db');
  {
    await using store = await openAt(path, signal);
    for (let start = 0; start < keyCount; start += 1_000) await store.commit(batchOf(start));
    const revision = store.revision;
    write('');
    write(`list ${keyCount}: ${await median(() => store.list('/registry/'))}`);
    for (let start = 0; start < 2_000; start += 1_000) await store.commit(batchOf(start));
    const past = await median(() => store.list('', { revision }));
    write(`list ${keyCount} as of 2,000 changes ago: ${past}`);
    write(`watch fan-out to ${watcherCount}: ${await fanOut(store, signal)} events/s`);
    const compaction = clock.monotonicMs();
    await store.compact(store.revision);
    const compactionMs = clock.monotonicMs() - compaction;
    write(`compact ${store.revision} revisions: ${compactionMs.toFixed(0)} ms`);
  }
  const startMs = clock.monotonicMs();
  await using store = await openAt(path, signal);
  write(`open ${keyCount} keys again: ${(clock.monotonicMs() - startMs).toFixed(0)} ms`);
  if ((await store.list('')).items.length !== keyCount) throw new Error('the store lost keys');
}

function batchOf(start: number) {
  return Array.from({ length: 1_000 }, (_, index) => ({
    operation: 'put' as const,
    key: `/registry/pods/${start + index}`,
    value: new Uint8Array(valueBytes).fill(index),
  }));
}

/** Events that reach all watchers per second while 64 writers commit. */
async function fanOut(store: Store, signal: AbortSignal): Promise<number> {
  const total = 5_000;
  const last = store.revision + total;
  const watch = async (): Promise<number> => {
    let seen = 0;
    for await (const changes of store.watch('/registry/', last - total, signal)) {
      seen += changes.length;
      if ((changes.at(-1)?.revision ?? 0) >= last) break;
    }
    return seen;
  };
  const startMs = clock.monotonicMs();
  const watching = Promise.all(Array.from({ length: watcherCount }, watch));
  let left = total;
  const write = async (writer: number): Promise<void> => {
    while (left-- > 0) {
      const value = new Uint8Array(valueBytes).fill(left);
      await store.commit([{ operation: 'put', key: `/registry/pods/${writer}`, value }]);
    }
  };
  await Promise.all(Array.from({ length: 64 }, (_, writer) => write(writer)));
  const seen = (await watching).reduce((sum, count) => sum + count, 0);
  if (seen !== total * watcherCount) throw new Error(`watchers saw ${seen} events`);
  return perSecond(seen, clock.monotonicMs() - startMs);
}

async function deaths(
  { directory, write }: Options,
  { kills, seed }: { readonly kills: number; readonly seed: number },
  signal: AbortSignal,
): Promise<void> {
  const startMs = clock.monotonicMs();
  const report = await killStore({ kills, seed, directory }, signal);
  const seconds = (clock.monotonicMs() - startMs) / 1_000;
  write('');
  write(`${kills} kills under 64 writers in ${seconds.toFixed(0)} s, seed ${seed}:`);
  write(
    `  ${report.acknowledged} acknowledged writes, 0 lost; ${report.unacknowledged} durable unacknowledged`,
  );
  write(
    `  ${report.lastRevision} revisions without gap or repeat; ${report.duringOpening} kills while opening`,
  );
}

async function openAt(path: string, signal: AbortSignal): Promise<Store> {
  return openSqliteStore({ path, log: silentLogger }, signal);
}

/** The median of five runs. */
async function median(work: () => Promise<unknown>): Promise<string> {
  const durations: number[] = [];
  for (let turn = 0; turn < 5; turn++) {
    const startMs = clock.monotonicMs();
    await work();
    durations.push(clock.monotonicMs() - startMs);
  }
  return `${(durations.sort((a, b) => a - b)[2] ?? 0).toFixed(1)} ms`;
}

function perSecond(count: number, durationMs: number): number {
  return Math.round((count * 1_000) / durationMs);
}

function pad(value: number | string, width: number): string {
  return String(value).padStart(width);
}

function numberOf(args: readonly string[], name: string, fallback: number): number {
  const text = args.find((arg) => arg.startsWith(`--${name}=`))?.split('=')[1];
  const value = text === undefined ? fallback : Number(text);
  if (!Number.isInteger(value) || value < 0) throw new Error(`--${name}=${text} is no count`);
  return value;
}
