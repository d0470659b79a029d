// Gives ours and theirs the same cases, and shows the first difference, made small.

import { isJsonObject } from '@tweendeck/std';
import type { Oracle } from './oracle.ts';
import { shrink } from './shrink.ts';
import { Source } from './source.ts';

/** What is compared: cases are JSON values, so that they can be made smaller and printed. */
export interface Comparison<Case> {
  readonly name: string;
  /** Case number `number` of a seed. */
  generate(source: Source, number: number): Case;
  /** Whether cases may have shorter texts, too, when made small. */
  readonly shrinksTexts?: boolean;
  /** Whether a smaller case is one that could be generated; without it, all are. */
  isCase?(each: Case): boolean;
  /** What upstream's libraries say. */
  theirs(each: Case, oracle: Oracle): Promise<unknown>;
  /** What our code says. What it throws is a difference, as what it says. */
  ours(each: Case): unknown;
  /** How often upstream is asked where it walks maps, in any order: ours has to be one of its answers. */
  readonly triesMax?: number;
  /** Whether the two say the same, where upstream's answer has some chance in it; without it, byte by byte. */
  agree?(ours: unknown, theirs: unknown): boolean;
}

export interface Run {
  readonly count: number;
  readonly seed: number;
  /** Differences after which to stop. */
  readonly differencesMax: number;
  readonly write: (line: string) => void;
}

/** How many cases are asked before the first answer is looked at. */
const inFlightMax = 64;

/** How many of the cases were equal. */
export async function compare<Case>(
  comparison: Comparison<Case>,
  oracle: Oracle,
  { count, seed, differencesMax, write }: Run,
): Promise<{ readonly equal: number; readonly different: number }> {
  let equal = 0;
  let different = 0;
  for (let from = 0; from < count && different < differencesMax; from += inFlightMax) {
    const numbers = Array.from({ length: Math.min(inFlightMax, count - from) }, (_, i) => from + i);
    const cases = numbers.map((number) => comparison.generate(new Source(seed, number), number));
    const asked = cases.map((each) => comparison.theirs(each, oracle));
    for (const [index, each] of cases.entries()) {
      const answer = oursOf(comparison, each);
      if (
        agree(comparison, answer, await asked[index]) ||
        (await agreesAgain(comparison, oracle, each, answer))
      ) {
        equal++;
        continue;
      }
      different++;
      if (different > differencesMax) continue;
      write(`${comparison.name}: case ${from + index} of seed ${seed} differs; made small:`);
      await tell(comparison, oracle, each, write);
    }
  }
  return { equal, different };
}

async function agreesAgain<Case>(
  comparison: Comparison<Case>,
  oracle: Oracle,
  each: Case,
  ours: unknown,
): Promise<boolean> {
  for (let tries = 1; tries < (comparison.triesMax ?? 1); tries++)
    if (agree(comparison, ours, await comparison.theirs(each, oracle))) return true;
  return false;
}

async function tell<Case>(
  comparison: Comparison<Case>,
  oracle: Oracle,
  found: Case,
  write: (line: string) => void,
): Promise<void> {
  const spoke = isSaid(oursOf(comparison, found));
  const differs = async (each: Case): Promise<boolean> => {
    let theirs: unknown;
    try {
      if (comparison.isCase?.(each) === false) return false;
      theirs = await comparison.theirs(each, oracle);
    } catch {
      return false; // not a case any more
    }
    const ours = oursOf(comparison, each);
    return (
      isSaid(theirs) &&
      isSaid(ours) === spoke &&
      !agree(comparison, ours, theirs) &&
      !(await agreesAgain(comparison, oracle, each, ours))
    );
  };
  const small = await shrink(found, differs, comparison.shrinksTexts ?? false);
  write(`  case   ${JSON.stringify(small)}`);
  write(`  ours   ${canonical(oursOf(comparison, small))}`);
  write(`  theirs ${canonical(await comparison.theirs(small, oracle))}`);
}

/** Whether this is an answer, and not the end of one. */
function isSaid(answer: unknown): boolean {
  return !(isJsonObject(answer) && ('panic' in answer || 'thrown' in answer));
}

function oursOf<Case>(comparison: Comparison<Case>, each: Case): unknown {
  try {
    return comparison.ours(each);
  } catch (error) {
    return { thrown: error instanceof Error ? (error.stack ?? error.message) : String(error) };
  }
}

function agree<Case>({ agree: judge }: Comparison<Case>, ours: unknown, theirs: unknown): boolean {
  return isSame(ours, theirs) || (judge?.(ours, theirs) ?? false);
}

/** Whether two values are the same JSON but for the order of keys; what is undefined is not there. */
export function isSame(left: unknown, right: unknown): boolean {
  if (left === right) return true;
  if (typeof left === 'bigint') return isSame(Number(left), right);
  if (Array.isArray(left))
    return (
      Array.isArray(right) &&
      left.length === right.length &&
      left.every((item, index) => isSame(item, right[index]))
    );
  if (!isJsonObject(left) || !isJsonObject(right)) return false;
  let members = 0;
  for (const [key, member] of Object.entries(left)) {
    if (member === undefined) continue;
    if (!isSame(member, right[key])) return false;
    members++;
  }
  return members === Object.values(right).filter((member) => member !== undefined).length;
}

/** JSON with the keys in order. */
export function canonical(value: unknown): string {
  return JSON.stringify(sorted(value)) ?? 'undefined';
}

function sorted(value: unknown): unknown {
  if (typeof value === 'bigint') return Number(value);
  if (Array.isArray(value)) return value.map(sorted);
  if (!isJsonObject(value)) return value;
  const entries = Object.entries(value).filter(([, member]) => member !== undefined);
  return Object.fromEntries(
    entries
      .sort(([left], [right]) => (left < right ? -1 : 1))
      .map(([key, member]) => [key, sorted(member)]),
  );
}
