// Pods of programs that are not ours: a real redis-server, a missing program, configuration and data.

import assert from 'node:assert/strict';
import { connect } from 'node:net';
import { test } from 'node:test';
import { TestHome, until } from './support/home.ts';

const redis = `
apiVersion: apps/v1
kind: StatefulSet
metadata: {name: redis}
spec:
  serviceName: redis
  replicas: 2
  selector: {matchLabels: {app: redis}}
  template:
    metadata: {labels: {app: redis}}
    spec:
      containers:
      - name: redis
        image: docker.io/library/redis:7
        args: [--bind, $(POD_IP), --port, "6379", --dir, /data, --appendonly, "yes"]
        env: [{name: POD_IP, valueFrom: {fieldRef: {fieldPath: status.podIP}}}]
        ports: [{name: redis, containerPort: 6379}]
        readinessProbe: {tcpSocket: {port: redis}, periodSeconds: 1}
        volumeMounts: [{name: data, mountPath: /data}]
      volumes: [{name: data, emptyDir: {}}]
---
apiVersion: v1
kind: Service
metadata: {name: redis}
spec:
  clusterIP: None
  selector: {app: redis}
  ports: [{name: redis, port: 6379, targetPort: redis}]
`;

const configured = `
apiVersion: v1
kind: ConfigMap
metadata: {name: settings}
data: {greeting: hello, file.txt: "from a file"}
---
apiVersion: v1
kind: Secret
metadata: {name: password}
stringData: {word: swordfish}
---
apiVersion: v1
kind: Pod
metadata: {name: configured, labels: {tier: front}}
spec:
  restartPolicy: Never
  initContainers:
  - {name: first, image: busybox, command: [sh, -c, "echo made > /shared/made"], volumeMounts: [{name: shared, mountPath: /shared}]}
  containers:
  - name: main
    image: busybox
    command: [sh, -c, 'echo "$GREETING $WORD $NAME $TIER"; cat /etc/settings/file.txt; echo; cat /shared/made']
    env:
    - {name: GREETING, valueFrom: {configMapKeyRef: {name: settings, key: greeting}}}
    - {name: WORD, valueFrom: {secretKeyRef: {name: password, key: word}}}
    - {name: NAME, valueFrom: {fieldRef: {fieldPath: metadata.name}}}
    - {name: TIER, valueFrom: {fieldRef: {fieldPath: "metadata.labels['tier']"}}}
    volumeMounts:
    - {name: settings, mountPath: /etc/settings}
    - {name: shared, mountPath: /shared}
  volumes:
  - {name: settings, configMap: {name: settings}}
  - {name: shared, emptyDir: {}}
`;

const absent = `
apiVersion: v1
kind: Pod
metadata: {name: absent}
spec:
  containers: [{name: main, image: example.com/no-such-program:1}]
`;

async function json(home: TestHome, args: readonly string[]) {
  return JSON.parse((await home.tweendeck(['get', ...args, '-o', 'json'])).stdout);
}

test('a StatefulSet of real redis-servers keeps its data when the platform is killed', async () => {
  await using home = await TestHome.open();
  const applied = await home.tweendeck(['apply', '-f', '-'], redis);
  assert.equal(applied.code, 0, applied.stderr);
  const ready = () =>
    until(
      'both members are ready',
      async () => (await json(home, ['statefulset/redis'])).status?.readyReplicas === 2,
      60_000,
    );
  await ready();
  const address = async (): Promise<string> => (await json(home, ['pod/redis-0'])).status.podIP;
  assert.notEqual(await address(), (await json(home, ['pod/redis-1'])).status.podIP);
  assert.match(await redisCommand(await address(), 'SET kept yes'), /^\+OK/);
  const slices = await json(home, ['endpointslices', '-l', 'kubernetes.io/service-name=redis']);
  assert.equal(slices.items[0].endpoints.length, 2);

  await home.stop('SIGKILL');
  await home.start();
  await ready();
  const got = await until('redis answers again', () => redisCommand(address(), 'GET kept'));
  assert.match(got, /yes/);
});

test('configuration, secrets, the downward API and volumes reach a pod', async () => {
  await using home = await TestHome.open();
  assert.equal((await home.tweendeck(['apply', '-f', '-'], configured)).code, 0);
  await until(
    'the pod has ended',
    async () => (await json(home, ['pod/configured'])).status?.phase === 'Succeeded',
  );
  const { stdout } = await home.tweendeck(['logs', 'configured']);
  assert.equal(stdout, 'hello swordfish configured front\nfrom a file\nmade\n');
});

test('a program that is not there is named, with what to install', async () => {
  await using home = await TestHome.open();
  assert.equal((await home.tweendeck(['apply', '-f', '-'], absent)).code, 0);
  await until('the event says so', async () => {
    const { stdout } = await home.tweendeck(['describe', 'pod/absent']);
    return /no-such-program.*put one named "no-such-program" on the path/.test(stdout);
  });
});

/** One inline command on a fresh connection; the answer up to the connection's end. */
async function redisCommand(host: string | Promise<string>, command: string): Promise<string> {
  const address = await host;
  return new Promise((resolve, reject) => {
    const socket = connect(6_379, address, () => socket.end(`${command}\r\nQUIT\r\n`));
    let answer = '';
    socket.on('data', (chunk) => (answer += chunk.toString()));
    socket.on('error', reject);
    socket.on('close', () => resolve(answer));
  });
}
