// Layers and layouts on disk: the same bytes for the same entries, whole or nothing, and read back as written.

import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { appendFile, mkdtemp, readdir, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { gunzipSync, zstdDecompressSync } from 'node:zlib';
import { isPlatformError } from '@tweendeck/std';
import fc from 'fast-check';
import type { LayerEntry } from './entry.ts';
import { type Layer, layerIdentity, writeLayer } from './layer.ts';
import { readLayout, verifyLayers, writeLayout } from './layout.ts';
import { packLayout } from './pack.ts';
import { treeEntries } from './tree.ts';

const { signal } = new AbortController();
const platform = { os: 'linux', architecture: 'amd64' } as const;

async function withDirectory(run: (directory: string) => Promise<void>): Promise<void> {
  const directory = await mkdtemp(join(tmpdir(), 'oci-'));
  try {
    await run(directory);
  } finally {
    await rm(directory, { recursive: true, force: true });
  }
}

const entries: readonly LayerEntry[] = [
  { kind: 'file', path: 'hello', content: 'hello\n' },
  { kind: 'symlink', path: 'link', target: '/hello' },
  { kind: 'directory', path: 'tmp', mode: 0o1777 },
];

/**
 * Of what GNU tar writes: `tar --format=ustar --blocking-factor=1 --owner=0 --group=0 --numeric-owner --mtime=@0
 * --sort=name -c hello link tmp`.
 */
const known = 'sha256:1616f20399ae478ebbd6c6a77d11e3f76887e5279130090c9917871668116c1f';

test('a layer has the bytes that GNU tar gives it, and the name of its digest', () =>
  withDirectory(async (directory) => {
    const layer = await writeLayer(entries, { directory }, signal);
    assert.deepEqual(layer, {
      mediaType: 'application/vnd.oci.image.layer.v1.tar',
      digest: known,
      diffId: known,
      sizeBytes: 3_072,
      path: join(directory, layer.digest.slice(7)),
    });
    const bytes = await readFile(layer.path);
    assert.equal(`sha256:${createHash('sha256').update(bytes).digest('hex')}`, layer.digest);
    assert.deepEqual(await readdir(directory), [layer.digest.slice(7)]);
    const { path: _, ...identity } = layer;
    assert.deepEqual(await layerIdentity(entries, {}, signal), identity);
  }));

test('compressed layers unpack to the same archive and share its diff id', () =>
  withDirectory(async (directory) => {
    const plain = await writeLayer(entries, { directory }, signal);
    for (const [compression, unpack] of [
      ['gzip', gunzipSync],
      ['zstd', zstdDecompressSync],
    ] as const) {
      const layer = await writeLayer(entries, { directory, compression }, signal);
      assert.ok(layer.mediaType.endsWith(`+${compression}`));
      assert.equal(layer.diffId, plain.digest);
      assert.equal((await stat(layer.path)).size, layer.sizeBytes);
      assert.deepEqual(unpack(await readFile(layer.path)), await readFile(plain.path));
      const again = await layerIdentity(entries, { compression }, signal);
      assert.equal(again.digest, layer.digest);
    }
  }));

const anyEntries = fc.uniqueArray(
  fc.record({
    path: fc.array(fc.stringMatching(/^[a-zé]{1,40}$/), { minLength: 1, maxLength: 4 }),
    content: fc.string({ maxLength: 2_000, unit: 'binary' }),
    mode: fc.constantFrom(0o644, 0o755),
  }),
  { selector: ({ path }) => path.join('/'), maxLength: 20 },
);

test('the same entries in another order are the same layer', () =>
  fc.assert(
    fc.asyncProperty(anyEntries, fc.infiniteStream(fc.nat()), async (drawn, chance) => {
      // A file may not lie below another: each gets a directory of its own.
      const files = drawn.map(({ path, content, mode }): LayerEntry => {
        return { kind: 'file', path: `${path.join('/')}/file`, content, mode };
      });
      const shuffled = files
        .map((entry) => ({ entry, key: chance.next().value }))
        .sort((left, right) => left.key - right.key)
        .map(({ entry }) => entry);
      const [one, other] = [
        await layerIdentity(files, {}, signal),
        await layerIdentity(shuffled, {}, signal),
      ];
      assert.deepEqual(one, other);
    }),
    { numRuns: 50 },
  ));

test('a file that cannot be read leaves nothing behind, and so does an abort', () =>
  withDirectory(async (directory) => {
    for (const content of [{ file: join(directory, 'missing') }, { file: directory }]) {
      await assert.rejects(
        writeLayer([{ kind: 'file', path: 'a', content }], { directory }, signal),
        (error) => isPlatformError(error, 'OCI_FILE_UNREADABLE'),
      );
    }
    assert.deepEqual(await readdir(directory), []);
    await assert.rejects(writeLayer(entries, { directory }, AbortSignal.abort()));
    assert.deepEqual(await readdir(directory), []);
  }));

test('a file with more bytes than it said is refused', async () => {
  // Linux says these have no bytes, and then they have some: like a file that grows while it is read.
  await assert.rejects(
    layerIdentity([{ kind: 'file', path: 'a', content: { file: '/proc/version' } }], {}, signal),
    (error) => isPlatformError(error, 'OCI_FILE_CHANGED'),
  );
});

async function imageOf(directory: string): Promise<{ layer: Layer; layout: string }> {
  const layer = await writeLayer(entries, { directory }, signal);
  const layout = join(directory, 'layout');
  await writeLayout(
    {
      directory: layout,
      images: [
        {
          names: ['x.io/a:1', 'x.io/b:1'],
          platform,
          layers: [{ layer, createdBy: 'test' }],
          defaults: { entrypoint: ['/hello'], env: { A: '1' } },
        },
      ],
    },
    signal,
  );
  return { layer, layout };
}

test('a layout is read back as it was written', () =>
  withDirectory(async (directory) => {
    const { layer, layout } = await imageOf(directory);
    const { images } = await readLayout(layout, signal);
    assert.equal(images.length, 1);
    const [image] = images;
    assert.ok(image);
    assert.deepEqual(image.names, ['x.io/a:1', 'x.io/b:1']);
    assert.deepEqual(image.platform, platform);
    assert.equal(image.layers[0]?.digest, layer.digest);
    assert.ok(image.sizeBytes > layer.sizeBytes);
    await verifyLayers(image, signal);
    assert.deepEqual((await readdir(directory)).sort(), [layer.digest.slice(7), 'layout']);
    assert.equal((await stat(layout)).mode & 0o777, 0o755);
  }));

test('an image on a base has its layers first, and the base stays', () =>
  withDirectory(async (directory) => {
    const { layer, layout } = await imageOf(directory);
    const [base] = (await readLayout(layout, signal)).images;
    assert.ok(base);
    const added = await writeLayer(
      [{ kind: 'file', path: 'b', content: 'b' }],
      { directory },
      signal,
    );
    const source = {
      names: ['x.io/c:1'],
      platform,
      base,
      layers: [{ layer: added, createdBy: 'more' }],
      defaults: { env: { B: '2' } },
    };
    const target = join(directory, 'extended');
    const [image] = (await writeLayout({ directory: target, images: [source] }, signal)).images;
    assert.deepEqual(
      image?.layers.map(({ digest }) => digest),
      [layer.digest, added.digest],
    );
    assert.deepEqual(image?.config['config'], { Entrypoint: ['/hello'], Env: ['A=1', 'B=2'] });
  }));

test('a layout is never written over, and nothing is left beside it', () =>
  withDirectory(async (directory) => {
    const { layout } = await imageOf(directory);
    const before = (await readdir(directory)).sort();
    await assert.rejects(writeLayout({ directory: layout, images: [] }, signal), (error) =>
      isPlatformError(error, 'OCI_LAYOUT_EXISTS'),
    );
    assert.deepEqual((await readdir(directory)).sort(), before);
  }));

for (const { name, damage, code } of [
  { name: 'no layout', damage: 'oci-layout', code: 'OCI_LAYOUT_UNREADABLE' },
  { name: 'no index', damage: 'index.json', code: 'OCI_LAYOUT_UNREADABLE' },
  { name: 'a blob that is longer', damage: 'blobs', code: 'OCI_BLOB_DAMAGED' },
] as const) {
  test(`a directory with ${name} is refused`, () =>
    withDirectory(async (directory) => {
      const { layer, layout } = await imageOf(directory);
      if (damage === 'blobs') {
        await appendFile(join(layout, 'blobs', 'sha256', layer.digest.slice(7)), 'x');
      } else {
        await rm(join(layout, damage));
      }
      await assert.rejects(readLayout(layout, signal), (error) => isPlatformError(error, code));
    }));
}

test('a layer with other bytes of the same length is found', () =>
  withDirectory(async (directory) => {
    const { layer, layout } = await imageOf(directory);
    const path = join(layout, 'blobs', 'sha256', layer.digest.slice(7));
    const bytes = await readFile(path);
    bytes[600] = 1;
    await rm(path);
    await writeFile(path, bytes);
    const [image] = (await readLayout(layout, signal)).images;
    assert.ok(image);
    await assert.rejects(verifyLayers(image, signal), (error) =>
      isPlatformError(error, 'OCI_BLOB_DAMAGED'),
    );
  }));

test('a packed layout is one file, the same each time', () =>
  withDirectory(async (directory) => {
    const { layout } = await imageOf(directory);
    const files = ['one.tar', 'two.tar'].map((name) => join(directory, name));
    for (const file of files) await packLayout({ directory: layout, file }, signal);
    const [one, two] = await Promise.all(files.map((file) => readFile(file)));
    assert.ok(one && two && one.equals(two));
    const left = (await readdir(directory)).filter((name) => name.startsWith('.'));
    assert.deepEqual(left, []);
  }));

test('a tree becomes entries: modes made even, links kept, what is not wanted left out', () =>
  withDirectory(async (directory) => {
    const { layout } = await imageOf(directory);
    const keep = (path: string): boolean => path !== 'blobs/';
    const found = await treeEntries(layout, { at: '/x', keep }, signal);
    assert.deepEqual(found.map(({ kind, path, mode }) => [kind, path, mode]).sort(), [
      ['file', '/x/index.json', 0o644],
      ['file', '/x/oci-layout', 0o644],
    ]);
  }));
