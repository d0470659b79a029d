// What goes wrong around commands in containers: clients that die or stall, pods and platforms that end, many at once.

import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { readFile } from 'node:fs/promises';
import { after, before, describe, test } from 'node:test';
import { RawWebSocket } from '../core/apiserver/src/testing/raw-websocket.ts';
import { TestHome, until } from './support/home.ts';
import { kubectlProgram } from './support/kubectl.ts';

const version = '1.35';

function pod(name: string, script = 'while :; do sleep 1; done'): string {
  return `
apiVersion: v1
kind: Pod
metadata: {name: ${name}}
spec:
  terminationGracePeriodSeconds: 1
  containers:
  - {name: main, image: busybox, command: [sh, -c, ${JSON.stringify(script)}]}
`;
}

async function begin(home: TestHome, name: string, script?: string): Promise<void> {
  const { code, stderr } = await home.tweendeck(['apply', '-f', '-'], pod(name, script));
  assert.equal(code, 0, stderr);
  if (script === undefined) await running(home, name);
}

async function statusOf(home: TestHome, name: string) {
  const { stdout } = await home.tweendeck(['get', 'pod', name, '-o', 'json']);
  return JSON.parse(stdout).status;
}

async function running(home: TestHome, name: string): Promise<void> {
  await until(`pod ${name} runs`, async () => (await statusOf(home, name))?.phase === 'Running');
}

/** kubectl exec that goes on, and what it has written. */
function kubectlExec(home: TestHome, args: readonly string[]) {
  const child = spawn(kubectlProgram(version), ['exec', ...args], {
    env: { ...process.env, KUBECONFIG: home.kubeconfig, HOME: home.directory },
    stdio: ['pipe', 'pipe', 'pipe'],
  });
  const said = { stdout: '', stderr: '' };
  child.stdout.on('data', (chunk: Buffer) => (said.stdout += chunk.toString()));
  child.stderr.on('data', (chunk: Buffer) => (said.stderr += chunk.toString()));
  child.stdin.on('error', () => undefined); // it may end first
  const ended = new Promise<number | null>((resolve) => child.on('close', resolve));
  const line = (count: number): Promise<string> =>
    until(`line ${count} of kubectl exec`, async () => {
      const lines = said.stdout.split('\n');
      return lines.length > count && lines[count - 1];
    });
  return { child, said, ended, line };
}

async function processIsGone(pid: number): Promise<boolean> {
  const stat = await readFile(`/proc/${pid}/stat`, 'latin1').catch(() => '');
  return stat === '' || / Z /.test(stat);
}

/** Resident memory of the platform in bytes: now, and the most there ever was. */
async function memoryOf(home: TestHome): Promise<{ readonly now: number; readonly peak: number }> {
  const status = await readFile(`/proc/${home.pid}/status`, 'utf8');
  const kib = (name: string) => Number(new RegExp(`^${name}:\\s+(\\d+) kB`, 'm').exec(status)?.[1]);
  return { now: kib('VmRSS') * 1024, peak: kib('VmHWM') * 1024 };
}

/** What kubeconfig says, for a connection by hand. */
async function connectionOf(home: TestHome) {
  const text = await readFile(home.kubeconfig, 'utf8');
  const found = (name: string): string => new RegExp(`${name}: (\\S+)`).exec(text)?.[1] ?? '';
  const decoded = (name: string): string => Buffer.from(found(name), 'base64').toString();
  return {
    host: '127.0.0.1',
    port: Number(new URL(found('server')).port),
    ca: decoded('certificate-authority-data'),
    cert: decoded('client-certificate-data'),
    key: decoded('client-key-data'),
  };
}

function execPath(name: string, command: readonly string[], streams: string): string {
  const words = command.map((word) => `command=${encodeURIComponent(word)}`).join('&');
  return `/api/v1/namespaces/default/pods/${name}/exec?${words}&${streams}`;
}

describe('streams of containers in trouble', () => {
  let home: TestHome;
  before(async () => {
    home = await TestHome.open();
    await begin(home, 'one');
  });
  after(() => home[Symbol.asyncDispose]());

  const open = async (path: string) =>
    RawWebSocket.open({ ...(await connectionOf(home)), path, protocols: 'v5.channel.k8s.io' });

  for (const { name, script } of [
    { name: 'a command', script: 'sleep 300 & echo $!; echo $$; wait' },
    {
      name: 'a command that is deaf to polite signals',
      script: 'trap "" TERM HUP; sleep 300 & echo $!; echo $$; wait',
    },
  ]) {
    test(`${name} ends when kubectl is killed`, async () => {
      const { child, line, ended } = kubectlExec(home, ['one', '--', 'sh', '-c', script]);
      const pids = [Number(await line(1)), Number(await line(2))];
      child.kill('SIGKILL');
      await ended;
      for (const pid of pids) {
        await until(`process ${pid} has ended`, () => processIsGone(pid), 10_000);
      }
    });
  }

  test('a command in a terminal ends when its client is gone', async () => {
    const script = 'trap "" HUP; sleep 300 & echo $!; echo $$; echo over; wait';
    using client = await open(execPath('one', ['sh', '-c', script], 'stdin=1&stdout=1&tty=1'));
    let text = '';
    while (!text.includes('over')) {
      const message = await client.next();
      assert.ok(message, text);
      text += message.data.subarray(1).toString();
    }
    client.socket.destroy();
    const [first, second] = text.split('\r\n').map(Number);
    for (const pid of [first, second]) {
      assert.ok(pid !== undefined && pid > 1, text);
      await until(`process ${pid} has ended`, () => processIsGone(pid), 10_000);
    }
  });

  test('a command whose input nobody reads ends when its client is gone', async () => {
    using client = await open(
      execPath('one', ['sh', '-c', 'echo $$; exec sleep 300'], 'stdin=1&stdout=1'),
    );
    assert.equal(client.status, 101);
    await client.next();
    const pid = Number((await client.next())?.data.subarray(1));
    assert.ok(pid > 1);
    for (let count = 0; count < 64; count++) client.send(Buffer.alloc(1024 * 1024));
    client.socket.destroy();
    await until('the command has ended', () => processIsGone(pid), 45_000);
  });

  test('a command ends with its pod, and its client is told', async () => {
    await begin(home, 'short');
    const { line, said, ended } = kubectlExec(home, [
      'short',
      '--',
      'sh',
      '-c',
      'echo on; sleep 300',
    ]);
    await line(1);
    assert.equal((await home.tweendeck(['delete', 'pod', 'short'])).code, 0);
    assert.equal(await ended, 137, said.stderr);
  });

  test('a container that has crashed runs nothing', async () => {
    await begin(home, 'crashing', 'exit 1');
    await until('the container waits to run again', async () => {
      const [container] = (await statusOf(home, 'crashing'))?.containerStatuses ?? [];
      return container?.state?.waiting?.reason === 'CrashLoopBackOff';
    });
    const said = await home.kubectl(version, ['exec', 'crashing', '--', 'true']);
    assert.equal(said.code, 1);
    assert.match(
      said.stderr,
      /^error: Internal error occurred: unable to upgrade connection: container not found \("main"\)\n$/,
    );
  });

  test('two hundred commands at once each get what is theirs', async () => {
    const script = 'read -r word; echo "$word"; exit 3';
    const path = execPath('one', ['sh', '-c', script], 'stdin=1&stdout=1&stderr=1');
    const clients = await Promise.all(Array.from({ length: 200 }, () => open(path)));
    try {
      const said = await Promise.all(
        clients.map((client, index) => {
          client.send(Buffer.from(`\0word ${index}\n`));
          return client.all();
        }),
      );
      for (const [index, lines] of said.entries()) {
        assert.equal(lines[1], `1 word ${index}\n`);
        assert.match(lines[2] ?? '', /"reason":"ExitCode","message":"3"/);
      }
    } finally {
      for (const client of clients) client[Symbol.dispose]();
    }
  });

  test('a gigabyte goes to a slow reader in little memory, and all of it', async (context) => {
    const bytes = 1_000_000_000;
    const before = await memoryOf(home);
    using client = await open(
      execPath('one', ['head', '-c', String(bytes), '/dev/zero'], 'stdout=1'),
    );
    client.socket.pause();
    let got = 0;
    await new Promise((resolve) => setTimeout(resolve, 1_000)); // as long as the reader takes nothing
    const stalled = await memoryOf(home);
    client.socket.resume();
    for (let message = await client.next(); message; message = await client.next()) {
      if (message.opcode === 2 && message.data[0] === 1) got += message.data.length - 1;
    }
    const { peak } = await memoryOf(home);
    assert.equal(got, bytes);
    const mib = (size: number): string => `${Math.round(size / 1024 ** 2)} MiB`;
    const text = `before ${mib(before.now)}, stalled ${mib(stalled.now)}, at most ${mib(peak)}`;
    assert.ok(stalled.now - before.now < 64 * 1024 ** 2, text);
    assert.ok(peak - before.peak < 128 * 1024 ** 2, text);
    context.diagnostic(`1 GB to a slow reader: ${text}`);
  });

  test('the platform stops in the middle, and soon', async () => {
    const { line, ended } = kubectlExec(home, ['one', '--', 'sh', '-c', 'echo $$; sleep 300']);
    const pid = Number(await line(1));
    const startedMs = performance.now();
    assert.equal((await home.stop('SIGTERM')).code, 0);
    assert.ok(performance.now() - startedMs < 15_000);
    assert.notEqual(await ended, 0);
    assert.equal(await processIsGone(pid), true);
    await home.start();
    await running(home, 'one');
  });
});
