// Files of a backup as objects of a bucket. An object is there as a whole or not at all: large ones are sent in parts, and are there
// when the last of these was named.

import { Buffer } from 'node:buffer';
import { PlatformError } from '@tweendeck/std';
import type { FileStore } from './file-store.ts';
import { manifestName } from './manifest.ts';
import { S3Client, type S3Options } from './s3-client.ts';

/** All but the last part have at least 5 MiB; there may be 10,000 of them. */
const partBytes = (number: number): number => (number <= 1_000 ? 8 : 64) * 2 ** 20;

export function s3Store(
  options: S3Options,
  { prefix, folder }: { readonly prefix: string | undefined; readonly folder: string },
): FileStore {
  const client = new S3Client(options);
  const base = prefix === undefined ? folder : `${prefix}/${folder}`;
  const keyOf = (name: string): string => `${base}/${name}`;
  return {
    name: `${options.bucket}/${base}`,
    write: (name, chunks, signal) => write(client, keyOf(name), chunks, signal),
    read: (name, signal) => read(client, keyOf(name), signal),
    readText: async (name, signal) => {
      const answer = await client.get(keyOf(name), signal);
      if (answer === undefined) return undefined;
      const parts: Buffer[] = [];
      for await (const part of answer) parts.push(part as Buffer); // no encoding is set
      return Buffer.concat(parts).toString();
    },
    clear: async (signal) => {
      const keys = await client.list(`${base}/`, signal);
      const isManifest = (key: string): boolean => key === keyOf(manifestName);
      for (const key of [...keys.filter(isManifest), ...keys.filter((one) => !isManifest(one))])
        await client.remove(key, signal);
    },
  };
}

async function write(
  client: S3Client,
  key: string,
  chunks: AsyncIterable<Uint8Array>,
  signal: AbortSignal,
): Promise<void> {
  const tags: string[] = [];
  let upload: string | undefined;
  let left: Uint8Array[] = [];
  let bytes = 0;
  const send = async (): Promise<void> => {
    upload ??= await client.begin(key, signal);
    const body = Buffer.concat(left);
    left = [];
    bytes = 0;
    tags.push(await client.putPart({ key, upload, number: tags.length + 1 }, body, signal));
  };
  try {
    for await (const chunk of chunks) {
      left.push(chunk);
      bytes += chunk.length;
      if (bytes >= partBytes(tags.length + 1)) await send();
    }
    if (upload === undefined) return await client.put(key, Buffer.concat(left), signal);
    if (bytes > 0) await send();
    await client.complete({ key, upload, tags }, signal);
  } catch (error) {
    // Parts that are left behind are paid for; the failure is the one to tell.
    if (upload !== undefined && !signal.aborted)
      await client.abandon({ key, upload }, signal).catch(() => undefined);
    throw error;
  }
}

async function* read(
  client: S3Client,
  key: string,
  signal: AbortSignal,
): AsyncIterable<Uint8Array> {
  const answer = await client.get(key, signal);
  if (answer === undefined) {
    throw new PlatformError('ENGINE_BACKUP_FILE_MISSING', `there is no object ${key}`, {
      hint: 'Bring it back, or restore from another backup.',
    });
  }
  for await (const chunk of answer) yield chunk as Buffer; // no encoding is set
}
