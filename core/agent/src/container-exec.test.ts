// Commands beside a container's program, as real processes.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { aborted, clockOf } from '@tweendeck/std';
import { type RemoteStreams, runExec } from './container-exec.ts';
import { readProcess } from './proc.ts';
import type { GroupOptions } from './process-group.ts';

const clock = clockOf(globalThis);

function shell(script: string): GroupOptions {
  const environment = { PATH: process.env['PATH'] ?? '' };
  return { program: '/bin/sh', args: ['-c', script], workingDirectory: '/', environment };
}

async function* chunksOf(...chunks: readonly string[]): AsyncGenerator<Uint8Array> {
  for (const chunk of chunks) yield Buffer.from(chunk);
}

/** Somebody who keeps what he is told. */
function listener(stdin?: AsyncIterable<Uint8Array>) {
  const said = { stdout: '', stderr: '' };
  const keep = (stream: 'stdout' | 'stderr') => async (chunk: Uint8Array) => {
    said[stream] += Buffer.from(chunk).toString('latin1');
  };
  const streams: RemoteStreams = {
    stdin,
    stdout: keep('stdout'),
    stderr: keep('stderr'),
    sizes: { async *[Symbol.asyncIterator]() {} },
  };
  return { said, streams };
}

const forever = new AbortController().signal;
const place = { clock, ended: forever };

for (const { name, script, input, exit } of [
  {
    name: 'output, errors and exit code are told apart',
    script: 'echo out; echo err >&2; exit 7',
    input: undefined,
    exit: { exitCode: 7, stdout: 'out\n', stderr: 'err\n' },
  },
  {
    name: 'an end by a signal is 128 and its number',
    script: 'kill -9 $$',
    input: undefined,
    exit: { exitCode: 137, stdout: '', stderr: '' },
  },
  {
    name: 'without input it reads an empty one',
    script: 'cat; echo end',
    input: undefined,
    exit: { exitCode: 0, stdout: 'end\n', stderr: '' },
  },
  {
    name: 'input is passed on, and its end',
    script: 'cat; echo end',
    input: ['a', 'b'],
    exit: { exitCode: 0, stdout: 'abend\n', stderr: '' },
  },
  {
    name: 'input that nobody reads is no failure',
    script: 'exec <&-; echo end',
    input: Array.from({ length: 8 }, () => 'x'.repeat(64 * 1024)),
    exit: { exitCode: 0, stdout: 'end\n', stderr: '' },
  },
  {
    name: 'a process that outlives it with its pipes does not hold up the end',
    script: 'setsid sleep 30 & echo $!',
    input: undefined,
    exit: { exitCode: 0, stdout: undefined, stderr: '' },
  },
]) {
  test(name, async () => {
    const { said, streams } = listener(input && chunksOf(...input));
    const { exitCode } = await runExec(place, { group: shell(script), streams }, forever);
    assert.equal(exitCode, exit.exitCode);
    assert.equal(said.stderr, exit.stderr);
    if (exit.stdout !== undefined) assert.equal(said.stdout, exit.stdout);
    else process.kill(Number(said.stdout), 'SIGKILL');
  });
}

test('a terminal has a name, a size that follows, and one output', async () => {
  const { said, streams } = listener(chunksOf('x\n'));
  const script = 'tty | head -c 9; echo; stty size; echo err >&2; read -r _; stty size; exit 3';
  const next = Promise.withResolvers<void>();
  async function* sizes() {
    yield { columns: 100, rows: 30 };
    await next.promise;
    yield { columns: 120, rows: 40 };
  }
  const stdout = async (chunk: Uint8Array): Promise<void> => {
    await streams.stdout(chunk);
    if (said.stdout.includes('err')) next.resolve();
  };
  const input = {
    async *[Symbol.asyncIterator]() {
      await next.promise;
      await clock.sleep(300, forever);
      yield Buffer.from('x\n');
    },
  };
  const remote = { ...streams, stdin: input, stdout, sizes: { [Symbol.asyncIterator]: sizes } };
  const request = { group: shell(script), streams: remote, tty: true };
  const { exitCode } = await runExec(place, request, forever);
  assert.equal(said.stdout, '/dev/pts/\r\n30 100\r\nerr\r\nx\r\n40 120\r\n');
  assert.deepEqual([exitCode, said.stderr], [3, '']);
});

test('a command in a terminal gets its words whole, and an interrupt', async () => {
  const { said, streams } = listener();
  const begun = Promise.withResolvers<void>();
  const input = {
    async *[Symbol.asyncIterator]() {
      await begun.promise;
      yield Buffer.from([3]);
      await aborted(forever);
    },
  };
  const stdout = async (chunk: Uint8Array): Promise<void> => {
    await streams.stdout(chunk);
    if (said.stdout.includes('$x')) begun.resolve();
  };
  // cat forks nothing: a shell that is about to may miss an interrupt.
  const words = ['-c', 'echo "$0"; exec cat', `it's "$x" \\ *`];
  const group = { ...shell(''), args: words };
  const request = { group, streams: { ...streams, stdin: input, stdout }, tty: true };
  const { exitCode } = await runExec(place, request, forever);
  assert.equal(said.stdout, `it's "$x" \\ *\r\n^C`);
  assert.equal(exitCode, 130);
});

for (const { name, end, code } of [
  { name: 'when its client goes', end: 'client', code: 143 },
  { name: 'when the container ends', end: 'container', code: 137 },
] as const) {
  test(`a command and its children end ${name}`, async () => {
    const client = new AbortController();
    const container = new AbortController();
    const begun = Promise.withResolvers<number>();
    const { streams } = listener();
    const stdout = async (chunk: Uint8Array) => begun.resolve(Number(Buffer.from(chunk)));
    const exited = runExec(
      { clock, ended: container.signal },
      { group: shell('sleep 100 & echo $!; wait'), streams: { ...streams, stdout } },
      client.signal,
    );
    const child = await begun.promise;
    (end === 'client' ? client : container).abort();
    assert.equal((await exited).exitCode, code);
    const left = await readProcess(child);
    assert.ok(left === undefined || left.zombie);
  });
}

test('a reader that waits holds the command back', async () => {
  const wait = new AbortController();
  const { streams } = listener();
  let chunks = 0;
  const stdout = async (): Promise<void> => {
    chunks++;
    await aborted(wait.signal);
  };
  const client = new AbortController();
  const group = shell('head -c 100000000 /dev/zero');
  const exited = runExec(place, { group, streams: { ...streams, stdout } }, client.signal);
  while (chunks === 0) await clock.sleep(1, forever);
  assert.equal(chunks, 1);
  client.abort();
  wait.abort();
  assert.notEqual((await exited).exitCode, 0);
});
