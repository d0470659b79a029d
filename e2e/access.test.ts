// Who may do what in an embedded home, asked with the real kubectl and as programs in pods ask.

import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { mkdtemp, readdir, readFile, rename, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { TestHome, until } from './support/home.ts';
import { kubectlProgram, type Outcome, runProgram } from './support/kubectl.ts';

const version = '1.35';

const role = `
apiVersion: rbac.authorization.k8s.io/v1
kind: Role
metadata: {name: reader}
rules:
- {apiGroups: [""], resources: [configmaps], verbs: [get, list]}
---
apiVersion: rbac.authorization.k8s.io/v1
kind: RoleBinding
metadata: {name: reader}
roleRef: {apiGroup: rbac.authorization.k8s.io, kind: Role, name: reader}
subjects:
- {kind: ServiceAccount, name: robot}
`;

const pod = (kubectl: string): string => `
apiVersion: v1
kind: Pod
metadata: {name: asker}
spec:
  serviceAccountName: robot
  restartPolicy: Never
  containers:
  - name: asker
    image: sh
    command: [sh, -c, '${kubectl} get configmaps -o name && ${kubectl} get secrets']
`;

/** Asks with a token alone, as a stranger who was given one. */
async function askAs(home: TestHome, token: string, args: readonly string[]): Promise<Outcome> {
  const view = ['config', 'view', '--raw', '-o', 'jsonpath={.clusters[0].cluster.server}'];
  const server = await home.kubectl(version, view);
  return runProgram(
    kubectlProgram(version),
    [
      ...['--kubeconfig=/dev/null', `--server=${server.stdout}`, '--insecure-skip-tls-verify'],
      ...[`--token=${token}`, ...args],
    ],
    { environment: { HOME: home.directory } },
  );
}

test('a service account has the rights of its role, by token and in a pod', async (context) => {
  await using home = await TestHome.open();
  const kubectl = async (args: readonly string[], input?: string): Promise<string> => {
    const outcome = await home.kubectl(version, args, input);
    assert.equal(outcome.code, 0, `kubectl ${args.join(' ')}: ${outcome.stderr}`);
    return outcome.stdout.trim();
  };
  await kubectl(['create', 'serviceaccount', 'robot']);
  await kubectl(['apply', '-f', '-'], role);
  const token = await kubectl(['create', 'token', 'robot', '--duration=10m']);

  await context.test('whoami', async () => {
    assert.match(await kubectl(['auth', 'whoami']), /Username\s+tweendeck:admin/);
    const robot = await askAs(home, token, ['auth', 'whoami', '-o', 'json']);
    const { userInfo } = JSON.parse(robot.stdout).status;
    assert.equal(userInfo.username, 'system:serviceaccount:default:robot');
  });

  await context.test('what the role says, and nothing else', async () => {
    assert.equal((await askAs(home, token, ['get', 'configmaps'])).code, 0);
    const secrets = await askAs(home, token, ['get', 'secrets']);
    assert.match(
      secrets.stderr,
      /Error from server \(Forbidden\): secrets is forbidden: User "system:serviceaccount:default:robot" cannot list resource "secrets" in API group "" in the namespace "default"/,
    );
    for (const args of [
      ['delete', 'configmaps', '--all'],
      ['create', 'configmap', 'x'],
      ['get', 'configmaps', '-A'],
      ['label', 'configmap', 'kube-root-ca.crt', 'a=b'],
      ['get', '--raw', '/metrics'],
    ]) {
      const outcome = await askAs(home, token, args);
      assert.match(outcome.stderr, /forbidden/i, args.join(' '));
    }
    const list = await askAs(home, token, ['auth', 'can-i', '--list']);
    assert.match(list.stdout, /^configmaps\s+\[\]\s+\[\]\s+\[get list\]$/m);
  });

  await context.test('can-i and --as', async () => {
    const as = '--as=system:serviceaccount:default:robot';
    assert.equal(await kubectl(['auth', 'can-i', 'list', 'configmaps', as]), 'yes');
    const no = await home.kubectl(version, ['auth', 'can-i', 'create', 'pods', as]);
    assert.deepEqual([no.code, no.stdout.trim()], [1, 'no']);
    const robot = await askAs(home, token, ['get', 'configmaps', '--as=tweendeck:admin']);
    assert.match(robot.stderr, /cannot impersonate resource "users"/);
  });

  await context.test('nobody hands out what he has not', async () => {
    await kubectl(['create', 'rolebinding', 'granter', '--clusterrole=granter', '--user=granter']);
    await kubectl([
      ...['create', 'clusterrole', 'granter', '--verb=create,get'],
      '--resource=roles.rbac.authorization.k8s.io,rolebindings.rbac.authorization.k8s.io',
    ]);
    const more = ['create', 'role', 'more', '--verb=get', '--resource=secrets', '--as=granter'];
    assert.match(
      (await home.kubectl(version, more)).stderr,
      /is attempting to grant RBAC permissions not currently held:\n\{APIGroups:\[""\], Resources:\["secrets"\], Verbs:\["get"\]\}/,
    );
  });

  await context.test('a program in a pod finds its token', async () => {
    const made = await until('its default service account is there', async () => {
      const outcome = await home.kubectl(
        version,
        ['apply', '-f', '-'],
        pod(kubectlProgram(version)),
      );
      return outcome.code === 0;
    });
    assert.ok(made);
    const done = ['wait', '--for=jsonpath={.status.phase}=Failed', 'pod/asker', '--timeout=60s'];
    await kubectl(done);
    const log = await kubectl(['logs', 'asker']);
    assert.match(log, /configmap\/kube-root-ca.crt/);
    assert.match(log, /User "system:serviceaccount:default:robot" cannot list resource "secrets"/);
  });

  await context.test('a token ends with its account, a secret too', async () => {
    const secret = `
apiVersion: v1
kind: Secret
metadata: {name: long, annotations: {kubernetes.io/service-account.name: robot}}
type: kubernetes.io/service-account-token
`;
    await kubectl(['apply', '-f', '-'], secret);
    const encoded = await until('the secret is filled', async () =>
      kubectl(['get', 'secret', 'long', '-o', 'jsonpath={.data.token}']),
    );
    const long = Buffer.from(encoded, 'base64').toString();
    assert.equal((await askAs(home, long, ['get', 'configmaps'])).code, 0);
    await kubectl(['delete', 'serviceaccount', 'robot']);
    for (const each of [token, long]) {
      const outcome = await askAs(home, each, ['get', 'configmaps']);
      assert.match(outcome.stderr, /You must be logged in to the server|Unauthorized/);
    }
    await until('the secret is gone', async () => {
      const outcome = await home.kubectl(version, ['get', 'secret', 'long']);
      return outcome.code !== 0;
    });
  });

  await context.test('tokens are believed after a restart', async () => {
    await kubectl(['create', 'serviceaccount', 'lasting']);
    const lasting = await kubectl(['create', 'token', 'lasting']);
    await home.stop();
    await home.start();
    const outcome = await askAs(home, lasting, ['auth', 'whoami', '-o', 'json']);
    assert.match(outcome.stdout, /system:serviceaccount:default:lasting/);
  });
});

const auditPolicy = `
apiVersion: audit.k8s.io/v1
kind: Policy
omitStages: [RequestReceived]
rules:
- level: RequestResponse
  users: ["tweendeck:admin"]
  resources: [{group: "", resources: [configmaps]}]
- level: Metadata
  users: ["tweendeck:admin"]
  resources: [{group: "", resources: [secrets]}]
- level: None
`;

test('requests are written down as the policy says', async () => {
  const directory = await mkdtemp(join(tmpdir(), 'tweendeck-audit-'));
  await using stack = new AsyncDisposableStack();
  stack.defer(() => rm(directory, { recursive: true }));
  const [policy, log] = [join(directory, 'policy.yaml'), join(directory, 'audit.log')];
  await writeFile(policy, auditPolicy);
  const args = [`--audit-log=${log}`, `--audit-policy=${policy}`];
  const home = stack.use(await TestHome.open({ args }));
  await home.kubectl(version, ['create', 'configmap', 'x', '--from-literal=a=b', '--as=dev']);
  await home.kubectl(version, ['create', 'secret', 'generic', 's', '--from-literal=p=hidden']);
  await home.kubectl(version, ['get', 'pods']);
  const text = await readFile(log, 'utf8');
  const events = text
    .trim()
    .split('\n')
    .map((line) => JSON.parse(line));
  const refused = events.find(({ objectRef }) => objectRef.resource === 'configmaps');
  assert.equal(refused.impersonatedUser.username, 'dev');
  assert.equal(refused.responseStatus.code, 403);
  assert.deepEqual(refused.requestObject.data, { a: 'b' });
  assert.equal(refused.annotations['authorization.k8s.io/decision'], 'forbid');
  const secret = events.find(({ objectRef }) => objectRef.resource === 'secrets');
  assert.deepEqual([secret.objectRef.name, secret.level], ['s', 'Metadata']);
  assert.doesNotMatch(text, /hidden|aGlkZGVu/);
  assert.ok(events.every(({ objectRef }) => objectRef.resource !== 'pods'));
});

/** Whether bytes stand in any file of a home's database. */
async function isOnDisk(home: TestHome, bytes: string): Promise<boolean> {
  const names = (await readdir(home.directory)).filter((name) => name.startsWith('state.db'));
  const files = await Promise.all(names.map((name) => readFile(join(home.directory, name))));
  return files.some((file) => file.includes(bytes));
}

test('secrets cannot be read from the database without their key', async (context) => {
  await using home = await TestHome.open();
  const kubectl = async (args: readonly string[], input?: string): Promise<string> => {
    const outcome = await home.kubectl(version, args, input);
    assert.equal(outcome.code, 0, outcome.stderr);
    return outcome.stdout;
  };
  const encoded = Buffer.from('well hidden').toString('base64');
  const read = () => kubectl(['get', 'secret', 's', '-o', 'jsonpath={.data.p}']);
  await kubectl(['create', 'secret', 'generic', 's', '--from-literal=p=well hidden']);
  await kubectl(['create', 'configmap', 'plain', '--from-literal=p=in the open']);

  await context.test('they are not in the files', async () => {
    assert.equal(await isOnDisk(home, 'in the open'), true);
    for (const each of ['well hidden', encoded]) assert.equal(await isOnDisk(home, each), false);
  });

  const keyFile = join(home.directory, 'encryption-keys');
  await context.test('a new key encrypts them anew at the next start', async () => {
    await home.stop();
    const fresh = `fresh ${randomBytes(32).toString('base64')}\n`;
    await writeFile(keyFile, fresh + (await readFile(keyFile, 'utf8')));
    await home.start();
    assert.equal(await read(), encoded);
    await home.stop();
    await writeFile(keyFile, fresh);
    await home.start();
    assert.equal(await read(), encoded);
  });

  await context.test('without the key the home says so, and loses nothing', async () => {
    await home.stop();
    await rename(keyFile, `${keyFile}.away`);
    home.spawn();
    assert.notEqual((await home.exited()).code, 0);
    assert.match(home.stderr, /was encrypted with the key fresh, which is not there/);
    assert.match(home.stderr, /--encryption-keys/);
    await home.start({ args: [`--encryption-keys=${keyFile}.away`] });
    assert.equal(await read(), encoded);
  });
});
