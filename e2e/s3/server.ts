// A real S3 server of a test's own (versitygw), built once, on a directory that goes with it.

import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdir, mkdtemp, readdir, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { sha256Hex, signAwsRequest } from '@tweendeck/wire';
import { ensureGoProgram } from '../../tools/go-program.ts';
import { freePort, until } from '../support/home.ts';

export interface S3Server extends AsyncDisposable {
  readonly endpoint: string;
  readonly credentials: { readonly accessKeyId: string; readonly secretAccessKey: string };
  readonly bucket: string;
  /** Names of objects, as they lie in its directory. */
  objects(): Promise<readonly string[]>;
}

export async function startS3Server(): Promise<S3Server> {
  const module = join(import.meta.dirname, 'server');
  const named = { name: 's3-server', module, cache: 's3' };
  const program = ensureGoProgram({ ...named, effort: 'versitygw, a minute or two' });
  const directory = await mkdtemp(join(tmpdir(), 's3-'));
  const [root, sidecar] = ['files', 'attributes'].map((name) => join(directory, name));
  for (const path of [root ?? '', sidecar ?? '']) await mkdir(path);
  const address = `127.0.0.1:${await freePort()}`;
  const credentials = { accessKeyId: 'backups', secretAccessKey: 'not a secret' };
  const { accessKeyId, secretAccessKey } = credentials;
  const args = [address, root ?? '', sidecar ?? '', accessKeyId, secretAccessKey];
  const child = spawn(program, args, { stdio: ['ignore', 'ignore', 'pipe'] });
  let said = '';
  child.stderr.on('data', (text: Buffer) => {
    said += text.toString();
  });
  const endpoint = `http://${address}`;
  const bucket = 'backups';
  const server: S3Server = {
    ...{ endpoint, credentials, bucket },
    objects: async () => {
      const entries = await readdir(join(root ?? '', bucket), {
        ...{ recursive: true, withFileTypes: true },
      });
      const files = entries.filter((entry) => entry.isFile());
      const names = files.map(({ parentPath, name }) => join(parentPath, name));
      const shown = names.map((name) => name.slice(join(root ?? '', bucket).length + 1));
      return shown.filter((name) => !name.startsWith('.')).toSorted();
    },
    async [Symbol.asyncDispose]() {
      if (child.exitCode === null && child.signalCode === null) {
        const ended = once(child, 'exit');
        child.kill('SIGKILL');
        await ended;
      }
      await rm(directory, { recursive: true, force: true });
    },
  };
  try {
    await until('the S3 server has a bucket', async () => {
      if (child.exitCode !== null) throw new Error(said);
      const request = {
        method: 'PUT',
        host: address,
        path: `/${bucket}`,
        bodySha256: sha256Hex(''),
      };
      const scope = { credentials, region: 'us-east-1', service: 's3', nowMs: Date.now() };
      const headers = { ...signAwsRequest(request, scope) };
      delete headers['host'];
      return (await fetch(`${endpoint}/${bucket}`, { method: 'PUT', headers })).ok;
    });
  } catch (error) {
    await server[Symbol.asyncDispose]();
    throw error;
  }
  return server;
}
