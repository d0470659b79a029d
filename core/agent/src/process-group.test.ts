// Starting programs where the machine refuses: what goes wrong is an error of the start, not of the process that asked.

import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { test } from 'node:test';
import { promisify } from 'node:util';
import { isPlatformError } from '@tweendeck/std';
import { startGroup } from './process-group.ts';

const options = { program: '/bin/true', args: [], workingDirectory: '/', environment: {} };

test('a start without a descriptor left is an error, and the next one works', async () => {
  const module = new URL('./process-group.ts', import.meta.url).pathname;
  const script = `
    import { closeSync, openSync } from 'node:fs';
    import { startGroup } from '${module}';
    const start = () => startGroup(${JSON.stringify(options)}, ({ stdout, stderr }) => { stdout.resume(); stderr.resume(); });
    await (await start()).exited;
    const held = [];
    try { for (;;) held.push(openSync('/dev/null', 'r')); } catch {}
    const refused = await start().then(() => 'started', (error) => error.code + ': ' + error.message);
    await new Promise(setImmediate);
    for (const descriptor of held) closeSync(descriptor);
    console.log(refused, (await (await start()).exited).exitCode);
  `;
  const shell = 'ulimit -n 100; exec "$0" --input-type=module-typescript -e "$1"';
  const { stdout } = await promisify(execFile)('/bin/sh', ['-c', shell, process.execPath, script]);
  assert.equal(stdout, 'AGENT_START_FAILED: starting /bin/true: EMFILE 0\n');
});

test('more arguments than the system takes are an error of the start', async () => {
  const args = Array.from({ length: 40 }, () => 'x'.repeat(127 * 1_024));
  await assert.rejects(
    startGroup({ ...options, args }, () => undefined),
    (error) => isPlatformError(error, 'AGENT_START_FAILED') && /E2BIG/.test(error.message),
  );
});
