// Runs a scenario once per seed on simulated time, and names the seed that fails.

import { test } from 'node:test';
import { isAbort, messageOf, type Random, seededRandom, TaskGroup } from '@tweendeck/std';
import { SimClock, settle } from './clock.ts';

export interface SimulateOptions {
  /** How many seeds (1, 2, ...), or which. */
  readonly seeds: number | readonly number[];
  /** Simulated time a seed runs for at most; it ends earlier when nothing is left to do. */
  readonly simulatedMs: number;
}

/** What a scenario builds its history in. */
export interface World {
  readonly seed: number;
  readonly clock: SimClock;
  readonly random: Random;
  /** Aborts when the simulated time is over. */
  readonly signal: AbortSignal;
  /** Runs something until the world ends; a failure before that fails the seed. */
  start(name: string, task: (signal: AbortSignal) => Promise<void>): void;
  /** Must hold after every step: throws or gives false when it does not. */
  always(name: string, check: () => unknown): void;
  /** Must hold when the time is over, before anything is stopped: throws or gives (a promise of) false when it does not. */
  finally(name: string, check: () => unknown): void;
  /** Adds a line to the history that is printed when the seed fails; the last 200 are kept. */
  note(line: string): void;
}

/** Registers one test that runs `scenario` for every seed. The scenario itself is a task of its world. */
export function simulate(
  name: string,
  options: SimulateOptions,
  scenario: (world: World) => Promise<void>,
): void {
  test(name, async () => {
    for (const seed of seedList(options.seeds)) await runSeed(name, seed, options, scenario);
  });
}

/**
 * The seeds to run: `TWEENDECK_SEED=17` replays that one, `TWEENDECK_SEEDS=5000` runs as many, from `TWEENDECK_FIRST_SEED=1` on;
 * otherwise `usual`. Tests pass their `process.env`.
 */
export function seedsFrom(
  environment: Readonly<Record<string, string | undefined>>,
  usual: number,
): number | readonly number[] {
  const one = environment['TWEENDECK_SEED'];
  if (one) return [Number(one)];
  const count = Number(environment['TWEENDECK_SEEDS'] || usual);
  const first = Number(environment['TWEENDECK_FIRST_SEED'] || 1);
  return first === 1 ? count : Array.from({ length: count }, (_, index) => first + index);
}

/** Runs one seed; rejects with the seed in the message when a check or a task fails. */
export async function runSeed(
  name: string,
  seed: number,
  options: Pick<SimulateOptions, 'simulatedMs'>,
  scenario: (world: World) => Promise<void>,
): Promise<void> {
  const history: string[] = [];
  try {
    await runWorld(seed, { ...options, history }, scenario);
  } catch (cause) {
    const lines = history.length > 0 ? `\n  ${history.join('\n  ')}` : '';
    throw new Error(
      `${name}: seed ${seed} failed: ${messageOf(cause)}\n` +
        `replay: TWEENDECK_SEED=${seed} (or seeds: [${seed}])${lines}`,
      { cause },
    );
  }
}

function seedList(seeds: number | readonly number[]): readonly number[] {
  return typeof seeds === 'number' ? Array.from({ length: seeds }, (_, index) => index + 1) : seeds;
}

const historyLinesMax = 200;

async function runWorld(
  seed: number,
  options: { readonly simulatedMs: number; readonly history: string[] },
  scenario: (world: World) => Promise<void>,
): Promise<void> {
  const random = seededRandom(seed);
  const clock = new SimClock({ random: seededRandom(seed ^ 0x5bd1e995) });
  const always: Check[] = [];
  const atEnd: Check[] = [];
  const failures: unknown[] = [];
  const group = new TaskGroup({ onFailure: (error) => void failures.push(error) });
  const note = (line: string): void => {
    options.history.push(`${(clock.monotonicMs() / 1_000).toFixed(3)} s ${line}`);
    if (options.history.length > historyLinesMax) options.history.shift();
  };
  const start = (name: string, task: (signal: AbortSignal) => Promise<void>): void =>
    group.start(async (signal) => {
      try {
        await task(signal);
      } catch (error) {
        if (isAbort(error, signal)) return;
        throw new Error(`${name} failed`, { cause: error });
      }
    });
  const world: World = {
    seed,
    clock,
    random,
    signal: group.signal,
    start,
    always: (name, run) => void always.push({ name, run }),
    finally: (name, run) => void atEnd.push({ name, run }),
    note,
  };
  start('the scenario', () => scenario(world));
  try {
    await settle();
    do {
      for (const check of always) await hold(check);
    } while (failures.length === 0 && (await clock.step(options.simulatedMs)));
    if (failures.length > 0) throw failures[0];
    for (const check of atEnd) await hold(check);
  } finally {
    await stop(group, clock);
  }
  if (failures.length > 0) throw failures[0];
}

interface Check {
  readonly name: string;
  readonly run: () => unknown;
}

async function hold(check: Check): Promise<void> {
  try {
    if ((await check.run()) === false) throw new Error('it does not hold');
  } catch (cause) {
    throw new Error(`check "${check.name}"`, { cause });
  }
}

/** Ends the tasks; an orderly stop may need time, so time goes on, for an hour at most. */
async function stop(group: TaskGroup, clock: SimClock): Promise<void> {
  await clock.until(group[Symbol.asyncDispose]());
}
