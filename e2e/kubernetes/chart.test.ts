// The chart on two nodes with real containers, under the pod security standard "restricted": installed, upgraded, rolled
// back and uninstalled, by Helm 3 and Helm 4.

import assert from 'node:assert/strict';
import { cp, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { type CacheServerObject, cacheServerKind } from '@tweendeck/cacheserver';
import {
  customResourceDefinitionResource,
  deploymentResource,
  leaseResource,
  type Pod,
  podResource,
} from '@tweendeck/kube';
import { buildImages } from '../../tools/images/images.ts';
import { until } from '../support/home.ts';
import { difference, inventory } from './chart/inventory.ts';
import { type Cluster, cluster } from './lab/index.ts';

const chart = join(import.meta.dirname, '..', '..', 'charts', 'tweendeck');
const never = new AbortController().signal;
const system = 'tweendeck-system';
const team = 'team';
const release = { namespace: system, name: 'tweendeck' };
const cacheRef = { namespace: team, name: 'cache' };
const labels = { 'app.kubernetes.io/instance': 'tweendeck' };
const labelSelector = Object.entries(labels)
  .map((pair) => pair.join('='))
  .join(',');
const crdRef = { name: 'cacheservers.tweendeck.io' };

let lab: Cluster;
let untouched: readonly string[];

before(async () => {
  const [image, entry] = await buildImages(['tweendeck', 'entry']);
  assert.ok(image && entry);
  lab = await cluster({ nodes: 2, images: [image.layout, entry.layout] });
  for (const name of [system, team]) {
    await must(['create', 'namespace', name]);
    await must(['label', 'namespace', name, 'pod-security.kubernetes.io/enforce=restricted']);
  }
  for (const name of [system, team])
    await until(`namespace ${name} is furnished`, () => must(['get', '-n', name, 'sa/default']));
  untouched = await inventory(lab);
});

after(() => lab?.[Symbol.asyncDispose]());

async function must(args: readonly string[], input?: string): Promise<string> {
  const { code, stdout, stderr } = await lab.kubectl('1.35', args, input);
  assert.equal(code, 0, `kubectl ${args.join(' ')}: ${stderr}`);
  return stdout;
}

/** Runs Helm; also its warnings are failures. */
async function helm(version: 3 | 4, args: readonly string[]): Promise<string> {
  const { code, stdout, stderr } = await lab.helm(version, [...args, '--namespace', system]);
  assert.equal(code, 0, `helm ${args.join(' ')}: ${stderr}`);
  assert.doesNotMatch(stderr, /warning/i, `helm ${args.join(' ')}`);
  return stdout;
}

async function controllerPods(): Promise<readonly Pod[]> {
  const selection = { namespace: system, labelSelector };
  const { items } = await lab.client.list(podResource, selection, never);
  return items.filter(({ metadata }) => metadata.deletionTimestamp === undefined);
}

function isReady({ status }: Pod): boolean {
  return (
    status?.conditions?.some(({ type, status: is }) => type === 'Ready' && is === 'True') ?? false
  );
}

async function leader(): Promise<string> {
  const ref = { namespace: system, name: 'tweendeck-controllers' };
  const lease = await lab.client.get(leaseResource, ref, never);
  return lease?.spec.holderIdentity?.split('_')[0] ?? '';
}

/** Waits until the CacheServer serves as its spec says, by the hand of controllers that run now. */
function cacheReady(replicas: number): Promise<CacheServerObject> {
  return until(
    `${replicas} replicas serve`,
    async () => {
      const cache = await lab.client.get(cacheServerKind, cacheRef, never);
      const { metadata, status } = cache ?? {};
      if (
        status?.phase === 'Ready' &&
        status.observedGeneration === metadata?.generation &&
        status.readyReplicas === replicas
      )
        return cache;
      throw new Error(JSON.stringify(status));
    },
    120_000,
  );
}

function scaleCache(replicas: number): Promise<string> {
  return must(['scale', '-n', team, 'cacheserver/cache', `--replicas=${replicas}`]);
}

/** The chart as a later release would have it: its definition knows a field more. */
async function laterChart(): Promise<string> {
  const copy = join(lab.directory, 'later-chart');
  await cp(chart, copy, { recursive: true });
  const path = join(copy, 'templates', 'generated', 'crds.yaml');
  const text = await readFile(path, 'utf8');
  const changed = text.replace(
    /^( +)(storage:\n)/m,
    '$1later:\n$1  type: string\n$1  description: A field of a later release.\n$1$2',
  );
  assert.notEqual(changed, text);
  await writeFile(path, changed);
  const about = join(copy, 'Chart.yaml');
  const version = (await readFile(about, 'utf8')).replace(/^version: .*$/m, 'version: 99.0.0');
  await writeFile(about, version);
  return copy;
}

async function definitionKnows(field: string): Promise<boolean> {
  const crd = await lab.client.get(customResourceDefinitionResource, crdRef, never);
  return JSON.stringify(crd?.spec).includes(`"${field}"`);
}

/** Looks all the time whether at least two controllers are available, until disposed; gives how often it looked. */
function watchAvailability(): { readonly end: () => Promise<number> } {
  const ending = new AbortController();
  const looking = (async () => {
    for (let looks = 0; ; looks++) {
      if (ending.signal.aborted) return looks;
      const deployment = await lab.client.get(deploymentResource, release, never);
      const available = deployment?.status?.availableReplicas ?? 0;
      assert.ok(available >= 2, `${available} controllers are available`);
      await new Promise((resolve) => setTimeout(resolve, 100));
    }
  })();
  looking.catch(() => undefined); // thrown by end
  return {
    end: () => {
      ending.abort();
      return looking;
    },
  };
}

/** What `run` does, while two controllers are available at every moment, and a new leader afterwards. */
async function rolling(run: () => Promise<unknown>): Promise<void> {
  const before = new Set((await controllerPods()).map(({ metadata }) => metadata.name));
  const availability = watchAvailability();
  await run();
  assert.ok((await availability.end()) > 5);
  await until('every pod is a new one', async () => {
    const pods = await controllerPods();
    return pods.length === 2 && pods.every((pod) => isReady(pod) && !before.has(pod.metadata.name));
  });
}

async function logLevel(): Promise<string | undefined> {
  const [pod] = await controllerPods();
  return pod?.spec.containers[0]?.args?.find((arg) => arg.startsWith('--log-level='));
}

/** The CacheServer and what it is made of; a Service's address is an object of the cluster. */
const usersOwn = /^(IPAddress \/|[A-Za-z]+ team\/cache\b)/;

/** The definition, and what the API server makes of it. */
const definitions = [
  'APIService /v1alpha1.tweendeck.io',
  'CustomResourceDefinition /backups.tweendeck.io',
  'CustomResourceDefinition /cacheservers.tweendeck.io',
  'CustomResourceDefinition /memcacheds.tweendeck.io',
  'CustomResourceDefinition /redisclusters.tweendeck.io',
  'CustomResourceDefinition /redissentinels.tweendeck.io',
];

for (const { version, keep } of [
  { version: 3, keep: true },
  { version: 4, keep: false },
] as const) {
  const values = ['--set', `crds.keep=${keep}`];

  test(`Helm ${version} installs: both controllers are ready, on two nodes`, async () => {
    await helm(version, ['install', 'tweendeck', chart, ...values, '--wait', '--timeout=3m']);
    const pods = await controllerPods();
    assert.equal(pods.filter(isReady).length, 2);
    assert.equal(new Set(pods.map(({ spec }) => spec.nodeName)).size, 2);
    const names = pods.map(({ metadata }) => metadata.name);
    await until('one of them leads', async () => names.includes(await leader()));
  });

  test(`Helm ${version}: a CacheServer in another restricted namespace is served`, async () => {
    const object = {
      ...{ apiVersion: 'tweendeck.io/v1alpha1', kind: 'CacheServer', metadata: cacheRef },
      spec: {
        ...{ replicas: 1, storage: 50_000_000 },
        resources: { limits: { cpu: '100m', memory: '128Mi' } },
      },
    };
    await must(['apply', '-f', '-'], JSON.stringify(object));
    await cacheReady(1);
    await scaleCache(2);
    await cacheReady(2);
  });

  test(`Helm ${version}: figures are read through the Service and from every pod`, async () => {
    const services = JSON.parse(
      await must(['get', 'service', '-n', system, 'tweendeck-metrics', '-o', 'json']),
    );
    const answer = await fetch(`http://${services.spec.clusterIP}:8080/metrics`);
    assert.equal(answer.status, 200);
    const leading: string[] = [];
    for (const { metadata, status } of await controllerPods()) {
      const figures = await (await fetch(`http://${status?.podIP}:8080/metrics`)).text();
      if (/^leader_election_master_status\{.*\} 1$/m.test(figures)) leading.push(metadata.name);
      const health = await fetch(`http://${status?.podIP}:8081/readyz`);
      assert.equal(await health.text(), 'ok');
    }
    assert.deepEqual(leading, [await leader()]);
  });

  test(`Helm ${version} upgrades: values and definitions change, two are always available`, async () => {
    const later = await laterChart();
    await rolling(() =>
      helm(version, [
        ...['upgrade', 'tweendeck', later, ...values, '--set', 'logs.level=debug'],
        ...['--wait', '--timeout=3m'],
      ]),
    );
    assert.equal(await logLevel(), '--log-level=debug');
    assert.equal(await definitionKnows('later'), true);
    await scaleCache(1);
    await cacheReady(1);
  });

  test(`Helm ${version} rolls back: values and definitions are as they were`, async () => {
    await rolling(() => helm(version, ['rollback', 'tweendeck', '1', '--wait', '--timeout=3m']));
    assert.equal(await logLevel(), '--log-level=info');
    assert.equal(await definitionKnows('later'), false);
    await scaleCache(2);
    await cacheReady(2);
  });

  test(`Helm ${version} uninstalls: ${keep ? "the user's own stays" : 'nothing is left'}`, async () => {
    await helm(version, ['uninstall', 'tweendeck', '--wait', '--timeout=3m']);
    const left = await until(
      'the release is gone',
      async () => {
        const found = difference(untouched, await inventory(lab));
        const others = found.filter((one) => !keep || !usersOwn.test(one));
        if (difference(keep ? definitions : [], others).length > 0)
          throw new Error(JSON.stringify(found));
        return found;
      },
      120_000,
    );
    if (!keep) return;
    // What the user made serves on, without anybody who looks after it.
    assert.ok(left.includes('CacheServer team/cache'));
    const pods = left.filter((one) => one.startsWith('Pod team/'));
    assert.equal(pods.filter((one) => !one.includes('/cache-entry-')).length, 2);
    assert.equal(pods.length, 3, 'replicas, and the entry before them');
    process.stdout.write(`  kept:\n${left.map((one) => `    ${one}\n`).join('')}`);
  });
}
