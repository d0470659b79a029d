// What is measured of an API server: each a load, and the figure of its outcome that counts.

import type { Load, Outcome } from './load.ts';

/** What ours is to reach: at least `ratio` times as good as upstream, or at least (of what is better when less: at most) a value. */
export type Target = { readonly ratio: number } | { readonly value: number };

export interface Measurement {
  readonly name: string;
  /** Rounds write under names of their own. */
  readonly load: (round: number) => Load;
  readonly figure: (outcome: Outcome) => number;
  readonly unit: string;
  /** Whether more is better. */
  readonly more: boolean;
  readonly target?: Target;
}

/** How many objects are in the namespace `full`, named f0, f1 and so on. */
export const listed = 10_000;
const watchers = 50;
const watchedWrites = 2_000;
/** What kube-apiserver still keeps up with on a small machine. */
const paced = 300;
const payload = 'x'.repeat(900);

export const objectsOf = (namespace: string): string =>
  `/api/v1/namespaces/${namespace}/configmaps`;

/** JSON of a ConfigMap of about 1 KB. */
export function objectText(name: string, value: string = payload): string {
  return JSON.stringify({
    apiVersion: 'v1',
    kind: 'ConfigMap',
    metadata: { name, labels: { bench: 'apiserver' } },
    data: { payload: value },
  });
}

export const watchedNamespace = (round: number): string => `watched-${round}`;

const creates =
  (prefix: string, connections = 64, rate?: number) =>
  (round: number): Load => ({
    method: 'POST',
    path: objectsOf('default'),
    body: objectText(`${prefix}{i}`),
    first: round * 1_000_000, // every name is used once
    connections,
    ...(rate === undefined ? {} : { rate }),
  });

const lists = (query: string, connections: number) => (): Load => ({
  method: 'GET',
  path: `${objectsOf('full')}${query}`,
  connections,
});

const rate = { figure: ({ perSecond }: Outcome) => perSecond, unit: '/s', more: true };
const p50 = { figure: (outcome: Outcome) => outcome.p50, unit: ' ms', more: false };
const p99 = { figure: (outcome: Outcome) => outcome.p99, unit: ' ms', more: false };

export const measurements: readonly Measurement[] = [
  { name: 'creates, 64 clients', load: creates('c'), ...rate, target: { ratio: 1 } },
  { name: 'creates, 64 clients, p99', load: creates('p'), ...p99, target: { value: 20 } },
  // Clients that always have one more to send measure the throughput again; these leave the server time.
  {
    name: `creates, 64 clients, ${paced} a second, p99`,
    load: creates('r', 64, paced),
    ...p99,
    target: { value: 20 },
  },
  { name: 'creates, one client, p50', load: creates('s', 1), ...p50 },
  {
    name: 'updates, 64 clients',
    load: (round) => ({
      method: 'PUT',
      path: `${objectsOf('full')}/f{i}`,
      among: listed,
      body: objectText('f{i}', `${payload}${round}`),
    }),
    ...rate,
    target: { ratio: 1 },
  },
  {
    name: 'gets, 64 clients',
    load: () => ({ method: 'GET', path: `${objectsOf('full')}/f{i}`, among: listed }),
    ...rate,
    target: { ratio: 1.5 },
  },
  {
    name: 'lists of 500, 4 clients',
    load: lists('?limit=500', 4),
    ...rate,
    target: { ratio: 1.5 },
  },
  { name: `lists of ${listed}, one client`, load: lists('', 1), ...rate, target: { ratio: 1.5 } },
  { name: `a list of ${listed}, p50`, load: lists('', 1), ...p50, target: { value: 1_000 } },
  {
    name: `watch events to ${watchers} watchers`,
    load: (round) => ({
      kind: 'watch',
      method: 'POST',
      path: objectsOf(watchedNamespace(round)),
      body: objectText('w{i}'),
      watchPath: `${objectsOf(watchedNamespace(round))}?watch=1`,
      watchers,
      count: watchedWrites,
    }),
    ...rate,
    target: { value: 50_000 },
  },
];
