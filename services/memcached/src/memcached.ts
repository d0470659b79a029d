// The engine memcached: servers that know nothing of each other, among which clients divide their keys.

import {
  type ClusterSpec,
  type ClusterStatus,
  type Engine,
  type EngineModule,
  engineKind,
  engineModule,
  type RenderContext,
} from '@tweendeck/engine';
import { type Kind, parseQuantity, quantityValue, t } from '@tweendeck/kube';
import { type AskServer, askServer } from './ask-server.ts';
import { memcachedTelemetry } from './telemetry.ts';

/** There is nothing to choose beyond the shared spec. */
type Options = Readonly<Record<never, never>>;

/** What `stats` says. */
export type MemcachedFacts = ReadonlyMap<string, string>;

const port = 11_211;

/** What connections and the program itself take beside items. */
const ownMebibytes = 16;

/** Memory for items in MiB: what the limit leaves. */
export function itemMebibytes(limit: number | string): number {
  const bytes = Number(quantityValue(parseQuantity(String(limit))));
  return Math.max(1, Math.floor(bytes / 1_048_576) - ownMebibytes);
}

function command({ cluster: { spec }, place }: RenderContext<Options>): readonly string[] {
  const { config = {}, groups } = spec;
  const memory = groups[place.group]?.resources.limits['memory'] ?? '64Mi';
  return [
    '--listen=$(POD_IP)',
    `--port=${port}`,
    `--memory-limit=${itemMebibytes(memory)}`,
    `--conn-limit=${config['conn-limit'] ?? 1_024}`,
    `--threads=${config['threads'] ?? 4}`,
    `--max-item-size=${config['max-item-size'] ?? 1_048_576}`,
  ];
}

export function memcachedEngine(ask: AskServer = askServer): Engine<Options, MemcachedFacts> {
  return {
    kind: 'Memcached',
    plural: 'memcacheds',
    shortNames: ['mc'],
    description: 'Memcached servers, run by the platform; clients divide their keys among them.',
    component: 'memcached',
    versions: { '1.6': { image: 'tweendeck.io/memcached:1', upgradesFrom: [] } },
    groups: {
      servers: {
        description: 'The servers; a key is on one of them.',
        members: { min: 1, max: 64, default: 1 },
        limits: { cpu: '250m', memory: '80Mi' },
        keepsData: false,
      },
    },
    clientGroup: 'servers',
    parameters: {
      'conn-limit': {
        ...{ type: 'integer', min: 1, max: 100_000, applies: 'restart' },
        description: 'Connections at once.',
      },
      'max-item-size': {
        ...{ type: 'integer', min: 1_024, max: 1_073_741_824, applies: 'restart' },
        description: 'Bytes of the largest item.',
      },
      threads: {
        ...{ type: 'integer', min: 1, max: 64, applies: 'restart' },
        description: 'Threads that serve.',
      },
    },
    recipes: {
      servers: {
        command,
        ports: { memcached: port },
        readiness: { tcpSocket: { port: 'memcached' }, periodSeconds: 2, failureThreshold: 2 },
        liveness: { tcpSocket: { port: 'memcached' }, periodSeconds: 10, failureThreshold: 6 },
        graceSeconds: 10,
      },
    },
    observe: async ({ pod }, _cluster, signal) => {
      const stats = await ask({ host: pod?.ip ?? '', port }, signal);
      const version = stats.get('version');
      return {
        ...{ role: 'peer', synced: true },
        ...(version === undefined ? {} : { version }),
        facts: stats,
      };
    },
    telemetry: memcachedTelemetry,
    // Servers do not know each other: there is nothing to arrange among them.
    plan: () => ({ steps: [], troubles: [] }),
  };
}

/** Addresses Memcacheds, and gives their CustomResourceDefinition. */
export const memcachedKind: Kind<ClusterSpec<Options>, ClusterStatus> = engineKind(
  memcachedEngine(),
  t.object({}).default({}),
);

/** To the platform. */
export const memcachedModule: EngineModule = engineModule(memcachedKind, memcachedEngine());
