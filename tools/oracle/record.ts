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
  readonly cases: number;
  readonly seeds: readonly number[];
  readonly differences: number;
}

const page = join(import.meta.dirname, 'README.md');
const begin = '<!-- outcomes: written by `npm run oracle -- AREA --write` -->\n';
const end = '<!-- end of outcomes -->\n';
const head = '| day | comparison | cases | seeds | differences |\n|---|---|---|---|---|\n';

/** Adds to the row of that day; an earlier day's, or one of the same seed, is replaced. */
export function record(day: string, outcome: Outcome): void {
  const text = readFileSync(page, 'utf8');
  const [from, to] = [text.indexOf(begin), text.indexOf(end)];
  if (from < 0 || to < from) throw new Error(`${page} has no place for outcomes`);
  const rows = merged(rowsOf(text.slice(from + begin.length, to)), day, outcome);
  const table = rows.map(lineOf).join('');
  writeFileSync(page, `${text.slice(0, from)}${begin}${head}${table}${text.slice(to)}`);
}

function merged(rows: readonly Row[], day: string, { seed, ...outcome }: Outcome): readonly Row[] {
  const others = rows.filter(({ comparison }) => comparison !== outcome.comparison);
  const former = rows.find(
    (row) => row.comparison === outcome.comparison && row.day === day && !row.seeds.includes(seed),
  );
  const row: Row = {
    ...outcome,
    day,
    cases: outcome.cases + (former?.cases ?? 0),
    seeds: [...(former?.seeds ?? []), seed].sort((left, right) => left - right),
    differences: outcome.differences + (former?.differences ?? 0),
  };
  return [...others, row].sort((left, right) => left.comparison.localeCompare(right.comparison));
}

function lineOf({ day, comparison, cases, seeds, differences }: Row): string {
  return `| ${day} | ${comparison} | ${cases} | ${seeds.join(', ')} | ${differences} |\n`;
}

function rowsOf(table: string): readonly Row[] {
  return table
    .split('\n')
    .filter((line) => /^\| \d/.test(line))
    .map((line) => {
      const [, day = '', comparison = '', cases, seeds = '', differences] = line
        .split('|')
        .map((cell) => cell.trim());
      return {
        day,
        comparison,
        cases: Number(cases),
        seeds: seeds.split(', ').map(Number),
        differences: Number(differences),
      };
    });
}
