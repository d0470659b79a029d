// A spec that changes under a running CacheServer: what rolls, what stays, and that clients always find a server.

import assert from 'node:assert/strict';
import { deploymentResource, type Pod, podResource, serviceResource } from '@tweendeck/kube';
import type { Scenario } from './scenario.ts';
import type { Stage } from './stage.ts';

export const changeResources: Scenario = {
  name: 'changed limits roll to a new pod; the old one goes when the new one serves',
  play: async (stage) => {
    await stage.apply('cache', { replicas: 2 });
    await stage.untilReady('cache');
    const before = new Set((await stage.pods('cache')).map(({ metadata }) => metadata.uid));
    await using watched = await watchServing(stage, 'cache');
    const limits = { cpu: '120m', memory: '112Mi' };
    await stage.change('cache', { resources: { limits } });
    await stage.untilReady('cache');
    const pods = await stage.until('only new pods are left', async () => {
      const now = await stage.pods('cache');
      return now.length === 2 && now.every(({ metadata }) => !before.has(metadata.uid)) && now;
    });
    for (const { status, spec } of pods) {
      assert.equal(status?.qosClass, 'Guaranteed');
      assert.deepEqual(spec.containers[0]?.resources, { limits, requests: limits });
    }
    assert.ok(watched.fewest() >= 2, `at one time only ${watched.fewest()} pods served`);
  },
};

export const changeService: Scenario = {
  name: 'a changed port or type of the Service leaves the pods alone',
  play: async (stage) => {
    await stage.apply('cache');
    await stage.untilReady('cache');
    const [before] = await stage.pods('cache');
    await stage.change('cache', { port: 9_126 });
    const moved = await stage.untilReady('cache');
    assert.equal(moved.status?.endpoint, `cache.${stage.namespace}.svc:9126`);

    await stage.change('cache', { serviceType: 'NodePort' });
    const node = await stage.untilReady('cache');
    const service = await stage.client.get(serviceResource, stage.ref('cache'), stage.signal);
    const nodePort = service?.spec.ports?.[0]?.nodePort;
    const [pod] = await stage.pods('cache');
    assert.equal(node.status?.endpoint, `${pod?.status?.hostIP}:${nodePort}`);

    await stage.change('cache', { serviceType: 'LoadBalancer' });
    if (stage.home.loadBalancers) {
      const balanced = await stage.untilReady('cache');
      assert.match(balanced.status?.endpoint ?? '', /^[\d.]+:9126$/);
    } else {
      const pending = { status: 'False', reason: 'LoadBalancerPending' } as const;
      const { message } = await stage.untilCondition('cache', 'Ready', pending);
      assert.match(message ?? '', /no address yet.*cache\.\S+\.svc:9126/);
      assert.equal((await stage.cache('cache')).status?.endpoint, undefined);
    }

    await stage.change('cache', { serviceType: 'ClusterIP', port: 8_126 });
    const back = await stage.untilReady('cache');
    assert.equal(back.status?.endpoint, `cache.${stage.namespace}.svc:8126`);
    const [after] = await stage.pods('cache');
    assert.equal(after?.metadata.uid, before?.metadata.uid, 'the pod is the one it was');
  },
};

export const changeCleaner: Scenario = {
  name: 'a cleaner is scheduled and told of; a bad webhook or schedule is refused',
  play: async (stage) => {
    const cleaner = { webhook: 'https://hooks.example.com/cache?team=a', image: 'cleaner:1' };
    await stage.apply('cache', { cleaner });
    await stage.untilReady('cache');
    assert.deepEqual((await stage.cache('cache')).spec.cleaner, cleaner);
    const told = await stage.untilCondition('cache', 'CleanerScheduled', { status: 'True' });
    stage.observe('told', [told.reason, told.message]);
    const patch = ['patch', 'cacheserver', 'cache', '--type=merge'];
    const refused = await stage.home.kubectl([
      ...['-n', stage.namespace, ...patch],
      ...['-p', '{"spec":{"cleaner":{"webhook":"ftp://hooks.example.com"}}}'],
    ]);
    assert.notEqual(refused.code, 0);
    assert.match(refused.stderr, /spec\.cleaner\.webhook/);
    stage.observe('refused', refused.stderr);
    assert.deepEqual((await stage.cache('cache')).spec.cleaner, cleaner);
    await stage.change('cache', { cleaner: { ...cleaner, schedule: '61 * * * *' } });
    const bad = await stage.untilCondition('cache', 'CleanerScheduled', { status: 'False' });
    assert.equal(bad.reason, 'ScheduleRefused');
    await stage.kubectl([...patch, '-p', '{"spec":{"cleaner":null}}']);
    await stage.until(
      'nobody speaks of a cleaner any more',
      async () => !(await stage.conditions('cache')).has('CleanerScheduled'),
    );
  },
};

export const repairedByHand: Scenario = {
  name: 'a child that somebody deletes or changes is put back',
  play: async (stage) => {
    await stage.apply('cache');
    await stage.untilReady('cache');
    const service = await stage.client.get(serviceResource, stage.ref('cache'), stage.signal);
    await stage.kubectl(['delete', 'service', 'cache']);
    await stage.until('the Service is there again', async () => {
      const now = await stage.client.get(serviceResource, stage.ref('cache'), stage.signal);
      return now && now.metadata.uid !== service?.metadata.uid;
    });
    await stage.kubectl(['scale', 'deployment', 'cache', '--replicas=3']);
    await stage.kubectl([
      ...['set', 'resources', 'deployment/cache', '--limits=cpu=70m', '--requests=cpu=70m'],
    ]);
    await stage.until('the Deployment is as the spec says', async () => {
      const now = await stage.client.get(deploymentResource, stage.ref('cache'), stage.signal);
      const cpu = now?.spec.template.spec?.containers[0]?.resources?.limits?.['cpu'];
      return now?.spec.replicas === 1 && cpu === '100m';
    });
    await stage.kubectl(['delete', 'deployment', 'cache', '--cascade=foreground']);
    await stage.untilReady('cache');
  },
};

export const nameTaken: Scenario = {
  name: "somebody else's Service of the same name is left alone, and told",
  play: async (stage) => {
    await stage.kubectl(['create', 'service', 'clusterip', 'cache', '--tcp=80:80']);
    const before = await stage.client.get(serviceResource, stage.ref('cache'), stage.signal);
    await stage.apply('cache');
    const told = await stage.untilCondition('cache', 'Degraded', {
      status: 'True',
      reason: 'NameTaken',
    });
    assert.match(told.message ?? '', /a Service cache that is not of the platform/);
    const after = await stage.client.get(serviceResource, stage.ref('cache'), stage.signal);
    assert.deepEqual(after, before);
    await stage.kubectl(['delete', 'service', 'cache']);
    await stage.untilReady('cache');
  },
};

export const othersMarks: Scenario = {
  name: 'labels and annotations of others on the children survive',
  play: async (stage) => {
    await stage.apply('cache');
    await stage.untilReady('cache');
    const children = ['deployment/cache', 'service/cache'];
    await stage.kubectl(['annotate', ...children, 'example.com/seen-by=scanner']);
    await stage.kubectl(['label', ...children, 'example.com/cost-centre=7']);
    await stage.change('cache', { replicas: 2, port: 9_000 });
    await stage.untilReady('cache');
    for (const child of [
      await stage.client.get(deploymentResource, stage.ref('cache'), stage.signal),
      await stage.client.get(serviceResource, stage.ref('cache'), stage.signal),
    ]) {
      assert.equal(child?.metadata.annotations?.['example.com/seen-by'], 'scanner');
      assert.equal(child?.metadata.labels?.['example.com/cost-centre'], '7');
    }
  },
};

interface Watched extends AsyncDisposable {
  /** The smallest number of pods that served at one time since the watch began. */
  fewest(): number;
}

/** Watches how many pods serve, through every change. */
async function watchServing(stage: Stage, name: string): Promise<Watched> {
  const stop = new AbortController();
  const serving = new Set<string>();
  const start = await stage.client.list(
    podResource,
    { namespace: stage.namespace, labelSelector: `app.kubernetes.io/instance=${name}` },
    stage.signal,
  );
  for (const pod of start.items) if (serves(pod)) serving.add(pod.metadata.uid);
  let fewest = serving.size;
  const options = {
    namespace: stage.namespace,
    labelSelector: `app.kubernetes.io/instance=${name}`,
    resourceVersion: start.resourceVersion,
  };
  const watching = (async () => {
    for await (const event of stage.client.watch(podResource, options, stop.signal)) {
      if (event.type === 'BOOKMARK') continue;
      const { uid } = event.object.metadata;
      if (event.type !== 'DELETED' && serves(event.object)) serving.add(uid);
      else serving.delete(uid);
      fewest = Math.min(fewest, serving.size);
    }
  })();
  watching.catch(() => undefined); // looked at when it is disposed
  return {
    fewest: () => fewest,
    [Symbol.asyncDispose]: async () => {
      stop.abort();
      await watching.catch((error: unknown) => {
        if (!stop.signal.aborted) throw error;
      });
    },
  };
}

function serves({ metadata, status }: Pod): boolean {
  if (metadata.deletionTimestamp !== undefined) return false;
  return (status?.conditions ?? []).some(
    ({ type, status: held }) => type === 'Ready' && held === 'True',
  );
}
