// Commands in containers, attaching to them, copying files and reading logs: with the real kubectl, over WebSockets.

import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { TestHome, until } from './support/home.ts';

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
  }
});
