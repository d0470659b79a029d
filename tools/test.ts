// `npm test`: the unit and simulation tests, in as many processes as there are cores, two at most.
// `npm test -- infra/store` runs the tests below a folder alone, in one process; node's own options pass through.

import { spawn } from 'node:child_process';
import { availableParallelism } from 'node:os';
import { root } from './repository.ts';

const args = process.argv.slice(2);
const options = args.filter((arg) => arg.startsWith('-'));
const folders = args.filter((arg) => !arg.startsWith('-'));
const layers =
  folders.length > 0
    ? folders
    : ['infra', 'core', 'services', 'apps', 'tools', 'e2e/differential', 'e2e/clients'];
const patterns = layers.map((layer) => (layer.endsWith('.ts') ? layer : `${layer}/**/*.test.ts`));
// All files of a process share it: a process for each file would take minutes to start.
const shared = ['--test', '--test-isolation=none', ...options];
const shardCount = folders.length > 0 ? 1 : Math.min(2, availableParallelism());

interface Shard {
  readonly code: number;
  readonly output: string;
}

function runShard(index: number): Promise<Shard> {
  const shard = shardCount > 1 ? [`--test-shard=${index + 1}/${shardCount}`] : [];
  return new Promise((resolve, reject) => {
    const child = spawn(process.execPath, [...shared, ...shard, ...patterns], {
      cwd: root,
      stdio: ['ignore', 'pipe', 'inherit'],
    });
    let output = '';
    child.stdout.on('data', (chunk: Buffer) => {
      output += chunk.toString();
      if (index === 0) process.stdout.write(chunk);
    });
    child.on('error', reject);
    child.on('close', (code) => resolve({ code: code ?? 1, output }));
  });
}

/** What the runner counts in its summary. */
function counted(output: string, what: string): number {
  const line = new RegExp(`^(?:ℹ|#) ${what} (\\d+)$`, 'm').exec(output);
  return Number(line?.[1] ?? 0);
}

const shards = await Promise.all(Array.from({ length: shardCount }, (_, index) => runShard(index)));
for (const { output } of shards.slice(1)) process.stdout.write(output);
const sum = (what: string): number =>
  shards.reduce((total, { output }) => total + counted(output, what), 0);
const [passed, failed, skipped] = [sum('pass'), sum('fail'), sum('skipped')];
process.stdout.write(`tests: ${passed} passed, ${failed} failed, ${skipped} skipped\n`);
// A run that found no test has shown nothing.
process.exitCode = passed + failed === 0 ? 1 : Math.max(...shards.map(({ code }) => code));
