// Which ends of connections are worth a line.

import type { Random } from '@tweendeck/std';
import type { ClosingReason } from '../counters.ts';

export interface AccessLog {
  /** `faults`: only connections that ended otherwise than by the client's will or by a stop. */
  readonly lines: 'off' | 'faults' | 'all';
  /** The share of the others that is logged with `all`, 0 to 1. */
  readonly sample: number;
}

const quietEnds: ReadonlySet<ClosingReason> = new Set<ClosingReason>([
  'quit',
  'client-closed',
  'drained',
  'stopped',
]);

/** Faults are never left to chance. */
export function logsConnection(
  { lines, sample }: AccessLog,
  reason: ClosingReason,
  random: Pick<Random, 'next'>,
): boolean {
  if (lines === 'off') return false;
  if (!quietEnds.has(reason)) return true;
  return lines === 'all' && (sample >= 1 || random.next() < sample);
}
