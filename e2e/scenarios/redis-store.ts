// Values in Redis: replicas share them, keep them over changes, and tell when they cannot reach them.

import assert from 'node:assert/strict';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type Pod, podResource } from '@tweendeck/kube';
import { makeCertificate } from '../support/certificates.ts';
import { EditorClient, sameFiles } from '../unity-clients.ts';
import { changeAll } from './live-changes.ts';
import { askReplicas, readyReplicas } from './replicas.ts';
import type { Scenario } from './scenario.ts';
import type { Stage } from './stage.ts';
import { type Asset, sizes, startTraffic } from './traffic.ts';

export const redisStore: Scenario = {
  name: 'values in Redis are one for all replicas, outlive their pods, and a store that is away is told',
  notApplicable: ({ programs }) =>
    programs === 'faked' ? 'pods are faked: no program runs' : undefined,
  play: async (stage) => {
    const { address, authority } = await startRedisPod(stage, 'open-sesame');
    const redis = {
      ...{ address, passwordSecret: { name: 'redis-login' }, ttlSeconds: 3_600 },
      tls: { caSecret: { name: 'redis-trust' }, serverName: 'redis' },
    };
    await stage.apply('cache', { replicas: 2, store: { redis } });
    await withoutSecret(stage);
    const before = await readyReplicas(stage, 'cache');
    const secret = ['create', 'secret', 'generic'];
    await stage.kubectl([...secret, 'redis-trust', `--from-literal=ca.crt=${authority}`]);
    const wanting = await stage.until('what it still lacks is told', async () => {
      const told = (await stage.conditions('cache')).get('StoreReachable');
      return told?.message?.includes('Secret redis-login') && told.message;
    });
    assert.match(wanting, /Make the Secret redis-login with a field password/);
    await stage.kubectl([...secret, 'redis-login', '--from-literal=password=open-sesame']);
    await stage.untilCondition('cache', 'StoreReachable', { status: 'True' });
    await stage.untilRulesApplied('cache');
    const cache = await stage.untilReady('cache');
    assert.deepEqual(
      names(await readyReplicas(stage, 'cache')),
      names(before),
      'nobody started anew for a Secret',
    );

    const { host, port } = await stage.home.addressOf(cache);
    const seen = { elsewhere: 0 };
    const traffic = startTraffic(host, port, {
      alsoAt: async (asset) => {
        seen.elsewhere += await foundAtReplicas(stage, asset);
      },
    });
    try {
      await stage.until('clients are served', async () => traffic.finished() > 10);
      await changeAll(stage, { resources: { limits: { cpu: '110m', memory: '96Mi' } } });
      const after = traffic.finished();
      await stage.until('clients are served by the new pods', async () => {
        return traffic.failures.length > 0 || traffic.finished() > after + 10;
      });
    } finally {
      await traffic.stop();
    }
    assert.deepEqual(traffic.failures, []);
    assert.ok(seen.elsewhere > traffic.finished(), `${seen.elsewhere} answers of replicas`);
    // Also what was stored before the pods of now were there.
    for (const asset of traffic.assets) {
      const found = await foundAtReplicas(stage, asset);
      assert.equal(found, 2, `${asset.name} at ${found} replicas`);
    }
    // Each counts what it stored itself since it counted all; what they share is not added up.
    const told = await stage.until('the status tells what they share', async () => {
      const { status } = await stage.cache('cache');
      return (status?.objects ?? 0) > 0 && status;
    });
    assert.ok((told.objects ?? 0) <= traffic.finished(), `${told.objects} objects`);
    stage.observe('phase', told.phase);
    await stage.kubectl(['delete', 'pod', 'redis']);
    await stage.untilCondition('cache', 'Degraded', { reason: 'StoreUnreachable' });
    assert.equal((await readyReplicas(stage, 'cache')).length, 2, 'replicas serve without it');
  },
};

export const liveRules: Scenario = {
  name: 'who may put, and an upstream, change without a restart; what no data plane takes changes nothing',
  play: async (stage) => {
    await stage.apply('cache', { upstream: { address: '192.0.2.1:8126', waitSeconds: 1 } });
    await stage.untilReady('cache');
    const before = names(await stage.pods('cache'));
    const access = { putFrom: ['10.0.0.0/33'] };
    await stage.change('cache', { access });
    const refused = await stage.untilCondition('cache', 'Degraded', { reason: 'SpecRefused' });
    stage.observe('refused', refused.message);
    await stage.change('cache', { access: { readOnly: true, putFrom: null } });
    const cache = await stage.untilReady('cache');
    if (stage.home.programs === 'real') {
      const { host, port } = await stage.home.addressOf(cache);
      await stage.untilRulesApplied('cache');
      assert.deepEqual(await storedAsset(host, port, 1), {}, 'nobody may put');
      await stage.change('cache', { access: null });
      await stage.until('everybody may put again', async () => {
        return 'a' in (await storedAsset(host, port, 2));
      });
    }
    assert.deepEqual(names(await stage.pods('cache')), before, 'nobody started anew');
    await stage.change('cache', { upstream: null, access: null });
    await stage.untilReady('cache');
    await stage.until('a pod without an upstream took over', async () => {
      const now = names(await stage.pods('cache'));
      return now.length === 1 && now[0] !== before[0];
    });
  },
};

/** Pods serve, and the CacheServer tells what they lack. */
async function withoutSecret(stage: Stage): Promise<void> {
  const told = await stage.untilCondition('cache', 'StoreReachable', {
    status: 'False',
    reason: 'StoreUnreachable',
  });
  assert.match(told.message ?? '', /Make the Secret redis-trust with a field ca\.crt/);
  const degraded = await stage.untilCondition('cache', 'Degraded', { status: 'True' });
  assert.equal(degraded.reason, 'StoreUnreachable');
  const cache = await stage.until('both replicas serve', async () => {
    const now = await stage.cache('cache');
    return now.status?.readyReplicas === 2 && now;
  });
  assert.equal(cache.status?.phase, 'Degraded');
  const { host, port } = await stage.home.addressOf(cache);
  const found = await stage.until('a client is served', () => storedAsset(host, port, 1));
  assert.deepEqual(found, {}, 'what is not stored is a miss');
}

/** Stores an asset and gives what of it is found. */
async function storedAsset(host: string, port: number, number: number) {
  const editor = await EditorClient.connect(host, port);
  try {
    const entry = { guid: Buffer.alloc(16, number), hash: Buffer.alloc(16, 77) };
    await editor.store(entry, { a: Buffer.alloc(1_000, number), i: Buffer.alloc(10, number) });
    return await editor.find(entry);
  } finally {
    editor.close();
  }
}

/** How many replicas have the whole of it: who answers has it. */
async function foundAtReplicas(stage: Stage, { name, entry, files }: Asset): Promise<number> {
  const answers = await askReplicas(stage, 'cache', entry);
  for (const { pod, files: found } of answers) {
    assert.ok(sameFiles(found, files), `${name} at ${pod}: ${sizes(found)}`);
  }
  return answers.length;
}

function names(pods: readonly Pod[]): readonly string[] {
  return pods.map(({ metadata }) => metadata.name).sort();
}

/** A redis-server that speaks TLS alone and wants a password, as a pod; gives its address, and who vouches for it. */
async function startRedisPod(
  stage: Stage,
  password: string,
): Promise<{ readonly address: string; readonly authority: string }> {
  const { authority, certificate, key } = await redisCertificate();
  const files = { 'server.crt': certificate, 'server.key': key };
  const literals = Object.entries(files).map(([name, text]) => `--from-literal=${name}=${text}`);
  await stage.kubectl(['create', 'secret', 'generic', 'redis-tls', ...literals]);
  const pod = {
    apiVersion: 'v1',
    kind: 'Pod',
    metadata: { name: 'redis' },
    spec: {
      containers: [
        {
          name: 'redis',
          image: stage.home.images.redis,
          args: [
            ...['--bind', '$(POD_IP)', '--save', '', '--appendonly', 'no'],
            ...['--requirepass', password, '--maxmemory', '64mb'],
            ...['--port', '0', '--tls-port', '6379', '--tls-auth-clients', 'no'],
            ...['--tls-cert-file', '/tls/server.crt', '--tls-key-file', '/tls/server.key'],
          ],
          env: [{ name: 'POD_IP', valueFrom: { fieldRef: { fieldPath: 'status.podIP' } } }],
          volumeMounts: [{ name: 'tls', mountPath: '/tls', readOnly: true }],
          readinessProbe: { tcpSocket: { port: 6_379 }, periodSeconds: 1 },
          terminationMessagePolicy: 'FallbackToLogsOnError',
          securityContext: {
            allowPrivilegeEscalation: false,
            capabilities: { drop: ['ALL'] },
          },
        },
      ],
      volumes: [{ name: 'tls', secret: { secretName: 'redis-tls' } }],
      securityContext: {
        runAsNonRoot: true, // the user of the image; in the embedded home whoever runs it
        seccompProfile: { type: 'RuntimeDefault' },
      },
    },
  };
  await stage.kubectl(['create', '-f', '-'], JSON.stringify(pod));
  const started = await stage.until('Redis serves', async () => {
    const found = await stage.client.get(podResource, stage.ref('redis'), stage.signal);
    const held = found?.status?.conditions?.find(({ type }) => type === 'Ready');
    if (held?.status === 'True') return found;
    throw new Error(JSON.stringify(found?.status?.containerStatuses)); // told when it never does
  });
  return { address: `${started.status?.podIP}:6379`, authority };
}

/** For the name `redis`, with the one who signed it; as PEM. */
async function redisCertificate() {
  const directory = await mkdtemp(join(tmpdir(), 'redis-tls-'));
  try {
    const authority = makeCertificate(directory, { name: 'authority' });
    const own = makeCertificate(directory, { name: 'redis', authority, host: 'DNS:redis' });
    const [trust, certificate, key] = [authority.cert, own.cert, own.key].map(String);
    return { authority: trust ?? '', certificate: certificate ?? '', key: key ?? '' };
  } finally {
    await rm(directory, { recursive: true });
  }
}
