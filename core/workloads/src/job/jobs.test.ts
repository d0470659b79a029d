import assert from 'node:assert/strict';
import { test } from 'node:test';
import {
  type CronJob,
  cronJobResource,
  eventResource,
  type Input,
  isApiError,
  type Job,
  jobResource,
  type Pod,
  podResource,
} from '@tweendeck/kube';
import { openTestHome, type TestHome } from '../testing/home.ts';

const at = (name: string) => ({ name, namespace: 'default' });

function work(spec: Partial<Job['spec']> = {}): Input<Job> {
  const containers = [{ name: 'main', image: 'job:1' }];
  return {
    apiVersion: 'batch/v1',
    kind: 'Job',
    metadata: at('work'),
    spec: { template: { spec: { containers, restartPolicy: 'Never' } }, ...spec },
  };
}

const podsOf = async ({ client, signal }: TestHome): Promise<readonly Pod[]> =>
  (await client.list(podResource, { namespace: 'default' }, signal)).items;

const conditionsOf = async ({ client, signal }: TestHome): Promise<string> => {
  const job = await client.get(jobResource, at('work'), signal);
  return (job?.status?.conditions ?? [])
    .filter(({ status }) => status === 'True')
    .map(({ type, reason }) => `${type} ${reason}`)
    .join(', ');
};

test('a job runs its pods to the end, counts them, and lets them go', async () => {
  await using home = await openTestHome({ node: { exits: () => 0 } });
  const { client, signal } = home;
  await client.create(jobResource, work({ completions: 5, parallelism: 2 }), {}, signal);
  await home.eventually('it is complete', async () => {
    const running = (await podsOf(home)).filter(({ status }) => status?.phase === 'Running');
    assert.ok(running.length <= 2);
    return (await conditionsOf(home)).includes('Complete CompletionsReached');
  });
  const job = await client.get(jobResource, at('work'), signal);
  const { succeeded, active, ready, terminating, uncountedTerminatedPods } = job?.status ?? {};
  assert.deepEqual(
    { succeeded, active, ready, terminating, uncountedTerminatedPods },
    { succeeded: 5, active: undefined, ready: 0, terminating: 0, uncountedTerminatedPods: {} },
  );
  const pods = await podsOf(home);
  assert.equal(pods.length, 5);
  assert.ok(pods.every(({ metadata }) => !metadata.finalizers?.length));
  const { items } = await client.list(eventResource, { namespace: 'default' }, signal);
  const reasons = items
    .filter(({ involvedObject }) => involvedObject.kind === 'Job')
    .map(({ reason }) => reason);
  assert.deepEqual([...new Set(reasons)].toSorted(), ['Completed', 'SuccessfulCreate']);
});

test('a job that fails waits longer each time, then gives up', async () => {
  await using home = await openTestHome({ node: { exits: () => 1 } });
  const { client, signal, clock } = home;
  await client.create(jobResource, work({ backoffLimit: 2 }), {}, signal);
  await home.eventually(
    'it has failed',
    async () => (await conditionsOf(home)).includes('Failed BackoffLimitExceeded'),
    120_000,
  );
  assert.equal((await podsOf(home)).length, 3);
  assert.ok(clock.monotonicMs() >= 30_000, 'it waited 10 s and 20 s');
});

test('an indexed job fails single indexes and finishes the others', async () => {
  const exits = (pod: Pod): number =>
    pod.metadata.annotations?.['batch.kubernetes.io/job-completion-index'] === '1' ? 1 : 0;
  await using home = await openTestHome({ node: { exits } });
  const spec = { completionMode: 'Indexed', completions: 3, backoffLimitPerIndex: 1 } as const; // the literal is the mode
  await home.client.create(jobResource, work({ ...spec, parallelism: 3 }), {}, home.signal);
  await home.eventually('it has failed', async () =>
    (await conditionsOf(home)).includes('Failed FailedIndexes'),
  );
  const job = await home.client.get(jobResource, at('work'), home.signal);
  const { completedIndexes, failedIndexes, succeeded, failed } = job?.status ?? {};
  assert.deepEqual(
    { completedIndexes, failedIndexes, succeeded, failed },
    { completedIndexes: '0,2', failedIndexes: '1', succeeded: 2, failed: 2 },
  );
});

test('a suspended job lets its pods go and goes on when it is resumed', async () => {
  let done = false;
  await using home = await openTestHome({ node: { exits: () => (done ? 0 : undefined) } });
  const { client, signal } = home;
  await client.create(jobResource, work({ completions: 2, parallelism: 2 }), {}, signal);
  await home.eventually('two pods', async () => (await podsOf(home)).length === 2);
  const suspend = (value: boolean) =>
    client.patch(
      jobResource,
      at('work'),
      { type: 'merge', body: { spec: { suspend: value } } },
      {},
      signal,
    );
  await suspend(true);
  await home.eventually('no pods', async () => (await podsOf(home)).length === 0);
  assert.match(await conditionsOf(home), /Suspended JobSuspended/);
  done = true;
  await suspend(false);
  await home.eventually('it is complete', async () =>
    (await conditionsOf(home)).includes('Complete'),
  );
  const job = await client.get(jobResource, at('work'), signal);
  assert.equal(job?.status?.failed, undefined);
});

test('a job that is deleted takes its pods along, or leaves them free, as asked', async () => {
  await using home = await openTestHome();
  const { client, signal } = home;
  for (const { propagation, left } of [
    { propagation: 'Background', left: 0 },
    { propagation: 'Foreground', left: 0 },
    { propagation: 'Orphan', left: 1 },
  ] as const) {
    await client.create(jobResource, work(), {}, signal);
    await home.eventually('a pod', async () => (await podsOf(home)).length === 1);
    await client.delete(jobResource, at('work'), { propagation }, signal);
    await home.eventually(`${propagation} is through`, async () => {
      const pods = await podsOf(home);
      const free = pods.every(
        ({ metadata }) => !metadata.finalizers?.length && !metadata.ownerReferences?.length,
      );
      return pods.length === left && free && !(await client.get(jobResource, at('work'), signal));
    });
  }
});

test('a job goes when its time after the end is over', async () => {
  await using home = await openTestHome({ node: { exits: () => 0 } });
  const { client, signal, clock } = home;
  await client.create(jobResource, work({ ttlSecondsAfterFinished: 30 }), {}, signal);
  await home.eventually('it is complete', async () =>
    (await conditionsOf(home)).includes('Complete'),
  );
  const endedMs = clock.monotonicMs();
  await home.eventually('it is gone with its pod', async () => {
    const job = await client.get(jobResource, at('work'), signal);
    return !job && (await podsOf(home)).length === 0;
  });
  assert.ok(clock.monotonicMs() - endedMs >= 29_000);
});

test('a cron job makes a job a minute and keeps the last', async () => {
  await using home = await openTestHome({ node: { exits: () => 0 } });
  const { client, signal } = home;
  const tick: Input<CronJob> = {
    apiVersion: 'batch/v1',
    kind: 'CronJob',
    metadata: at('tick'),
    spec: {
      schedule: '* * * * *',
      successfulJobsHistoryLimit: 1,
      jobTemplate: { spec: work().spec },
    },
  };
  await client.create(cronJobResource, tick, {}, signal);
  const seen = new Set<string>();
  await home.eventually(
    'it has made three jobs',
    async () => {
      const { items } = await client.list(jobResource, { namespace: 'default' }, signal);
      for (const { metadata } of items) seen.add(metadata.name);
      return seen.size === 3;
    },
    5 * 60_000,
  );
  await home.eventually('one that ended is kept', async () => {
    const { items } = await client.list(jobResource, { namespace: 'default' }, signal);
    const cron = await client.get(cronJobResource, at('tick'), signal);
    return items.length === 1 && !cron?.status?.active && Boolean(cron?.status?.lastSuccessfulTime);
  });
  const minutes = [...seen].map((name) => Number(name.slice('tick-'.length))).toSorted();
  assert.deepEqual(
    minutes,
    Array.from({ length: 3 }, (_, index) => (minutes[0] ?? 0) + index),
  );
  await client.delete(cronJobResource, at('tick'), {}, signal);
  await home.eventually('all is gone', async () => (await podsOf(home)).length === 0);
});

test('a job that names another manager is left to it', async () => {
  await using home = await openTestHome();
  await home.client.create(jobResource, work({ managedBy: 'example.com/me' }), {}, home.signal);
  await home.rest();
  assert.equal((await podsOf(home)).length, 0);
  const other = work();
  const refused = home.client.create(jobResource, other, {}, home.signal);
  await assert.rejects(refused, (error) => isApiError(error, 'AlreadyExists'));
});
