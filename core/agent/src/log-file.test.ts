// A log file on a disk that refuses: what is lost is lost in whole lines, and writing goes on afterwards.

import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { type FileHandle, mkdtemp, open, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { mock, test } from 'node:test';
import { promisify } from 'node:util';
import { LogFile } from './log-file.ts';

const limits = { bytesMax: 1_000, filesMax: 3 };

async function inDirectory(run: (path: string) => Promise<void>): Promise<void> {
  const directory = await mkdtemp(join(tmpdir(), 'tweendeck-log-'));
  try {
    await run(join(directory, '0.log'));
  } finally {
    await rm(directory, { recursive: true });
  }
}

/** What every file handle inherits its methods from. */
async function handles(path: string): Promise<FileHandle> {
  await using file = await open(path, 'a');
  return Object.getPrototypeOf(file);
}

test('half a line on a full disk is taken back', () =>
  inDirectory(async (path) => {
    await using log = await LogFile.open(path, limits);
    await log.append(Buffer.from('whole\n'));
    const full = mock.method(await handles(path), 'appendFile', async function (this: FileHandle) {
      await this.write('ha');
      throw Object.assign(new Error('no space left on device'), { code: 'ENOSPC' });
    });
    await assert.rejects(log.append(Buffer.from('half\n')), { code: 'ENOSPC' });
    full.mock.restore();
    await log.append(Buffer.from('next\n'));
    assert.equal(await readFile(path, 'utf8'), 'whole\nnext\n');
  }));

test('a rotation without a descriptor left loses what it was asked to write, and nothing later', () =>
  inDirectory(async (path) => {
    const module = new URL('./log-file.ts', import.meta.url).pathname;
    const script = `
      import { closeSync, openSync } from 'node:fs';
      import { LogFile } from '${module}';
      const log = await LogFile.open('${path}', ${JSON.stringify(limits)});
      await log.append(Buffer.from('x'.repeat(990) + '\\n'));
      const held = [];
      try { for (;;) held.push(openSync('/dev/null', 'r')); } catch {}
      const lost = await log.append(Buffer.from('lost line\\n')).then(() => '', (error) => error.code);
      for (const descriptor of held) closeSync(descriptor);
      await log.append(Buffer.from('next line\\n'));
      console.log(lost);
    `;
    const shell = 'ulimit -n 100; exec "$0" --input-type=module-typescript -e "$1"';
    const args = ['-c', shell, process.execPath, script];
    assert.equal((await promisify(execFile)('/bin/sh', args)).stdout, 'EMFILE\n');
    assert.equal(await readFile(path, 'utf8'), 'next line\n');
    assert.equal((await readFile(`${path}.000001`)).length, 991);
  }));
