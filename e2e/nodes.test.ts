// Several nodes, each an agent in a process of its own: pods spread, a node is lost and comes back, and nothing runs twice.

import assert from 'node:assert/strict';
import { writeFile } from 'node:fs/promises';
import { connect } from 'node:net';
import { join } from 'node:path';
import { test } from 'node:test';
import { freePort, TestHome, until } from './support/home.ts';
import { TestNode } from './support/node.ts';

const graceSeconds = 6;
const staySeconds = 3;
/** Renewed every second. */
const lease = '--lease-seconds=4';

interface Item {
  readonly metadata: { readonly name: string; readonly deletionTimestamp?: string };
  readonly spec: {
    readonly nodeName?: string;
    readonly unschedulable?: boolean;
    readonly taints?: readonly { readonly key: string; readonly effect: string }[];
  };
  readonly status: {
    readonly phase?: string;
    readonly availableReplicas?: number;
    readonly conditions?: readonly {
      readonly type: string;
      readonly status: string;
      readonly reason?: string;
    }[];
  };
}

/** What kubectl prints about one home. */
function kubectlOf(home: TestHome) {
  const run = async (args: readonly string[], input?: string): Promise<string> => {
    const { code, stdout, stderr } = await home.kubectl('1.35', args, input);
    assert.equal(code, 0, `kubectl ${args.join(' ')}: ${stderr}`);
    return stdout;
  };
  const list = async (...args: readonly string[]): Promise<readonly Item[]> =>
    JSON.parse(await run(['get', ...args, '-o', 'json'])).items;
  return { run, list };
}

function condition(item: Item, type: string) {
  return item.status.conditions?.find((each) => each.type === type);
}

function isReady(item: Item): boolean {
  return condition(item, 'Ready')?.status === 'True';
}

const onNode = (pods: readonly Item[], name: string): readonly Item[] =>
  pods.filter(({ spec }) => spec.nodeName === name);

const web = `
apiVersion: apps/v1
kind: Deployment
metadata: {name: web}
spec:
  replicas: 6
  selector: {matchLabels: {app: web}}
  template:
    metadata: {labels: {app: web}}
    spec:
      terminationGracePeriodSeconds: 1
      topologySpreadConstraints:
      - maxSkew: 1
        topologyKey: kubernetes.io/hostname
        whenUnsatisfiable: ScheduleAnyway
        labelSelector: {matchLabels: {app: web}}
      containers:
      - name: main
        image: sh
        command: [sh, -c, 'echo started; while true; do sleep 1; done']
---
apiVersion: v1
kind: Service
metadata: {name: web}
spec:
  selector: {app: web}
  ports: [{port: 80, targetPort: 8080}]
`;

const cache = (port: number) => `
apiVersion: tweendeck.io/v1alpha1
kind: CacheServer
metadata: {name: cache}
spec:
  port: ${port}
  serviceType: LoadBalancer
  storage: 104857600
  tolerations:
  - {key: node.kubernetes.io/unreachable, operator: Exists, effect: NoExecute, tolerationSeconds: ${staySeconds}}
`;

test('a node is lost: its pods move, its addresses are served again; it comes back, and nothing runs twice', async () => {
  await using home = await TestHome.open({
    port: await freePort(),
    args: [
      lease,
      `--node-monitor-grace-period=${graceSeconds}`,
      `--default-unreachable-toleration-seconds=${staySeconds}`,
    ],
  });
  const { run, list } = kubectlOf(home);
  await using two = await TestNode.open(home, 'two', [lease]);
  await using _three = await TestNode.open(home, 'three', [lease]);
  await until('three nodes are ready and take pods', async () => {
    const nodes = await list('nodes');
    return nodes.length === 3 && nodes.every((each) => isReady(each) && !each.spec.taints?.length);
  });

  // The CacheServer is put on the node that will be lost.
  for (const name of ['local', 'three']) await run(['cordon', name]);
  await run(['apply', '-f', '-'], cache(home.cachePort));
  await until('the CacheServer serves', () => answers(home.cachePort));
  const [served] = onNode(await list('pods', '-l', 'app.kubernetes.io/instance=cache'), 'two');
  assert.ok(served, 'the CacheServer is on node two');
  for (const name of ['local', 'three']) await run(['uncordon', name]);

  await run(['apply', '-f', '-'], web);
  const available = async (): Promise<boolean> => {
    const { status }: Item = JSON.parse(await run(['get', 'deployment', 'web', '-o', 'json']));
    return status.availableReplicas === 6;
  };
  await until('six pods are available', available);
  const before = await list('pods', '-l', 'app=web');
  for (const name of ['local', 'two', 'three']) {
    assert.ok(onNode(before, name).length > 0, `${name} has pods`);
  }
  await until('six endpoints are ready', async () => (await readyEndpoints(run)).length === 6);

  const [far] = onNode(before, 'two');
  assert.ok(far);
  assert.equal(await run(['logs', far.metadata.name]), 'started\n');
  const echo = ['exec', '-i', far.metadata.name, '--', 'sh', '-c', 'read line; echo "got $line"'];
  assert.equal(await run(echo, 'this\n'), 'got this\n');

  const lostMs = performance.now();
  await two.lose();
  await until('its endpoints leave', async () => {
    const names = await readyEndpoints(run);
    return onNode(before, 'two').every(({ metadata }) => !names.includes(metadata.name));
  });
  const leftSeconds = (performance.now() - lostMs) / 1_000;
  // The last renewal may have been a second before.
  assert.ok(leftSeconds >= graceSeconds - 2, `its pods were given up after ${leftSeconds} s`);
  const [node] = (await list('nodes')).filter(({ metadata }) => metadata.name === 'two');
  assert.ok(node);
  assert.deepEqual(
    [condition(node, 'Ready')?.status, condition(node, 'Ready')?.reason],
    ['Unknown', 'NodeStatusUnknown'],
  );
  await until('its pods are evicted', async () => {
    const pods = onNode(await list('pods', '-l', 'app=web'), 'two');
    return pods.length > 0 && pods.every(({ metadata }) => metadata.deletionTimestamp);
  });
  const evictedSeconds = (performance.now() - lostMs) / 1_000;
  const leastSeconds = graceSeconds - 2 + staySeconds;
  assert.ok(evictedSeconds >= leastSeconds, `its pods were evicted after ${evictedSeconds} s`);
  await until('six pods are available elsewhere', available);
  await until('the CacheServer serves at the same address', () => answers(home.cachePort));
  const { code, stderr } = await home.kubectl('1.35', ['logs', far.metadata.name]);
  assert.equal(code, 1);
  assert.match(stderr, /connect: connection refused/);

  await two.start();
  await until('it is ready, without taints, and its old pods are gone', async () => {
    const [now] = (await list('nodes')).filter(({ metadata }) => metadata.name === 'two');
    const pods = await list('pods');
    const old = [...onNode(before, 'two'), served].map(({ metadata }) => metadata.name);
    return (
      now &&
      isReady(now) &&
      !now.spec.taints?.length &&
      pods.every(({ metadata }) => !old.includes(metadata.name) && !metadata.deletionTimestamp)
    );
  });
  const pods = await list('pods');
  assert.equal(pods.length, 7);
  assert.deepEqual(onNode(pods, 'two'), []);
  assert.deepEqual(await two.podProcesses(), []);
  assert.ok(await answers(home.cachePort));
  assert.equal((await readyEndpoints(run)).length, 6);
});

test('a node is drained, deleted, and may not be another', async () => {
  await using home = await TestHome.open({ port: await freePort(), args: [lease] });
  const { run, list } = kubectlOf(home);
  await using two = await TestNode.open(home, 'two', [lease, '--zone=b', '--label=disk=fast']);
  await run(['wait', 'node/two', '--for=condition=Ready']);
  const shown = await run(['get', 'node', 'two', '-L', 'topology.kubernetes.io/zone,disk']);
  assert.match(shown, / b +fast\n/);

  await run(['apply', '-f', '-'], web.replace('replicas: 6', 'replicas: 2'));
  await until('both nodes have a pod', async () => {
    const pods = await list('pods', '-l', 'app=web');
    return pods.length === 2 && pods.every(isReady) && onNode(pods, 'two').length > 0;
  });
  await run(['drain', 'two', '--timeout=60s']);
  await until('all pods are on the other', async () => {
    const pods = await list('pods', '-l', 'app=web');
    return pods.filter(isReady).length === 2 && onNode(pods, 'local').length === pods.length;
  });
  assert.deepEqual(await two.podProcesses(), []);

  const credentials = await home.tweendeck([
    'node',
    'kubeconfig',
    'two',
    `--data-dir=${home.directory}`,
  ]);
  assert.equal(credentials.code, 0, credentials.stderr);
  const kubeconfig = join(home.directory, 'two.kubeconfig');
  await writeFile(kubeconfig, credentials.stdout, { mode: 0o600 });
  const asNode = (args: readonly string[]) =>
    home.kubectl('1.35', [`--kubeconfig=${kubeconfig}`, ...args]);
  assert.equal((await asNode(['get', 'node', 'two'])).code, 0);
  for (const args of [
    ['get', 'node', 'local'],
    ['get', 'secrets'],
    ['label', 'node', 'two', 'node-restriction.kubernetes.io/team=a'],
    ['taint', 'nodes', 'two', 'mine=yes:NoSchedule'],
  ]) {
    const { code, stderr } = await asNode(args);
    assert.equal(code, 1, args.join(' '));
    assert.match(stderr, /forbidden/i, args.join(' '));
  }

  await two.stop();
  await run(['delete', 'node', 'two']);
  assert.deepEqual(
    (await list('nodes')).map(({ metadata }) => metadata.name),
    ['local'],
  );
});

test('a home may have several nodes in one process', async () => {
  await using home = await TestHome.open({ args: ['--nodes=3'] });
  const { run, list } = kubectlOf(home);
  await run(['apply', '-f', '-'], web);
  await until('each node has two pods', async () => {
    const pods = await list('pods', '-l', 'app=web');
    const names = ['local', 'local-2', 'local-3'];
    return pods.every(isReady) && names.every((name) => onNode(pods, name).length === 2);
  });
  const [pod] = onNode(await list('pods', '-l', 'app=web'), 'local-3');
  assert.ok(pod);
  assert.equal(await run(['logs', pod.metadata.name]), 'started\n');
});

async function readyEndpoints(
  run: (args: readonly string[]) => Promise<string>,
): Promise<readonly string[]> {
  const slices = JSON.parse(
    await run(['get', 'endpointslices', '-l', 'kubernetes.io/service-name=web', '-o', 'json']),
  );
  const endpoints: readonly {
    readonly conditions: { readonly ready: boolean };
    readonly targetRef: { readonly name: string };
  }[] = slices.items.flatMap(
    (slice: { readonly endpoints?: readonly unknown[] }) => slice.endpoints ?? [],
  );
  return endpoints
    .filter(({ conditions }) => conditions.ready)
    .map(({ targetRef }) => targetRef.name);
}

function answers(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect({ host: '127.0.0.1', port }, () => {
      socket.destroy();
      resolve(true);
    });
    socket.on('error', () => resolve(false));
  });
}
