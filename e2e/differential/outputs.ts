// Holds what a command printed against one server against what it printed against the other.

import { parse } from 'yaml';
import type { Outcome } from '../support/kubectl.ts';
import { absent, type Difference, named, shortened } from './answers.ts';
import { compareJson } from './compare.ts';
import { inLastingOrder, normaliseText } from './normalise.ts';
import type { Translation } from './translation.ts';

/** Exit code, both outputs. YAML and JSON are compared as data, anything else line by line. */
export function compareOutcomes(
  expected: Outcome,
  actual: Outcome,
  { line, translation }: { readonly line: string; readonly translation: Translation },
): readonly Difference[] {
  const unserved = unservedIn(expected, actual);
  if (unserved !== undefined) return [absent('', unserved, line)];
  const differences: Difference[] = [];
  if (expected.code !== actual.code) {
    differences.push(
      printed(line, `exit code ${expected.code}, here ${actual.code} (${firstLine(expected)})`, {
        expected: firstLine(expected),
        actual: firstLine(actual),
      }),
    );
  }
  const isData = /(?:-o|--output)[ =]?(json|yaml)(?!path)|--raw/.test(line);
  const [there, here] = isData ? [dataIn(expected.stdout), dataIn(actual.stdout)] : [];
  if (there !== undefined && here !== undefined) {
    differences.push(
      ...named(compareJson(there, here, translation), there, {
        shape: { ...outputShape, name: line },
        where: line,
      }),
    );
  } else if (expected.code === actual.code && !awaitsEnd.test(line)) {
    differences.push(...compareLines(expected.stdout, actual.stdout, line));
  }
  if (expected.code === actual.code)
    differences.push(...compareLines(expected.stderr, actual.stderr, line));
  return differences;
}

/** These print nothing about what was gone before they began, which is timing. How they end is compared. */
const awaitsEnd = /^kubectl wait .*--for=delete\b/;

/** Data that was printed is named as data in answers is. */
const outputShape = {
  kind: 'resource',
  group: '',
  version: '',
  resource: '',
  subresource: '',
  verbName: 'print',
  isWatch: false,
} as const;

const unservedPatterns: readonly RegExp[] = [
  /the server doesn't have a resource type "([^"]+)"/,
  /no matches for kind "([^"]+)"/,
  /(?:unable to recognize|no kind) "?([^"]+)"? is registered/,
  /couldn't find resource for "([^"]+)"/,
];

/** The kind that the subject does not know, when the reference does. */
function unservedIn(expected: Outcome, actual: Outcome): string | undefined {
  for (const pattern of unservedPatterns) {
    const what = pattern.exec(actual.stderr)?.[1];
    if (what !== undefined && !pattern.test(expected.stderr)) return what;
  }
  return undefined;
}

function dataIn(text: string): unknown {
  try {
    const value: unknown = parse(text);
    return typeof value === 'object' ? value : undefined;
  } catch {
    return undefined;
  }
}

function firstLine({ stdout, stderr }: Outcome): string {
  const lines = (stderr.trim() || stdout.trim()).split('\n');
  return normaliseText(lines.at(-1) ?? '');
}

function printed(
  line: string,
  key: string,
  { expected, actual }: { readonly expected: string; readonly actual: string },
): Difference {
  return { area: 'What a person sees', key: shortened(key, 220), where: line, expected, actual };
}

/** One difference for each run of lines that the outputs do not share. */
function compareLines(expected: string, actual: string, line: string): readonly Difference[] {
  const [there, here] = [expected, actual].map((text) =>
    inLastingOrder(`${normaliseText(text).trimEnd()}\n`)
      .trimEnd()
      .split('\n'),
  );
  return hunks(there ?? [], here ?? []).flatMap((hunk) => {
    const unserved = unservedLines(hunk, line);
    return (
      unserved ?? [
        printed(line, keyOf(hunk), {
          expected: shortened(hunk.removed.join('\n')),
          actual: shortened(hunk.added.join('\n')),
        }),
      ]
    );
  });
}

function keyOf({ removed, added }: Hunk): string {
  if (added.every((line) => /^\s*<(no description|empty)>$/.test(line)) && added.length > 0) {
    return 'kubectl explain: a description, here none';
  }
  return `printed ${sample(removed)}, here ${sample(added)}`;
}

/** Lists of APIs lack a line for each that is not served. */
function unservedLines({ removed, added }: Hunk, line: string): readonly Difference[] | undefined {
  if (added.length > 0) return undefined;
  if (line.startsWith('kubectl api-versions')) {
    return removed.map((version) => absent(version, '*', line));
  }
  if (!line.startsWith('kubectl api-resources')) return undefined;
  return removed.map((row) => {
    const [plural = '', ...columns] = row.split(/ {2,}/);
    const version = columns.find((column) => /^(.+\/)?v\d\w*$/.test(column)) ?? '';
    return absent(version.replace(/\/?[^/]+$/, ''), plural, line);
  });
}

function sample(lines: readonly string[]): string {
  const written = lines.filter((line) => line.trim() !== '');
  if (written.length === 0) return 'nothing';
  const more = written.length > 1 ? ` (and ${written.length - 1} lines more)` : '';
  return `"${shortened((written[0] ?? '').trim(), 90)}"${more}`;
}

interface Hunk {
  readonly removed: readonly string[];
  readonly added: readonly string[];
}

/** The parts in which two lists of lines differ, by their longest common subsequence. */
export function hunks(expected: readonly string[], actual: readonly string[]): readonly Hunk[] {
  const lengths = commonLengths(expected, actual);
  const found: { removed: string[]; added: string[] }[] = [];
  let [row, column] = [0, 0];
  let open: { removed: string[]; added: string[] } | undefined;
  const hunk = (): { removed: string[]; added: string[] } => {
    if (open) return open;
    open = { removed: [], added: [] };
    found.push(open);
    return open;
  };
  while (row < expected.length || column < actual.length) {
    if (row < expected.length && column < actual.length && expected[row] === actual[column]) {
      open = undefined;
      row += 1;
      column += 1;
    } else if (
      column >= actual.length ||
      (row < expected.length &&
        (lengths[row + 1]?.[column] ?? 0) >= (lengths[row]?.[column + 1] ?? 0))
    ) {
      hunk().removed.push(expected[row] ?? '');
      row += 1;
    } else {
      hunk().added.push(actual[column] ?? '');
      column += 1;
    }
  }
  return found;
}

/** `[row][column]`: how many lines the rests from there have in common. */
function commonLengths(expected: readonly string[], actual: readonly string[]): number[][] {
  const lengths = Array.from({ length: expected.length + 1 }, () =>
    new Array<number>(actual.length + 1).fill(0),
  );
  for (let row = expected.length - 1; row >= 0; row -= 1) {
    for (let column = actual.length - 1; column >= 0; column -= 1) {
      const [here, down, right] = [lengths[row], lengths[row + 1], lengths[row]];
      if (!here) continue;
      here[column] =
        expected[row] === actual[column]
          ? (down?.[column + 1] ?? 0) + 1
          : Math.max(down?.[column] ?? 0, right?.[column + 1] ?? 0);
    }
  }
  return lengths;
}
