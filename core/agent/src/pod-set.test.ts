// Real processes under a pod set: the one test file of this package that starts programs and waits for them.

import assert from 'node:assert/strict';
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, readdir, readFile, rm } from 'node:fs/promises';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import type {
  ConfigMap,
  Container,
  PersistentVolume,
  PersistentVolumeClaim,
  Pod,
  PodSpec,
  PodStatus,
  Secret,
  Service,
} from '@tweendeck/kube';
import { type Clock, clockOf, randomOf, silentLogger, sleepOn } from '@tweendeck/std';
import { AddressBook } from './addresses.ts';
import { standardCatalogue } from './catalogue.ts';
import { noCgroups, openCgroups } from './cgroups.ts';
import { Nudge } from './nudge.ts';
import { endOrphans, findOrphans } from './orphans.ts';
import { openPodLog } from './pod-logs.ts';
import { PodSet, removeOrphanedDirectories } from './pod-set.ts';
import { attachToPod, execInPod } from './pod-streams.ts';
import { readProcess } from './proc.ts';
import type { PodEvent, PodHost, PodRuntime, PodToken } from './runtime.ts';

const clock = clockOf(globalThis);
const random = randomOf(globalThis.crypto);
const path = '/usr/local/bin:/usr/bin:/bin';

/** Ten of its seconds are one of ours. */
const fast: Clock = {
  ...clock,
  monotonicMs: () => clock.monotonicMs() * 10,
  timer: (delayMs, run, options) => clock.timer(delayMs / 10, run, options),
  sleep: (delayMs, signal) => sleepOn(fast, delayMs, signal),
};

/** A host that keeps everything in memory and tells when something changed. */
class MemoryHost implements PodHost {
  readonly statuses = new Map<string, PodStatus>();
  readonly history: PodStatus[] = [];
  readonly events: PodEvent[] = [];
  readonly configMaps = new Map<string, ConfigMap>();
  readonly secrets = new Map<string, Secret>();
  readonly claims = new Map<string, PersistentVolumeClaim>();
  readonly volumes = new Map<string, PersistentVolume>();
  servicesNow: readonly Service[] = [];
  readonly deleted = new Set<string>();
  readonly changed = new Nudge();

  async writeStatus(pod: Pod, status: PodStatus): Promise<void> {
    this.statuses.set(pod.metadata.name, status);
    this.history.push(status);
    this.changed.notify();
  }
  async deletePod(pod: Pod): Promise<void> {
    this.deleted.add(pod.metadata.name);
    this.changed.notify();
  }
  event(_pod: Pod, event: PodEvent): void {
    this.events.push(event);
    this.changed.notify();
  }
  async configMap({ name }: { name: string }): Promise<ConfigMap | undefined> {
    return this.configMaps.get(name);
  }
  async secret({ name }: { name: string }): Promise<Secret | undefined> {
    return this.secrets.get(name);
  }
  async claim({ name }: { name: string }): Promise<PersistentVolumeClaim | undefined> {
    return this.claims.get(name);
  }
  async volume(name: string): Promise<PersistentVolume | undefined> {
    return this.volumes.get(name);
  }
  async token(): Promise<PodToken> {
    return { token: 'a-token', expiresMs: clock.nowMs() + 3_600_000 };
  }
  services(): readonly Service[] {
    return this.servicesNow;
  }
}

interface World extends AsyncDisposable {
  readonly host: MemoryHost;
  readonly pods: PodSet;
  readonly runtime: PodRuntime;
  readonly directory: string;
  until(holds: () => boolean, what: string): Promise<void>;
  status(name: string): PodStatus | undefined;
}

async function world(more: Partial<PodRuntime> = {}): Promise<World> {
  const directory = await mkdtemp(join(tmpdir(), 'agent-'));
  const host = new MemoryHost();
  const runtime: PodRuntime = {
    host,
    catalogue: standardCatalogue({ path }),
    clock,
    random,
    log: silentLogger,
    directory,
    instance: random.uuid(),
    environment: { PATH: path, HOME: directory },
    addresses: await AddressBook.open(directory, '127.73.5.0/24'),
    cgroups: noCgroups('not wanted here'),
    hostIP: '127.0.0.1',
    allocatable: { cpu: '2', memory: '1Gi' },
    logLimits: { bytesMax: 10 * 1_024 * 1_024, filesMax: 5 },
    user: { uid: 0, gid: 0 },
    changesUsers: true,
    ...more,
  };
  const pods = new PodSet(runtime, { stopMsMax: 2_000 });
  const deadline = AbortSignal.timeout(15_000);
  return {
    host,
    pods,
    runtime,
    directory,
    status: (name) => host.statuses.get(name),
    async until(holds, what) {
      for (;;) {
        const seen = host.changed.version;
        if (holds()) return;
        await host.changed.changed(seen, deadline).catch(() => {
          const last = JSON.stringify([...host.statuses.values()].at(-1), null, 1);
          assert.fail(`${what} did not happen; events: ${JSON.stringify(host.events)}; ${last}`);
        });
      }
    },
    async [Symbol.asyncDispose]() {
      await pods[Symbol.asyncDispose]();
      await rm(directory, { recursive: true, force: true });
    },
  };
}

function podOf(name: string, spec: Partial<PodSpec>, script = ''): Pod {
  return {
    apiVersion: 'v1',
    kind: 'Pod',
    metadata: {
      name,
      namespace: 'default',
      uid: random.uuid(),
      resourceVersion: '1',
      creationTimestamp: '2026-01-01T00:00:00Z',
      labels: { app: name },
    },
    spec: { nodeName: 'here', containers: [shell('app', script)], ...spec },
  };
}

function shell(name: string, script: string, more: Partial<Container> = {}): Container {
  return { name, image: 'busybox:1.36', command: ['sh', '-c', script], ...more };
}

function logOf(one: World, pod: Pod, container = 'app', number = 0): Promise<string> {
  const { name, uid } = pod.metadata;
  return readFile(
    join(one.directory, 'pods', `default_${name}_${uid}`, container, `${number}.log`),
    'utf8',
  );
}

test('a pod runs, is ready, has an address and writes a log', async () => {
  await using one = await world();
  const pod = podOf('web', {}, 'echo hello from $TWEENDECK_POD_IP; exec sleep 60');
  one.pods.apply(pod);
  await one.until(() => one.status('web')?.phase === 'Running', 'running');
  const status = one.status('web');
  assert.equal(status?.podIP, '127.73.5.1');
  assert.equal(status?.conditions?.find(({ type }) => type === 'Ready')?.status, 'True');
  while (!(await logOf(one, pod)).includes('hello'))
    await clock.sleep(5, AbortSignal.timeout(5_000));
  assert.match(await logOf(one, pod), / stdout F hello from 127\.73\.5\.1\n/);
  assert.deepEqual(
    one.host.events.map(({ reason }) => reason),
    ['Pulled', 'Created', 'Started'],
  );
});

/** What a started container said, read like `kubectl logs`. */
async function said(
  one: World,
  pod: Pod,
  options: Parameters<typeof openPodLog>[1]['options'] = {},
): Promise<string> {
  const status = one.status(pod.metadata.name);
  const now = status ? { ...pod, status } : pod;
  const home = { pods: one.pods, directory: one.directory, clock };
  let text = '';
  const signal = AbortSignal.timeout(10_000);
  for await (const block of await openPodLog(home, { pod: now, options }, signal))
    text += String(block);
  return text;
}

function app(
  one: World,
  name: string,
): NonNullable<PodStatus['containerStatuses']>[number] | undefined {
  return one.status(name)?.containerStatuses?.[0];
}

function deleting(pod: Pod, graceSeconds: number): Pod {
  const deletionTimestamp = '2026-01-01T00:01:00Z';
  return {
    ...pod,
    metadata: { ...pod.metadata, deletionTimestamp, deletionGracePeriodSeconds: graceSeconds },
  };
}

test('a container that fails runs again at once, then after a back-off', async () => {
  await using one = await world();
  const pod = podOf('crash', {}, 'echo run; exit 3');
  one.pods.apply(pod);
  await one.until(
    () => app(one, 'crash')?.state?.waiting?.reason === 'CrashLoopBackOff',
    'back-off',
  );
  const status = app(one, 'crash');
  assert.equal(status?.restartCount, 1);
  assert.equal(status?.lastState?.terminated?.exitCode, 3);
  assert.equal(status?.lastState?.terminated?.reason, 'Error');
  assert.match(
    status?.state?.waiting?.message ?? '',
    /^back-off 10s restarting failed container=app pod=crash_default/,
  );
  assert.equal(one.status('crash')?.phase, 'Running');
  assert.equal(await said(one, pod), 'run\n');
});

for (const { name, policy, script, phase, reason } of [
  { name: 'succeeds', policy: 'Never', script: 'exit 0', phase: 'Succeeded', reason: 'Completed' },
  { name: 'fails', policy: 'Never', script: 'exit 1', phase: 'Failed', reason: 'Error' },
  {
    name: 'succeeds',
    policy: 'OnFailure',
    script: 'exit 0',
    phase: 'Succeeded',
    reason: 'Completed',
  },
  {
    name: 'fails by a signal',
    policy: 'Never',
    script: 'kill -9 $$',
    phase: 'Failed',
    reason: 'Error',
  },
] as const) {
  test(`a pod of restart policy ${policy} ${name} for good`, async () => {
    await using one = await world();
    one.pods.apply(podOf('job', { restartPolicy: policy }, script));
    await one.until(() => one.status('job')?.phase === phase, phase);
    assert.equal(app(one, 'job')?.state?.terminated?.reason, reason);
    assert.equal(app(one, 'job')?.restartCount, 0);
  });
}

test('init containers run one after another, before the containers, and share volumes with them', async () => {
  await using one = await world();
  const volumeMounts = [{ name: 'work', mountPath: '/scratch' }];
  const pod = podOf('init', {
    volumes: [{ name: 'work', emptyDir: {} }],
    initContainers: [
      shell('first', 'echo 1 > /scratch/one', { volumeMounts }),
      shell('second', 'cat /scratch/one && echo 2 >> /scratch/one', { volumeMounts }),
    ],
    containers: [
      shell('app', 'cat $FILE; exec sleep 60', {
        volumeMounts,
        env: [{ name: 'FILE', value: '/scratch/one' }],
      }),
    ],
  });
  one.pods.apply(pod);
  await one.until(() => one.status('init')?.phase === 'Running', 'running');
  while ((await said(one, pod)) !== '1\n2\n') await clock.sleep(5, AbortSignal.timeout(5_000));
  const init = one.status('init')?.initContainerStatuses ?? [];
  assert.deepEqual(
    init.map(({ state }) => state?.terminated?.reason),
    ['Completed', 'Completed'],
  );
});

test('a failing liveness probe restarts the container, and an unready one is not ready', async () => {
  await using one = await world({ clock: fast });
  const probe = { periodSeconds: 1, failureThreshold: 1 };
  const container = shell('app', 'exec sleep 60', {
    livenessProbe: { exec: { command: ['sh', '-c', 'echo broken; exit 1'] }, ...probe },
    readinessProbe: { exec: { command: ['false'] }, ...probe },
  });
  one.pods.apply(podOf('sick', { containers: [container], terminationGracePeriodSeconds: 1 }));
  await one.until(() => app(one, 'sick')?.restartCount === 1, 'restart');
  assert.equal(
    one.host.history.some(({ containerStatuses }) => containerStatuses?.[0]?.ready),
    false,
  );
  const messages = one.host.events.map(({ reason, message }) => `${reason}: ${message}`);
  assert.ok(messages.includes('Unhealthy: Liveness probe failed: broken'), messages.join('\n'));
  assert.ok(messages.includes('Killing: Container app failed liveness probe, will be restarted'));
});

test('a readiness probe by connection makes the pod ready once its port is open', async () => {
  await using one = await world({ clock: fast });
  const container = shell('app', 'exec sleep 60', {
    ports: [{ name: 'main', containerPort: 18_080 }],
    readinessProbe: { tcpSocket: { port: 'main' }, periodSeconds: 1 },
  });
  one.pods.apply(podOf('late', { containers: [container] }));
  await one.until(() => one.host.events.some(({ reason }) => reason === 'Unhealthy'), 'unhealthy');
  assert.equal(app(one, 'late')?.ready, false);
  const server = createServer((socket) => socket.destroy());
  server.listen(18_080, '127.73.5.1');
  try {
    await one.until(() => app(one, 'late')?.ready === true, 'ready');
  } finally {
    server.close();
  }
});

test('a deleted pod gets preStop, the polite signal and its grace, and then its object is removed', async () => {
  await using one = await world();
  const script = "trap 'echo term; exit 0' TERM; echo up; while :; do sleep 0.05; done";
  const lifecycle = { preStop: { exec: { command: ['sh', '-c', 'echo hook > /out/hook'] } } };
  const pod = podOf('polite', {
    volumes: [{ name: 'out', hostPath: { path: one.directory } }],
    containers: [
      shell('app', script, { lifecycle, volumeMounts: [{ name: 'out', mountPath: '/out' }] }),
    ],
  });
  one.pods.apply(pod);
  await one.until(() => app(one, 'polite')?.ready === true, 'ready');
  while (!(await said(one, pod)).includes('up')) await clock.sleep(5, AbortSignal.timeout(5_000));
  one.pods.apply(deleting(pod, 10));
  await one.until(() => one.host.deleted.has('polite'), 'removal of the object');
  assert.equal(app(one, 'polite')?.state?.terminated?.exitCode, 0);
  assert.equal(one.status('polite')?.phase, 'Succeeded');
  assert.equal(await readFile(join(one.directory, 'hook'), 'utf8'), 'hook\n');
  assert.match(await said(one, pod), /^up\n(Terminated\n)?term\n$/); // dash speaks of the sleep that ended
  one.pods.remove(pod.metadata.uid);
});

test('a program that ignores the polite signal is killed when its grace is over, with its children', async () => {
  await using one = await world({ clock: fast });
  const pod = podOf('deaf', {}, "trap '' TERM; sleep 60 & echo $!; wait; sleep 60");
  one.pods.apply(pod);
  await one.until(() => app(one, 'deaf')?.ready === true, 'ready');
  while ((await said(one, pod)) === '') await clock.sleep(5, AbortSignal.timeout(5_000));
  const child = Number(await said(one, pod));
  assert.ok(await readProcess(child));
  one.pods.apply(deleting(pod, 1));
  await one.until(() => one.host.deleted.has('deaf'), 'removal of the object');
  assert.equal(app(one, 'deaf')?.state?.terminated?.exitCode, 137);
  const left = await readProcess(child);
  assert.ok(left === undefined || left.zombie, 'the child is gone');
});

test('a child that went into a session of its own ends with its container', async () => {
  await using one = await world();
  const pod = podOf(
    'stray',
    { restartPolicy: 'Never' },
    'setsid sleep 60 >/dev/null 2>&1 & echo $!; sleep 0.1',
  );
  one.pods.apply(pod);
  await one.until(() => one.status('stray')?.phase === 'Succeeded', 'success');
  const child = Number(await said(one, pod));
  assert.ok(child > 1);
  const signal = AbortSignal.timeout(5_000);
  for (let left = await readProcess(child); left && !left.zombie; left = await readProcess(child)) {
    await clock.sleep(5, signal); // killed, and on its way out
  }
});

test('a log is followed over rotations until its run ends', async () => {
  await using one = await world({ logLimits: { bytesMax: 4_096, filesMax: 50 } });
  const script =
    'i=0; while [ $i -lt 600 ]; do echo "line $i"; i=$((i+1)); done; sleep 0.1; echo end';
  const pod = podOf('talk', { restartPolicy: 'Never' }, script);
  one.pods.apply(pod);
  await one.until(() => app(one, 'talk')?.state?.running !== undefined, 'running');
  const lines = (await said(one, pod, { follow: true })).trimEnd().split('\n');
  assert.deepEqual(lines, [...Array.from({ length: 600 }, (_, index) => `line ${index}`), 'end']);
  assert.equal(await said(one, pod, { tailLines: 2 }), 'line 599\nend\n');
});

test('a program that is not there gives an event that says what to install', async () => {
  await using one = await world({ catalogue: standardCatalogue({ path: '/nowhere' }) });
  one.pods.apply(
    podOf('cache', { containers: [{ name: 'app', image: 'docker.io/library/redis:7' }] }),
  );
  await one.until(() => app(one, 'cache')?.state?.waiting?.reason === 'ErrImagePull', 'waiting');
  assert.match(one.host.events[0]?.message ?? '', /redis-server.*apt-get install redis-server/);
  assert.equal(one.status('cache')?.phase, 'Pending');
});

test('a missing config map holds the container back until it is there', async () => {
  await using one = await world();
  const env = [{ name: 'A', valueFrom: { configMapKeyRef: { name: 'cfg', key: 'a' } } }];
  const pod = podOf('held', { containers: [shell('app', 'echo $A; exec sleep 60', { env })] });
  one.pods.apply(pod);
  await one.until(
    () => app(one, 'held')?.state?.waiting?.reason === 'CreateContainerConfigError',
    'waiting',
  );
  assert.equal(app(one, 'held')?.state?.waiting?.message, 'configmap "cfg" not found');
  one.host.configMaps.set('cfg', configMap('cfg', { a: 'one' }));
  one.pods.inputsChanged('default');
  await one.until(() => one.status('held')?.phase === 'Running', 'running');
  while ((await said(one, pod)) !== 'one\n') await clock.sleep(5, AbortSignal.timeout(5_000));
});

test('a config map that changes is seen in its volume while the container runs', async () => {
  await using one = await world();
  one.host.configMaps.set('cfg', configMap('cfg', { a: 'one' }));
  const script = 'until [ "$(cat /cfg/a)" = two ]; do sleep 0.02; done; echo seen';
  const pod = podOf('watch', {
    restartPolicy: 'Never',
    volumes: [{ name: 'cfg', configMap: { name: 'cfg' } }],
    containers: [shell('app', script, { volumeMounts: [{ name: 'cfg', mountPath: '/cfg' }] })],
  });
  one.pods.apply(pod);
  await one.until(() => app(one, 'watch')?.state?.running !== undefined, 'running');
  one.host.configMaps.set('cfg', configMap('cfg', { a: 'two' }));
  one.pods.inputsChanged('default');
  await one.until(() => one.status('watch')?.phase === 'Succeeded', 'the program to see it');
});

test('what a pod writes into its claim is there for the next pod', async () => {
  await using one = await world();
  const metadata = { name: 'data', namespace: 'default', uid: 'c1', resourceVersion: '1' };
  const stamped = { ...metadata, creationTimestamp: '2026-01-01T00:00:00Z' };
  const volumes = [{ name: 'v', persistentVolumeClaim: { claimName: 'data' } }];
  const using = (name: string, script: string): Pod => {
    const volumeMounts = [{ name: 'v', mountPath: '/data', subPath: 'inner' }];
    const containers = [shell('app', script, { volumeMounts })];
    return podOf(name, { volumes, containers, restartPolicy: 'Never' });
  };
  const write = using('write', 'echo kept >/data/file');
  one.pods.apply(write);
  await one.until(
    () => one.host.events.some(({ message }) => message.includes('claim "data" not found')),
    'it waits for its claim',
  );
  one.host.volumes.set('pv', {
    apiVersion: 'v1',
    kind: 'PersistentVolume',
    metadata: { ...stamped, name: 'pv' },
    spec: {
      claimRef: { namespace: 'default', name: 'data', uid: 'c1' },
      csi: { driver: 'tweendeck.io/local', volumeHandle: 'pvc-c1' },
    },
  });
  one.host.claims.set('data', {
    apiVersion: 'v1',
    kind: 'PersistentVolumeClaim',
    metadata: stamped,
    spec: { volumeName: 'pv' },
    status: { phase: 'Bound', capacity: { storage: '1Gi' } },
  });
  one.pods.inputsChanged('default');
  await one.until(() => one.status('write')?.phase === 'Succeeded', 'it has written');
  one.pods.remove(write.metadata.uid);
  const read = using('read', 'cat /data/file');
  one.pods.apply(read);
  await one.until(() => one.status('read')?.phase === 'Succeeded', 'it has read');
  assert.match(await logOf(one, read), /kept/);
  const path = join(one.directory, 'volumes', 'pvc-c1', 'inner', 'file');
  assert.equal(await readFile(path, 'utf8'), 'kept\n');
});

test('a stop of the platform keeps the pod, and the next start runs it again with its address', async () => {
  await using one = await world();
  const pod = podOf('stay', {}, 'echo run; exec sleep 60');
  one.pods.apply(pod);
  await one.until(() => app(one, 'stay')?.ready === true, 'ready');
  await one.pods[Symbol.asyncDispose]();
  assert.equal(app(one, 'stay')?.state?.terminated?.reason, 'PlatformStopped');
  assert.equal(one.status('stay')?.phase, 'Running');
  const status = one.status('stay');
  const addresses = await AddressBook.open(one.directory, '127.73.5.0/24');
  await using again = new PodSet({ ...one.runtime, addresses }, { stopMsMax: 2_000 });
  again.apply({ ...pod, ...(status ? { status } : {}) });
  await one.until(() => app(one, 'stay')?.restartCount === 1, 'second run');
  await one.until(() => app(one, 'stay')?.ready === true, 'ready again');
  assert.equal(one.status('stay')?.podIP, status?.podIP);
  assert.equal(one.host.deleted.size, 0);
});

test('a change of fronts restarts a program that serves them', async () => {
  const catalogue = {
    resolve: async () => ({
      command: ['/bin/sh', '-c', 'echo "$@"; exec sleep 60', 'sh'],
      frontArgs: (fronts: readonly { address: string; port: number }[]) =>
        fronts.map(({ address, port }) => `${address}:${port}`),
    }),
  };
  await using one = await world({ catalogue });
  const pod = podOf('front', {
    containers: [{ name: 'app', image: 'own', ports: [{ containerPort: 8_126 }] }],
  });
  one.pods.apply(pod);
  await one.until(() => app(one, 'front')?.ready === true, 'ready');
  one.host.servicesNow = [frontService];
  one.pods.inputsChanged('default');
  await one.until(() => app(one, 'front')?.restartCount === 1, 'restart');
  while ((await said(one, pod)) !== '127.96.0.9:80\n')
    await clock.sleep(5, AbortSignal.timeout(5_000));
  assert.ok(one.host.events.some(({ reason }) => reason === 'FrontsChanged'));
});

const frontService: Service = {
  apiVersion: 'v1',
  kind: 'Service',
  metadata: {
    name: 's',
    namespace: 'default',
    uid: 'u',
    resourceVersion: '1',
    creationTimestamp: '',
  },
  spec: {
    clusterIP: '127.96.0.9',
    selector: { app: 'front' },
    ports: [{ port: 80, targetPort: 8_126 }],
  },
};

test('a program that reads its fronts from a file is told of a change, and goes on', async () => {
  const script = 'trap "cat $1" HUP; cat $1; echo up; while :; do sleep 0.02; done';
  const catalogue = {
    resolve: async () => ({
      command: ['/bin/sh', '-c', script, 'sh'],
      frontsFile: (path: string) => [path],
    }),
  };
  await using one = await world({ catalogue });
  const pod = podOf('front', {
    containers: [{ name: 'app', image: 'own', ports: [{ containerPort: 8_126 }] }],
  });
  one.pods.apply(pod);
  await one.until(() => app(one, 'front')?.ready === true, 'ready');
  while ((await said(one, pod)) !== 'up\n') await clock.sleep(5, AbortSignal.timeout(5_000));
  one.host.servicesNow = [frontService];
  one.pods.inputsChanged('default');
  while ((await said(one, pod)) !== 'up\n127.96.0.9:80\n')
    await clock.sleep(5, AbortSignal.timeout(5_000));
  assert.equal(app(one, 'front')?.restartCount, 0);
});

test('a pod whose emptyDir outgrows its limit is evicted, and its object stays', async () => {
  await using one = await world({ clock: fast });
  const volumeMounts = [{ name: 'work', mountPath: '/scratch' }];
  const pod = podOf('fat', {
    volumes: [{ name: 'work', emptyDir: { sizeLimit: '64Ki' } }],
    containers: [
      shell('app', 'head -c 200000 /dev/zero > /scratch/big; exec sleep 60', { volumeMounts }),
    ],
  });
  one.pods.apply(pod);
  await one.until(() => one.status('fat')?.phase === 'Failed', 'eviction');
  assert.equal(one.status('fat')?.reason, 'Evicted');
  assert.match(one.status('fat')?.message ?? '', /EmptyDir volume "work" exceeds the limit "64Ki"/);
  assert.ok(app(one, 'fat')?.state?.terminated);
  assert.equal(one.host.deleted.size, 0);
});

test('last words come from the message file, or from the log if asked for', async () => {
  await using one = await world();
  const containers = [
    shell('app', 'echo from file > /dev/termination-log; exit 1'),
    shell('log', 'echo from log; exit 1', { terminationMessagePolicy: 'FallbackToLogsOnError' }),
  ];
  one.pods.apply(podOf('last', { restartPolicy: 'Never', containers }));
  await one.until(() => one.status('last')?.phase === 'Failed', 'end');
  const words = one
    .status('last')
    ?.containerStatuses?.map(({ state }) => state?.terminated?.message);
  assert.deepEqual(words, ['from file\n', 'from log\n']);
});

test('a sidecar starts before the containers and ends after them', async () => {
  await using one = await world();
  const volumeMounts = [{ name: 'work', mountPath: '/scratch' }];
  const sidecar = shell(
    'side',
    "trap 'exit 0' TERM; touch /scratch/up; while :; do sleep 0.02; done",
    {
      restartPolicy: 'Always',
      volumeMounts,
      startupProbe: { exec: { command: ['test', '-e', '/scratch/up'] }, periodSeconds: 1 },
    },
  );
  const pod = podOf('pair', {
    restartPolicy: 'Never',
    volumes: [{ name: 'work', emptyDir: {} }],
    initContainers: [sidecar],
    containers: [shell('app', 'test -e /scratch/up', { volumeMounts })],
  });
  one.pods.apply(pod);
  await one.until(() => one.status('pair')?.phase === 'Succeeded', 'success');
  const stopped = (): boolean =>
    one.status('pair')?.initContainerStatuses?.[0]?.state?.terminated?.exitCode === 0;
  await one.until(stopped, 'end of the sidecar');
});

test('a container over its memory limit is OOMKilled, where cgroups can be made', async (context) => {
  const directory = await mkdtemp(join(tmpdir(), 'agent-'));
  const cgroups = await openCgroups({ instance: `test-${random.uuid()}`, directory, clock });
  try {
    if (!cgroups.enforced) {
      context.skip(cgroups.explanation);
      return;
    }
    await using one = await world({ cgroups });
    const limits = { memory: '24Mi', cpu: '1' };
    const grow = 'const all=[];for(;;)all.push(Buffer.alloc(1<<20,1))';
    const container: Container = {
      name: 'app',
      image: 'busybox',
      command: [process.execPath, '-e', grow],
      resources: { limits },
    };
    one.pods.apply(podOf('fat', { restartPolicy: 'Never', containers: [container] }));
    await one.until(() => one.status('fat')?.phase === 'Failed', 'end');
    assert.equal(app(one, 'fat')?.state?.terminated?.reason, 'OOMKilled');
  } finally {
    await cgroups.close();
    await rm(directory, { recursive: true, force: true });
  }
});

test('a container with limits runs as the user it names, where cgroups can be made', async (context) => {
  const directory = await mkdtemp(join(tmpdir(), 'agent-'));
  const cgroups = await openCgroups({ instance: `test-${random.uuid()}`, directory, clock });
  try {
    if (!cgroups.enforced) {
      context.skip(cgroups.explanation);
      return;
    }
    await using one = await world({ cgroups });
    const script =
      'test "$(id -u) $(id -G)" = "65532 65533" && grep -q tweendeck /proc/self/cgroup';
    const limited = shell('app', script, { resources: { limits: { memory: '24Mi', cpu: '1' } } });
    const securityContext = { runAsUser: 65_532, runAsGroup: 65_533 };
    const pod = podOf('user', { restartPolicy: 'Never', securityContext, containers: [limited] });
    one.pods.apply(pod);
    const ended = (): boolean => app(one, 'user')?.state?.terminated !== undefined;
    await one.until(ended, 'end');
    assert.equal(app(one, 'user')?.state?.terminated?.exitCode, 0);
  } finally {
    await cgroups.close();
    await rm(directory, { recursive: true, force: true });
  }
});

test('after the platform was killed, the next start ends what it left, however it hides', async () => {
  const directory = await mkdtemp(join(tmpdir(), 'agent-'));
  const instance = random.uuid();
  // one plain child, one in a session of its own, one that dropped its environment
  const script = 'setsid sleep 300 & env -i sleep 300 & echo started; exec sleep 300';
  const pod = podOf('left', {}, script);
  const supervisor = spawn(
    process.execPath,
    [
      join(import.meta.dirname, '../testdata/supervisor.ts'),
      directory,
      instance,
      JSON.stringify(pod),
    ],
    { stdio: ['ignore', 'pipe', 'inherit'] },
  );
  const search = {
    instance,
    directory,
    members: async () => [],
    clock,
    log: silentLogger,
    graceMs: 2_000,
  };
  const signal = AbortSignal.timeout(15_000);
  try {
    await runs(supervisor, signal);
    while ((await findOrphans(search)).length < 3) await clock.sleep(10, signal);
    supervisor.kill('SIGKILL');
    await once(supervisor, 'exit');
    assert.equal((await findOrphans(search)).length, 3, 'they outlive the platform');
    assert.equal(await endOrphans(search, signal), 3);
    assert.deepEqual(await findOrphans(search), []);
    assert.equal(await endOrphans(search, signal), 0, 'nothing is left for a second look');
    const addresses = await AddressBook.open(directory, '127.73.6.0/24');
    assert.equal(await addresses.allot(pod.metadata.uid), '127.73.6.1', 'the address is kept');
    await removeOrphanedDirectories({ directory, addresses }, new Set());
    assert.deepEqual(await readdir(join(directory, 'run')), []);
    assert.deepEqual(await readdir(join(directory, 'pods')), []);
  } finally {
    supervisor.kill('SIGKILL');
    await endOrphans(search, signal);
    await rm(directory, { recursive: true, force: true });
  }
});

/** Resolves when the supervisor has told that its pod runs. */
async function runs(supervisor: ChildProcess, signal: AbortSignal): Promise<void> {
  let text = '';
  assert.ok(supervisor.stdout);
  for await (const chunk of supervisor.stdout.iterator({ destroyOnReturn: false })) {
    signal.throwIfAborted();
    text += String(chunk);
    if (text.includes('"phase":"Running"')) return;
  }
  assert.fail(`the supervisor ended: ${text}`);
}

function configMap(name: string, data: Record<string, string>): ConfigMap {
  return {
    apiVersion: 'v1',
    kind: 'ConfigMap',
    metadata: {
      name,
      namespace: 'default',
      uid: name,
      resourceVersion: '1',
      creationTimestamp: '',
    },
    data,
  };
}

/** Somebody's streams: what is said is kept, what is given is sent. */
function streamsOf(given?: AsyncIterable<Uint8Array>) {
  const said = { stdout: '', stderr: '' };
  const heard = new Nudge();
  const keep = (stream: 'stdout' | 'stderr') => async (chunk: Uint8Array) => {
    said[stream] += Buffer.from(chunk).toString();
    heard.notify();
  };
  const sizes = { async *[Symbol.asyncIterator]() {} };
  const streams = { stdin: given, stdout: keep('stdout'), stderr: keep('stderr'), sizes };
  const hears = async (text: string): Promise<void> => {
    for (let seen = heard.version; !said.stdout.includes(text); seen = heard.version) {
      await heard.changed(seen, AbortSignal.timeout(10_000));
    }
  };
  return { said, streams, hears };
}

test('a command runs beside a program, and ends with it', async () => {
  await using one = await world();
  const pod = podOf('host', { terminationGracePeriodSeconds: 1 }, 'exec sleep 60');
  const env = [{ name: 'WORD', value: 'given' }];
  const volumes = [{ name: 'data', emptyDir: {} }];
  const volumeMounts = [{ name: 'data', mountPath: '/data' }];
  const [container] = pod.spec.containers;
  assert.ok(container);
  const full = { ...pod.spec, volumes, containers: [{ ...container, env, volumeMounts }] };
  one.pods.apply({ ...pod, spec: full });
  await one.until(() => one.status('host')?.phase === 'Running', 'running');
  const first = streamsOf();
  const script =
    'echo "$WORD"; echo here > /data/x; cd /data; tar cf - /data/x 2>/dev/null | tar tf -';
  const command = ['sh', '-c', script];
  const target = { container: 'app', tty: false, command };
  const signal = AbortSignal.timeout(15_000);
  const { exitCode } = await execInPod(one.pods, { pod, target, streams: first.streams }, signal);
  assert.deepEqual([exitCode, first.said.stdout], [0, 'given\ndata/x\n']);
  const second = streamsOf();
  const waits = { ...target, command: ['sh', '-c', 'echo on; exec sleep 60'] };
  const ended = execInPod(one.pods, { pod, target: waits, streams: second.streams }, signal);
  await second.hears('on');
  one.pods.apply(deleting({ ...pod, spec: full }, 1));
  assert.ok((await ended).exitCode > 128);
  await one.until(() => one.host.deleted.has('host'), 'deleted');
  await assert.rejects(
    execInPod(one.pods, { pod, target, streams: first.streams }, signal),
    /^ApiError: container not found \("app"\)$/,
  );
});

test('several listen to a program, one speaks to it, and all are let go at its end', async () => {
  await using one = await world();
  const script = 'while read -r word; do echo "heard $word"; done; echo over >&2';
  const containers = [shell('app', script, { stdin: true, stdinOnce: true })];
  const pod = podOf('talker', { containers, restartPolicy: 'Never' });
  one.pods.apply(pod);
  await one.until(() => one.status('talker')?.phase === 'Running', 'running');
  const signal = AbortSignal.timeout(15_000);
  const target = { container: 'app', tty: false };
  const end = Promise.withResolvers<void>();
  const listener = streamsOf();
  const speaker = streamsOf(
    (async function* () {
      yield Buffer.from('one\ntwo\n');
      await end.promise;
    })(),
  );
  const both = [listener, speaker].map(({ streams }) =>
    attachToPod(one.pods, { pod, target, streams }, signal),
  );
  await listener.hears('heard two');
  end.resolve();
  for (const attached of both) assert.equal((await attached).exitCode, 0);
  const all = { stdout: 'heard one\nheard two\n', stderr: 'over\n' };
  assert.deepEqual([listener.said, speaker.said], [all, all]);
  await one.until(() => one.status('talker')?.phase === 'Succeeded', 'ended');
});
