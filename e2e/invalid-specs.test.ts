// Every field of CacheServer, spelled wrong: the API answers with the field's path, and nothing is stored.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { stringify } from 'yaml';
import { TestHome } from './support/home.ts';

interface Row {
  readonly name: string;
  readonly spec: unknown;
  readonly says: RegExp;
}

const rows: readonly Row[] = [
  { name: 'a negative storage', spec: { storage: -1 }, says: /spec\.storage: Invalid value: -1/ },
  {
    name: 'a storage that is text',
    spec: { storage: '10Gi' },
    says: /spec\.storage: Invalid value: "string"/,
  },
  { name: 'a storage with a fraction', spec: { storage: 1.5 }, says: /spec\.storage/ },
  {
    name: 'an image that is a number',
    spec: { image: 7 },
    says: /spec\.image: Invalid value: "integer"/,
  },
  { name: 'an empty image', spec: { image: '' }, says: /spec\.image/ },
  {
    name: 'a bad quantity',
    spec: { resources: { limits: { cpu: '10 cores' } } },
    says: /spec\.resources\.limits/,
  },
  {
    name: 'requests that are not the limits',
    spec: {
      resources: { limits: { cpu: '1', memory: '1Gi' }, requests: { cpu: '500m', memory: '1Gi' } },
    },
    says: /spec\.resources: Invalid value.*requests/,
  },
  {
    name: 'a cleaner webhook that is no URL',
    spec: { cleaner: { webhook: 'not a url' } },
    says: /spec\.cleaner\.webhook/,
  },
  {
    name: 'a cleaner image that is no text',
    spec: { cleaner: { image: true } },
    says: /spec\.cleaner\.image/,
  },
  {
    name: 'tolerations that are no list',
    spec: { tolerations: {} },
    says: /spec\.tolerations: Invalid value: "object"/,
  },
  {
    name: 'a toleration with an unknown operator',
    spec: { tolerations: [{ key: 'a', operator: 'Is' }] },
    says: /spec\.tolerations\[0\]\.operator: Unsupported value: "Is"/,
  },
  {
    name: 'a node selector that is no text',
    spec: { nodeSelector: { disk: 1 } },
    says: /spec\.nodeSelector\.disk/,
  },
  {
    name: 'a pull secret without a name',
    spec: { imagePullSecrets: [{}] },
    says: /spec\.imagePullSecrets\[0\]\.name: Required value/,
  },
  { name: 'negative replicas', spec: { replicas: -1 }, says: /spec\.replicas: Invalid value: -1/ },
  { name: 'port 0', spec: { port: 0 }, says: /spec\.port: Invalid value: 0/ },
  { name: 'port 65536', spec: { port: 65_536 }, says: /spec\.port: Invalid value: 65536/ },
  {
    name: 'an unknown service type',
    spec: { serviceType: 'ExternalName' },
    says: /spec\.serviceType: Unsupported value/,
  },
  {
    name: 'an unknown field under strict validation',
    spec: { storge: 1 },
    says: /unknown field "spec\.storge"/,
  },
];

test('invalid specs are refused with the path of the field', async (context) => {
  await using home = await TestHome.open();
  for (const { name, spec, says } of rows) {
    await context.test(name, async () => {
      const text = stringify({
        apiVersion: 'tweendeck.io/v1alpha1',
        kind: 'CacheServer',
        metadata: { name: 'wrong' },
        spec: { storage: 1_000_000, ...(spec as object) },
      });
      const created = await home.kubectl('1.35', ['create', '-f', '-'], text);
      assert.notEqual(created.code, 0);
      assert.match(created.stderr, says);
      // Server-side apply finds wrong types before validation does, in words of its own; the path is the same.
      const applied = await home.tweendeck(['apply', '-f', '-'], text);
      assert.equal(applied.code, 1);
      const path = /(?:^|")(spec[^:"]*)/.exec(says.source.replaceAll('\\', ''))?.[1] ?? '';
      assert.ok(path !== '' && applied.stderr.includes(path), `${path} in: ${applied.stderr}`);
      const stored = await home.kubectl('1.35', ['get', 'cacheserver', 'wrong']);
      assert.match(stored.stderr, /not found/);
    });
  }
});
