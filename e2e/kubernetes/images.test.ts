// The images that images:build writes, in a real containerd: read as written, and running as they must in a pod.

import assert from 'node:assert/strict';
import { chown, mkdir, readFile, writeFile } from 'node:fs/promises';
import { connect } from 'node:net';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { type Image, type LayerEntry, verifyLayers, writeLayer } from '@tweendeck/oci';
import { type BuiltImage, buildImages, imageNames } from '../../tools/images/images.ts';
import { TestContainerd } from '../support/containerd.ts';
import { freePort, until } from '../support/home.ts';
import { runProgram } from '../support/kubectl.ts';

const program = join(import.meta.dirname, '..', '..', 'apps', 'tweendeck', 'bin', 'tweendeck.cjs');
const nonroot = 65_532;

let containerd: TestContainerd;
let directory: string;
let built: readonly BuiltImage[];

before(async () => {
  built = await buildImages(imageNames);
  containerd = await TestContainerd.open();
  directory = join(containerd.directory, 'files');
  await mkdir(directory);
  for (const { layout } of built) await containerd.load(layout);
});

after(async () => {
  await containerd?.[Symbol.asyncDispose]();
  assert.deepEqual(await containerd?.traces(), [], 'nothing is left on this machine');
});

function imageOf(name: string): Image {
  const found = built.find((image) => image.name === name);
  assert.ok(found, `no image ${name}`);
  return found.image;
}

/** A directory of this machine that the program in a container may write. */
async function volume(name: string): Promise<string> {
  const path = join(directory, name);
  await mkdir(path);
  await chown(path, nonroot, nonroot);
  return path;
}

test('GNU tar reads every layer as it was meant', async () => {
  const deep = `${'directory/'.repeat(14)}file`;
  const entries: readonly LayerEntry[] = [
    { kind: 'file', path: deep, content: 'deep', uid: 3_000_000, gid: nonroot },
    { kind: 'file', path: 'ünïcödé/漢字', content: 'wide', mode: 0o755 },
    { kind: 'symlink', path: 'absolute', target: `/${deep}` },
    { kind: 'directory', path: 'tmp', mode: 0o1777 },
  ];
  const signal = AbortSignal.timeout(60_000);
  const { path } = await writeLayer(entries, { directory, mtimeSeconds: 86_400 }, signal);
  const list = ['--list', '--verbose', '--numeric-owner', '--utc', '--quoting-style=literal'];
  const listed = await runProgram('tar', [...list, '--file', path], {
    environment: { LC_ALL: 'C.UTF-8' },
  });
  assert.equal(listed.code, 0, listed.stderr);
  const lines = listed.stdout.split('\n').map((line) => line.replace(/ +/g, ' '));
  for (const line of [
    `-rw-r--r-- 3000000/65532 4 1970-01-02 00:00 ${deep}`,
    '-rwxr-xr-x 0/0 4 1970-01-02 00:00 ünïcödé/漢字',
    `lrwxrwxrwx 0/0 0 1970-01-02 00:00 absolute -> /${deep}`,
    'drwxrwxrwt 0/0 0 1970-01-02 00:00 tmp/',
  ]) {
    assert.ok(lines.includes(line), `${line}\nis not in\n${listed.stdout}`);
  }
  for (const { image } of built) {
    await verifyLayers(image, signal);
    for (const layer of image.layers) {
      const { code, stderr } = await runProgram('tar', [...list, '--file', layer.path]);
      assert.deepEqual({ code, stderr }, { code: 0, stderr: '' });
    }
  }
});

test('a build can be repeated, byte for byte', async () => {
  const build = join(import.meta.dirname, '..', '..', 'tools', 'images', 'build.ts');
  const { code, stdout, stderr } = await runProgram(process.execPath, [build, '--check'], {
    environment: { TMPDIR: directory },
    timeoutMs: 300_000,
  });
  assert.equal(code, 0, stdout + stderr);
  assert.deepEqual(
    stdout.trim().split('\n'),
    imageNames.map((name) => `same     ${name}`),
  );
});

test('containerd knows every image by its full names and our digest', async () => {
  const list = await containerd.ctr('images', 'list');
  for (const { image } of built) {
    for (const name of image.names) {
      const line = list.split('\n').find((text) => text.startsWith(`${name} `));
      assert.ok(line?.includes(image.digest), `${name} ${image.digest}\n${list}`);
    }
  }
});

test('the Tweendeck image runs the program without root on a read-only root', async () => {
  const image = imageOf('tweendeck');
  const { version } = JSON.parse(
    await readFile(join(program, '..', '..', 'package.json'), 'utf8'),
  ) as { version: string };
  const told = await containerd.run(image, { args: ['--version'] });
  assert.deepEqual(told, { code: 0, stdout: `tweendeck ${version}\n`, stderr: '' });
  const help = await containerd.run(image);
  assert.match(help.stdout, /cacheserver serve/);
  const refused = await containerd.run(image, { args: ['up', '--data-dir=/nowhere'] });
  assert.equal(refused.code, 1, 'nothing but volumes can be written');
  assert.match(refused.stderr, /\/nowhere.*\([A-Z_]+\)/s);
});

test('a cache server in a container keeps what clients store, and leaves in good order', async () => {
  const [port, statusPort] = [await freePort(), await freePort()];
  const { name, pid } = await containerd.start(imageOf('tweendeck'), {
    args: [
      'cacheserver',
      'serve',
      '--data=/data',
      `--listen=127.0.0.1:${port}`,
      `--status-listen=127.0.0.1:${statusPort}`,
      '--json',
    ],
    mounts: { '/data': await volume('cache') },
  });
  await until('the cache server is ready', async () => {
    const response = await fetch(`http://127.0.0.1:${statusPort}/readyz`);
    return response.ok;
  });
  const status = await readFile(`/proc/${pid}/status`, 'utf8');
  assert.match(status, new RegExp(`^Uid:\\s${nonroot}\\s${nonroot}\\s`, 'm'));
  const [asset, back] = [join(directory, 'asset'), join(directory, 'back')];
  await writeFile(asset, 'an asset that is larger than nothing');
  const key = ['0123456789abcdef0123456789abcdef', 'fedcba9876543210fedcba9876543210'];
  const cli = async (...args: readonly string[]): Promise<void> => {
    const server = `--server=127.0.0.1:${port}`;
    const { code, stderr } = await runProgram(process.execPath, [program, ...args, server]);
    assert.equal(code, 0, stderr);
  };
  await cli('cache', 'put', ...key, `--asset=${asset}`);
  await cli('cache', 'get', ...key, `--asset=${back}`);
  assert.equal(await readFile(back, 'utf8'), await readFile(asset, 'utf8'));
  assert.equal(await containerd.stop(name), 0, await containerd.log(name));
});

test('redis answers', async () => {
  const port = await freePort();
  const { name } = await containerd.start(imageOf('redis'), {
    args: ['--port', String(port), '--bind', '127.0.0.1', '--save', ''],
    temporary: ['/data'],
  });
  const answer = await until('redis answers', () =>
    ask(port, 'SET key value\r\nGET key\r\nQUIT\r\n'),
  );
  assert.equal(answer, '+OK\r\n$5\r\nvalue\r\n+OK\r\n');
  assert.equal(await containerd.stop(name), 0, await containerd.log(name));
});

/** Sends a text and returns everything that comes until the other side closes. */
function ask(port: number, text: string): Promise<string> {
  return new Promise((resolve, reject) => {
    let answer = '';
    const socket = connect({ port, host: '127.0.0.1' }, () => socket.write(text));
    socket.on('data', (chunk: Buffer) => (answer += chunk.toString()));
    socket.on('close', () => resolve(answer));
    socket.on('error', reject);
  });
}

test('nginx serves its page, and what conf.d says', async () => {
  const image = imageOf('nginx');
  const check = await containerd.run(image, { args: ['-t'], temporary: ['/tmp'] });
  assert.equal(check.code, 0, check.stderr);
  const port = await freePort();
  const configuration = await volume('conf.d');
  const root = '/usr/share/nginx/html';
  const server = `server { listen 127.0.0.1:${port}; root ${root}; location /x { return 200 ok; } }`;
  await writeFile(join(configuration, 'default.conf'), server);
  const { name } = await containerd.start(image, {
    mounts: { '/etc/nginx/conf.d': configuration },
    temporary: ['/tmp'],
  });
  const get = async (path: string): Promise<string> =>
    (await fetch(`http://127.0.0.1:${port}${path}`)).text();
  assert.match(await until('nginx answers', () => get('/')), /nginx is running/);
  assert.equal(await get('/x'), 'ok');
  assert.equal(await containerd.stop(name), 0, await containerd.log(name));
  assert.match(await containerd.log(name), /GET \/x HTTP/);
});

test('pause buries orphans of its namespace, and leaves when told to', async () => {
  const pause = await containerd.start(imageOf('pause'));
  const orphaning = await containerd.run(imageOf('busybox'), {
    args: ['/bin/sh', '-c', '(sleep 0.2; true) & (true &) ; ls /bin/busybox; id -u'],
    joinProcess: pause.pid,
  });
  assert.deepEqual(orphaning, { code: 0, stdout: `/bin/busybox\n${nonroot}\n`, stderr: '' });
  await until('pause has no children', async () => {
    const children = await readFile(`/proc/${pause.pid}/task/${pause.pid}/children`, 'utf8');
    return children.trim() === '';
  });
  assert.equal(await containerd.stop(pause.name), 0);
});
