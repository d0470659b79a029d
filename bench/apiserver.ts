// Our API server beside kube-apiserver and etcd: same client, same run, in turns, so that what else the machine does meets all.
// ARGS: --rounds=N (3), --seconds=S (3) of a measurement, --only=ours, --write to put the tables into bench/README.md.

import { parseArgs } from 'node:util';
import { clockOf } from '@tweendeck/std';
import {
  listed,
  type Measurement,
  measurements,
  objectsOf,
  objectText,
  type Target,
  watchedNamespace,
} from './support/api-measurements.ts';
import { type ApiServerUnderLoad, openOurs, openUpstream } from './support/api-servers.ts';
import { send } from './support/load.ts';
import { keepInReadme, tableOf } from './support/readme.ts';

const clock = clockOf(globalThis);

type Side = 'ours' | 'upstream' | 'unsynced';

const titles: Readonly<Record<Side, string>> = {
  ours: 'Tweendeck',
  upstream: 'kube-apiserver, etcd',
  unsynced: 'without fsync',
};

interface Settings {
  readonly rounds: number;
  readonly seconds: number;
  readonly servers: ReadonlyMap<Side, ApiServerUnderLoad>;
  readonly write: (line: string) => void;
}

interface Row {
  readonly name: string;
  readonly unit: string;
  readonly more: boolean;
  readonly figures: ReadonlyMap<Side, number>;
  readonly target?: Target | undefined;
}

export async function run(
  { args, write }: { readonly args: readonly string[]; readonly write: (line: string) => void },
  signal: AbortSignal,
): Promise<void> {
  const { values } = parseArgs({
    args: [...args],
    options: {
      rounds: { type: 'string', default: '3' },
      seconds: { type: 'string', default: '3' },
      only: { type: 'string' },
      write: { type: 'boolean', default: false },
    },
  });
  await using opened = new AsyncDisposableStack();
  const servers = new Map<Side, ApiServerUnderLoad>();
  servers.set('ours', opened.use(await openOurs(signal)));
  if (values.only !== 'ours') {
    servers.set('upstream', opened.use(await openUpstream(true)));
    servers.set('unsynced', opened.use(await openUpstream(false)));
  }
  const { rounds, seconds } = values;
  const settings = { rounds: Number(rounds), seconds: Number(seconds), servers, write };
  const rows = [
    ...(await compared(settings, signal)),
    bySide('ready after, empty disk', ' s', servers, ({ readySeconds }) => readySeconds, {
      value: 1,
    }),
    bySide('memory afterwards', ' MB', servers, (server) => server.memory() / 1e6, { ratio: 3 }),
  ];
  const tables = [
    ...comparison(rows, [...servers.keys()]),
    '',
    ...(await doubling(settings, signal)),
  ];
  for (const line of tables) write(line);
  if (values.write) await keepInReadme('apiserver', clock.nowMs(), tables);
}

/** The best of some rounds of every measurement, and how long our event loop stood still during lists. */
async function compared(settings: Settings, signal: AbortSignal): Promise<readonly Row[]> {
  const { rounds, seconds, servers, write } = settings;
  for (const server of servers.values()) await prepare(server, rounds, signal);
  const best = measurements.map(() => new Map<Side, number>());
  const stalls: number[] = [];
  for (let round = 0; round < rounds; round++) {
    for (const [index, measurement] of measurements.entries()) {
      for (const [side, server] of servers) {
        await server.stallMs();
        const load = measurement.load(round);
        const whole = load.count === undefined ? { ...load, seconds } : load;
        const figure = measurement.figure(await send(server.endpoint, whole, signal));
        keepBetter(best[index] ?? new Map(), side, figure, measurement);
        write(`round ${round + 1}: ${measurement.name}, ${titles[side]}: ${figure.toFixed(1)}`);
        const stall = await server.stallMs();
        if (stall !== undefined && measurement.name.includes(String(listed))) stalls.push(stall);
      }
    }
  }
  const rows = measurements.map((measurement, index) => ({
    ...measurement,
    figures: best[index] ?? new Map<Side, number>(),
  }));
  const longest = { unit: ' ms', more: false, target: { value: 50 } };
  const figures = new Map<Side, number>([['ours', Math.max(...stalls)]]);
  return [...rows, { name: `longest stall during lists of ${listed}`, ...longest, figures }];
}

async function prepare(
  { endpoint }: ApiServerUnderLoad,
  rounds: number,
  signal: AbortSignal,
): Promise<void> {
  const names = ['full', ...Array.from({ length: rounds }, (_, round) => watchedNamespace(round))];
  for (const name of names) {
    const body = JSON.stringify({ metadata: { name } });
    const once = { connections: 1, count: 1 };
    await send(endpoint, { method: 'POST', path: '/api/v1/namespaces', body, ...once }, signal);
  }
  const body = objectText('f{i}');
  await send(endpoint, { method: 'POST', path: objectsOf('full'), body, count: listed }, signal);
}

function keepBetter(
  best: Map<Side, number>,
  side: Side,
  figure: number,
  { more }: Measurement,
): void {
  const known = best.get(side) ?? figure;
  best.set(side, more ? Math.max(known, figure) : Math.min(known, figure));
}

function bySide(
  name: string,
  unit: string,
  servers: ReadonlyMap<Side, ApiServerUnderLoad>,
  figure: (server: ApiServerUnderLoad) => number,
  target: Target,
): Row {
  const figures = new Map([...servers].map(([side, server]) => [side, figure(server)]));
  return { name, unit, more: false, figures, target };
}

function comparison(rows: readonly Row[], sides: readonly Side[]): readonly string[] {
  const head = ['', ...sides.map((side) => titles[side]), 'ratio', 'target', ''];
  return tableOf(
    head,
    rows.map((row) => {
      const shown = sides.map((side) => textOf(row.figures.get(side), row.unit));
      const ratio = ratioOf(row);
      const times = ratio === undefined ? '' : `${ratio.toFixed(2)}×`;
      return [row.name, ...shown, times, targetText(row), verdict(row)];
    }),
  );
}

/** How many times as good as upstream ours is. */
function ratioOf({ figures, more }: Row): number | undefined {
  const ours = figures.get('ours');
  const upstream = figures.get('upstream');
  if (!ours || !upstream) return undefined;
  return more ? ours / upstream : upstream / ours;
}

function targetText({ target, unit, more }: Row): string {
  if (!target) return '';
  if ('ratio' in target) return `≥ ${target.ratio}×`;
  return `${more ? '≥' : '<'} ${target.value}${unit}`;
}

function verdict(row: Row): string {
  const { target, figures, more } = row;
  if (!target) return '';
  const reached = 'ratio' in target ? ratioOf(row) : figures.get('ours');
  if (reached === undefined) return '';
  if ('ratio' in target) return reached >= target.ratio ? 'met' : 'missed';
  return (more ? reached >= target.value : reached < target.value) ? 'met' : 'missed';
}

function textOf(figure: number | undefined, unit: string): string {
  if (figure === undefined) return '';
  return `${figure >= 100 ? Math.round(figure) : figure.toFixed(figure < 10 ? 2 : 1)}${unit}`;
}

const doublings = [1_000, 2_000, 4_000, 8_000, 16_000, 32_000, 64_000];

/** How cost grows with what is there: one namespace that is filled further and further. */
async function doubling(
  { servers, write }: Settings,
  signal: AbortSignal,
): Promise<readonly string[]> {
  const sides = [...servers].filter(([side]) => side !== 'unsynced');
  const path = objectsOf('growing');
  const small = objectText('g{i}', 'small');
  const rows: string[][] = [];
  let filled = 0;
  for (const [, { endpoint }] of sides) {
    const body = JSON.stringify({ metadata: { name: 'growing' } });
    const once = { connections: 1, count: 1 };
    await send(endpoint, { method: 'POST', path: '/api/v1/namespaces', body, ...once }, signal);
  }
  for (const size of doublings) {
    const row = [String(size)];
    for (const [, { endpoint }] of sides) {
      const fill = { method: 'POST', path, body: small, first: filled } as const;
      const made = await send(endpoint, { ...fill, count: size - filled }, signal);
      const read = { method: 'GET', path: `${path}/g{i}`, among: size, seconds: 1 } as const;
      const gets = await send(endpoint, read, signal);
      const page = await send(
        endpoint,
        { method: 'GET', path: `${path}?limit=500`, connections: 1, seconds: 1 },
        signal,
      );
      const all = await send(endpoint, { method: 'GET', path, connections: 1, count: 5 }, signal);
      row.push(textOf(made.perSecond, ''), textOf(gets.perSecond, ''));
      row.push(textOf(page.p50, ' ms'), textOf(all.p50, ' ms'));
    }
    filled = size;
    rows.push(row);
    write(`${size} objects: ${row.slice(1).join(', ')}`);
  }
  const columns = ['creates/s', 'gets/s', 'page of 500', 'whole list'];
  const head = sides.flatMap(([side]) => columns.map((column) => `${column}, ${titles[side]}`));
  return tableOf(['objects', ...head], rows);
}
