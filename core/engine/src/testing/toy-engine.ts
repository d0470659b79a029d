// An engine for tests: shards of a leader and followers, whose members are what a test says they are.

import type { Cluster, Engine } from '../engine.ts';
import type { MemberView } from '../member.ts';

export interface ToyOptions {
  readonly flavour?: string;
}

/** `viewOf` answers for a member, by its name; a throw is silence. */
export function toyEngine(
  viewOf: (name: string) => MemberView<null>,
  more: Partial<Engine<ToyOptions, null>> = {},
): Engine<ToyOptions, null> {
  return {
    ...{ kind: 'Toy', plural: 'toys', shortNames: ['ty'], component: 'toy' },
    description: 'A toy.',
    versions: {
      '1': { image: 'example.com/toy:1', upgradesFrom: [] },
      '2': { image: 'example.com/toy:2', upgradesFrom: ['1'] },
    },
    groups: {
      data: {
        description: 'Those that keep data.',
        shards: { min: 1, max: 8, default: 2 },
        members: { min: 1, max: 3, default: 2 },
        limits: { cpu: '100m', memory: '64Mi' },
        keepsData: true,
      },
      watch: {
        description: 'Those that watch.',
        members: { min: 0, max: 5, default: 1 },
        limits: { cpu: '50m', memory: '32Mi' },
        keepsData: false,
      },
    },
    clientGroup: 'data',
    services: { byRole: true, byShard: true },
    parameters: {
      'max-things': { type: 'integer', min: 1, max: 9, applies: 'live' },
      colour: { type: 'choice', choices: ['red', 'green'], applies: 'restart' },
      motto: { type: 'text', pattern: '^[a-z]+$', applies: 'restart' },
    },
    ownParameters: { 'toy-port': 'clients look there', seed: 'it follows options' },
    recipes: {
      data: {
        command: ({ name }) => ['serve', `--name=${name}`, '--listen=$(POD_IP)'],
        files: ({ cluster }) => ({ 'toy.conf': JSON.stringify(cluster.spec.config ?? {}) }),
        ports: { toy: 4_000 },
        readiness: { tcpSocket: { port: 'toy' } },
        graceSeconds: 7,
      },
      watch: {
        command: () => ['watch'],
        ports: { toy: 4_001 },
        readiness: { tcpSocket: { port: 'toy' } },
        graceSeconds: 3,
      },
    },
    observe: ({ name }) => Promise.resolve().then(() => viewOf(name)),
    plan: () => ({ steps: [], troubles: [] }),
    ...more,
  };
}

/** A cluster as an API server would have filled it in. */
export function toyCluster(spec: Partial<Cluster<ToyOptions>['spec']> = {}): Cluster<ToyOptions> {
  const resources = { limits: { cpu: '100m', memory: '64Mi' } };
  return {
    ...{ name: 'c', namespace: 'n' },
    spec: {
      version: '2',
      groups: { data: { shards: 2, members: 2, resources }, watch: { members: 1, resources } },
      options: {},
      ...spec,
    },
  };
}
