// The controllers on a real control plane with exactly the rights that the chart grants: neither too few nor too many.

import assert from 'node:assert/strict';
import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { type CacheServerObject, cacheServerKind } from '@tweendeck/cacheserver';
import { backupKind } from '@tweendeck/engine';
import {
  configMapResource,
  deploymentResource,
  eventResource,
  jobResource,
  leaseResource,
  persistentVolumeClaimResource,
  podResource,
  type Service,
  secretResource,
  serviceResource,
  statefulSetResource,
} from '@tweendeck/kube';
import { memcachedKind } from '@tweendeck/memcached';
import { redisClusterKind, redisSentinelKind } from '@tweendeck/redis';
import { parseAllDocuments } from 'yaml';
import { freePort, until } from '../support/home.ts';
import { type ControlPlane, controlPlane } from './lab/index.ts';
import { deedsOf, granted } from './rights/audit.ts';
import { ControllersProcess } from './rights/controllers-process.ts';
import { openFaultProxy, type Verdict } from './rights/fault-proxy.ts';

const chart = join(import.meta.dirname, '..', '..', 'charts', 'tweendeck');
const never = new AbortController().signal;
const system = 'tweendeck-system';
const lease = { namespace: system, name: 'tweendeck-controllers' };
const namespace = 'apps';
const ref = { namespace, name: 'cache' };

let plane: ControlPlane;
let kubeconfig: string;

before(async () => {
  plane = await controlPlane();
  for (const name of [system, namespace]) await must(['create', 'namespace', name]);
  const installed = await plane.helm(3, [
    ...['install', 'tweendeck', chart, '--namespace', system, '--set', 'replicaCount=0', '--wait'],
  ]);
  assert.equal(installed.code, 0, installed.stderr);
  kubeconfig = await plane.serviceAccountKubeconfig({ namespace: system, name: 'tweendeck' });
});

after(() => plane[Symbol.asyncDispose]());

async function must(args: readonly string[], input?: string): Promise<string> {
  const { code, stdout, stderr } = await plane.kubectl('1.35', args, input);
  assert.equal(code, 0, `kubectl ${args.join(' ')}: ${stderr}`);
  return stdout;
}

function controllers(config = kubeconfig, args: readonly string[] = []): ControllersProcess {
  return new ControllersProcess({ kubeconfig: config, args });
}

async function upgrade(...values: readonly string[]): Promise<void> {
  const set = ['replicaCount=0', ...values].flatMap((value) => ['--set', value]);
  const { code, stderr } = await plane.helm(3, [
    'upgrade',
    'tweendeck',
    chart,
    '-n',
    system,
    ...set,
  ]);
  assert.equal(code, 0, stderr);
}

function applySpec(spec: object): Promise<string> {
  const { apiVersion, kind } = { apiVersion: 'tweendeck.io/v1alpha1', kind: 'CacheServer' };
  const object = { apiVersion, kind, metadata: ref, spec };
  return must(['apply', '-f', '-'], JSON.stringify(object));
}

/** No kubelet is there: says of every pod what one would say. */
async function playKubelet(): Promise<void> {
  const { items } = await plane.client.list(podResource, { namespace }, never);
  for (const { metadata, status } of items) {
    const isReady = status?.conditions?.some(({ type, status: is }) => type === 'Ready' && is);
    if (metadata.deletionTimestamp !== undefined || isReady) continue;
    const now = new Date().toISOString();
    const conditions = ['Ready', 'ContainersReady', 'PodScheduled'].map((type) => ({
      ...{ type, status: 'True', lastTransitionTime: now },
    }));
    const body = { status: { phase: 'Running', podIP: '192.0.2.1', conditions } };
    await plane.client.patch(
      podResource,
      { namespace, name: metadata.name },
      { type: 'merge', body },
      { subresource: 'status' },
      never,
    );
  }
}

/** Waits until the CacheServer is Ready as its spec is now, with pods that are played. */
function settled(replicas: number, timeoutMs = 60_000): Promise<CacheServerObject> {
  return until(
    `${replicas} replicas are Ready`,
    async () => {
      await playKubelet();
      const cache = await plane.client.get(cacheServerKind, ref, never);
      const { metadata, status } = cache ?? {};
      return (
        status?.phase === (replicas === 0 ? 'Stopped' : 'Ready') &&
        status.observedGeneration === metadata?.generation &&
        status.readyReplicas === replicas &&
        cache
      );
    },
    timeoutMs,
  );
}

async function service(): Promise<Service> {
  const found = await plane.client.get(serviceResource, ref, never);
  assert.ok(found);
  return found;
}

async function holder(): Promise<string> {
  const found = await plane.client.get(leaseResource, lease, never);
  return found?.spec.holderIdentity ?? '';
}

test('the definitions in the cluster are those of the code, for Helm 3 and Helm 4 alike', async () => {
  const rendered = await Promise.all(
    ([3, 4] as const).map((version) => plane.helm(version, ['template', 'tweendeck', chart])),
  );
  for (const { stdout, stderr } of rendered) {
    const objects = parseAllDocuments(stdout).map((document) => document.toJS());
    const crds = objects.filter((object) => object?.kind === 'CustomResourceDefinition');
    const engines = [cacheServerKind, memcachedKind, redisClusterKind, redisSentinelKind];
    const kinds = [backupKind, ...engines].map((kind) => kind.crd().spec);
    assert.deepEqual(
      crds.map(({ spec }) => spec),
      JSON.parse(JSON.stringify(kinds)),
      stderr,
    );
  }
});

test('a CacheServer is made, scaled, changed, reported on and deleted, whatever is lost on the way', async () => {
  await using proxy = await openFaultProxy(await readFile(kubeconfig, 'utf8'));
  const throughProxy = await plainKubeconfig(proxy.server);
  await using leader = controllers(throughProxy);
  await leader.ready();
  await leader.said('leading');

  await applySpec({ replicas: 1, cleaner: {} });
  await settled(1);
  await must(['scale', '-n', namespace, 'cacheserver/cache', '--replicas=2']);
  await settled(2);
  await must(['scale', '-n', namespace, 'cacheserver/cache', '--replicas=1']);
  await settled(1); // said before: its event is counted up
  await applySpec({ replicas: 1, port: 9_000 });
  await settled(1);
  assert.equal((await service()).spec.ports?.[0]?.port, 9_000);

  for (const resource of ['service', 'deployment']) {
    let lost = 0;
    proxy.fault = (method, path) => {
      const isIt = method === 'PATCH' && path.includes(`/${resource}s/cache`) && lost === 0;
      if (isIt) lost++;
      return isIt ? 'lose the answer' : 'pass';
    };
    // What nobody touched is not written again.
    await must(['annotate', '-n', namespace, `${resource}/cache`, 'example.com/touched=yes']);
    await applySpec({ replicas: 1, port: 9_000 + (resource === 'service' ? 1 : 2) });
    await settled(1);
    await until(`an answer about the ${resource} is lost`, async () => lost === 1);
  }

  await writesForAnOldVersion(proxy, 'cacheservers/cache', () =>
    applySpec({ replicas: 1, port: 9_003 }),
  );
  await settled(1);

  await strayChildrenGo();
  await eventsAreTold();
  await figuresAreTold(leader);

  await must(['delete', '-n', namespace, 'cacheserver/cache', '--wait']);
  // Kubernetes' garbage collector looks for new kinds every 30 s, and sees no deletion of others.
  await until(
    'nothing of it is left',
    async () => {
      const kinds = 'deployments,replicasets,pods,services,cacheservers';
      const left = await must(['get', '-n', namespace, kinds, '-o', 'name']);
      if (left !== '') throw new Error(left);
      return true;
    },
    90_000,
  );
  assert.deepEqual(await leader.stop(), { code: 0, signal: null });
  assert.equal(await holder(), '', 'the lease was not released');
});

/** A pass writes its status for a version that is not the newest any more. */
async function writesForAnOldVersion(
  proxy: { fault: (method: string, path: string) => Verdict | Promise<Verdict> },
  object: string,
  change: () => Promise<unknown>,
): Promise<void> {
  const patched = Promise.withResolvers<void>();
  const released = Promise.withResolvers<void>();
  proxy.fault = async (method, path): Promise<Verdict> => {
    if (method !== 'PATCH' || !path.includes(`/${object}/status`)) return 'pass';
    patched.resolve();
    await released.promise;
    return 'pass';
  };
  await change();
  await patched.promise;
  await must(['annotate', '-n', namespace, object, 'example.com/touched=yes']);
  released.resolve();
  proxy.fault = () => 'pass';
}

/** Objects that name the CacheServer as their controller, but are none of what its spec asks for. */
async function strayChildrenGo(): Promise<void> {
  const { metadata, apiVersion, kind } = await settled(1);
  const { name, uid } = metadata;
  const labels = { app: 'stray', 'app.kubernetes.io/managed-by': 'tweendeck' };
  const stray = {
    ...{ namespace, name: 'stray', labels },
    ownerReferences: [{ apiVersion, kind, name, uid, controller: true }],
  };
  const selector = { matchLabels: { app: 'stray' } };
  const template = {
    metadata: { labels },
    spec: { containers: [{ name: 'main', image: 'example.com/none' }] },
  };
  await must(
    ['create', '-f', '-'],
    JSON.stringify({
      apiVersion: 'v1',
      kind: 'List',
      items: [
        { apiVersion: 'v1', kind: 'Service', metadata: stray, spec: { ports: [{ port: 1 }] } },
        { apiVersion: 'v1', kind: 'ConfigMap', metadata: stray, data: {} },
        {
          ...{ apiVersion: 'apps/v1', kind: 'Deployment', metadata: stray },
          spec: { replicas: 0, selector, template },
        },
      ],
    }),
  );
  const strayRef = { namespace, name: 'stray' };
  await until('the strays are gone', async () => {
    const found = await Promise.all([
      plane.client.get(serviceResource, strayRef, never),
      plane.client.get(deploymentResource, strayRef, never),
      plane.client.get(configMapResource, strayRef, never),
    ]);
    return found.every((one) => one === undefined);
  });
}

async function eventsAreTold(): Promise<void> {
  const fieldSelector = 'involvedObject.name=cache,involvedObject.kind=CacheServer';
  await until('an event is counted up', async () => {
    const { items } = await plane.client.list(eventResource, { namespace, fieldSelector }, never);
    return items.some(({ reason, count, source }) => {
      return reason === 'Ready' && (count ?? 0) > 1 && source?.component === 'cacheserver';
    });
  });
}

/** A class and one volume of it, on a path that nobody uses: no pod runs here. */
async function volumesThatGrow(storageClassName: string): Promise<void> {
  const metadata = { name: storageClassName };
  const items = [
    {
      ...{ apiVersion: 'storage.k8s.io/v1', kind: 'StorageClass', metadata },
      ...{ provisioner: 'example.com/none', allowVolumeExpansion: true },
    },
    {
      ...{ apiVersion: 'v1', kind: 'PersistentVolume', metadata },
      spec: {
        ...{ storageClassName, capacity: { storage: '1Gi' }, accessModes: ['ReadWriteOnce'] },
        ...{ persistentVolumeReclaimPolicy: 'Retain', hostPath: { path: '/nowhere' } },
      },
    },
  ];
  await must(['create', '-f', '-'], JSON.stringify({ apiVersion: 'v1', kind: 'List', items }));
}

async function figuresAreTold(leader: ControllersProcess): Promise<void> {
  const { status, body } = await leader.ask('/metrics');
  assert.equal(status, 200);
  for (const line of [
    /^leader_election_master_status\{name="tweendeck-controllers"\} 1$/m,
    /^controller_runtime_reconcile_total\{controller="cacheserver",result="requeue_after"\} [1-9]/m,
    /^controller_runtime_reconcile_time_seconds_bucket\{controller="cacheserver",le="\+Inf"\} [1-9]/m,
    /^workqueue_depth\{name="cacheserver"\} \d/m,
    /^workqueue_work_duration_seconds_count\{name="cacheserver"\} [1-9]/m,
    /^rest_client_requests_total\{code="409",host="127\.0\.0\.1:\d+",method="PATCH"\} [1-9]/m,
    /^rest_client_requests_total\{code="<error>",host="127\.0\.0\.1:\d+",method="PATCH"\} 2$/m,
    /^process_resident_memory_bytes [1-9]/m,
    /^process_cpu_seconds_total [\d.]+$/m,
    /^tweendeck_build_info\{node="[\d.]+",version="[\d.]+"\} 1$/m,
  ])
    assert.match(body, line);
}

test('members of engines are made, replaced when they cannot run as they were, and deleted', async () => {
  await using proxy = await openFaultProxy(await readFile(kubeconfig, 'utf8'));
  await using leader = controllers(await plainKubeconfig(proxy.server));
  await leader.said('leading');
  const name = { namespace, name: 'sessions' };
  const applyKind = (kind: string, metadata: object, spec: object): Promise<string> =>
    must(
      ['apply', '-f', '-'],
      JSON.stringify({ apiVersion: 'tweendeck.io/v1alpha1', kind, metadata, spec }),
    );
  const apply = (spec: object): Promise<string> => applyKind('Memcached', name, spec);
  const withPassword = (change: string): Promise<string> => {
    const spec = { auth: { change } };
    return applyKind('RedisCluster', { namespace, name: 'shop' }, spec);
  };
  await writesForAnOldVersion(proxy, 'redisclusters/shop', () => withPassword(''));
  await until('its members are made', async () => {
    const labelSelector = 'app.kubernetes.io/instance=shop';
    const sets = { namespace, labelSelector };
    return (await plane.client.list(statefulSetResource, sets, never)).items.length === 6;
  });
  await withPassword('another');
  await until('another password is made', async () => {
    const secret = { namespace, name: 'shop-auth' };
    return (await plane.client.get(secretResource, secret, never))?.data?.['next'];
  });
  await must(['delete', '-n', namespace, 'rediscluster/shop', '--wait']);
  const withVolumes = (size: string): Promise<string> => {
    const spec = { groups: { data: { storage: { size, className: 'growing' } } } };
    return applyKind('RedisSentinel', { namespace, name: 'queue' }, spec);
  };
  await volumesThatGrow('growing');
  await writesForAnOldVersion(proxy, 'redissentinels/queue', () => withVolumes('64Mi'));
  const claim = { namespace, name: 'data-queue-data-0-0' };
  const claimed = () => plane.client.get(persistentVolumeClaimResource, claim, never);
  await until('it has a volume', async () => (await claimed())?.status?.phase === 'Bound');
  await withVolumes('96Mi');
  await until('the volume is to grow', async () => {
    return (await claimed())?.spec.resources?.requests?.['storage'] === '96Mi';
  });
  const label = 'tweendeck.io/role';
  const first = await until('its pods are there', async () => {
    const labelSelector = 'app.kubernetes.io/instance=queue';
    return (await plane.client.list(podResource, { namespace, labelSelector }, never)).items[0];
  });
  await must(['label', '-n', namespace, `pod/${first.metadata.name}`, `${label}=something`]);
  await until('a role that there is not is taken away', async () => {
    const pod = { namespace, name: first.metadata.name };
    const found = await plane.client.get(podResource, pod, never);
    return found?.metadata.labels?.[label] === undefined;
  });
  await must(['delete', '-n', namespace, 'redissentinel/queue', '--wait']);
  const members = async () => {
    const labelSelector = 'app.kubernetes.io/instance=sessions';
    return (await plane.client.list(podResource, { namespace, labelSelector }, never)).items;
  };
  await apply({ image: 'example.com/nowhere', groups: { servers: { members: 2 } } });
  const stuck = await until('its pods are there', async () => {
    const pods = await members();
    return pods.length === 2 && pods;
  });
  for (const { metadata, spec } of stuck) {
    const waiting = { reason: 'ErrImagePull', message: 'no such image' };
    const { name: container = '', image = '' } = spec.containers[0] ?? {};
    const containerStatuses = [
      {
        ...{ name: container, image, imageID: '', ready: false, restartCount: 0 },
        state: { waiting },
      },
    ];
    const body = { status: { phase: 'Pending', podIP: '192.0.2.1', containerStatuses } };
    const pod = { namespace, name: metadata.name };
    const options = { subresource: 'status' } as const;
    await plane.client.patch(podResource, pod, { type: 'merge', body }, options, never);
  }
  await until('it is told', async () => {
    const found = await plane.client.get(memcachedKind, name, never);
    return found?.status?.phase === 'Degraded';
  });
  await writesForAnOldVersion(proxy, 'memcacheds/sessions', () =>
    apply({ groups: { servers: { members: 2 } } }),
  );
  const before = new Set(stuck.map(({ metadata }) => metadata.uid));
  await until('others take their places', async () => {
    const pods = await members();
    return pods.length === 2 && pods.every(({ metadata }) => !before.has(metadata.uid));
  });
  await apply({ groups: { servers: { members: 1 } } });
  await until('one is left, without a budget', async () => {
    const sets = { namespace, labelSelector: 'app.kubernetes.io/instance=sessions' };
    return (await plane.client.list(statefulSetResource, sets, never)).items.length === 1;
  });
  await must(['delete', '-n', namespace, 'memcached/sessions', '--wait']);
  await until('its pods are gone', async () => (await members()).length === 0, 90_000);
  assert.deepEqual(await leader.stop(), { code: 0, signal: null });
});

test('backups are made on schedule, and go with what carries them', async () => {
  await using leader = controllers();
  await leader.said('leading');
  const apply = (kind: string, name: string, spec: object): Promise<string> =>
    must(
      ['apply', '-f', '-'],
      JSON.stringify({
        ...{ apiVersion: 'tweendeck.io/v1alpha1', kind, metadata: { namespace, name }, spec },
      }),
    );
  const say = async (name: string, status: object): Promise<void> => {
    const patch = { type: 'merge', body: { status } } as const;
    await plane.client.patch(
      backupKind,
      { namespace, name },
      patch,
      { subresource: 'status' },
      never,
    );
  };
  const to = { claim: { name: 'files' } };
  await apply('RedisCluster', 'kept', { backup: { schedule: '@every 1s', to, keep: 1 } });
  const keepFiles = (name: string): Promise<string> => {
    const keeping = JSON.stringify({ spec: { keepFiles: true } });
    return must(['patch', '-n', namespace, `backup/${name}`, '--type=merge', '-p', keeping]);
  };
  /** No pod runs here, so that nobody else ends them; a pass that read before may write over it. */
  const complete = new Set<string>();
  const looked = async () => {
    const { items } = await plane.client.list(backupKind, { namespace }, never);
    for (const { metadata, status } of items) {
      const isOver = complete.has(metadata.name) && status?.phase !== 'Complete';
      if (isOver) await say(metadata.name, { phase: 'Complete' });
    }
    return items.filter(({ status }) => status?.phase !== undefined);
  };
  const made = async (): Promise<string> => {
    const { metadata } = await until(
      'a backup is made, and looked after',
      async () => (await looked()).find((one) => !complete.has(one.metadata.name)),
      60_000,
    );
    await keepFiles(metadata.name);
    complete.add(metadata.name);
    return metadata.name;
  };
  const first = await made();
  await made();
  await until(
    'the first one goes',
    async () => (await looked()).every(({ metadata }) => metadata.name !== first),
    60_000,
  );
  await apply('Backup', 'whole', { cluster: { kind: 'RedisCluster', name: 'kept' }, to });
  const job = (name: string) => plane.client.get(jobResource, { namespace, name }, never);
  // Without nodes the cluster is still being made, or in trouble: a backup waits, or is tried.
  await until('it is looked after', async () => {
    const found = await plane.client.get(backupKind, { namespace, name: 'whole' }, never);
    return found?.status?.phase !== undefined;
  });
  await say('whole', { phase: 'Running', attempts: 1 });
  await until('its Job is made', () => job('whole-1'));
  await must(['delete', '-n', namespace, 'backup/whole', '--wait=false']);
  await until('another one is to remove its files', () => job('whole-remove'));
  await keepFiles('whole');
  await must(['delete', '-n', namespace, 'rediscluster/kept', '--wait']);
  const { items: left } = await plane.client.list(backupKind, { namespace }, never);
  for (const { metadata } of left) await keepFiles(metadata.name);
  await must(['delete', '-n', namespace, 'backups', '--all', '--wait', '--timeout=60s']);
  assert.deepEqual(await leader.stop(), { code: 0, signal: null });
});

test('when the leader is killed another takes over; when it is stopped, at once', async () => {
  await using first = controllers();
  await first.said('leading');
  await using second = controllers();
  await second.ready(); // a standby is ready, too
  await applySpec({ replicas: 1 });
  await settled(1);
  assert.match((await second.ask('/metrics')).body, /^leader_election_master_status\{.*\} 0$/m);

  const killedMs = performance.now();
  await first.stop('SIGKILL');
  await must(['scale', '-n', namespace, 'cacheserver/cache', '--replicas=2']);
  await second.said('leading', undefined, 40_000);
  await settled(2);
  const takenSeconds = (performance.now() - killedMs) / 1_000;
  assert.ok(takenSeconds < 40, `${takenSeconds} s`);

  await using third = controllers();
  await third.ready();
  const stoppedMs = performance.now();
  assert.deepEqual(await second.stop(), { code: 0, signal: null });
  await third.said('leading');
  const handedSeconds = (performance.now() - stoppedMs) / 1_000;
  assert.ok(handedSeconds < 10, `${handedSeconds} s`);
  process.stdout.write(
    `  taken over ${takenSeconds.toFixed(1)} s after SIGKILL, ${handedSeconds.toFixed(1)} s after SIGTERM\n`,
  );
  await must(['scale', '-n', namespace, 'cacheserver/cache', '--replicas=0']);
  await settled(0);
  assert.deepEqual(await third.stop(), { code: 0, signal: null });
});

test('every right was used, and none was missing', async () => {
  const roles = await Promise.all([
    must(['get', 'clusterrole', 'tweendeck-controllers', '-o', 'json']),
    must(['get', 'role', '-n', system, 'tweendeck-lease', '-o', 'json']),
  ]);
  const rights = granted(roles.flatMap((text) => JSON.parse(text).rules));
  const account = `system:serviceaccount:${system}:tweendeck`;
  const { used, denied, count } = await deedsOf(account, plane.auditLog);
  assert.ok(count > 50, `the audit log tells of ${count} requests`);
  assert.deepEqual(denied, []);
  assert.deepEqual(
    [...rights].filter((right) => !used.has(right)),
    [],
    'granted and never used',
  );
  assert.deepEqual(
    [...used].filter((deed) => !rights.has(deed)),
    [],
    'used without a rule of the chart',
  );
  process.stdout.write(`  ${rights.size} rights, all used by ${count} requests\n`);
});

test('losing the lease ends the process with an error', async () => {
  await using leader = controllers();
  await leader.said('leading');
  const found = await plane.client.get(leaseResource, lease, never);
  assert.ok(found);
  const spec = { ...found.spec, holderIdentity: 'somebody else' };
  await plane.client.patch(leaseResource, lease, { type: 'merge', body: { spec } }, {}, never);
  assert.deepEqual(await leader.exited, { code: 1, signal: null });
  const last = leader.log.at(-1);
  assert.equal(last?.['code'], 'CONTROLLER_LEASE_LOST');
  await must(['patch', 'lease', '-n', system, lease.name, '--type=merge', '-p', '{"spec":null}']);
});

test('without rights it says which, is not ready, and goes on when they come', async () => {
  const poor = await plane.serviceAccountKubeconfig({ namespace: system, name: 'default' });
  await using started = controllers(poor);
  await started.ready(503, [
    /pods: pods is forbidden: User "system:serviceaccount:tweendeck-system:default" cannot list/,
    /cacheservers\.tweendeck\.io: cacheservers\.tweendeck\.io is forbidden/,
    /\[-\]leader-election failed: lease tweendeck-system\/tweendeck-controllers: .*forbidden/,
    /\[\+\]api-server ok/,
  ]);
  assert.equal((await started.ask('/livez')).status, 200);
  const subject = `--serviceaccount=${system}:default`;
  await must([
    'create',
    'clusterrolebinding',
    'late',
    '--clusterrole=tweendeck-controllers',
    subject,
  ]);
  await must(['create', 'rolebinding', '-n', system, 'late', '--role=tweendeck-lease', subject]);
  await started.ready(200, undefined, 60_000);
  await started.said('leading');
  const warnings = started.log.filter(({ level }) => level === 'warn');
  // One for each resource that is watched, and the lease.
  assert.ok(warnings.length <= 19, `${warnings.length} warnings`);
  assert.deepEqual(await started.stop(), { code: 0, signal: null });
});

test('with rights in one namespace alone it looks after that one', async () => {
  await upgrade(`watchNamespace=${namespace}`);
  await using started = controllers(kubeconfig, [`--namespace=${namespace}`]);
  await started.ready();
  await applySpec({ replicas: 1 });
  await settled(1);
  await applySpec({ replicas: 0 });
  await settled(0);
  assert.deepEqual(await started.stop(), { code: 0, signal: null });
  await using greedy = controllers();
  await greedy.ready(503, [/cannot list resource "pods" in API group "" at the cluster scope/]);
  await upgrade();
});

test('without an API server it waits and says so; it stops when told to', async () => {
  const nowhere = await plainKubeconfig(`http://127.0.0.1:${await freePort()}`);
  await using started = controllers(nowhere);
  await started.ready(503, [/\[-\]api-server failed: .*(no answer|refused)/i]);
  assert.match((await started.ask('/readyz/shutdown')).body, /^ok$/);
  assert.equal((await started.ask('/livez')).status, 200);
  await started.said('a list failed; trying again');
  assert.deepEqual(await started.stop(), { code: 0, signal: null });
});

test('when the API server goes away the leader ends in time, and a standby waits for its return', async () => {
  await using proxy = await openFaultProxy(await readFile(kubeconfig, 'utf8'));
  const throughProxy = await plainKubeconfig(proxy.server);
  await using first = controllers(throughProxy);
  await first.said('leading');
  await using second = controllers(throughProxy);
  await second.ready();
  proxy.fault = () => 'refuse';
  proxy.cut();
  await second.ready(503, [/\[-\]api-server failed: /]);
  assert.equal((await second.ask('/livez')).status, 200);
  assert.deepEqual(await first.exited, { code: 1, signal: null });
  assert.equal(first.log.at(-1)?.['code'], 'CONTROLLER_LEASE_LOST');
  proxy.fault = () => 'pass';
  await second.ready(200, undefined, 90_000);
  await second.said('leading');
  await applySpec({ replicas: 1 });
  await settled(1);
  assert.deepEqual(await second.stop(), { code: 0, signal: null });
});

test('without the definitions it waits for them, and says which', async () => {
  await must(['delete', 'crd', 'cacheservers.tweendeck.io']);
  await using started = controllers();
  await started.ready(503, [/cacheservers\.tweendeck\.io v1alpha1 is not served/]);
  const { hint } = await started.said('the API server does not serve this resource; asking again');
  assert.match(String(hint), /Install the CustomResourceDefinition cacheservers\.tweendeck\.io/);
  await upgrade();
  await started.ready(200, undefined, 60_000);
  await applySpec({ replicas: 0 });
  await settled(0);
  assert.deepEqual(await started.stop(), { code: 0, signal: null });
});

/** Path of a kubeconfig without credentials of its own, whose context is the controllers' namespace. */
async function plainKubeconfig(server: string): Promise<string> {
  const name = 'plain';
  const path = join(plane.directory, `${new URL(server).port}.kubeconfig`);
  const file = {
    apiVersion: 'v1',
    kind: 'Config',
    clusters: [{ name, cluster: { server } }],
    users: [{ name, user: {} }],
    contexts: [{ name, context: { cluster: name, user: name, namespace: system } }],
    'current-context': name,
  };
  await writeFile(path, JSON.stringify(file));
  return path;
}
