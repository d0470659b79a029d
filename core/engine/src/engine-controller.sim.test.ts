// The controller of engines crashed between any two calls, behind a bad network, while its user changes his mind: never
// more than one member is ended at a time, no leader that could hand over, and its end state is right.

import assert from 'node:assert/strict';
import { openApiServer, systemUser } from '@tweendeck/apiserver';
import { type Applied, type Client, createClient } from '@tweendeck/client';
import { runManager } from '@tweendeck/controller';
import {
  customResourceDefinitionResource,
  isApiError,
  leaseResource,
  nodeResource,
  type Pod,
  podResource,
  statefulSetResource,
  t,
} from '@tweendeck/kube';
import {
  type Faults,
  faultyTransport,
  noFaults,
  seedsFrom,
  simulate,
  startLives,
  type World,
} from '@tweendeck/sim';
import { microTimestampOf, silentLogger } from '@tweendeck/std';
import { openMemoryStore } from '@tweendeck/store';
import { builtInControllers, builtInTasks, ensureSystemNamespaces } from '@tweendeck/workloads';
import { engineKind } from './cluster-kind.ts';
import { engineController } from './engine-controller.ts';
import { memberLabel, revisionAnnotation, roleLabel, shardLabel } from './labels.ts';
import { type ToyOptions, toyEngine } from './testing/toy-engine.ts';

const minutes = 60_000;
const troubleMs = 45_000;
const namespace = 'default';
const ref = { name: 'toys', namespace };
const kind = engineKind<ToyOptions>(
  toyEngine(() => ({ role: 'peer', synced: true, facts: null })),
  t.object({ flavour: t.string().optional() }).default({}),
);

/** Shards whose leader is whoever was asked to lead, and somebody else when that one is gone. */
class Shards {
  readonly #leaders = new Map<string, string>();
  #running: ReadonlyMap<string, string> = new Map();

  /** Names of members that run, with their shards. */
  set running(running: ReadonlyMap<string, string>) {
    this.#running = running;
    for (const [member, shard] of running) {
      const leader = this.#leaders.get(shard);
      if (leader === undefined || !running.has(leader)) this.#leaders.set(shard, member);
    }
  }

  leads(member: string): boolean {
    return [...this.#leaders.values()].includes(member);
  }

  /** Of shards that are there. */
  leaders(): readonly string[] {
    return [...this.#leaders.values()].filter((member) => this.#running.has(member));
  }

  isRunning(member: string): boolean {
    return this.#running.has(member);
  }

  lead(member: string): void {
    const shard = this.#running.get(member);
    if (shard !== undefined) this.#leaders.set(shard, member);
  }

  /** Others that could lead in its place. */
  heirs(member: string): readonly string[] {
    const shard = this.#running.get(member);
    return [...this.#running]
      .filter(([name, of]) => of === shard && name !== member)
      .map(([name]) => name);
  }
}

function engineOf(shards: Shards) {
  return toyEngine(
    (name) => {
      if (!shards.isRunning(name)) throw new Error('nobody is there');
      return { role: shards.leads(name) ? 'leader' : 'follower', synced: true, facts: null };
    },
    {
      handOver: ({ name }, _cluster, { members }) => {
        const wanted = new Set(members.filter((one) => one.wanted).map((one) => one.name));
        const heir = shards.heirs(name).find((one) => wanted.has(one));
        if (heir === undefined) return undefined;
        return {
          ...{ id: `lead with ${heir}`, why: `${name} restarts`, on: heir, risk: 'disruptive' },
          timeLimitSeconds: 60,
          run: () => Promise.resolve(shards.lead(heir)),
        };
      },
    },
  );
}

const memberOf = ({ metadata }: Pod): string => metadata.labels?.[memberLabel] ?? '';
const shardOf = ({ metadata: { labels = {} } }: Pod): string =>
  `${labels['tweendeck.io/group']}-${labels[shardLabel]}`;

/** Runs what is bound to the node, and looks at what is ended: whose workload stays was ended by the operator. */
async function agent(
  world: World,
  { client, shards }: { readonly client: Client; readonly shards: Shards },
  signal: AbortSignal,
): Promise<void> {
  const leadersEnded = new Set<string>();
  for (;;) {
    await world.clock.sleep(1_000, signal);
    const lease = {
      metadata: { name: 'local', namespace: 'kube-node-lease' },
      spec: { holderIdentity: 'local', renewTime: microTimestampOf(world.clock.nowMs()) },
    };
    await client.apply(leaseResource, lease, { fieldManager: 'agent', force: true }, signal);
    const { items } = await client.list(podResource, { namespace }, signal);
    const sets = await client.list(statefulSetResource, { namespace }, signal);
    const staying = new Set(
      sets.items
        .filter(({ metadata, spec }) => !metadata.deletionTimestamp && spec.replicas === 1)
        .map(({ metadata }) => metadata.name),
    );
    const ended = items.filter(
      (pod) => pod.metadata.deletionTimestamp && staying.has(memberOf(pod)),
    );
    assert.ok(ended.length <= 1, `ended at once: ${ended.map(memberOf).join(', ')}`);
    for (const pod of ended) {
      const member = memberOf(pod);
      if (leadersEnded.has(pod.metadata.uid)) continue;
      leadersEnded.add(pod.metadata.uid);
      const heirs = shards.heirs(member).filter((one) => staying.has(one));
      assert.ok(!shards.leads(member) || heirs.length === 0, `${member} led, with ${heirs.join()}`);
    }
    for (const pod of items) await play(pod, client, signal);
    const running = items.filter(
      ({ metadata, status }) => !metadata.deletionTimestamp && status?.phase === 'Running',
    );
    shards.running = new Map(running.map((pod) => [memberOf(pod), shardOf(pod)]));
  }
}

async function play({ metadata, spec, status }: Pod, client: Client, signal: AbortSignal) {
  const pod = { name: metadata.name, namespace };
  if (metadata.deletionTimestamp) {
    await client.delete(podResource, pod, { graceSeconds: 0 }, signal);
  } else if (spec.nodeName && status?.phase !== 'Running') {
    const conditions = [{ type: 'Ready', status: 'True' }];
    const body = { status: { phase: 'Running', conditions, podIP: '127.0.0.9' } };
    const options = { subresource: 'status' } as const;
    await client.patch(podResource, pod, { type: 'merge', body }, options, signal);
  }
}

/** Changes counts and settings until the trouble ends. */
async function user(world: World, client: Client, signal: AbortSignal): Promise<void> {
  const { clock, random } = world;
  const versions = ['1', '2'];
  do {
    await clock.sleep(random.integer(15_000), signal);
    const data = { shards: 1 + random.integer(2), members: 1 + random.integer(3) };
    const colour = random.next() < 0.5 ? 'red' : 'green';
    const version = versions[random.integer(2)];
    const spec = {
      version,
      groups: { data, watch: { members: random.integer(2) } },
      config: { colour },
    };
    try {
      const object = { metadata: ref, spec };
      await client.apply(kind, object, { fieldManager: 'user', force: true }, signal);
    } catch (error) {
      if (!isApiError(error)) throw error; // a version that there is no way to
      world.note(`user: ${error.message}`);
    }
  } while (clock.monotonicMs() < troubleMs || !(await client.get(kind, ref, signal)));
}

async function checkEnd(client: Client, led: Shards, signal: AbortSignal): Promise<void> {
  const toys = await client.get(kind, ref, signal);
  const pods = await client.list(podResource, { namespace }, signal);
  const sets = await client.list(statefulSetResource, { namespace }, signal);
  assert.ok(toys);
  const { shards = 1, members = 0 } = toys.spec.groups['data'] ?? {};
  const count = shards * members + (toys.spec.groups['watch']?.members ?? 0);
  assert.equal(sets.items.length, count);
  assert.equal(pods.items.length, count);
  const revisions = new Map(
    sets.items.map(({ metadata, spec }) => [
      metadata.name,
      spec.template.metadata?.annotations?.[revisionAnnotation],
    ]),
  );
  for (const pod of pods.items) {
    const { annotations } = pod.metadata;
    assert.equal(annotations?.[revisionAnnotation], revisions.get(memberOf(pod)), memberOf(pod));
  }
  const leads = pods.items.filter(({ metadata }) => metadata.labels?.[roleLabel] === 'leader');
  assert.deepEqual(leads.map(memberOf).sort(), led.leaders().toSorted());
  const { phase, ready, step, observedGeneration } = toys.status ?? {};
  assert.deepEqual(
    { phase, ready, step: step ?? null, observedGeneration },
    {
      ...{ phase: 'Ready', ready: `${count}/${count}`, step: null },
      observedGeneration: toys.metadata.generation,
    },
  );
}

simulate(
  'a cluster gets where its spec says, one step at a time, whatever happens to its controller',
  { seeds: seedsFrom(process.env, 1), simulatedMs: 2.5 * minutes },
  async (world) => {
    const { clock, random, signal } = world;
    const ground = { clock, random, log: silentLogger };
    const server = await openApiServer({ ...ground, store: openMemoryStore() }, signal);
    const direct = server.transport(systemUser('home'));
    const client = createClient({ transport: direct, clock, random });
    await ensureSystemNamespaces(client, signal);
    // A definition is applied whole.
    const definition = kind.crd() as unknown as Applied;
    const manager = { fieldManager: 'home' };
    await client.apply(customResourceDefinitionResource, definition, manager, signal);
    await addNode(client, signal);
    const shards = new Shards();
    const faults: Faults = {
      ...noFaults,
      ...{ cutBefore: 0.02, cutAfter: 0.02, cutWatch: 0.05, lateMs: 2_000, slowMs: 50 },
      ...{ refuse: 0.02, conflict: 0.02, expire: 0.2 },
    };
    world.start('user', (ended) => user(world, client, ended));
    world.start('agent', (ended) => agent(world, { client, shards }, ended));
    world.start('built-in controllers', (ended) =>
      runManager(
        { ...ground, client, controllers: builtInControllers(), tasks: builtInTasks() },
        ended,
      ),
    );
    startLives(world, 'operator', {
      transport: faultyTransport(direct, faults, world),
      ...{ callsMax: 120, crashesMax: 8, restartMs: 500, mayCrash: () => faults.active },
      run: (transport, life) => {
        const own = createClient({ transport, clock, random });
        const controllers = [engineController(kind, engineOf(shards))];
        return runManager({ ...ground, client: own, controllers }, life);
      },
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
      }
    });
    world.finally('the end state is right', () => checkEnd(client, shards, signal));
  },
);

async function addNode(client: Client, signal: AbortSignal): Promise<void> {
  const size = { cpu: '16', memory: '64Gi', pods: '100' };
  const node = {
    apiVersion: 'v1' as const,
    kind: 'Node' as const,
    metadata: { name: 'local', labels: { 'kubernetes.io/hostname': 'local' } },
    spec: {},
    status: {
      capacity: size,
      allocatable: size,
      conditions: [{ type: 'Ready', status: 'True', reason: 'Up', message: '' }],
    },
  };
  await client.create(nodeResource, node, {}, signal);
  const options = { subresource: 'status' } as const;
  const body = { status: node.status };
  await client.patch(nodeResource, { name: 'local' }, { type: 'merge', body }, options, signal);
}
