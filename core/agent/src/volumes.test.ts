import assert from 'node:assert/strict';
import { Buffer } from 'node:buffer';
import { mkdir, mkdtemp, readdir, readFile, readlink, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import type { Pod, Volume } from '@tweendeck/kube';
import {
  diskUsage,
  type Payload,
  prepareHostPath,
  unsupportedVolumes,
  volumePayload,
  writePayload,
} from './volumes.ts';

const meta = { namespace: 'a', uid: 'u', resourceVersion: '1', creationTimestamp: '' };
const pod: Pod = {
  apiVersion: 'v1',
  kind: 'Pod',
  metadata: { ...meta, name: 'p', labels: { app: 'x' } },
  spec: { containers: [{ name: 'app', resources: { limits: { memory: '64Mi' } } }] },
};
const sources = {
  pod,
  podIP: '127.73.5.1',
  hostIP: '127.0.0.1',
  allocatable: {},
  configMap: (name: string) =>
    name === 'cfg'
      ? ({
          apiVersion: 'v1',
          kind: 'ConfigMap',
          metadata: { ...meta, name },
          data: { a: 'one', b: 'two' },
          binaryData: { c: 'AAE=' },
        } as const)
      : undefined,
  secret: (name: string) =>
    name === 'key'
      ? ({
          apiVersion: 'v1',
          kind: 'Secret',
          metadata: { ...meta, name },
          data: { p: 'd29yZA==' },
        } as const)
      : undefined,
};

function shown(payload: Payload | undefined): Record<string, string> | undefined {
  if (!payload) return undefined;
  return Object.fromEntries(
    [...payload].map(([path, { bytes, mode }]) => [
      path,
      `${mode.toString(8)} ${Buffer.from(bytes).toString('latin1')}`,
    ]),
  );
}

for (const { name, volume, want } of [
  {
    name: 'a whole config map',
    volume: { configMap: { name: 'cfg' } },
    want: { a: '644 one', b: '644 two', c: '644 \0\x01' },
  },
  {
    name: 'chosen items with modes',
    volume: {
      configMap: {
        name: 'cfg',
        defaultMode: 0o400,
        items: [
          { key: 'a', path: 'x/y' },
          { key: 'b', path: 'z', mode: 0o755 },
        ],
      },
    },
    want: { 'x/y': '400 one', z: '755 two' },
  },
  {
    name: 'a secret for its owner alone',
    volume: { secret: { secretName: 'key' } },
    want: { p: '600 word' },
  },
  {
    name: 'nothing of what is optional and missing',
    volume: { secret: { secretName: 'no', optional: true } },
    want: {},
  },
  {
    name: 'the pod about itself',
    volume: {
      downwardAPI: {
        items: [
          { path: 'l', fieldRef: { fieldPath: 'metadata.labels' } },
          {
            path: 'm',
            resourceFieldRef: { containerName: 'app', resource: 'limits.memory', divisor: '1Mi' },
          },
        ],
      },
    },
    want: { l: '644 app="x"', m: '644 64' },
  },
  {
    name: 'several in one place',
    volume: {
      projected: {
        sources: [
          { configMap: { name: 'cfg', items: [{ key: 'a', path: 'a' }] } },
          { secret: { name: 'key' } },
        ],
      },
    },
    want: { a: '644 one', p: '600 word' },
  },
  { name: 'nothing for a plain directory', volume: { emptyDir: {} }, want: undefined },
] as readonly {
  name: string;
  volume: Omit<Volume, 'name'>;
  want: Record<string, string> | undefined;
}[]) {
  test(`a volume shows ${name}`, () => {
    assert.deepEqual(shown(volumePayload({ name: 'v', ...volume }, sources)), want);
  });
}

for (const { name, volume, want } of [
  {
    name: 'a missing config map',
    volume: { configMap: { name: 'no' } },
    want: /configmap "no" not found/,
  },
  {
    name: 'a missing key',
    volume: { secret: { secretName: 'key', items: [{ key: 'z', path: 'z' }] } },
    want: /references non-existent secret key: z/,
  },
  {
    name: 'a path out of the volume',
    volume: { configMap: { name: 'cfg', items: [{ key: 'a', path: '../a' }] } },
    want: /no path inside/,
  },
  {
    name: 'a token that nobody gave',
    volume: { projected: { sources: [{ serviceAccountToken: { path: 't' } }] } },
    want: /there is no service account token yet/,
  },
] as readonly { name: string; volume: Omit<Volume, 'name'>; want: RegExp }[]) {
  test(`a volume refuses ${name}`, () => {
    assert.throws(() => volumePayload({ name: 'v', ...volume }, sources), {
      code: 'AGENT_VOLUME_FAILED',
      message: want,
    });
  });
}

async function inDirectory(work: (path: string) => Promise<void>): Promise<void> {
  const directory = await mkdtemp(join(tmpdir(), 'volume-'));
  try {
    await work(directory);
  } finally {
    await rm(directory, { recursive: true, force: true });
  }
}

const files = (entries: Record<string, string>): Payload =>
  new Map(
    Object.entries(entries).map(([path, text]) => [
      path,
      { bytes: Buffer.from(text), mode: 0o640 },
    ]),
  );

test('a payload replaces the one before at once, and only if it differs', () =>
  inDirectory(async (directory) => {
    assert.equal(
      await writePayload(directory, files({ a: '1', 'd/e': '2' }), { stamp: 'one' }),
      true,
    );
    assert.equal(await readFile(join(directory, 'd/e'), 'utf8'), '2');
    assert.equal((await stat(join(directory, 'a'))).mode & 0o777, 0o640);
    assert.equal(
      await writePayload(directory, files({ a: '1', 'd/e': '2' }), { stamp: 'two' }),
      false,
    );
    assert.equal(await readlink(join(directory, '..data')), '..one');
    assert.equal(
      await writePayload(directory, files({ a: '3', f: '4' }), { stamp: 'three' }),
      true,
    );
    assert.deepEqual((await readdir(directory)).sort(), ['..data', '..three', 'a', 'f']);
    assert.equal(await readFile(join(directory, 'a'), 'utf8'), '3');
    assert.equal(await writePayload(directory, files({}), { stamp: 'four' }), true);
    assert.deepEqual((await readdir(directory)).sort(), ['..data', '..four']);
  }));

test('a payload is written anew over what a crash left', () =>
  inDirectory(async (directory) => {
    await mkdir(join(directory, '..one'));
    await writeFile(join(directory, '..one', 'half'), '');
    assert.equal(await writePayload(directory, files({ a: '1' }), { stamp: 'one' }), true);
    assert.deepEqual((await readdir(join(directory, '..one'))).sort(), ['a']);
  }));

test('a hostPath is made or checked as its type says', () =>
  inDirectory(async (directory) => {
    await prepareHostPath(join(directory, 'no'), '');
    await prepareHostPath(join(directory, 'd'), 'DirectoryOrCreate');
    await prepareHostPath(join(directory, 'f'), 'FileOrCreate');
    await prepareHostPath(join(directory, 'd'), 'Directory');
    for (const [path, type] of [
      ['d', 'File'],
      ['f', 'Directory'],
      ['f', 'Socket'],
      ['no', 'File'],
    ] as const) {
      await assert.rejects(prepareHostPath(join(directory, path), type), {
        code: 'AGENT_VOLUME_FAILED',
      });
    }
  }));

test('kinds of volumes that this home lacks are named', () => {
  const volumes = [
    { name: 'a', emptyDir: {} },
    { name: 'b', nfs: { server: 's', path: '/' } },
    { name: 'c', persistentVolumeClaim: { claimName: 'c' } },
  ];
  const found = unsupportedVolumes({ ...pod, spec: { ...pod.spec, volumes } });
  assert.deepEqual(found, [{ name: 'b', kind: 'nfs' }]);
});

test('disk usage counts what lies below', () =>
  inDirectory(async (directory) => {
    await mkdir(join(directory, 'd'));
    await writeFile(join(directory, 'd', 'f'), Buffer.alloc(100_000, 1));
    const bytes = await diskUsage(directory, new AbortController().signal);
    assert.ok(bytes >= 100_000 && bytes < 300_000, String(bytes));
  }));

test('files of a volume belong to the user that reads them', () =>
  inDirectory(async (directory) => {
    const self = process.getuid?.() ?? 0;
    const owner = self === 0 ? 65_532 : self; // nobody but root gives files away
    await writePayload(directory, files({ a: '1' }), { stamp: 'one', owner });
    assert.equal((await stat(join(directory, 'a'))).uid, owner);
  }));
