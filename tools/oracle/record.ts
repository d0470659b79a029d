// What was compared, as a table in README.md: a row for each comparison, with a day's runs added up.

import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

export interface Outcome {
  readonly comparison: string;
  readonly seed: number;
  readonly cases: number;
  readonly differences: number;
}

interface Row {
  readonly day: string;
  readonly comparison: string;
  /** By seed. */
  readonly runs: ReadonlyMap<number, Pick<Outcome, 'cases' | 'differences'>>;
}

const page = join(import.meta.dirname, 'README.md');
const begin = '<!-- outcomes: written by `npm run oracle -- AREA --write` -->\n';
const end = '<!-- end of outcomes -->\n';
const head = '| day | comparison | cases | of seed: cases | differences |\n|---|---|---|---|---|\n';

/** Adds to the row of that day: an earlier day's is replaced, and so is what the same seed showed before. */
export function record(day: string, outcome: Outcome): void {
  const text = readFileSync(page, 'utf8');
  const [from, to] = [text.indexOf(begin), text.indexOf(end)];
  if (from < 0 || to < from) throw new Error(`${page} has no place for outcomes`);
  const rows = merged(rowsOf(text.slice(from + begin.length, to)), day, outcome);
  const table = rows.map(lineOf).join('');
  writeFileSync(page, `${text.slice(0, from)}${begin}${head}${table}${text.slice(to)}`);
}

function merged(
  rows: readonly Row[],
  day: string,
  { comparison, seed, cases, differences }: Outcome,
): readonly Row[] {
  const others = rows.filter((row) => row.comparison !== comparison);
  const former = rows.find((row) => row.comparison === comparison && row.day === day);
  const runs = new Map(former?.runs).set(seed, { cases, differences });
  return [...others, { day, comparison, runs }].sort((left, right) =>
    left.comparison.localeCompare(right.comparison),
  );
}

function lineOf({ day, comparison, runs }: Row): string {
  const all = [...runs].sort(([left], [right]) => left - right);
  const sum = (of: 'cases' | 'differences'): number =>
    all.reduce((total, [, run]) => total + run[of], 0);
  const seeds = all.map(([seed, { cases, differences }]) =>
    differences === 0 ? `${seed}: ${cases}` : `${seed}: ${cases} (${differences})`,
  );
  const cells = [day, comparison, sum('cases'), seeds.join(', '), sum('differences')];
  return `| ${cells.join(' | ')} |\n`;
}

function rowsOf(table: string): readonly Row[] {
  return table
    .split('\n')
    .filter((line) => /^\| \d/.test(line))
    .map((line) => {
      const [, day = '', comparison = '', , seeds = ''] = line
        .split('|')
        .map((cell) => cell.trim());
      const runs = [...seeds.matchAll(/(\d+): (\d+)(?: \((\d+)\))?/g)].map(
        ([, seed, cases, differences = 0]) =>
          [Number(seed), { cases: Number(cases), differences: Number(differences) }] as const,
      );
      return { day, comparison, runs: new Map(runs) };
    });
}
