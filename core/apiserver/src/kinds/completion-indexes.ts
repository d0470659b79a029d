// Lists of completion indexes such as `0,2-5`. Rules and texts: upstream's batch validation (validateIndexesFormat).

import { goQuote } from '@tweendeck/kube';

/** How many indexes a list names, or why it is none. */
export function countIndexes(
  text: string,
  completions: number,
): number | { readonly problem: string } {
  const spans = indexSpans(text, completions);
  if ('problem' in spans) return spans;
  return spans.reduce((total, [first, last]) => total + last - first + 1, 0);
}

export type IndexSpan = readonly [first: number, last: number];

/** The spans of a list in rising order, or why it is none. */
export function indexSpans(
  text: string,
  completions: number,
): readonly IndexSpan[] | { readonly problem: string } {
  if (text === '') return [];
  const spans: IndexSpan[] = [];
  for (const part of text.split(',')) {
    const span = spanOf(part, completions);
    if ('problem' in span) return span;
    const before = spans.at(-1);
    if (before && before[1] >= span[0]) return unordered(before[1], span[0]);
    spans.push(span);
  }
  return spans;
}

function spanOf(text: string, completions: number): IndexSpan | { readonly problem: string } {
  const limits = text.split('-');
  if (limits.length > 2) {
    const rule = `violates the requirement that an index interval can have at most two parts separated by '-'`;
    return { problem: `the fragment ${goQuote(text)} ${rule}` };
  }
  const numbers: number[] = [];
  for (const limit of limits) {
    if (!/^\+?[0-9]{1,18}$/.test(limit)) {
      return { problem: `cannot convert string to integer for index: ${goQuote(limit)}` };
    }
    if (Number(limit) >= completions) return { problem: `too large index: ${goQuote(limit)}` };
    numbers.push(Number(limit));
  }
  const [first = 0, last = first] = numbers;
  if (limits.length > 1 && first >= last) return unordered(first, last);
  return [first, last];
}

function unordered(previous: number, current: number): { readonly problem: string } {
  return { problem: `non-increasing order, previous: ${previous}, current: ${current}` };
}
