import assert from 'node:assert/strict';
import { test } from 'node:test';
import { openApiServer, systemUser } from '@tweendeck/apiserver';
import { type Client, createClient } from '@tweendeck/client';
import {
  type ApiRequest,
  type ApiTransport,
  type ConfigMap,
  configMapResource,
  type Deployment,
  deploymentResource,
  type Event,
  eventResource,
  leaseResource,
  secretResource,
} from '@tweendeck/kube';
import { faultyTransport, noFaults, SimClock } from '@tweendeck/sim';
import { aborted, seededRandom, silentLogger } from '@tweendeck/std';
import { openMemoryStore } from '@tweendeck/store';
import {
  type BackgroundTask,
  type ControllerOptions,
  defineController,
  type ManagerOptions,
  TerminalError,
  watching,
} from './controller.ts';
import { createHealth } from './health.ts';
import { createMetrics } from './metrics.ts';
import { runManager } from './run-manager.ts';

const never = new AbortController().signal;
const namespace = 'default';
const ref = { name: 'web', namespace };

function deployment(image = 'image:1'): Deployment {
  const labels = { app: 'web' };
  return {
    apiVersion: 'apps/v1',
    kind: 'Deployment',
    metadata: ref,
    spec: {
      selector: { matchLabels: labels },
      template: { metadata: { labels }, spec: { containers: [{ name: 'main', image }] } },
    },
    // What the server fills in is missing, which is what a client sends.
  } as unknown as Deployment;
}

/** An API of its own on simulated time, and a manager on it that can be stopped. */
async function home({ lateMs = 0 } = {}) {
  const clock = new SimClock({ random: seededRandom(1) });
  const random = seededRandom(2);
  const log = silentLogger;
  const server = await openApiServer({ store: openMemoryStore(), clock, random, log }, never);
  const direct = server.transport(systemUser('user'));
  const faults = { ...noFaults, lateMs };
  const late = faultyTransport(direct, faults, { clock, random });
  const asked: string[] = [];
  /** Called before every request of the manager; what it throws breaks the connection. */
  const wire: { before?: (request: ApiRequest) => void } = {};
  const spied: ApiTransport = {
    request(request, signal) {
      asked.push(`${request.method} ${request.path}`);
      wire.before?.(request);
      return late.request(request, signal);
    },
  };
  const client = createClient({ transport: direct, clock, random });
  const stop = new AbortController();
  let ended: Promise<void> = Promise.resolve();
  const metrics = createMetrics();
  return {
    clock,
    client,
    asked,
    wire,
    metrics,
    /** Requests of the manager that match, since the last call. */
    count: (pattern: RegExp) => asked.splice(0).filter((line) => pattern.test(line)).length,
    async start(
      controller: Partial<ControllerOptions<Deployment>>,
      more: Partial<ManagerOptions> = {},
    ): Promise<void> {
      const managed = createClient({ transport: spied, clock, random });
      const controllers = [
        defineController<Deployment>({
          name: 'demo',
          resource: deploymentResource,
          reconcile: async () => undefined,
          ...controller,
        }),
      ];
      const options = { client: managed, clock, random, log, controllers, metrics, ...more };
      ended = runManager(options, stop.signal);
      ended.catch(() => undefined);
      await clock.advance(100);
    },
    ended: () => clock.until(ended),
    stop: () => {
      stop.abort(new Error('enough'));
      return clock.until(ended);
    },
    async [Symbol.asyncDispose]() {
      stop.abort();
      await clock.until(ended.catch(() => undefined));
      await server[Symbol.asyncDispose]();
      assert.equal(clock.waitingCount, 0, 'timers are left behind');
    },
  };
}

async function readBack(client: Client): Promise<Deployment> {
  const found = await client.get(deploymentResource, ref, never);
  assert.ok(found);
  return found;
}

test('a finalizer is there before the first pass and goes when finalize is done', async () => {
  await using at = await home();
  const said: string[] = [];
  await at.client.create(deploymentResource, deployment(), {}, never);
  await at.start({
    reconcile: async (object) => void said.push(`reconcile ${object.metadata.finalizers}`),
    finalize: async () => {
      said.push('finalize');
      return said.length < 4 ? { requeueAfterMs: 1_000 } : undefined;
    },
    forget: (gone) => said.push(`forget ${gone.name}`),
  });
  assert.deepEqual(said, ['reconcile tweendeck.io/demo']);
  await at.client.delete(deploymentResource, ref, {}, never);
  await at.clock.advance(500);
  assert.deepEqual(said.slice(1), ['finalize']);
  await readBack(at.client);
  await at.clock.advance(5_000);
  assert.deepEqual(said.slice(1), ['finalize', 'finalize', 'finalize', 'forget web']);
  assert.equal(await at.client.get(deploymentResource, ref, never), undefined);
});

for (const { underDeletion, passes } of [
  { underDeletion: 'skip', passes: 1 },
  { underDeletion: 'reconcile', passes: 2 },
] as const)
  test(`objects under deletion, without finalize: ${underDeletion}`, async () => {
    await using at = await home();
    const foreign = { ...deployment(), metadata: { ...ref, finalizers: ['example.com/other'] } };
    await at.client.create(deploymentResource, foreign as never, {}, never);
    let count = 0;
    await at.start({ underDeletion, reconcile: async () => void count++ });
    await at.client.delete(deploymentResource, ref, {}, never);
    await at.clock.advance(1_000);
    assert.equal(count, passes);
  });

test('status is written once, and not again while nothing changes', async () => {
  await using at = await home();
  await at.client.create(deploymentResource, deployment(), {}, never);
  let passes = 0;
  await at.start({
    async reconcile(object, context) {
      passes++;
      context.status({ replicas: 1 });
      const image = object.spec.template.spec?.containers[0]?.image ?? '';
      context.status({ readyReplicas: 1 }, [
        { type: 'Available', status: 'True', reason: 'Up', message: image },
      ]);
      return { requeueAfterMs: 1_000 };
    },
  });
  await at.clock.advance(10_000);
  assert.equal(passes, 11);
  assert.equal(at.count(/PATCH .*\/status/), 1);
  const first = await readBack(at.client);
  assert.equal(first.status?.observedGeneration, 1);
  assert.equal(first.status?.conditions?.[0]?.lastTransitionTime, '2026-01-01T00:00:00Z');
  const spec = deployment('image:2').spec;
  const body = { spec };
  await at.client.patch(deploymentResource, ref, { type: 'merge', body }, {}, never);
  await at.clock.advance(1_000);
  const second = await readBack(at.client);
  assert.equal(second.status?.observedGeneration, 2);
  assert.equal(second.status?.conditions?.[0]?.message, 'image:2');
  assert.equal(second.status?.conditions?.[0]?.lastTransitionTime, '2026-01-01T00:00:00Z');
});

test('a child is applied when it is another, or was changed or deleted, and not again while nothing changes', async () => {
  await using at = await home();
  await at.client.create(deploymentResource, deployment(), {}, never);
  const metadata = { name: 'web-files', namespace };
  let [text, passes] = ['one', 0];
  await at.start({
    owns: [configMapResource],
    async reconcile(_, context) {
      passes++;
      const child = { apiVersion: 'v1', kind: 'ConfigMap', metadata, data: { text } };
      const applied = await context.apply(configMapResource, child);
      assert.equal(applied.data?.['text'], text);
      await context.prune(configMapResource);
      return { requeueAfterMs: 1_000 };
    },
  });
  const applies = /PATCH .*\/configmaps\/web-files/;
  await at.clock.advance(10_000);
  assert.ok(passes >= 11);
  assert.equal(at.count(applies), 1);
  text = 'two';
  await at.clock.advance(5_000);
  assert.equal(at.count(applies), 1);
  const patch = { type: 'merge', body: { data: { text: 'theirs' } } } as const;
  await at.client.patch(configMapResource, metadata, patch, {}, never);
  await at.clock.advance(5_000);
  assert.equal(at.count(applies), 1);
  await at.client.delete(configMapResource, metadata, {}, never);
  await at.clock.advance(5_000);
  assert.equal(at.count(applies), 1);
  const left = await at.client.get(configMapResource, metadata, never);
  assert.equal(left?.data?.['text'], 'two');
});

test('conditions of another writer are kept, also when both write at once', async () => {
  await using at = await home();
  await at.client.create(deploymentResource, deployment(), {}, never);
  const other = { type: 'Other', status: 'True', reason: 'Theirs', message: '' };
  await at.start({
    async reconcile(_, context) {
      context.status({}, [{ type: 'Ours', status: 'True', reason: 'Ours', message: '' }]);
      if (context.attempt > 0) return;
      const body = { status: { conditions: [other] } };
      const patch = { type: 'merge', body } as const;
      await at.client.patch(deploymentResource, ref, patch, { subresource: 'status' }, never);
    },
  });
  await at.clock.advance(1_000);
  const { status } = await readBack(at.client);
  assert.deepEqual(status?.conditions?.map((condition) => condition.type).sort(), [
    'Other',
    'Ours',
  ]);
});

test('a failing pass backs off even if it writes another status each time', async () => {
  await using at = await home();
  await at.client.create(deploymentResource, deployment(), {}, never);
  let passes = 0;
  await at.start({
    async reconcile(_, context) {
      context.status({ replicas: ++passes });
      throw new Error('not yet');
    },
  });
  await at.clock.advance(60_000);
  assert.ok(passes >= 10 && passes <= 16, `${passes} passes`);
  assert.equal((await readBack(at.client)).status?.replicas, passes);
  const labels = { controller: 'demo' };
  assert.equal(at.metrics.value('controller_runtime_reconcile_panics_total', labels), passes);
});

test('a change ends the back-off', async () => {
  await using at = await home();
  await at.client.create(deploymentResource, deployment(), {}, never);
  const attempts: number[] = [];
  await at.start({
    async reconcile(_, context) {
      attempts.push(context.attempt);
      throw new Error('not yet');
    },
  });
  await at.clock.advance(60_000);
  const before = attempts.length;
  const body = { metadata: { labels: { changed: 'yes' } } };
  await at.client.patch(deploymentResource, ref, { type: 'merge', body }, {}, never);
  await at.clock.advance(10);
  assert.equal(attempts.length, before + 1);
  assert.deepEqual(
    attempts,
    attempts.map((_, index) => index),
  );
});

test('a terminal error is not tried again until the object changes', async () => {
  await using at = await home();
  await at.client.create(deploymentResource, deployment(), {}, never);
  let passes = 0;
  await at.start({
    async reconcile() {
      passes++;
      throw new TerminalError('the spec makes no sense');
    },
  });
  await at.clock.advance(3_600_000);
  assert.equal(passes, 1);
  const body = { metadata: { labels: { changed: 'yes' } } };
  await at.client.patch(deploymentResource, ref, { type: 'merge', body }, {}, never);
  await at.clock.advance(1_000);
  assert.equal(passes, 2);
});

test('every object is looked at once in resyncMs, and not in a hot loop when asked for at once', async () => {
  await using at = await home();
  await at.client.create(deploymentResource, deployment(), {}, never);
  let passes = 0;
  let hot = false;
  await at.start({
    resyncMs: 10_000,
    reconcile: async () => {
      passes++;
      return hot ? { requeueAfterMs: 0 } : undefined;
    },
  });
  await at.clock.advance(100_000);
  assert.ok(passes >= 10 && passes <= 12, `${passes} passes`);
  hot = true;
  await at.clock.advance(12_000);
  passes = 0;
  await at.clock.advance(1_000);
  assert.equal(passes, 20);
});

test('children are applied with an owner, and pruned when not applied any more', async () => {
  await using at = await home();
  const foreign = { ...configMap('foreign') };
  await at.client.create(configMapResource, foreign, {}, never);
  await at.client.create(deploymentResource, deployment(), {}, never);
  let wanted = ['a', 'b', 'c'];
  const pruned: string[] = [];
  await at.start({
    owns: [configMapResource],
    async reconcile(_, context) {
      for (const name of wanted)
        await context.apply(configMapResource, { metadata: { name }, data: { x: '1' } });
      for (const gone of await context.prune(configMapResource)) pruned.push(gone.name);
    },
  });
  const names = async (): Promise<readonly string[]> => {
    const list = await at.client.list(configMapResource, { namespace }, never);
    return list.items.map((item) => item.metadata.name).filter((name) => name.length === 1);
  };
  assert.deepEqual(await names(), ['a', 'b', 'c']);
  const child = await at.client.get(configMapResource, { name: 'a', namespace }, never);
  const owner = child?.metadata.ownerReferences?.[0];
  assert.deepEqual([owner?.kind, owner?.name, owner?.controller], ['Deployment', 'web', true]);
  wanted = ['a', 'd'];
  await at.client.delete(configMapResource, { name: 'a', namespace }, {}, never);
  await at.clock.advance(1_000);
  assert.deepEqual(await names(), ['a', 'd']);
  assert.deepEqual(pruned, ['b', 'c']);
  assert.ok(await at.client.get(configMapResource, { name: 'foreign', namespace }, never));
});

test('caches show in the next pass what the last one wrote, however late watches are', async () => {
  await using at = await home({ lateMs: 5_000 });
  await at.client.create(deploymentResource, deployment(), {}, never);
  const seen: (string | undefined)[] = [];
  await at.start({
    owns: [configMapResource],
    async reconcile(_, context) {
      const cached = context.cache(configMapResource).get({ name: 'count', namespace });
      seen.push(cached?.data?.['count']);
      const count = String(Math.min(4, seen.length)); // for ever on, it would follow its own change
      await context.apply(configMapResource, { metadata: { name: 'count' }, data: { count } });
      if (seen.length < 4) throw new Error('again, at once');
    },
  });
  await at.clock.advance(60_000);
  assert.deepEqual(seen.slice(0, 4), [undefined, '1', '2', '3']);
});

test('watches map the new and the old state of what changed', async () => {
  await using at = await home();
  const mapped: string[] = [];
  const secret = (value: string) => ({
    apiVersion: 'v1' as const,
    kind: 'Secret' as const,
    metadata: { name: 's', namespace, labels: { for: value } },
  });
  await at.client.create(secretResource, secret('web'), {}, never);
  await at.start({
    watches: [
      watching(secretResource, (object, cache) => {
        assert.ok(cache(deploymentResource));
        mapped.push(object.metadata.labels?.['for'] ?? '');
        return [];
      }),
    ],
  });
  await at.client.update(secretResource, secret('api'), {}, never);
  await at.clock.advance(1_000);
  assert.deepEqual(mapped, ['web', 'api', 'web']);
});

test('a pass that overruns its time is aborted, and never doubled even if it does not heed that', async () => {
  await using at = await home();
  await at.client.create(deploymentResource, deployment(), {}, never);
  let running = 0;
  const ends: unknown[] = [];
  const release = Promise.withResolvers<void>();
  await at.start({
    passTimeoutMs: 5_000,
    async reconcile(_, context) {
      running++;
      assert.equal(running, 1);
      if (ends.length === 0) await aborted(context.signal);
      else await release.promise;
      ends.push(context.signal.reason?.code);
      running--;
      if (ends.length < 2) context.signal.throwIfAborted();
    },
  });
  await at.clock.advance(60_000);
  assert.deepEqual(ends, ['CONTROLLER_PASS_TIMEOUT']);
  release.resolve();
  await at.clock.advance(1_000);
  assert.equal(ends.length >= 2, true);
});

test('reading an undeclared cache is a bug of the controller', async () => {
  await using at = await home();
  await at.client.create(deploymentResource, deployment(), {}, never);
  let message = '';
  await at.start({
    async reconcile(_, context) {
      try {
        context.cache(secretResource);
      } catch (error) {
        message = String(error);
      }
    },
  });
  assert.match(message, /demo reads the cache of secrets without declaring it/);
});

test('events are written on the object and counted', async () => {
  await using at = await home();
  await at.client.create(deploymentResource, deployment(), {}, never);
  let passes = 0;
  await at.start({
    async reconcile(_, context) {
      context.event('Warning', 'Sad', 'no luck');
      if (++passes < 3) throw new Error('again');
    },
  });
  await at.clock.advance(1_000);
  const { items } = await at.client.list(eventResource, { namespace }, never);
  const [event] = items.filter((item) => item.reason === 'Sad');
  assert.equal(event?.count, 3);
  assert.equal(event?.involvedObject.name, 'web');
  assert.equal(event?.source?.component, 'demo');
  assert.equal(items.length, 1);
});

test('an occurrence with an action is an event of its time, then a series', async () => {
  await using at = await home();
  const about = await at.client.create(deploymentResource, deployment(), {}, never);
  let tell = (_message: string): void => undefined;
  const task: BackgroundTask = {
    name: 'planner',
    async run(context, signal) {
      const words = { type: 'Warning', reason: 'Full', action: 'Placing' } as const;
      tell = (message) => context.record({ about, ...words, message });
      await aborted(signal);
    },
  };
  await at.start({}, { tasks: [task], instance: 'machine' });
  const only = async (): Promise<Event> => {
    await at.clock.advance(1_000);
    const { items } = await at.client.list(eventResource, { namespace }, never);
    assert.equal(items.length, 1);
    assert.ok(items[0]);
    return items[0];
  };
  tell('no room');
  const { metadata, involvedObject, series, eventTime = '', ...first } = await only();
  assert.match(metadata.name, /^web\.[0-9a-f]{16}$/);
  assert.deepEqual([involvedObject.name, involvedObject.uid], ['web', about.metadata.uid]);
  assert.equal(series, undefined);
  const said: unknown = first;
  assert.deepEqual(said, {
    ...{ apiVersion: 'v1', kind: 'Event', action: 'Placing', firstTimestamp: null },
    ...{ lastTimestamp: null, message: 'no room', reason: 'Full' },
    ...{ reportingComponent: 'planner', reportingInstance: 'planner-machine' },
    ...{ source: {}, type: 'Warning' },
  });
  assert.match(eventTime, /\.\d{6}Z$/);
  tell('still none');
  assert.equal((await only()).series?.count, 2);
  tell('and now');
  const told = await only();
  assert.deepEqual([told.series?.count, told.message], [2, 'no room']);
  await at.clock.advance(12 * 60_000);
  assert.equal((await only()).series?.count, 3, 'the last count is told');
});

test('events that cannot be written disturb nobody', async () => {
  await using at = await home();
  await at.client.create(deploymentResource, deployment(), {}, never);
  at.wire.before = ({ path }) => {
    if (path.includes('/events')) throw new Error('cut');
  };
  let passes = 0;
  await at.start({
    reconcile: async (_, context) => {
      passes++;
      context.event('Normal', 'Fine', 'all well');
    },
  });
  await at.clock.advance(1_000);
  assert.equal(passes, 1);
  await at.stop();
});

test('the end waits for passes under way; nothing new begins', async () => {
  await using at = await home();
  await at.client.create(deploymentResource, deployment(), {}, never);
  let ended = false;
  await at.start({
    async reconcile(_, context) {
      await context.clock.sleep(5_000, context.signal);
      await context.apply(configMapResource, { metadata: { name: 'last' } });
      ended = true;
      return { requeueAfterMs: 1 };
    },
  });
  await at.stop();
  assert.ok(ended);
  assert.ok(await at.client.get(configMapResource, { name: 'last', namespace }, never));
  assert.equal(at.clock.monotonicMs(), 5_000);
});

test('the end does not wait for ever: passes are aborted after a while', async () => {
  await using at = await home();
  await at.client.create(deploymentResource, deployment(), {}, never);
  let reason: unknown;
  await at.start(
    {
      async reconcile(_, context) {
        await aborted(context.signal);
        reason = context.signal.reason;
      },
    },
    { shutdownTimeoutMs: 3_000 },
  );
  await at.stop();
  assert.match(String(reason), /the program ends/);
  assert.equal(at.clock.monotonicMs(), 3_100);
});

test('a signal that is aborted already ends a manager before it begins', async () => {
  await using at = await home();
  await at.stop();
  await at.start({});
  await at.ended();
  assert.deepEqual(at.asked, []);
});

test('passes run while the lease is held; losing it ends them and the manager', async () => {
  await using at = await home();
  await at.client.create(deploymentResource, deployment(), {}, never);
  const lease = { name: 'leader', namespace: 'kube-system' };
  let reason: unknown;
  const leaderElection = { lease, identity: 'me' };
  await at.start(
    {
      async reconcile(_, context) {
        await aborted(context.signal);
        reason = context.signal.reason;
      },
    },
    { leaderElection },
  );
  const held = await at.client.get(leaseResource, lease, never);
  assert.equal(held?.spec.holderIdentity, 'me');
  at.wire.before = ({ path }) => {
    if (path.includes('/leases')) throw new Error('cut');
  };
  await assert.rejects(at.ended(), { code: 'CONTROLLER_LEASE_LOST' });
  assert.match(String(reason), /was not renewed for 10 s/);
});

test('health tells of caches that are not filled and of a lease that cannot be had', async () => {
  await using at = await home();
  const health = createHealth();
  let cut = true;
  at.wire.before = () => {
    if (cut) throw new Error('cut');
  };
  const leaderElection = { lease: { name: 'leader', namespace: 'kube-system' }, identity: 'me' };
  await at.start({ owns: [configMapResource] }, { health, leaderElection });
  await at.clock.advance(60_000);
  const said = health.report().map(({ name, problem }) => `${name}: ${problem}`);
  assert.match(said[0] ?? '', /^caches: deployments\.apps: .*; configmaps: .*connection broke/);
  assert.match(said[1] ?? '', /^leader-election: lease kube-system\/leader: .*connection broke/);
  cut = false;
  await at.clock.advance(60_000);
  assert.deepEqual(
    health.report().map(({ problem }) => problem),
    [undefined, undefined],
  );
  await at.stop();
  assert.deepEqual(health.report(), []);
});

test('caches hold what the manager selects', async () => {
  await using at = await home();
  const labelled = deployment();
  await at.client.create(deploymentResource, labelled, {}, never);
  await at.client.create(
    deploymentResource,
    { ...labelled, metadata: { ...ref, name: 'other', labels: { ours: 'yes' } } },
    {},
    never,
  );
  const seen: string[] = [];
  await at.start(
    { reconcile: async ({ metadata }) => void seen.push(metadata.name) },
    { selectionOf: () => ({ namespace, labelSelector: 'ours=yes' }) },
  );
  assert.deepEqual(seen, ['other']);
  assert.ok(at.asked.some((line) => /^GET \/apis\/apps\/v1\/namespaces\/default\//.test(line)));
});

function configMap(name: string): ConfigMap {
  // What the server fills in is missing, which is what a client sends.
  return {
    apiVersion: 'v1',
    kind: 'ConfigMap',
    metadata: { name, namespace },
  } as unknown as ConfigMap;
}
