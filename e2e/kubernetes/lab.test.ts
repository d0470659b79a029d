// The lab itself: a real Kubernetes is there within seconds, does what one expects of it, and leaves nothing behind.

import assert from 'node:assert/strict';
import { type ChildProcess, spawn } from 'node:child_process';
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { type TestContext, test } from 'node:test';
import { isJsonObject } from '@tweendeck/std';
import { buildImages } from '../../tools/images/images.ts';
import { until } from '../support/home.ts';
import { kubectlProgram, runProgram } from '../support/kubectl.ts';
import { sweepLabs } from './lab/claim.ts';
import { footprint, machineState } from './lab/footprint.ts';
import { type Cluster, cluster, controlPlane } from './lab/index.ts';
import { processesMarked } from './lab/processes.ts';
import { markerName } from './lab/undo.ts';

const signal = new AbortController().signal;

/** Runs kubectl; its output. Fails with what it said. */
async function kubectl(
  lab: Pick<Cluster, 'kubectl'>,
  args: readonly string[],
  input?: string,
): Promise<string> {
  const outcome = await lab.kubectl('1.35', args, input);
  assert.equal(outcome.code, 0, `kubectl ${args.join(' ')}: ${outcome.stderr}`);
  return outcome.stdout;
}

/** What a URL answers within two seconds. */
async function answerOf(url: string): Promise<string> {
  return (await (await fetch(url, { signal: AbortSignal.timeout(2_000) })).text()).trim();
}

test('a control plane serves our client, kubectl, both Helms and a service account', async () => {
  const before = machineState();
  let directory = '';
  {
    await using lab = await controlPlane();
    directory = lab.directory;
    assert.match(lab.version, /^v1\.34\.\d+$/);
    const answer = await lab.client.request('GET', '/version', {}, signal);
    assert.ok(isJsonObject(answer));
    assert.equal(answer['gitVersion'], lab.version);

    await kubectl(lab, ['create', 'deployment', 'web', '--image=none', '--replicas=2']);
    const pods = await until('the controllers make the pods', async () => {
      const names = await kubectl(lab, ['get', 'pods', '-l', 'app=web', '-o', 'name']);
      return names.trim().split('\n').length === 2 && names;
    });
    assert.match(pods, /^pod\/web-/);
    await until('the scheduler looks at them', async () =>
      (await kubectl(lab, ['get', 'events'])).includes('FailedScheduling'),
    );

    for (const version of [3, 4] as const) {
      const { code, stdout, stderr } = await lab.helm(version, ['version', '--short']);
      assert.equal(code, 0, stderr);
      assert.match(stdout, new RegExp(`^v${version}\\.`));
    }

    const account = { namespace: 'default', name: 'default' };
    const kubeconfig = await lab.serviceAccountKubeconfig(account);
    const asAccount = ['--kubeconfig', kubeconfig];
    const who = await kubectl(lab, ['auth', 'whoami', ...asAccount]);
    assert.match(who, /system:serviceaccount:default:default/);
    const refused = await lab.kubectl('1.32', ['get', 'secrets', ...asAccount]);
    assert.match(refused.stderr, /Forbidden/);

    const audit = readFileSync(lab.auditLog, 'utf8').trim().split('\n');
    const ours = audit
      .map((line): unknown => JSON.parse(line))
      .filter(isJsonObject)
      .filter(({ user }) => isJsonObject(user) && user['username'] === 'kubernetes-admin');
    assert.ok(ours.some(({ verb, stage }) => verb === 'create' && stage === 'ResponseComplete'));
    assert.deepEqual([...new Set(ours.map(({ level }) => level))], ['Metadata']);
    assert.notDeepEqual(footprint(directory), []);
  }
  assert.deepEqual(footprint(directory), []);
  assert.deepEqual(machineState(), before);
});

test('a control plane may be had without controllers and scheduler', async () => {
  await using lab = await controlPlane({ controllerManager: false, scheduler: false });
  const logs = ['etcd', 'kube-apiserver', 'kube-controller-manager', 'kube-scheduler'].map((name) =>
    existsSync(join(lab.directory, 'logs', `${name}.log`)),
  );
  assert.deepEqual(logs, [true, true, false, false]);
});

test('a start that fails shows the log of the program that failed, and leaves nothing', async () => {
  let directory = '';
  await assert.rejects(controlPlane({ nodeMonitorGraceSeconds: Number.NaN }), (error) => {
    assert.ok(error instanceof Error);
    assert.match(error.message, /^kube-controller-manager: it ended with 1\n/);
    assert.match(error.message, /invalid argument "NaNs"/);
    directory = /(\/\S*\/tweendeck-lab-\d+)\/logs\//.exec(error.message)?.[1] ?? '';
    return true;
  });
  assert.notEqual(directory, '');
  assert.deepEqual(footprint(directory), []);
});

test('what is missing on a machine is named, with the command that gets it', async () => {
  const program = join(import.meta.dirname, 'lab', 'held-child.ts');
  const bare = { PATH: '/nonexistent', XDG_CACHE_HOME: '/nonexistent' };
  const { code, stderr } = await runProgram(process.execPath, [program, 'cluster'], {
    environment: bare,
  });
  assert.notEqual(code, 0);
  for (const name of ['kube-apiserver', 'kubelet', 'etcd', 'containerd']) {
    assert.match(
      stderr,
      new RegExp(`^\\s*${name} (of Kubernetes 1.34 is not built|is missing)`, 'm'),
    );
  }
  assert.match(stderr, /Get it with: npm run kubernetes:build -- --install/);
});

test('labs stand side by side', async () => {
  await using first = await controlPlane({ controllerManager: false, scheduler: false });
  await using second = await controlPlane({ controllerManager: false, scheduler: false });
  assert.notEqual(first.server, second.server);
  await kubectl(first, ['create', 'configmap', 'only-here', '-n', 'default']);
  const other = await second.kubectl('1.35', ['get', 'configmap', 'only-here']);
  assert.match(other.stderr, /NotFound/);
});

const web = (image: string): string =>
  JSON.stringify({
    apiVersion: 'v1',
    kind: 'List',
    items: [
      {
        apiVersion: 'apps/v1',
        kind: 'DaemonSet',
        metadata: { name: 'web' },
        spec: {
          selector: { matchLabels: { app: 'web' } },
          template: {
            metadata: { labels: { app: 'web' } },
            spec: {
              terminationGracePeriodSeconds: 0,
              containers: [
                {
                  name: 'web',
                  image,
                  imagePullPolicy: 'Never',
                  env: [{ name: 'NODE', valueFrom: { fieldRef: { fieldPath: 'spec.nodeName' } } }],
                  command: ['sh', '-c', 'echo $NODE >/tmp/index.html; httpd -fvp 8080 -h /tmp'],
                  readinessProbe: { httpGet: { port: 8080 }, periodSeconds: 1 },
                },
              ],
            },
          },
        },
      },
      {
        apiVersion: 'v1',
        kind: 'Service',
        metadata: { name: 'web' },
        spec: {
          type: 'NodePort',
          selector: { app: 'web' },
          ports: [{ port: 80, targetPort: 8080, nodePort: 30080 }],
        },
      },
    ],
  });

interface WebPod {
  readonly name: string;
  readonly node: string;
  readonly address: string;
}

async function webPods(lab: Cluster): Promise<readonly WebPod[]> {
  const path = '{range .items[*]}{.metadata.name} {.spec.nodeName} {.status.podIP}{"\\n"}{end}';
  const text = await kubectl(lab, ['get', 'pods', '-l', 'app=web', '-o', `jsonpath=${path}`]);
  const lines = text.trim().split('\n');
  return lines.map((line) => {
    const [name = '', node = '', address = ''] = line.split(' ');
    return { name, node, address };
  });
}

test('a cluster of two nodes', async (context) => {
  const [busybox] = await buildImages(['busybox']);
  assert.ok(busybox);
  const [image = ''] = busybox.image.names;
  const before = machineState();
  const openedMs = performance.now();
  const lab = await cluster({ nodes: 2, images: [busybox.layout], nodeMonitorGraceSeconds: 8 });
  try {
    await kubectl(lab, ['apply', '-f', '-'], web(image));
    await kubectl(lab, ['rollout', 'status', 'daemonset/web', '--timeout=60s']);
    const seconds = ((performance.now() - openedMs) / 1_000).toFixed(1);
    context.diagnostic(`two nodes with a running pod each after ${seconds} s`);
    await behaves(context, lab);
    await losesNode(context, lab);
  } finally {
    const disposedMs = performance.now();
    await lab[Symbol.asyncDispose]();
    const seconds = ((performance.now() - disposedMs) / 1_000).toFixed(1);
    context.diagnostic(`disposed in ${seconds} s`);
  }
  assert.deepEqual(footprint(lab.directory), []);
  assert.deepEqual(machineState(), before);
});

async function behaves(context: TestContext, lab: Cluster): Promise<void> {
  const pods = await webPods(lab);
  const jsonpath = 'jsonpath={.spec.clusterIP}';
  const clusterIP = await kubectl(lab, ['get', 'service', 'web', '-o', jsonpath]);
  const nodes = lab.nodes.map(({ name }) => name);

  await context.test(
    'a pod runs on each node, in its range, and answers this machine',
    async () => {
      assert.deepEqual(pods.map(({ node }) => node).sort(), nodes);
      for (const { node, address } of pods) {
        const range = lab.nodes.find(({ name }) => name === node)?.podRange ?? '';
        assert.ok(address.startsWith(range.replace(/0\/24$/, '')), `${address} in ${range}`);
        assert.equal(await answerOf(`http://${address}:8080/`), node);
      }
    },
  );

  await context.test('the service leads to both, from this machine and from a pod', async () => {
    const seen = new Set<string>();
    await until('both answer this machine', async () => {
      seen.add(await answerOf(`http://${clusterIP}/`));
      return seen.size === 2;
    });
    assert.deepEqual([...seen].sort(), nodes);
    for (const { name } of pods) {
      const fromPod = new Set<string>();
      await until(`both answer ${name}`, async () => {
        const ask = `printf 'GET / HTTP/1.0\\r\\n\\r\\n' | nc ${clusterIP} 80 | tail -n 1`;
        fromPod.add((await kubectl(lab, ['exec', name, '--', 'sh', '-c', ask])).trim());
        return fromPod.size === 2;
      });
    }
  });

  await context.test('the node port answers at every node', async () => {
    for (const { address } of lab.nodes) {
      assert.ok(nodes.includes(await answerOf(`http://${address}:30080/`)));
    }
  });

  await context.test('the API server answers pods at the service kubernetes', async () => {
    const [pod] = pods;
    const reach =
      'nc -w 5 $KUBERNETES_SERVICE_HOST $KUBERNETES_SERVICE_PORT -e true && echo reached';
    const args = ['exec', pod?.name ?? '', '--', 'sh', '-c', reach];
    assert.equal((await kubectl(lab, args)).trim(), 'reached');
  });

  await context.test('kubectl logs, exec and port-forward work', async () => {
    for (const { name, node, address } of pods) {
      assert.match(await kubectl(lab, ['logs', name]), /response:200/);
      const typed = ['exec', '-i', name, '--', 'cat'];
      assert.equal(await kubectl(lab, typed, `hello ${node}`), `hello ${node}`);
      assert.notEqual(address, '');
      assert.equal(await forwarded(lab, name), node);
    }
  });
}

/** What a pod answers through `kubectl port-forward`. */
async function forwarded(lab: Cluster, pod: string): Promise<string> {
  const args = ['port-forward', pod, ':8080', '--address=127.0.0.1'];
  const child = spawn(kubectlProgram('1.35'), args, {
    env: { KUBECONFIG: lab.kubeconfig, HOME: lab.directory },
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  const ended = new Promise((resolve) => child.once('exit', resolve));
  try {
    const line = await firstLine(child);
    const port = /127\.0\.0\.1:(\d+)/.exec(line)?.[1];
    return await answerOf(`http://127.0.0.1:${port}/`);
  } finally {
    child.kill();
    await ended;
  }
}

async function losesNode(context: TestContext, lab: Cluster): Promise<void> {
  const [first, second] = lab.nodes;
  assert.ok(first && second);
  const ready = async (name: string): Promise<string> => {
    const path = 'jsonpath={.status.conditions[?(@.type=="Ready")].status}';
    return kubectl(lab, ['get', 'node', name, '-o', path]);
  };
  const jsonpath = 'jsonpath={.spec.clusterIP}';
  const clusterIP = await kubectl(lab, ['get', 'service', 'web', '-o', jsonpath]);

  await context.test(
    'a node is lost as if its power failed, services answer through the other',
    async () => {
      const marked = () => processesMarked(`${markerName}=${lab.directory}`).length;
      const processesBefore = marked();
      await first.lose();
      assert.ok(marked() < processesBefore, 'its processes are gone');
      await assert.rejects(answerOf(`http://${first.address}:30080/`), 'no address of it answers');
      await until('the controllers notice', async () => (await ready(first.name)) === 'Unknown');
      await until('its pod is out of the service', async () => {
        const answers = await Promise.all(
          Array.from({ length: 8 }, () => answerOf(`http://${clusterIP}/`)),
        );
        return answers.every((answer) => answer === second.name);
      });
      assert.equal(await ready(second.name), 'True');
    },
  );

  await context.test('the node comes back with its disk, and its pod runs again', async () => {
    const startedMs = performance.now();
    await first.restore();
    const seconds = ((performance.now() - startedMs) / 1_000).toFixed(1);
    context.diagnostic(`a lost node takes pods again after ${seconds} s`);
    assert.equal(await ready(first.name), 'True');
    await until(
      'its pod answers again',
      async () => {
        const pod = (await webPods(lab)).find(({ node }) => node === first.name);
        return pod !== undefined && (await answerOf(`http://${pod.address}:8080/`)) === first.name;
      },
      60_000,
    );
    await until('the service leads to both again', async () => {
      const answers = await Promise.all(
        Array.from({ length: 8 }, () => answerOf(`http://${clusterIP}/`)),
      );
      return new Set(answers).size === 2;
    });
  });
}

/** The first line that a process writes. */
async function firstLine(child: ChildProcess): Promise<string> {
  assert.ok(child.stdout);
  for await (const line of createInterface({ input: child.stdout })) return line;
  throw new Error('it ended without a word');
}

/** Another test process that holds a lab; resolves once the lab is there. */
async function heldLab(what: 'cluster' | 'control-plane') {
  const program = join(import.meta.dirname, 'lab', 'held-child.ts');
  const child = spawn(process.execPath, [program, what], { stdio: ['pipe', 'pipe', 'inherit'] });
  const ended = new Promise((resolve) => child.once('exit', resolve));
  const said: unknown = JSON.parse(await firstLine(child));
  assert.ok(isJsonObject(said) && typeof said['directory'] === 'string');
  return { child, ended, directory: said['directory'] };
}

for (const what of ['control-plane', 'cluster'] as const) {
  test(`a ${what} is gone after its test was killed`, async (context) => {
    const before = machineState();
    const { child, ended, directory } = await heldLab(what);
    assert.notDeepEqual(footprint(directory), []);
    child.kill('SIGKILL');
    await ended;
    const killedMs = performance.now();
    await until('nothing is left', async () => footprint(directory).length === 0);
    const seconds = ((performance.now() - killedMs) / 1_000).toFixed(1);
    context.diagnostic(`gone ${seconds} s after the end of the test`);
    assert.deepEqual(machineState(), before);
  });
}

/** The directory of the lab that this process is making; undefined before it has one. */
function labOf(pid: number): string | undefined {
  const labs = readdirSync(tmpdir()).filter((name) => /^tweendeck-lab-\d+$/.test(name));
  return labs
    .map((name) => join(tmpdir(), name))
    .find((directory) => {
      const owner = join(directory, 'owner.json');
      return existsSync(owner) && readFileSync(owner, 'utf8').includes(`"test":{"pid":${pid},`);
    });
}

for (const { stage, file } of [
  { stage: 'it has a place', file: 'owner.json' },
  { stage: 'it has a bridge and certificates', file: 'logs/etcd.log' },
  { stage: 'its nodes boot', file: 'logs/node-2-boot.log' },
  { stage: 'its nodes join', file: 'logs/node-1-kubelet.log' },
]) {
  test(`a cluster whose test is killed when ${stage} is gone`, async () => {
    const program = join(import.meta.dirname, 'lab', 'held-child.ts');
    const stdio = ['ignore', 'ignore', 'inherit'] as const;
    const child = spawn(process.execPath, [program, 'cluster'], { stdio: [...stdio] });
    const ended = new Promise((resolve) => child.once('exit', resolve));
    const { pid } = child;
    assert.ok(pid);
    const directory = await until(
      stage,
      async () => {
        const found = labOf(pid);
        return child.exitCode !== null
          ? 'ended by itself'
          : found !== undefined && existsSync(join(found, file)) && found;
      },
      180_000,
    );
    assert.notEqual(directory, 'ended by itself');
    child.kill('SIGKILL');
    await ended;
    await until('nothing is left', async () => footprint(directory).length === 0);
  });
}

test('a lab whose guardian was killed too is gone when the next one is opened', async () => {
  const { child, ended, directory } = await heldLab('cluster');
  const owner: unknown = JSON.parse(readFileSync(join(directory, 'owner.json'), 'utf8'));
  assert.ok(isJsonObject(owner) && isJsonObject(owner['guardian']));
  const guardian = Number(owner['guardian']['pid']);
  await sweepLabs();
  assert.notDeepEqual(footprint(directory), [], 'a living lab is left alone');
  process.kill(guardian, 'SIGKILL');
  child.kill('SIGKILL');
  await ended;
  assert.notDeepEqual(footprint(directory), [], 'nobody is there to clean up');
  await sweepLabs();
  assert.deepEqual(footprint(directory), []);
});
