// Measures cells: every server in turn, in some rounds, so that what else the machine does meets all.

import { type Cell, timed } from './cells.ts';
import { type CacheLoad, type CacheOutcome, type KeySet, sendTo } from './send.ts';
import type { CacheSide, SideKind } from './sides.ts';

/** One server in one cell of one round. */
export interface Sample extends CacheOutcome {
  readonly peakBytes: number;
}

export interface CellResult {
  readonly cell: Cell;
  /** By round. */
  readonly samples: ReadonlyMap<SideKind, readonly Sample[]>;
}

export interface MatrixSettings {
  readonly cells: readonly Cell[];
  readonly rounds: number;
  readonly seconds: number;
  readonly check: boolean;
  readonly sides: readonly CacheSide[];
  readonly write: (line: string) => void;
}

export async function measureCells(
  settings: MatrixSettings,
  signal: AbortSignal,
): Promise<readonly CellResult[]> {
  const { cells, rounds, sides, write } = settings;
  const results = cells.map((cell) => ({
    cell,
    samples: new Map<SideKind, Sample[]>(sides.map(({ kind }) => [kind, []])),
  }));
  const filled = new Set<string>();
  for (let round = 1; round <= rounds; round++) {
    for (const { cell, samples } of results) {
      const shown: string[] = [];
      for (const side of sides.filter((one) => takesPart(one, cell))) {
        for (const set of cell.stored) await fillOnce(side, set, filled, signal);
        const sample = await measure(side, cell, settings, signal);
        samples.get(side.kind)?.push(sample);
        shown.push(`${side.title} ${brief(sample)}`);
      }
      write(`round ${round}: ${cell.name}: ${shown.join(', ')}`);
    }
  }
  return results;
}

function takesPart({ kind, roomy }: CacheSide, cell: Cell): boolean {
  return kind !== 'ours' || roomy === (cell.roomy ?? false);
}

async function measure(
  side: CacheSide,
  cell: Cell,
  { seconds, check }: MatrixSettings,
  signal: AbortSignal,
): Promise<Sample> {
  side.forgetPeak();
  const load = { ...timed(cell, seconds), check: check && side.kind !== 'limit' };
  const outcome = await sendTo(side, load, signal);
  if (side.kind === 'ours' && (outcome.wrong > 0 || outcome.lost > 0)) {
    throw new Error(`${cell.name}: ${side.title} ${faultsOf(outcome)}`);
  }
  return { ...outcome, peakBytes: side.peakBytes() };
}

async function fillOnce(
  side: CacheSide,
  set: KeySet,
  filled: Set<string>,
  signal: AbortSignal,
): Promise<void> {
  const mark = `${side.title} ${set.first}`;
  if (side.kind === 'limit' || filled.has(mark)) return;
  filled.add(mark);
  const outcome = await sendTo(side, fillLoad(set), signal);
  if (outcome.lost > 0) throw new Error(`${side.title}: filling ${faultsOf(outcome)}`);
}

/** Puts every key of the set once. */
export function fillLoad(set: KeySet): CacheLoad {
  return { connections: 4, depth: 4, sets: [set], types: 'air', puts: 1, count: set.keys };
}

function brief({ perSecond, serverCpu, clientCpu, seconds, ...rest }: Sample): string {
  const busy = (cpu: number): string => `${Math.round((cpu / seconds) * 100)}%`;
  const faults = faultsOf(rest);
  return `${Math.round(perSecond)}/s (${busy(serverCpu)}, client ${busy(clientCpu)})${faults && ` ${faults}`}`;
}

/** What went wrong, in words; empty if nothing did. */
export function faultsOf({
  wrong,
  why,
  lost,
}: Pick<CacheOutcome, 'wrong' | 'why' | 'lost'>): string {
  const parts: string[] = [];
  if (wrong > 0) parts.push(`answered ${wrong} gets wrongly: ${why}`);
  if (lost > 0) parts.push(`lost ${lost} operations`);
  return parts.join(', ');
}
