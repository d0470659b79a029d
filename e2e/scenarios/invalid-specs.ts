// Every field of CacheServer, spelled wrong: the API answers with the field's path, and nothing is stored.

import assert from 'node:assert/strict';
import { cacheServerKind } from '@tweendeck/cacheserver';
import { ApiError } from '@tweendeck/kube';
import type { Scenario } from './scenario.ts';
import { manifestOf, type SpecPart, type Stage } from './stage.ts';

interface Row {
  readonly name: string;
  readonly spec: SpecPart;
  /** Path of the field at fault. */
  readonly field: string;
  readonly says: RegExp;
  /** 422 unless it is found before validation. */
  readonly code?: 400;
}

const rows: readonly Row[] = [
  {
    name: 'a negative storage',
    spec: { storage: -1 },
    field: 'spec.storage',
    says: /spec\.storage: Invalid value: -1/,
  },
  {
    name: 'a storage that is text',
    spec: { storage: '10Gi' },
    field: 'spec.storage',
    says: /spec\.storage: Invalid value: "string"/,
  },
  {
    name: 'a storage with a fraction',
    spec: { storage: 1.5 },
    field: 'spec.storage',
    says: /spec\.storage: Invalid value: "number"/,
  },
  {
    name: 'an image that is a number',
    spec: { image: 7 },
    field: 'spec.image',
    says: /spec\.image: Invalid value: "integer"/,
  },
  {
    name: 'an empty image',
    spec: { image: '' },
    field: 'spec.image',
    says: /spec\.image: .*at least 1/,
  },
  {
    name: 'a bad quantity',
    spec: { resources: { limits: { cpu: '10 cores' } } },
    field: 'spec.resources.limits.cpu',
    says: /spec\.resources\.limits/,
  },
  {
    name: 'requests that are not the limits',
    spec: {
      resources: { limits: { cpu: '1', memory: '1Gi' }, requests: { cpu: '500m', memory: '1Gi' } },
    },
    field: 'spec.resources',
    says: /spec\.resources: Invalid value.*requests/,
  },
  {
    name: 'a cleaner webhook that is no URL',
    spec: { cleaner: { webhook: 'not a url' } },
    field: 'spec.cleaner.webhook',
    says: /spec\.cleaner\.webhook: Invalid value: "not a url"/,
  },
  {
    name: 'a cleaner image that is no text',
    spec: { cleaner: { image: true } },
    field: 'spec.cleaner.image',
    says: /spec\.cleaner\.image: Invalid value: "boolean"/,
  },
  {
    name: 'tolerations that are no list',
    spec: { tolerations: {} },
    field: 'spec.tolerations',
    says: /spec\.tolerations: Invalid value: "object"/,
  },
  {
    name: 'a toleration with an unknown operator',
    spec: { tolerations: [{ key: 'a', operator: 'Is' }] },
    field: 'spec.tolerations[0].operator',
    says: /spec\.tolerations\[0\]\.operator: Unsupported value: "Is"/,
  },
  {
    name: 'a node selector that is no text',
    spec: { nodeSelector: { disk: 1 } },
    field: 'spec.nodeSelector.disk',
    says: /spec\.nodeSelector\.disk: Invalid value: "integer"/,
  },
  {
    name: 'a pull secret without a name',
    spec: { imagePullSecrets: [{}] },
    field: 'spec.imagePullSecrets[0].name',
    says: /spec\.imagePullSecrets\[0\]\.name: Required value/,
  },
  {
    name: 'negative replicas',
    spec: { replicas: -1 },
    field: 'spec.replicas',
    says: /spec\.replicas: Invalid value: -1/,
  },
  { name: 'port 0', spec: { port: 0 }, field: 'spec.port', says: /spec\.port: Invalid value: 0/ },
  {
    name: 'port 65536',
    spec: { port: 65_536 },
    field: 'spec.port',
    says: /spec\.port: Invalid value: 65536/,
  },
  {
    name: 'an unknown service type',
    spec: { serviceType: 'ExternalName' },
    field: 'spec.serviceType',
    says: /spec\.serviceType: Unsupported value: "ExternalName"/,
  },
  {
    name: 'a store without an address',
    spec: { store: { redis: {} } },
    field: 'spec.store.redis.address',
    says: /spec\.store\.redis\.address: Required value/,
  },
  {
    name: 'a store with a user and no password',
    spec: { store: { redis: { address: 'redis:6379', user: 'cache' } } },
    field: 'spec.store.redis',
    says: /spec\.store\.redis: Invalid value.*passwordSecret/,
  },
  {
    name: 'a cleaner of values in Redis',
    spec: { store: { redis: { address: 'redis:6379' } }, cleaner: {} },
    field: 'spec',
    says: /spec: Invalid value.*leave cleaner out/,
  },
  {
    name: 'an upstream that is a URL',
    spec: { upstream: { address: 'http://cache:8126' } },
    field: 'spec.upstream.address',
    says: /spec\.upstream\.address: Invalid value: "http:\/\/cache:8126"/,
  },
  {
    name: 'a mirror with a token in the clear',
    spec: { mirror: { targets: [{ address: 'cache:8126', tokenSecret: { name: 'token' } }] } },
    field: 'spec.mirror.targets[0]',
    says: /spec\.mirror\.targets\[0\]: Invalid value.*in the clear/,
  },
  {
    name: 'a range of names',
    spec: { access: { putFrom: ['office'] } },
    field: 'spec.access.putFrom[0]',
    says: /spec\.access\.putFrom\[0\]: Invalid value: "office"/,
  },
  {
    name: 'an unknown field under strict validation',
    spec: { storge: 1 },
    field: 'spec.storge',
    says: /unknown field "spec\.storge"/,
    code: 400,
  },
  {
    name: 'several at once',
    spec: { port: -5, replicas: 65, image: '' },
    field: 'spec.port',
    says: /spec\.replicas.*should be less than or equal to 64/,
  },
];

export const invalidSpecs: Scenario = {
  name: 'invalid specs are refused with the path of the field, and nothing is stored',
  play: async (stage) => {
    for (const row of rows) await checkRefusal(stage, row);
    const list = await stage.client.list(
      cacheServerKind,
      { namespace: stage.namespace },
      stage.signal,
    );
    assert.deepEqual(list.items, []);
    await checkCommandLines(stage);
  },
};

async function checkRefusal(stage: Stage, { name, spec, field, says, code }: Row): Promise<void> {
  const metadata = { name: 'wrong', namespace: stage.namespace };
  const object = { metadata, spec: { storage: 1_000_000, ...spec } };
  const strict = { fieldValidation: 'Strict' } as const;
  const created = await refusal(
    // What is wrong cannot be spelled in the kind's own type.
    stage.client.create(cacheServerKind, object as never, strict, stage.signal),
    name,
  );
  assert.equal(created.code, code ?? 422, `${name}: ${created.message}`);
  assert.match(created.message, says, name);
  if (code === undefined) {
    const fields = (created.details?.causes ?? []).map((cause) => cause.field);
    assert.ok(fields.includes(field), `${name}: ${field} is not in ${fields}`);
  }
  stage.observe(`${name}, created`, comparable(created));
  const owner = { fieldManager: 'somebody', ...strict };
  const applied = await refusal(
    stage.client.apply(cacheServerKind, object, owner, stage.signal),
    name,
  );
  // Server-side apply finds wrong types before validation does, in words of its own; the path is the same.
  assert.ok(
    applied.message.includes(field.replace(/\[\d+\].*/, '')),
    `${name}: ${applied.message}`,
  );
  stage.observe(`${name}, applied`, comparable(applied));
}

/** Several faults come in the order of a Go map, which is another each time. */
function comparable(error: ApiError): object {
  const { message, ...status } = error.toStatus();
  const causes = (error.details?.causes ?? []).map((cause) => JSON.stringify(cause)).sort();
  return causes.length > 1 ? { ...status, details: causes } : { ...status, message };
}

async function refusal(attempt: Promise<unknown>, name: string): Promise<ApiError> {
  try {
    await attempt;
  } catch (error) {
    if (error instanceof ApiError) return error;
    throw error;
  }
  throw new assert.AssertionError({ message: `${name} was taken` });
}

async function checkCommandLines(stage: Stage): Promise<void> {
  const text = manifestOf('wrong', { port: 65_536 });
  const kubectl = await stage.home.kubectl(['-n', stage.namespace, 'create', '-f', '-'], text);
  assert.equal(kubectl.code, 1);
  assert.match(
    kubectl.stderr,
    /The CacheServer "wrong" is invalid: spec\.port: Invalid value: 65536/,
  );
  stage.observe('kubectl create', kubectl.stderr);
  const said = await stage.tweendeckFails(['apply', '-f', '-'], text);
  assert.match(said, /spec\.port: Invalid value: 65536/);
  stage.observe('tweendeck apply', said);
}
