// Sessions that Unity's server and ours must answer alike: what clients do, one step after the other.

import type { Random } from '@tweendeck/std';

export const fileTypes = ['a', 'i', 'r'] as const;
export type FileType = (typeof fileTypes)[number];

/** Which of the session's keys; the last two have a hash of zeros, which is never stored, and a GUID of zeros, which is. */
export const keyCount = 5;
export const zeroHashKey = 3;
export const zeroGuidKey = 4;

export type Step = { readonly on: 0 | 1 } & (
  | { readonly do: 'get'; readonly key: number; readonly type: FileType }
  | { readonly do: 'begin'; readonly key: number }
  | { readonly do: 'file'; readonly type: FileType; readonly bytes: number; readonly fill: string }
  | { readonly do: 'commit' }
  /** All answers are awaited. */
  | { readonly do: 'await' }
  /** Bytes that end the connection. */
  | { readonly do: 'offend'; readonly with: Offence }
  /** With the start of a command or a body behind it that stays half. */
  | { readonly do: 'leave'; readonly way: 'quit' | 'finish' | 'reset'; readonly half: number }
);

const offences = ['te', 'pa', 'x', 'GA', 'gx', 'px', 'tx', 'line end', 'minus one'] as const;
export type Offence = (typeof offences)[number];

/** The forms that both accept, each packet by itself; `joined` goes in one packet with the first commands. */
export const versions = {
  whole: ['000000fe'],
  joined: ['000000fe'],
  short: ['fe'],
  middle: ['00fe'],
  odd: ['0fe'],
  upper: ['FE'],
  'upper whole': ['000000FE'],
  'two pieces': ['f', 'e'],
  'first byte alone': ['0', '00000fe'],
} as const;

/** How commands are cut into packets; `thirds` is how the Scriptable Build Pipeline writes a get. */
const cuts = ['whole', 'commands', 'thirds', 'bytes', 'anywhere', 'inside'] as const;

export interface Session {
  readonly version: keyof typeof versions;
  readonly cut: (typeof cuts)[number];
  /** Where `anywhere` cuts. */
  readonly cutSeed: number;
  readonly upperSizes: boolean;
  readonly steps: readonly Step[];
}

function oneOf<Value>(values: readonly Value[], random: Random): Value {
  const value = values[random.integer(values.length)];
  if (value === undefined) throw new Error('nothing to choose from');
  return value;
}

const sizes = [
  1, 1, 2, 5, 16, 100, 1_000, 4_096, 16_384, 65_535, 65_536, 65_537, 300_000, 1_048_577,
] as const;

/** What a client might do. */
export function randomSession(random: Random): Session {
  const steps: Step[] = [];
  const keys = 1 + random.integer(keyCount);
  for (let run = 1 + random.integer(4); run > 0; run--) {
    const on = random.next() < 0.7 ? 0 : 1;
    for (let count = 1 + random.integer(9); count > 0; count--) {
      steps.push(...randomSteps(on, keys, random));
    }
    if (random.next() < 0.25) steps.push(randomEnd(on, random));
  }
  return {
    version: oneOf(Object.keys(versions) as (keyof typeof versions)[], random), // its own keys
    cut: oneOf(cuts, random),
    cutSeed: random.integer(2 ** 31),
    upperSizes: random.next() < 0.2,
    steps,
  };
}

function randomSteps(on: 0 | 1, keys: number, random: Random): readonly Step[] {
  const key = random.integer(keys);
  const get = (): Step => ({ on, do: 'get', key, type: oneOf(fileTypes, random) });
  const chance = random.next();
  if (chance < 0.35) return [get()];
  if (chance < 0.45) return Array.from({ length: 1 + random.integer(40) }, get);
  if (chance < 0.5) return [{ on, do: 'await' }];
  if (chance < 0.55) return [{ on, do: 'begin', key }];
  const parts: Step[] = [{ on, do: 'begin', key }];
  for (let count = random.integer(5); count > 0; count--) {
    const bytes = oneOf(sizes.slice(0, 1 + random.integer(sizes.length)), random);
    const fill = oneOf(['qte', 'tspa', '\0', '\xff', '\n', 'x', 'yz'], random);
    parts.push({ on, do: 'file', type: oneOf(fileTypes, random), bytes, fill });
    if (random.next() < 0.15) parts.push(get());
  }
  if (random.next() < 0.92) parts.push({ on, do: 'commit' });
  return parts;
}

function randomEnd(on: 0 | 1, random: Random): Step {
  if (random.next() < 0.4) return { on, do: 'offend', with: oneOf(offences, random) };
  const way = oneOf(['quit', 'finish', 'reset'] as const, random);
  const half = way === 'quit' || random.next() < 0.5 ? 0 : 1 + random.integer(60);
  return { on, do: 'leave', way, half };
}

/** Does nothing but ask for all keys, as every session does at its end. */
export const readingSession: Session = {
  ...{ version: 'whole', cut: 'whole', cutSeed: 0, upperSizes: false },
  steps: [],
};
