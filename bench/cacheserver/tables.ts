// What cells came to: medians, ratios, whether targets are met; as tables.

import { tableOf } from '../support/readme.ts';
import type { CellTarget } from './cells.ts';
import { type CellResult, faultsOf, type Sample } from './matrix.ts';
import { peerKinds, type SideKind, sideTitles } from './sides.ts';

type Figure = (sample: Sample) => number;

const perSecond: Figure = (sample) => sample.perSecond;

/** The tables of a run, with what was wrong below them. */
export function cellTables(results: readonly CellResult[]): readonly string[] {
  const kinds = [...(results[0]?.samples.keys() ?? [])];
  return [
    'Operations a second, and the ratios that count:',
    '',
    ...rateTable(results, kinds),
    '',
    'Milliseconds, p50 / p99:',
    '',
    ...latencyTable(results, kinds),
    '',
    'Microseconds of processor for an operation, and the most memory in MiB:',
    '',
    ...costTable(results, kinds),
    ...remarks(results),
  ];
}

function rateTable(results: readonly CellResult[], kinds: readonly SideKind[]): readonly string[] {
  const head = ['', ...kinds.map((kind) => sideTitles[kind]), 'of the limit', '× best peer'];
  const rows = results.map((result) => {
    const figures = kinds.map((kind) => count(medianOf(result, kind, perSecond)));
    const limit = ofLimit(result);
    const peers = timesPeers(result);
    return [
      result.cell.name,
      ...figures,
      limit === undefined ? '' : `${(limit * 100).toFixed(0)} %`,
      peers === undefined ? '' : `${short(peers)}×`,
      targetText(result.cell.target),
      verdictOf(result),
    ];
  });
  return tableOf([...head, 'target', ''], rows);
}

function latencyTable(
  results: readonly CellResult[],
  kinds: readonly SideKind[],
): readonly string[] {
  const rows = results.map((result) => [
    result.cell.name,
    ...kinds.map((kind) => {
      const p50 = medianOf(result, kind, (sample) => sample.p50);
      const p99 = medianOf(result, kind, (sample) => sample.p99);
      return p50 === undefined || p99 === undefined ? '' : `${short(p50)} / ${short(p99)}`;
    }),
  ]);
  return tableOf(['', ...kinds.map((kind) => sideTitles[kind])], rows);
}

function costTable(results: readonly CellResult[], kinds: readonly SideKind[]): readonly string[] {
  const stored = kinds.filter((kind) => kind !== 'limit');
  const rows = results.map((result) => [
    result.cell.name,
    ...kinds.map((kind) => {
      const used = medianOf(result, kind, (sample) => (sample.serverCpu / sample.count) * 1e6);
      return used === undefined ? '' : short(used);
    }),
    ...stored.map((kind) => {
      const peak = medianOf(result, kind, (sample) => sample.peakBytes / 2 ** 20);
      return peak === undefined ? '' : peak.toFixed(0);
    }),
  ]);
  const head = [
    ...kinds.map((kind) => `µs, ${sideTitles[kind]}`),
    ...stored.map((kind) => `MiB, ${sideTitles[kind]}`),
  ];
  return tableOf(['', ...head], rows);
}

/** A client that is busier than the server hides what the server could do. */
const busyClient = 0.9;

function remarks(results: readonly CellResult[]): readonly string[] {
  const lines: string[] = [];
  const limited = results.filter(
    (result) =>
      (medianOf(result, 'ours', ({ clientCpu, seconds }) => clientCpu / seconds) ?? 0) >
        busyClient &&
      (medianOf(result, 'ours', ({ serverCpu, seconds }) => serverCpu / seconds) ?? 1) < busyClient,
  );
  if (limited.length > 0) {
    const names = limited.map(({ cell }) => cell.name).join(', ');
    lines.push('', `The load generator had no time left, and the server some: ${names}.`);
  }
  for (const { cell, samples } of results) {
    for (const [kind, rounds] of samples) {
      const faults = rounds.map(faultsOf).filter((text) => text !== '');
      if (faults.length > 0) lines.push('', `${cell.name}, ${sideTitles[kind]}: ${faults[0]}.`);
    }
  }
  return lines;
}

/** Ours beside the limit of the same round. */
function ofLimit(result: CellResult): number | undefined {
  return ratioOf(result, ['limit']);
}

function timesPeers(result: CellResult): number | undefined {
  return ratioOf(result, peerKinds);
}

function timesRam(result: CellResult): number | undefined {
  return ratioOf(result, ['ram', 'ram-nodelay']);
}

/** The median over rounds of ours to the best of these in that round; undefined when none of them ran. */
function ratioOf({ samples }: CellResult, kinds: readonly SideKind[]): number | undefined {
  const ratios = (samples.get('ours') ?? []).flatMap((ours, round) => {
    const others = kinds.flatMap((kind) => samples.get(kind)?.[round] ?? []);
    if (others.length === 0) return [];
    return [ours.perSecond / Math.max(...others.map(perSecond))];
  });
  return median(ratios);
}

/** Empty when nothing is missed, but not everything was there to compare with. */
function verdictOf(result: CellResult): string {
  const { ofLimit: limit = 0, timesPeers: peers = 1, timesRam: ram = 0 } = result.cell.target;
  const goals = [
    { what: 'limit', reached: ofLimit(result), wanted: limit },
    { what: 'peers', reached: timesPeers(result), wanted: peers },
    { what: 'ram', reached: timesRam(result), wanted: ram },
  ];
  const missed = goals.filter(({ reached, wanted }) => reached !== undefined && reached < wanted);
  if (missed.length > 0) return `missed: ${missed.map(({ what }) => what).join(', ')}`;
  return goals.every(({ reached }) => reached !== undefined) ? 'met' : '';
}

function targetText({ ofLimit: limit, timesPeers: peers, timesRam: ram }: CellTarget): string {
  const parts = [
    ...(limit === undefined ? [] : [`≥ ${limit * 100} % of the limit`]),
    ...(peers === undefined ? [] : [`≥ ${peers}× peers`]),
    ...(ram === undefined ? [] : [`≥ ${ram}× ram`]),
  ];
  return parts.length === 0 ? 'ahead' : parts.join(', ');
}

function medianOf({ samples }: CellResult, kind: SideKind, figure: Figure): number | undefined {
  return median((samples.get(kind) ?? []).map(figure));
}

function median(values: readonly number[]): number | undefined {
  const sorted = [...values].sort((left, right) => left - right);
  const middle = sorted.length / 2;
  const low = sorted[Math.ceil(middle) - 1];
  const high = sorted[Math.floor(middle)];
  return low === undefined || high === undefined ? undefined : (low + high) / 2;
}

function count(value: number | undefined): string {
  if (value === undefined) return '';
  return value < 100 ? value.toFixed(1) : String(Math.round(value));
}

function short(value: number): string {
  if (value >= 100) return String(Math.round(value));
  return value.toFixed(value < 10 ? 2 : 1);
}
