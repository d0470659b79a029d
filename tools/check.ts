// `npm run check`: everything a tool can refuse, side by side; prints only what failed.

import { spawn } from 'node:child_process';
import { root } from './repository.ts';

const steps: readonly (readonly [string, string, readonly string[]])[] = [
  ['types', 'tsc', ['-p', '.']],
  ['format and lint', 'biome', ['ci', '--colors=off', '--max-diagnostics=50', '.']],
  ['promises', 'oxlint', ['--type-aware']],
  ['unused', 'knip', ['--no-progress']],
  ['layers and tidy', process.execPath, ['--test', '--test-isolation=none', 'tools/**/*.test.ts']],
];

function run(command: string, args: readonly string[]): Promise<{ code: number; output: string }> {
  return new Promise((resolve, reject) => {
    const child = spawn(command, args, { cwd: root, stdio: ['ignore', 'pipe', 'pipe'] });
    let output = '';
    child.stdout.on('data', (chunk: Buffer) => (output += chunk.toString()));
    child.stderr.on('data', (chunk: Buffer) => (output += chunk.toString()));
    child.on('error', reject);
    child.on('close', (code) => resolve({ code: code ?? 1, output }));
  });
}

const started = Date.now();
const results = await Promise.all(
  steps.map(async ([name, command, args]) => {
    const begun = Date.now();
    const { code, output } = await run(command, args);
    const seconds = ((Date.now() - begun) / 1_000).toFixed(1);
    process.stdout.write(`${code === 0 ? 'ok  ' : 'FAIL'} ${name} (${seconds} s)\n`);
    if (code !== 0) process.stdout.write(`${output.trimEnd()}\n`);
    return code;
  }),
);
const failed = results.filter((code) => code !== 0).length;
const seconds = ((Date.now() - started) / 1_000).toFixed(1);
process.stdout.write(
  `check: ${results.length - failed} of ${results.length} passed in ${seconds} s\n`,
);
process.exitCode = failed === 0 ? 0 : 1;
