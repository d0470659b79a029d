// Commands in containers, attaching to them, copying files and reading logs: with the real kubectl, over WebSockets.

import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { createReadStream } from 'node:fs';
import { mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { TestHome, until } from './support/home.ts';
import { kubectlProgram, runProgram } from './support/kubectl.ts';

const versions = ['1.32', '1.35'] as const;

const pods = `
apiVersion: v1
kind: Pod
metadata: {name: one, labels: {app: streams}}
spec:
  terminationGracePeriodSeconds: 1
  containers:
  - name: main
    image: busybox
    command: [sh, -c, 'echo begun; while :; do sleep 1; done']
    env: [{name: GREETING, value: hello}, {name: PLACE, value: /data/file}]
    volumeMounts: [{name: data, mountPath: /data}]
  volumes: [{name: data, emptyDir: {}}]
---
apiVersion: v1
kind: Pod
metadata: {name: two, labels: {app: streams}}
spec:
  terminationGracePeriodSeconds: 1
  containers:
  - {name: first, image: busybox, command: [sh, -c, 'echo from first; exec sleep 1000']}
  - {name: second, image: busybox, command: [sh, -c, 'echo from second; exec sleep 1000']}
`;

const largeBytes = 100_000_000;
/** Of twenty digits: with their times more than three files of a log. */
const lineCount = 500_000;

async function scratch(): Promise<AsyncDisposable & { readonly path: string }> {
  const path = await mkdtemp(join(tmpdir(), 'tweendeck-streams-'));
  return { path, [Symbol.asyncDispose]: () => rm(path, { recursive: true }) };
}

async function digest(path: string): Promise<string> {
  const hash = createHash('sha256');
  for await (const chunk of createReadStream(path)) hash.update(chunk);
  return hash.digest('hex');
}

async function running(home: TestHome, name: string): Promise<void> {
  await until(`pod ${name} runs`, async () => {
    const { stdout } = await home.tweendeck(['get', 'pod', name, '-o', 'json']);
    return JSON.parse(stdout).status?.phase === 'Running';
  });
}

describe('streams of containers', () => {
  let home: TestHome;
  before(async () => {
    home = await TestHome.open();
    assert.equal((await home.tweendeck(['apply', '-f', '-'], pods)).code, 0);
    await running(home, 'one');
    await running(home, 'two');
  });
  after(() => home[Symbol.asyncDispose]());

  for (const version of versions) {
    test(`kubectl ${version} exec tells output, errors and exit code apart`, async () => {
      const script = 'echo out; echo err >&2; exit 7';
      const said = await home.kubectl(version, ['exec', 'one', '--', 'sh', '-c', script]);
      assert.deepEqual(said, {
        code: 7,
        stdout: 'out\n',
        stderr: 'err\ncommand terminated with exit code 7\n',
      });
    });

    test(`kubectl ${version} exec runs in the container's environment`, async () => {
      const script = 'echo "$GREETING $HOSTNAME"; echo kept > "$PLACE"; cat /data/file; pwd';
      const said = await home.kubectl(version, ['exec', 'one', '--', 'sh', '-c', script]);
      assert.equal(said.code, 0, said.stderr);
      assert.match(said.stdout, /^hello one\nkept\n.*\/c\/main\n$/);
    });

    test(`kubectl ${version} exec passes its input on, and its end`, async () => {
      const said = await home.kubectl(
        version,
        ['exec', '-i', 'one', '--', 'wc', '-c'],
        'twelve bytes',
      );
      assert.deepEqual(said, { code: 0, stdout: '12\n', stderr: '' });
    });

    for (const { name, args, code, stderr } of [
      {
        name: 'a pod that is not there',
        args: ['nobody', '--', 'true'],
        code: 1,
        stderr: /^Error from server \(NotFound\): pods "nobody" not found\n$/,
      },
      {
        name: 'a container that is not there',
        args: ['one', '-c', 'other', '--', 'true'],
        code: 1,
        stderr: /container other is not valid for pod one|container other not found in pod one/,
      },
      {
        name: 'a program that is not there',
        args: ['one', '--', 'no-such-program'],
        code: 1,
        stderr: /exec: "no-such-program": executable file not found in \$PATH/,
      },
    ]) {
      test(`kubectl ${version} exec is told of ${name}`, async () => {
        const said = await home.kubectl(version, ['exec', ...args]);
        assert.equal(said.code, code, said.stderr);
        assert.match(said.stderr, stderr);
      });
    }

    test(`kubectl ${version} exec gives a terminal of the size of its own`, async () => {
      const inner = 'stty size; tty | head -c 9; echo; read -r answer; echo "got $answer"; exit 5';
      const kubectl = `${kubectlProgram(version)} exec -it one -- sh -c '${inner}'`;
      const said = await runProgram(
        'script',
        ['-qec', `stty rows 33 cols 111; ${kubectl}`, '/dev/null'],
        {
          environment: { KUBECONFIG: home.kubeconfig, SHELL: '/bin/sh' },
          input: 'yes\n',
        },
      );
      assert.equal(said.code, 5, said.stdout);
      assert.match(said.stdout, /33 111\r\n/);
      assert.match(said.stdout, /\/dev\/pts\/\r\n/);
      assert.match(said.stdout, /got yes/);
    });

    test(`kubectl ${version} cp takes files and folders there and back, unchanged`, async () => {
      await using folder = await scratch();
      const large = join(folder.path, 'large');
      const seed = `head -c ${largeBytes} /dev/urandom > '${large}'`;
      assert.equal((await runProgram('sh', ['-c', seed])).code, 0);
      const tree = join(folder.path, 'tree');
      await mkdir(join(tree, 'inner'), { recursive: true });
      await writeFile(join(tree, 'inner', 'a file'), 'with words');
      await writeFile(join(tree, 'empty'), '');
      const copy = async (from: string, to: string): Promise<void> => {
        const said = await home.kubectl(version, ['cp', from, to]);
        assert.equal(said.code, 0, said.stderr);
      };
      await copy(large, `one:/data/large-${version}`);
      await copy(`one:/data/large-${version}`, join(folder.path, 'back'));
      assert.equal(await digest(large), await digest(join(folder.path, 'back')));
      await copy(tree, `one:/data/tree-${version}`);
      await copy(`one:/data/tree-${version}`, join(folder.path, 'tree-back'));
      const same = await runProgram('diff', ['-r', tree, join(folder.path, 'tree-back')]);
      assert.deepEqual(same, { code: 0, stdout: '', stderr: '' });
      await copy(tree, 'one:relative');
      await copy('one:relative/inner', join(folder.path, 'inner-back'));
      assert.equal(await readFile(join(folder.path, 'inner-back', 'a file'), 'utf8'), 'with words');
    });

    test(`kubectl ${version} attach joins a program's streams until its end`, async () => {
      const name = `talker-${version.replace('.', '-')}`;
      const manifest = `
apiVersion: v1
kind: Pod
metadata: {name: ${name}}
spec:
  restartPolicy: Never
  containers:
  - {name: main, image: busybox, stdin: true, stdinOnce: true, command: [sh, -c, 'while read -r line; do echo "heard $line"; done; echo over >&2']}
`;
      assert.equal((await home.tweendeck(['apply', '-f', '-'], manifest)).code, 0);
      await running(home, name);
      const said = await home.kubectl(version, ['attach', '-i', name], 'one\ntwo\n');
      assert.equal(said.code, 0, said.stderr);
      assert.equal(said.stdout, 'heard one\nheard two\n');
      assert.match(said.stderr, /over\n$/);
      await until('the pod has ended', async () => {
        const { stdout } = await home.tweendeck(['get', 'pod', name, '-o', 'json']);
        return JSON.parse(stdout).status.phase === 'Succeeded';
      });
      const { stdout } = await home.kubectl(version, ['logs', name]);
      assert.equal(stdout, 'heard one\nheard two\nover\n');
    });

    test(`kubectl ${version} logs shows containers side by side`, async () => {
      const all = await home.kubectl(version, [
        'logs',
        '-l',
        'app=streams',
        '--all-containers',
        '--prefix',
        '--tail=1',
        '--max-log-requests=3',
      ]);
      assert.equal(all.code, 0, all.stderr);
      assert.deepEqual(all.stdout.trimEnd().split('\n').sort(), [
        '[pod/one/main] begun',
        '[pod/two/first] from first',
        '[pod/two/second] from second',
      ]);
      const which = await home.kubectl(version, ['logs', 'two', '-c', 'second', '--timestamps']);
      assert.match(which.stdout, /^\d{4}-\d\d-\d\dT\S+Z from second\n$/);
      const few = await home.kubectl(version, ['logs', 'one', '--limit-bytes=3']);
      assert.equal(few.stdout, 'beg');
      const refused = await home.kubectl(version, [
        'get',
        '--raw',
        '/api/v1/namespaces/default/pods/one/log?tailLines=-1',
      ]);
      assert.match(
        refused.stderr,
        /tailLines: Invalid value: -1: must be greater than or equal to 0/,
      );
    });

    test(`kubectl ${version} logs -f follows over rotations until the container ends`, async () => {
      const name = `counter-${version.replace('.', '-')}`;
      const manifest = `
apiVersion: v1
kind: Pod
metadata: {name: ${name}}
spec:
  restartPolicy: Never
  initContainers:
  - {name: first, image: busybox, command: [sh, -c, 'printf "half a "; sleep 0.2; echo line; printf unfinished']}
  containers:
  - {name: main, image: busybox, command: [sh, -c, 'echo begin; sleep 1; seq -f "%020g" 1 ${lineCount}; echo end']}
`;
      assert.equal((await home.tweendeck(['apply', '-f', '-'], manifest)).code, 0);
      await until('the container has begun', async () => {
        const { stdout } = await home.kubectl(version, ['logs', name, '-c', 'main']);
        return stdout.startsWith('begin\n');
      });
      const { code, stdout, stderr } = await home.kubectl(version, [
        'logs',
        '-f',
        name,
        '-c',
        'main',
      ]);
      assert.equal(code, 0, stderr);
      const lines = stdout.split('\n');
      assert.deepEqual([lines[0], lines.at(-2), lines.length], ['begin', 'end', lineCount + 3]);
      const wrong = lines.slice(1, -2).findIndex((line, index) => Number(line) !== index + 1);
      assert.equal(wrong, -1);
      const first = await home.kubectl(version, ['logs', name, '-c', 'first']);
      assert.equal(first.stdout, 'half a line\nunfinished');
      const before = await home.kubectl(version, ['logs', name, '-c', 'main', '--previous']);
      assert.match(before.stderr, /previous terminated container "main" in pod ".*" not found/);
    });
  }
});
