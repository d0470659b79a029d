// Controllers crashed between any two calls: pods of jobs are counted once, and every claim has one volume.

import assert from 'node:assert/strict';
import { openApiServer, systemUser } from '@tweendeck/apiserver';
import { type Client, createClient, openInformerSet } from '@tweendeck/client';
import { runManager } from '@tweendeck/controller';
import {
  daemonSetResource,
  type Job,
  jobResource,
  namespaceResource,
  type Pod,
  persistentVolumeClaimResource,
  persistentVolumeResource,
  podResource,
  type StatefulSet,
  statefulSetResource,
} from '@tweendeck/kube';
import {
  type Faults,
  faultyTransport,
  noFaults,
  seedsFrom,
  simulate,
  startLives,
} from '@tweendeck/sim';
import { silentLogger } from '@tweendeck/std';
import { openMemoryStore } from '@tweendeck/store';
import { builtInControllers, builtInTasks } from './built-in.ts';
import { runNodeAgent } from './testing/node-agent.ts';
import { ensureDefaultStorageClass } from './volume/default-class.ts';

const minutes = 60_000;
const troubleMs = 45_000;
const seeds = seedsFrom(process.env, 1);
const namespace = 'team';
const completions = 8;

const at = (name: string) => ({ name, namespace });
const containers = [{ name: 'main', image: 'x' }];
const template = (app: string) => ({ metadata: { labels: { app } }, spec: { containers } });

/** Some pods fail: those whose name says so, the same at every start. */
const exits = (pod: Pod): number | undefined => {
  if (!pod.metadata.labels?.['job-name']) return undefined;
  return pod.metadata.name.charCodeAt(pod.metadata.name.length - 1) % 5 === 0 ? 1 : 0;
};

async function user(client: Client, signal: AbortSignal): Promise<void> {
  await ensureDefaultStorageClass(client, signal);
  const body = {
    apiVersion: 'v1',
    kind: 'Namespace',
    metadata: { name: namespace },
    spec: {},
  } as const; // literals of the kind
  await client.create(namespaceResource, body, {}, signal);
  const jobSpec = {
    completions,
    parallelism: 3,
    backoffLimit: 100,
    template: { spec: { containers, restartPolicy: 'Never' as const } },
  };
  const job = { apiVersion: 'batch/v1', kind: 'Job', metadata: at('work'), spec: jobSpec } as const; // literals of the kind
  await client.create(jobResource, job, {}, signal);
  const resources = { requests: { storage: '1Gi' } };
  const claim = { metadata: { name: 'data' }, spec: { accessModes: ['ReadWriteOnce'], resources } };
  const selector = { matchLabels: { app: 'db' } };
  const spec = {
    ...{ replicas: 3, serviceName: 'db', selector, template: template('db') },
    podManagementPolicy: 'Parallel' as const,
    volumeClaimTemplates: [claim] as unknown as NonNullable<
      StatefulSet['spec']['volumeClaimTemplates']
    >, // metadata as a client writes it
  };
  const set = { apiVersion: 'apps/v1', kind: 'StatefulSet', metadata: at('db'), spec } as const; // literals of the kind
  await client.create(statefulSetResource, set, {}, signal);
  const watch = { selector: { matchLabels: { app: 'watch' } }, template: template('watch') };
  const daemon = {
    apiVersion: 'apps/v1',
    kind: 'DaemonSet',
    metadata: at('watch'),
    spec: watch,
  } as const; // literals of the kind
  await client.create(daemonSetResource, daemon, {}, signal);
}

const isActive = ({ status }: Pod): boolean =>
  status?.phase !== 'Succeeded' && status?.phase !== 'Failed';

/** At any moment. */
async function checkJob(client: Client, signal: AbortSignal): Promise<void> {
  const job: Job | undefined = await client.get(jobResource, at('work'), signal);
  assert.ok((job?.status?.succeeded ?? 0) <= completions, 'pods counted twice');
}

async function checkEnd(client: Client, signal: AbortSignal): Promise<void> {
  const { items: pods } = await client.list(podResource, { namespace }, signal);
  const job = await client.get(jobResource, at('work'), signal);
  const ended = pods.filter((pod) => pod.metadata.labels?.['job-name'] === 'work');
  const succeeded = ended.filter(({ status }) => status?.phase === 'Succeeded').length;
  const failed = ended.filter(({ status }) => status?.phase === 'Failed').length;
  assert.ok(
    job?.status?.conditions?.some(({ type }) => type === 'Complete'),
    'it is complete',
  );
  assert.deepEqual([job?.status?.succeeded, job?.status?.failed ?? 0], [succeeded, failed]);
  assert.equal(succeeded, completions);
  assert.ok(
    ended.every(({ metadata }) => !metadata.finalizers?.length),
    'pods are let go',
  );
  const running = pods.filter(isActive).map(({ metadata }) => metadata.labels?.['app']);
  assert.deepEqual(running.toSorted(), ['db', 'db', 'db', 'watch', 'watch']);
  const { items: claims } = await client.list(persistentVolumeClaimResource, { namespace }, signal);
  const { items: volumes } = await client.list(persistentVolumeResource, {}, signal);
  assert.equal(claims.length, 3);
  assert.ok(
    claims.every(({ status }) => status?.phase === 'Bound'),
    'claims are bound',
  );
  assert.deepEqual(
    volumes.map(({ metadata }) => metadata.name).toSorted(),
    claims.map(({ spec }) => spec.volumeName).toSorted(),
  );
}

simulate(
  'jobs, daemons and claims come out right however often their controllers crash',
  { seeds, simulatedMs: 8 * minutes },
  async (world) => {
    const { clock, random, signal } = world;
    const store = openMemoryStore();
    const server = await openApiServer({ store, clock, random, log: silentLogger }, signal);
    const direct = server.transport(systemUser('user'));
    const client = createClient({ transport: direct, clock, random });
    const faults: Faults = {
      ...noFaults,
      ...{ cutBefore: 0.03, cutAfter: 0.03, cutWatch: 0.02, lateMs: 1_000, slowMs: 30 },
      ...{ refuse: 0.03, conflict: 0.03, expire: 0.1 },
    };
    world.start('user', (ended) => user(client, ended));
    for (const name of ['n1', 'n2']) {
      world.start(name, async (ended) => {
        const tools = { clock, random, log: silentLogger };
        await using informers = openInformerSet(client, tools, ended);
        await runNodeAgent({ name, client, informers, clock, endMs: 1_000, exits }, ended);
      });
    }
    world.start('counts', async (ended) => {
      for (;;) {
        await clock.sleep(1_000, ended);
        await checkJob(client, ended);
      }
    });
    world.start('end of trouble', async (ended) => {
      await clock.sleep(troubleMs, ended);
      faults.active = false;
    });
    world.start('server', async (ended) => {
      try {
        await clock.sleep(2 ** 31 - 1, ended);
      } finally {
        await server[Symbol.asyncDispose]();
        await store[Symbol.asyncDispose]();
      }
    });
    world.finally('the end state is right', () => checkEnd(client, signal));
    startLives(world, 'manager', {
      transport: faultyTransport(direct, faults, world),
      ...{ callsMax: 150, crashesMax: 8, restartMs: 500 },
      mayCrash: () => faults.active,
      run: (transport, running, life) => {
        world.note(`life ${life} begins`);
        const own = createClient({ transport, clock, random });
        const controllers = builtInControllers();
        const tasks = builtInTasks();
        return runManager(
          { client: own, clock, random, log: silentLogger, controllers, tasks },
          running,
        );
      },
    });
  },
);
