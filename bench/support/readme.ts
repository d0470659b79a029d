// Tables of bench/README.md: each benchmark writes its own section, with the day it ran.

import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';

const path = join(import.meta.dirname, '..', 'README.md');

/** Puts Markdown lines between the marks of a section. Throws when the page has no such section. */
export async function keepInReadme(
  section: string,
  nowMs: number,
  lines: readonly string[],
): Promise<void> {
  const begin = `<!-- ${section}: written by \`npm run bench -- ${section} --write\` -->`;
  const end = `<!-- end of ${section} -->`;
  const text = await readFile(path, 'utf8');
  const from = text.indexOf(begin);
  const to = text.indexOf(end);
  if (from < 0 || to < from) throw new Error(`${path} has no section ${section}`);
  const day = new Date(nowMs).toISOString().slice(0, 10);
  const body = [begin, '', `Run on ${day}.`, '', ...lines, '', end].join('\n');
  await writeFile(path, text.slice(0, from) + body + text.slice(to + end.length));
}

/** A Markdown table; the first column is text, the others are figures. */
export function tableOf(
  head: readonly string[],
  rows: readonly (readonly string[])[],
): readonly string[] {
  const line = (cells: readonly string[]): string => `| ${cells.join(' | ')} |`;
  const marks = head.map((_, index) => (index === 0 ? '---' : '--:'));
  return [line(head), line(marks), ...rows.map(line)];
}

/** Of at least one. */
export function medianOf(values: readonly number[]): number {
  const sorted = values.toSorted((a, b) => a - b);
  const middle = sorted.length / 2;
  const low = sorted[Math.ceil(middle) - 1] ?? Number.NaN;
  const high = sorted[Math.floor(middle)] ?? Number.NaN;
  return (low + high) / 2;
}
