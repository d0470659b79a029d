import assert from 'node:assert/strict';
import { mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { silentLogger } from '@tweendeck/std';
import type { AccessAttributes } from '../access/attributes.ts';
import { TestServer } from '../testing/test-server.ts';
import { openAuditLog } from './log-file.ts';
import { parseAuditPolicy, readAuditPolicy, rulingOf } from './policy.ts';

const policyOf = (...rules: readonly unknown[]) =>
  parseAuditPolicy({ apiVersion: 'audit.k8s.io/v1', kind: 'Policy', rules }, 'p');

const pod: AccessAttributes = {
  type: 'resource',
  user: { name: 'dev', groups: ['devs'] },
  verb: 'get',
  group: '',
  resource: 'pods',
  subresource: '',
  namespace: 'a',
  name: 'x',
};
const log: AccessAttributes = { ...pod, subresource: 'log' };
const path: AccessAttributes = { type: 'path', user: pod.user, verb: 'get', path: '/healthz/a' };

for (const { name, rule, asked, fits } of [
  { name: 'everything without a word', rule: {}, asked: pod, fits: true },
  { name: 'its users', rule: { users: ['dev'] }, asked: pod, fits: true },
  { name: 'no other users', rule: { users: ['boss'] }, asked: pod, fits: false },
  { name: 'its groups', rule: { userGroups: ['devs'] }, asked: pod, fits: true },
  { name: 'its verbs', rule: { verbs: ['list'] }, asked: pod, fits: false },
  { name: 'its namespaces', rule: { namespaces: ['a'] }, asked: pod, fits: true },
  { name: 'no path by namespaces', rule: { namespaces: [''] }, asked: path, fits: false },
  { name: 'a whole group', rule: { resources: [{ group: '' }] }, asked: log, fits: true },
  {
    name: 'a resource without its subresources',
    rule: { resources: [{ group: '', resources: ['pods'] }] },
    asked: log,
    fits: false,
  },
  {
    name: 'all subresources of a resource',
    rule: { resources: [{ group: '', resources: ['pods/*'] }] },
    asked: log,
    fits: true,
  },
  {
    name: 'one subresource of all resources',
    rule: { resources: [{ group: '', resources: ['*/log'] }] },
    asked: log,
    fits: true,
  },
  {
    name: 'objects by name',
    rule: { resources: [{ group: '', resources: ['pods'], resourceNames: ['y'] }] },
    asked: pod,
    fits: false,
  },
  {
    name: 'paths below a star',
    rule: { nonResourceURLs: ['/healthz*'] },
    asked: path,
    fits: true,
  },
  { name: 'no resource by paths', rule: { nonResourceURLs: ['*'] }, asked: pod, fits: false },
]) {
  test(`a rule of an audit policy fits ${name}`, () => {
    const policy = policyOf({ level: 'Request', ...rule });
    assert.equal(rulingOf(policy, asked).level, fits ? 'Request' : 'None');
  });
}

test('the first rule counts', () => {
  const policy = policyOf({ level: 'None', users: ['dev'] }, { level: 'Metadata' });
  assert.equal(rulingOf(policy, pod).level, 'None');
  assert.equal(rulingOf(policy, { ...pod, user: { name: 'x', groups: [] } }).level, 'Metadata');
});

for (const { name, policy, problem } of [
  { name: 'another kind', policy: { kind: 'Pod' }, problem: /no Policy of audit.k8s.io\/v1/ },
  { name: 'no rules', policy: {}, problem: /rules: at least one is required/ },
  { name: 'no level', policy: { rules: [{}] }, problem: /rules\[0\].level: must be one of/ },
  {
    name: 'paths and resources',
    policy: { rules: [{ level: 'None', namespaces: ['a'], nonResourceURLs: ['/a'] }] },
    problem: /cannot apply to both/,
  },
  {
    name: 'an unknown stage',
    policy: { rules: [{ level: 'None' }], omitStages: ['Later'] },
    problem: /omitStages: allowed stages are/,
  },
]) {
  test(`an audit policy is refused for ${name}`, () => {
    const value = { apiVersion: 'audit.k8s.io/v1', kind: 'Policy', ...policy };
    assert.throws(() => parseAuditPolicy(value, 'p'), {
      code: 'APISERVER_AUDIT_POLICY_INVALID',
      message: problem,
    });
  });
}

async function inDirectory(run: (directory: string) => Promise<void>): Promise<void> {
  const directory = await mkdtemp(join(tmpdir(), 'tweendeck-audit-'));
  try {
    await run(directory);
  } finally {
    await rm(directory, { recursive: true });
  }
}

test('a policy file may be YAML', () =>
  inDirectory(async (directory) => {
    const file = join(directory, 'policy.yaml');
    await writeFile(
      file,
      'apiVersion: audit.k8s.io/v1\nkind: Policy\nrules:\n- level: Metadata\n  verbs: [get]\n',
    );
    assert.equal(rulingOf(await readAuditPolicy(file), pod).level, 'Metadata');
    await assert.rejects(readAuditPolicy(join(directory, 'none')), {
      code: 'APISERVER_AUDIT_POLICY_INVALID',
    });
  }));

test('a full audit log is put aside, and the oldest removed', () =>
  inDirectory(async (directory) => {
    const file = join(directory, 'audit.log');
    using sink = openAuditLog({ path: file, bytesMax: 10, filesMax: 2, log: silentLogger });
    for (const line of ['one 1', 'two 2', 'three', 'four']) sink.write(line);
    assert.deepEqual((await readdir(directory)).toSorted(), [
      'audit.log',
      'audit.log.1',
      'audit.log.2',
    ]);
    assert.equal(await readFile(file, 'utf8'), 'four\n');
    assert.equal(await readFile(`${file}.2`, 'utf8'), 'two 2\n');
  }));

test('an audit log nobody can write is refused at the start', () => {
  assert.throws(() => openAuditLog({ path: '/nowhere/at/all', log: silentLogger }), {
    code: 'APISERVER_AUDIT_LOG_UNWRITABLE',
  });
});

test('what is asked and answered is written as the policy says', async () => {
  const lines: string[] = [];
  const policy = policyOf(
    { level: 'None', resources: [{ group: '', resources: ['namespaces'] }] },
    {
      level: 'RequestResponse',
      omitStages: ['RequestReceived'],
      omitManagedFields: true,
      resources: [{ group: '', resources: ['configmaps'] }],
    },
    { level: 'Metadata' },
  );
  const audit = { policy, sink: { write: (line: string) => void lines.push(line) } };
  await using server = await TestServer.open({ audit });
  const events = () => lines.splice(0).map((line) => JSON.parse(line));
  await server.get('/api/v1/namespaces');
  assert.deepEqual(events(), []);

  await server.create('/api/v1/namespaces/default/configmaps', {
    metadata: { name: 'x' },
    data: { a: 'b' },
  });
  const [created, ...none] = events();
  assert.deepEqual(none, []);
  assert.deepEqual(created.objectRef, {
    resource: 'configmaps',
    namespace: 'default',
    name: 'x',
    apiVersion: 'v1',
  });
  assert.deepEqual([created.stage, created.verb], ['ResponseComplete', 'create']);
  assert.deepEqual(created.requestObject.data, { a: 'b' });
  assert.equal(created.responseObject.metadata.managedFields, undefined);
  assert.equal(created.annotations['authorization.k8s.io/decision'], 'allow');
  assert.match(created.stageTimestamp, /^\d{4}-.*\.\d{6}Z$/);

  const dev = { name: 'dev', groups: ['system:authenticated'] };
  await server.ask('GET', '/api/v1/namespaces/a/secrets/y', { user: dev });
  const [received, complete] = events();
  assert.equal(received.stage, 'RequestReceived');
  assert.equal(complete.responseStatus.code, 403);
  assert.equal(complete.user.username, 'dev');
  assert.equal(complete.auditID, received.auditID);
  assert.equal(complete.annotations['authorization.k8s.io/decision'], 'forbid');

  const watch = await server.watch('/api/v1/secrets?watch=true');
  assert.deepEqual(
    events().map(({ stage }) => stage),
    ['RequestReceived', 'ResponseStarted'],
  );
  await watch.close();
});
