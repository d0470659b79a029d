// Names, configuration documents, and that only what matters makes a difference.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { isPlatformError } from '@tweendeck/std';
import { encodeImage, type ImageSource, indexDocument } from './image.ts';
import { configDocument } from './image-config.ts';
import { checkImageName } from './image-name.ts';

const digest = (digit: string): string => `sha256:${digit.repeat(64)}`;
const platform = { os: 'linux', architecture: 'amd64' } as const;
const layer = {
  mediaType: 'application/vnd.oci.image.layer.v1.tar',
  digest: digest('a'),
  diffId: digest('a'),
  sizeBytes: 1_024,
  path: '/nowhere',
};

const source: ImageSource = {
  names: ['b.io/x:1', 'a.io/x:1'],
  platform,
  layers: [{ layer, createdBy: 'test' }],
  defaults: {
    env: { B: '2', A: '1' },
    exposedPorts: ['81/tcp', '80/tcp'],
    labels: { z: '1', y: '2' },
    entrypoint: ['/x'],
  },
  annotations: { t: '1', s: '2' },
};

for (const name of [
  'docker.io/library/redis:7',
  'localhost:5000/a:1',
  'registry:5000/a/b_c/d-e:v1.0',
  'tweendeck.io/tweendeck:0.1.0',
]) {
  test(`${name} is a full name`, () => checkImageName(name));
}

for (const name of [
  '',
  'redis',
  'redis:7',
  'library/redis:7',
  'docker.io/redis',
  'docker.io/Redis:7',
  'docker.io//redis:7',
  'docker.io/redis:',
  'docker.io/redis:7@sha256:00',
  'docker.io/../redis:7',
  `docker.io/${'x'.repeat(255)}:1`,
]) {
  test(`${JSON.stringify(name)} is no full name`, () => {
    assert.throws(
      () => checkImageName(name),
      (error) => isPlatformError(error, 'OCI_NAME_INVALID'),
    );
  });
}

test('the documents are those of the image specification', () => {
  const { manifest, config } = encodeImage(source);
  assert.deepEqual(JSON.parse(config.bytes.toString()), {
    created: '1970-01-01T00:00:00Z',
    architecture: 'amd64',
    os: 'linux',
    config: {
      ExposedPorts: { '80/tcp': {}, '81/tcp': {} },
      Env: ['A=1', 'B=2'],
      Entrypoint: ['/x'],
      Labels: { y: '2', z: '1' },
    },
    rootfs: { type: 'layers', diff_ids: [digest('a')] },
    history: [{ created: '1970-01-01T00:00:00Z', created_by: 'test' }],
  });
  assert.deepEqual(JSON.parse(manifest.bytes.toString()), {
    schemaVersion: 2,
    mediaType: 'application/vnd.oci.image.manifest.v1+json',
    config: {
      mediaType: 'application/vnd.oci.image.config.v1+json',
      digest: config.digest,
      size: config.bytes.length,
    },
    layers: [{ mediaType: layer.mediaType, digest: digest('a'), size: 1_024 }],
    annotations: { s: '2', t: '1' },
  });
});

test('the order in which maps are given makes no difference', () => {
  const other: ImageSource = {
    ...source,
    defaults: {
      entrypoint: ['/x'],
      labels: { y: '2', z: '1' },
      exposedPorts: ['80/tcp', '81/tcp', '80/tcp'],
      env: { A: '1', B: '2' },
    },
    annotations: { s: '2', t: '1' },
  };
  assert.equal(encodeImage(other).manifest.digest, encodeImage(source).manifest.digest);
});

for (const { name, change } of [
  { name: 'another time', change: { createdSeconds: 1 } },
  { name: 'another entry point', change: { defaults: { entrypoint: ['/y'] } } },
  { name: 'another annotation', change: { annotations: {} } },
]) {
  test(`${name} makes another image`, () => {
    const changed = encodeImage({ ...source, ...change }).manifest.digest;
    assert.notEqual(changed, encodeImage(source).manifest.digest);
  });
}

test('the index names one manifest once for each name, in full', () => {
  const encoded = encodeImage(source);
  const { manifests } = indexDocument([encoded]) as {
    manifests: { digest: string; annotations: Record<string, string> }[];
  };
  assert.deepEqual(
    manifests.map((entry) => entry.annotations),
    ['a.io/x:1', 'b.io/x:1'].map((name) => ({
      'io.containerd.image.name': name,
      'org.opencontainers.image.ref.name': name,
    })),
  );
  assert.ok(manifests.every((entry) => entry.digest === encoded.manifest.digest));
});

const base = {
  os: 'linux',
  architecture: 'amd64',
  author: 'somebody',
  config: { Env: ['A=1', 'P=a=b'], Cmd: ['sh'], Healthcheck: { Test: ['NONE'] }, User: '7' },
  rootfs: { type: 'layers', diff_ids: ['sha256:0'] },
  history: [{ created_by: 'base' }],
};

for (const { name, defaults, want } of [
  { name: 'nothing changed', defaults: {}, want: base.config },
  {
    name: 'variables are added or replaced',
    defaults: { env: { A: '2', Z: '3' } },
    want: { ...base.config, Env: ['A=2', 'P=a=b', 'Z=3'] },
  },
  {
    name: "another entry point drops the base's command",
    defaults: { entrypoint: ['/x'] },
    want: { ...base.config, Entrypoint: ['/x'], Cmd: [] },
  },
  {
    name: 'entry point and command together',
    defaults: { entrypoint: ['/x'], command: ['y'], user: '1:1' },
    want: { ...base.config, Entrypoint: ['/x'], Cmd: ['y'], User: '1:1' },
  },
]) {
  test(`on a base image: ${name}`, () => {
    const facts = { platform, createdSeconds: 0, diffIds: ['sha256:1'], history: [], base };
    const document = configDocument({ ...facts, defaults });
    assert.deepEqual(document['config'], want);
    assert.deepEqual(document['rootfs'], { type: 'layers', diff_ids: ['sha256:0', 'sha256:1'] });
    assert.equal(document['author'], 'somebody');
  });
}
