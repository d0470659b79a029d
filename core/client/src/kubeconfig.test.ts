import assert from 'node:assert/strict';
import { test } from 'node:test';
import { inClusterConnection, kubeconfigContexts, parseKubeconfig } from './kubeconfig.ts';

const pem = '-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n';
const data = Buffer.from(pem).toString('base64');
const files: Readonly<Record<string, string>> = { 'ca.pem': pem, token: 'secret\n' };

const text = `
apiVersion: v1
kind: Config
current-context: home
contexts:
  - { name: home, context: { cluster: local, user: admin, namespace: web } }
  - { name: files, context: { cluster: by-file, user: by-token } }
  - { name: nobody, context: { cluster: local } }
  - { name: plug-in, context: { cluster: local, user: plug-in } }
  - { name: no-cluster, context: { cluster: nowhere, user: admin } }
  - { name: no-file, context: { cluster: lost, user: admin } }
  - { name: no-url, context: { cluster: no-url, user: admin } }
  - { name: bad-data, context: { cluster: bad-data, user: admin } }
clusters:
  - { name: local, cluster: { server: "https://127.0.0.1:6443", certificate-authority-data: ${data} } }
  - { name: by-file, cluster: { server: "https://k8s.example", certificate-authority: ca.pem, tls-server-name: api } }
  - { name: lost, cluster: { server: "https://k8s.example", certificate-authority: lost.pem } }
  - { name: no-url, cluster: { server: "somewhere" } }
  - { name: bad-data, cluster: { server: "https://k8s.example", certificate-authority-data: "bm8=" } }
users:
  - { name: admin, user: { client-certificate-data: ${data}, client-key-data: ${data} } }
  - { name: by-token, user: { tokenFile: token } }
  - { name: plug-in, user: { exec: { command: aws } } }
`;

function readFile(path: string): string {
  const content = files[path];
  if (content === undefined) throw new Error(`no file ${path}`);
  return content;
}

test('the current context, with data in the file itself', () => {
  const connection = parseKubeconfig(text, { readFile });
  assert.equal(connection.context, 'home');
  assert.equal(connection.namespace, 'web');
  assert.equal(connection.server, 'https://127.0.0.1:6443');
  assert.equal(connection.ca, pem);
  assert.equal(connection.clientKey, pem);
  assert.equal(connection.token, undefined);
});

test('a named context, with data in files beside it', () => {
  const connection = parseKubeconfig(text, { readFile, context: 'files' });
  assert.equal(connection.namespace, 'default');
  assert.equal(connection.ca, pem);
  assert.equal(connection.token, 'secret');
  assert.equal(connection.serverName, 'api');
});

test('a context without a user is anonymous', () => {
  const connection = parseKubeconfig(text, { readFile, context: 'nobody' });
  assert.equal(connection.clientCertificate ?? connection.token, undefined);
});

for (const { context, code, message } of [
  { context: 'none', code: 'KUBECONFIG_INVALID', message: /no context named "none"/ },
  { context: 'no-cluster', code: 'KUBECONFIG_INVALID', message: /no cluster named "nowhere"/ },
  { context: 'no-file', code: 'KUBECONFIG_INVALID', message: /cannot read lost.pem/ },
  { context: 'no-url', code: 'KUBECONFIG_INVALID', message: /not a URL: somewhere/ },
  { context: 'bad-data', code: 'KUBECONFIG_INVALID', message: /not a PEM text/ },
  { context: 'plug-in', code: 'KUBECONFIG_AUTH_UNSUPPORTED', message: /plug-in logs in by exec/ },
])
  test(`context ${context} is refused`, () =>
    assert.throws(() => parseKubeconfig(text, { readFile, context }), { code, message }));

for (const { name, bad } of [
  { name: 'no YAML', bad: 'a: [' },
  { name: 'no mapping', bad: '- a' },
  { name: 'empty', bad: '' },
  { name: 'no context at all', bad: 'kind: Config' },
])
  test(`a kubeconfig that is ${name} is refused`, () =>
    assert.throws(() => parseKubeconfig(bad, { readFile }), { code: 'KUBECONFIG_INVALID' }));

test('contexts can be listed', () => {
  const { names, current } = kubeconfigContexts(text);
  assert.equal(names.length, 8);
  assert.equal(current, 'home');
});

test('a pod finds its API server', () => {
  const credentials = { host: 'fd00::1', port: '443', ca: pem, token: 'secret' };
  assert.equal(inClusterConnection(credentials).server, 'https://[fd00::1]:443');
  assert.throws(() => inClusterConnection({ ...credentials, host: '' }), {
    code: 'KUBECONFIG_INVALID',
  });
});
