// An OCI image layout in a directory: written whole or not at all, never changed afterwards, and read back.

import { createHash } from 'node:crypto';
import { constants, createReadStream } from 'node:fs';
import {
  chmod,
  copyFile,
  link,
  mkdir,
  mkdtemp,
  open,
  readFile,
  rename,
  rm,
  stat,
} from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { isJsonObject, PlatformError, systemErrorCode } from '@tweendeck/std';
import {
  digestOf,
  type EncodedImage,
  encodeImage,
  type Image,
  type ImageSource,
  indexDocument,
  mediaTypeOf,
} from './image.ts';
import type { Platform } from './image-config.ts';
import type { Layer } from './layer.ts';

/** A directory with images. */
export interface Layout {
  readonly directory: string;
  readonly images: readonly Image[];
}

/**
 * Writes a layout with these images into `directory`, which must not be there yet. Layers are linked from where they
 * lie, or copied from another file system. Throws OCI_LAYOUT_EXISTS and OCI_NAME_INVALID.
 */
export async function writeLayout(
  { directory, images }: { readonly directory: string; readonly images: readonly ImageSource[] },
  signal: AbortSignal,
): Promise<Layout> {
  const encoded = images.map(encodeImage);
  await mkdir(dirname(directory), { recursive: true });
  const fresh = await mkdtemp(`${directory}.new-`);
  try {
    const blobs = join(fresh, 'blobs', 'sha256');
    await mkdir(blobs, { recursive: true });
    for (const image of encoded) await writeBlobs(image, blobs, signal);
    await writeWhole(join(fresh, 'index.json'), JSON.stringify(indexDocument(encoded)));
    await writeWhole(join(fresh, 'oci-layout'), JSON.stringify({ imageLayoutVersion: '1.0.0' }));
    signal.throwIfAborted();
    await chmod(fresh, 0o755); // temporary directories are private
    await publish(fresh, directory);
  } finally {
    await rm(fresh, { recursive: true, force: true });
  }
  return readLayout(directory, signal);
}

async function publish(fresh: string, directory: string): Promise<void> {
  try {
    await rename(fresh, directory);
  } catch (error) {
    if (['EEXIST', 'ENOTEMPTY', 'ENOTDIR'].includes(systemErrorCode(error) ?? '')) {
      throw new PlatformError('OCI_LAYOUT_EXISTS', `${directory} is there already`);
    }
    throw error;
  }
}

async function writeBlobs(
  { manifest, config, layers }: EncodedImage,
  blobs: string,
  signal: AbortSignal,
): Promise<void> {
  for (const { digest, bytes } of [manifest, config]) {
    await writeWhole(join(blobs, hexOf(digest)), bytes);
  }
  for (const layer of layers) {
    signal.throwIfAborted();
    await linkLayer(layer, join(blobs, hexOf(layer.digest)));
  }
}

async function writeWhole(path: string, content: string | Uint8Array): Promise<void> {
  await using handle = await open(path, 'w', 0o644);
  await handle.writeFile(content);
  await handle.sync();
}

/** Several images may share a layer. */
async function linkLayer({ path, digest, sizeBytes }: Layer, target: string): Promise<void> {
  const { size } = await stat(path);
  if (size !== sizeBytes) {
    throw new PlatformError('OCI_BLOB_DAMAGED', `${path} of ${digest} has ${size} bytes`);
  }
  try {
    await link(path, target);
  } catch (error) {
    const code = systemErrorCode(error);
    if (code === 'EEXIST') return;
    if (code !== 'EXDEV' && code !== 'EMLINK' && code !== 'EPERM') throw error;
    await copyFile(path, target, constants.COPYFILE_FICLONE);
  }
}

/**
 * The images of a layout. Documents are held against their digests; layers only by their size, see {@link verifyLayers}.
 * Throws OCI_LAYOUT_UNREADABLE and OCI_BLOB_DAMAGED.
 */
export async function readLayout(directory: string, signal: AbortSignal): Promise<Layout> {
  const marker = await readDocument(join(directory, 'oci-layout'), directory);
  if (marker['imageLayoutVersion'] !== '1.0.0') throw unreadable(directory, 'oci-layout');
  const index = await readDocument(join(directory, 'index.json'), directory);
  const images = new Map<string, Image>();
  for (const entry of objects(index['manifests'])) {
    signal.throwIfAborted();
    const { digest, mediaType } = entry;
    if (typeof digest !== 'string' || mediaType !== mediaTypeOf.manifest) {
      throw unreadable(directory, `index.json names a ${String(mediaType)}`);
    }
    const image = images.get(digest) ?? (await readImage(directory, digest));
    images.set(digest, { ...image, names: [...image.names, ...namesOf(entry)] });
  }
  return { directory, images: [...images.values()] };
}

function namesOf(descriptor: Readonly<Record<string, unknown>>): readonly string[] {
  const annotations = isJsonObject(descriptor['annotations']) ? descriptor['annotations'] : {};
  const name =
    annotations['io.containerd.image.name'] ?? annotations['org.opencontainers.image.ref.name'];
  return typeof name === 'string' ? [name] : [];
}

async function readImage(directory: string, digest: string): Promise<Image> {
  const manifest = await readBlob(directory, digest);
  const described = isJsonObject(manifest.document['config']) ? manifest.document['config'] : {};
  if (typeof described['digest'] !== 'string') throw unreadable(directory, digest);
  const config = await readBlob(directory, described['digest']);
  const rootfs = isJsonObject(config.document['rootfs']) ? config.document['rootfs'] : {};
  const diffIds = Array.isArray(rootfs['diff_ids']) ? rootfs['diff_ids'] : [];
  const layers = objects(manifest.document['layers']).map((layer, index) =>
    layerOf(directory, layer, diffIds[index]),
  );
  if (layers.length !== diffIds.length) throw unreadable(directory, described['digest']);
  await Promise.all(layers.map(checkSize));
  const layerBytes = layers.reduce((total, { sizeBytes }) => total + sizeBytes, 0);
  return {
    names: [],
    digest,
    platform: platformOf(directory, config.document),
    sizeBytes: manifest.size + config.size + layerBytes,
    config: config.document as Image['config'], // parsed from JSON: it is JSON
    layers,
  };
}

function platformOf(directory: string, config: Readonly<Record<string, unknown>>): Platform {
  const { os, architecture, variant } = config;
  if (typeof os !== 'string' || typeof architecture !== 'string') {
    throw unreadable(directory, 'a configuration without platform');
  }
  return { os, architecture, ...(typeof variant === 'string' ? { variant } : {}) };
}

function layerOf(
  directory: string,
  { mediaType, digest, size }: Readonly<Record<string, unknown>>,
  diffId: unknown,
): Layer {
  if (
    typeof mediaType !== 'string' ||
    typeof digest !== 'string' ||
    typeof size !== 'number' ||
    typeof diffId !== 'string'
  ) {
    throw unreadable(directory, 'a layer without type, digest, size or diff id');
  }
  return { mediaType, digest, sizeBytes: size, diffId, path: blobPath(directory, digest) };
}

async function checkSize({ path, digest, sizeBytes }: Layer): Promise<void> {
  const found = await stat(path).catch(() => undefined); // missing: the same to the reader
  if (found?.size !== sizeBytes) {
    const size = found ? `${found.size} bytes` : 'nothing';
    throw new PlatformError('OCI_BLOB_DAMAGED', `${digest} should have ${sizeBytes}: ${size}`);
  }
}

/** Reads every layer and holds it against its digest. Throws OCI_BLOB_DAMAGED. */
export async function verifyLayers(image: Image, signal: AbortSignal): Promise<void> {
  for (const { path, digest } of image.layers) {
    const hash = createHash('sha256');
    for await (const chunk of createReadStream(path, { signal, highWaterMark: 1 << 20 }))
      hash.update(chunk as Buffer); // no encoding is set
    if (`sha256:${hash.digest('hex')}` !== digest) {
      throw new PlatformError('OCI_BLOB_DAMAGED', `${path} is not ${digest}`);
    }
  }
}

async function readBlob(
  directory: string,
  digest: string,
): Promise<{ readonly document: Record<string, unknown>; readonly size: number }> {
  const path = blobPath(directory, digest);
  const bytes = await readFile(path).catch((cause: unknown) => {
    throw unreadable(directory, digest, cause);
  });
  if (digestOf(bytes) !== digest) {
    throw new PlatformError('OCI_BLOB_DAMAGED', `${path} is not ${digest}`);
  }
  return { document: parsed(bytes, directory), size: bytes.length };
}

async function readDocument(path: string, directory: string): Promise<Record<string, unknown>> {
  const bytes = await readFile(path).catch((cause: unknown) => {
    throw unreadable(directory, path, cause);
  });
  return parsed(bytes, directory);
}

function parsed(bytes: Buffer, directory: string): Record<string, unknown> {
  try {
    const value: unknown = JSON.parse(bytes.toString('utf8'));
    if (isJsonObject(value)) return value;
  } catch (cause) {
    throw unreadable(directory, 'a document is no JSON', cause);
  }
  throw unreadable(directory, 'a document is no object');
}

function unreadable(directory: string, what: string, cause?: unknown): PlatformError {
  return new PlatformError('OCI_LAYOUT_UNREADABLE', `${directory}: ${what}`, { cause });
}

function objects(value: unknown): readonly Record<string, unknown>[] {
  return Array.isArray(value) ? value.filter(isJsonObject) : [];
}

/** Throws OCI_LAYOUT_UNREADABLE for what is no sha256 digest: it becomes a path. */
function blobPath(directory: string, digest: string): string {
  if (!/^sha256:[0-9a-f]{64}$/.test(digest)) throw unreadable(directory, digest);
  return join(directory, 'blobs', 'sha256', hexOf(digest));
}

function hexOf(digest: string): string {
  return digest.slice('sha256:'.length);
}
