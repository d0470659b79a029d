// A layer: entries as one archive, the same bytes for the same entries, streamed to a file or only counted and hashed.

import { createHash, type Hash } from 'node:crypto';
import { type FileHandle, mkdtemp, open, rename, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { pipeline } from 'node:stream/promises';
import { createGzip, createZstdCompress } from 'node:zlib';
import { PlatformError } from '@tweendeck/std';
import { type FileEntry, type LayerEntry, orderedEntries } from './entry.ts';
import { tarEnd, tarHeader, tarPadding } from './tar-header.ts';

/** `none` gives the same bytes everywhere; the others depend on the version of the compressor in Node. */
export type Compression = 'none' | 'gzip' | 'zstd';

/** How entries become bytes. */
export interface LayerOptions {
  /** `none` by default. */
  readonly compression?: Compression;
  /** The time of every entry, in seconds since 1970 (SOURCE_DATE_EPOCH); 0 by default. */
  readonly mtimeSeconds?: number;
}

/** What a layer is known by. */
export interface LayerIdentity {
  readonly mediaType: string;
  /** `sha256:…` of the blob. */
  readonly digest: string;
  /** Of the blob. */
  readonly sizeBytes: number;
  /** `sha256:…` of the archive before compression. */
  readonly diffId: string;
}

/** A layer that lies in a file. */
export interface Layer extends LayerIdentity {
  readonly path: string;
}

const mediaTypes: Readonly<Record<Compression, string>> = {
  none: 'application/vnd.oci.image.layer.v1.tar',
  gzip: 'application/vnd.oci.image.layer.v1.tar+gzip',
  zstd: 'application/vnd.oci.image.layer.v1.tar+zstd',
};

/** What the layer of these entries is known by, without writing it: reads every file once. */
export async function layerIdentity(
  entries: Iterable<LayerEntry>,
  options: LayerOptions,
  signal: AbortSignal,
): Promise<LayerIdentity> {
  return produce(entries, options, { write: async () => undefined, signal });
}

/**
 * Writes the layer into `directory`, under the hexadecimal digits of its digest; whole, or nothing. Nothing is held in
 * memory but the list of entries. Throws OCI_FILE_UNREADABLE, OCI_FILE_CHANGED and what {@link orderedEntries} throws.
 */
export async function writeLayer(
  entries: Iterable<LayerEntry>,
  options: LayerOptions & { readonly directory: string },
  signal: AbortSignal,
): Promise<Layer> {
  const fresh = await mkdtemp(join(options.directory, '.new-'));
  try {
    const file = join(fresh, 'layer');
    const identity = await writeThrough(file, (write) =>
      produce(entries, options, { write, signal }),
    );
    const path = join(options.directory, identity.digest.slice('sha256:'.length));
    await rename(file, path);
    return { ...identity, path };
  } finally {
    await rm(fresh, { recursive: true, force: true });
  }
}

async function writeThrough<Result>(
  file: string,
  run: (write: (chunk: Uint8Array) => Promise<unknown>) => Promise<Result>,
): Promise<Result> {
  await using handle = await open(file, 'wx', 0o444);
  const result = await run((chunk) => handle.writeFile(chunk));
  await handle.sync();
  return result;
}

interface Sink {
  readonly write: (chunk: Uint8Array) => Promise<unknown>;
  readonly signal: AbortSignal;
}

async function produce(
  entries: Iterable<LayerEntry>,
  { compression = 'none', mtimeSeconds = 0 }: LayerOptions,
  { write, signal }: Sink,
): Promise<LayerIdentity> {
  const archiveHash = createHash('sha256');
  const archive = hashed(archiveOf(orderedEntries(entries), mtimeSeconds, signal), archiveHash);
  const blobHash = compression === 'none' ? archiveHash : createHash('sha256');
  const blob =
    compression === 'none' ? archive : hashed(compressed(archive, compression, signal), blobHash);
  let sizeBytes = 0;
  for await (const chunk of blob) {
    sizeBytes += chunk.length;
    await write(chunk);
  }
  const diffId = `sha256:${archiveHash.digest('hex')}`;
  const digest = blobHash === archiveHash ? diffId : `sha256:${blobHash.digest('hex')}`;
  return { mediaType: mediaTypes[compression], digest, sizeBytes, diffId };
}

async function* hashed(
  source: AsyncIterable<Uint8Array>,
  hash: Hash,
): AsyncGenerator<Uint8Array, void> {
  for await (const chunk of source) {
    hash.update(chunk);
    yield chunk;
  }
}

async function* compressed(
  source: AsyncIterable<Uint8Array>,
  compression: 'gzip' | 'zstd',
  signal: AbortSignal,
): AsyncGenerator<Uint8Array, void> {
  const compressor = compression === 'gzip' ? createGzip() : createZstdCompress();
  const fed = pipeline(source, compressor, { signal });
  fed.catch(() => undefined); // it ends the compressor with the same error, which the reader below meets
  yield* compressor;
  await fed;
}

async function* archiveOf(
  entries: readonly LayerEntry[],
  mtimeSeconds: number,
  signal: AbortSignal,
): AsyncGenerator<Uint8Array, void> {
  for (const entry of entries) {
    signal.throwIfAborted();
    const { path, uid = 0, gid = 0 } = entry;
    const common = { path, uid, gid, mtimeSeconds };
    if (entry.kind === 'directory') {
      yield tarHeader({ ...common, kind: 'directory', mode: entry.mode ?? 0o755, size: 0 });
    } else if (entry.kind === 'symlink') {
      const { target } = entry;
      yield tarHeader({ ...common, kind: 'symlink', mode: entry.mode ?? 0o777, size: 0, target });
    } else {
      yield* fileMember(entry, { ...common, kind: 'file', mode: entry.mode ?? 0o644 }, signal);
    }
  }
  yield tarEnd();
}

type FileFacts = Omit<Parameters<typeof tarHeader>[0], 'size' | 'kind'> & { readonly kind: 'file' };

async function* fileMember(
  { path, content }: FileEntry,
  facts: FileFacts,
  signal: AbortSignal,
): AsyncGenerator<Uint8Array, void> {
  if (typeof content === 'string' || content instanceof Uint8Array) {
    const bytes = Buffer.from(content);
    yield tarHeader({ ...facts, size: bytes.length });
    if (bytes.length > 0) yield bytes;
    yield tarPadding(bytes.length);
    return;
  }
  await using handle = await openContent(path, content.file);
  const { size } = await handle.stat();
  yield tarHeader({ ...facts, size });
  yield* wholeFile(handle, { file: content.file, size, signal });
  yield tarPadding(size);
}

async function openContent(path: string, file: string): Promise<FileHandle> {
  try {
    const handle = await open(file);
    if ((await handle.stat()).isFile()) return handle;
    await handle.close();
  } catch (cause) {
    throw new PlatformError('OCI_FILE_UNREADABLE', `${path} of the layer: ${file}`, { cause });
  }
  throw new PlatformError('OCI_FILE_UNREADABLE', `${path} of the layer: ${file} is no file`);
}

const chunkBytes = 256 * 1024;

interface WholeFile {
  readonly file: string;
  readonly size: number;
  readonly signal: AbortSignal;
}

/** Exactly `size` bytes, which the header has promised already. */
async function* wholeFile(
  handle: FileHandle,
  { file, size, signal }: WholeFile,
): AsyncGenerator<Uint8Array, void> {
  let read = 0;
  for (;;) {
    signal.throwIfAborted();
    const { bytesRead, buffer } = await handle.read(Buffer.allocUnsafe(chunkBytes));
    read += bytesRead;
    if (read > size || (bytesRead === 0 && read < size)) {
      throw new PlatformError('OCI_FILE_CHANGED', `${file} had ${size} bytes, then ${read}`);
    }
    if (bytesRead === 0) return;
    yield buffer.subarray(0, bytesRead);
  }
}
