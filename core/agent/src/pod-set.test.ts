// Real processes under a pod set: the one test file of this package that starts programs and waits for them.

import assert from 'node:assert/strict';
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import type {
  ConfigMap,
  Container,
  Pod,
  PodSpec,
  PodStatus,
  Secret,
  Service,
} from '@tweendeck/kube';
import { clockOf, randomOf, silentLogger } from '@tweendeck/std';
import { AddressBook } from './addresses.ts';
import { standardCatalogue } from './catalogue.ts';
import { noCgroups } from './cgroups.ts';
import { Nudge } from './nudge.ts';
import { PodSet } from './pod-set.ts';
import type { PodEvent, PodHost, PodRuntime } from './runtime.ts';

const clock = clockOf(globalThis);
const random = randomOf(globalThis.crypto);
const path = '/usr/local/bin:/usr/bin:/bin';

/** A host that keeps everything in memory and tells when something changed. */
class MemoryHost implements PodHost {
  readonly statuses = new Map<string, PodStatus>();
  readonly history: PodStatus[] = [];
  readonly events: PodEvent[] = [];
  readonly configMaps = new Map<string, ConfigMap>();
  readonly secrets = new Map<string, Secret>();
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
