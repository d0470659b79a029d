// Asks the machine's tar.

import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { link, mkdir, mkdtemp, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { promisify } from 'node:util';
import { tarOptions } from './archive-names.ts';

test('members of an archive are named by mount paths', async () => {
  const root = await mkdtemp(join(tmpdir(), 'tar-'));
  try {
    const data = join(root, 'a.b (c)', 'data+1');
    const inner = join(root, 'inner');
    await mkdir(join(data, 'sub'), { recursive: true });
    await mkdir(inner);
    await writeFile(join(data, 'sub', 'file'), '');
    await link(join(data, 'sub', 'file'), join(data, 'hard'));
    await symlink('/data/x', join(data, 'soft'));
    await writeFile(join(inner, 'deep'), '');
    await mkdir(join(root, 'inner2'));
    const options = tarOptions({ '/data': data, '/data/a&b': inner });
    const script = 'tar cf "$0" "$@" 2>/dev/null; TAR_OPTIONS= tar tvf "$0"';
    const archive = join(root, 'x.tar');
    const { stdout } = await promisify(execFile)(
      'sh',
      ['-c', script, archive, data, inner, join(root, 'inner2')],
      { env: { ...process.env, TAR_OPTIONS: options } },
    );
    const names = [...stdout.matchAll(/ \d\d:\d\d (.*)$/gm)].map(([, name = '']) => name);
    assert.deepEqual(names.map((name) => name.replace(/ link to .*/, '')).sort(), [
      'data/',
      'data/a&b/',
      'data/a&b/deep',
      'data/hard',
      'data/soft -> /data/x',
      'data/sub/',
      'data/sub/file',
      `${root.slice(1)}/inner2/`,
    ]);
    assert.match(stdout, /(?:hard link to data\/sub\/file|sub\/file link to data\/hard)$/m);
  } finally {
    await rm(root, { recursive: true });
  }
});

test('without mounts nothing is said', () => {
  assert.equal(tarOptions({}), undefined);
  assert.equal(tarOptions({ '/': '/x' }), undefined);
});
