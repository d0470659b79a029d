// Durations as Go writes them: `1h30m`, `250ms`, `-1.5s`. Texts: Go's time.ParseDuration.

import { goQuote } from '../go-format.ts';

const unitMs: Readonly<Record<string, number>> = {
  ns: 1e-6,
  us: 1e-3,
  µs: 1e-3,
  μs: 1e-3,
  ms: 1,
  s: 1_000,
  m: 60_000,
  h: 3_600_000,
};

const longestMs = (2 ** 63 - 1) / 1e6;

export type GoDuration =
  | { readonly ok: true; readonly milliseconds: number }
  | { readonly ok: false; readonly problem: string };

export function parseGoDuration(text: string): GoDuration {
  const invalid: GoDuration = { ok: false, problem: `time: invalid duration ${goQuote(text)}` };
  const negative = text.startsWith('-');
  let rest = text.replace(/^[+-]/, '');
  if (rest === '0') return { ok: true, milliseconds: 0 };
  if (rest === '') return invalid;
  let milliseconds = 0;
  while (rest !== '') {
    const [whole, number = ''] = /^([0-9]*\.?[0-9]*)/.exec(rest) ?? [''];
    if (number === '' || number === '.') return invalid;
    rest = rest.slice(whole.length);
    const unit = /^[^0-9.]*/.exec(rest)?.[0] ?? '';
    if (unit === '') {
      return { ok: false, problem: `time: missing unit in duration ${goQuote(text)}` };
    }
    const size = unitMs[unit];
    if (size === undefined) {
      const problem = `time: unknown unit ${goQuote(unit)} in duration ${goQuote(text)}`;
      return { ok: false, problem };
    }
    milliseconds += Number(number) * size;
    if (milliseconds > longestMs) return invalid;
    rest = rest.slice(unit.length);
  }
  return { ok: true, milliseconds: negative ? -milliseconds : milliseconds };
}
