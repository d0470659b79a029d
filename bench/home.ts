// How soon the embedded home is ready, and how much memory it holds when idle, against a bare Node in the same run.

import { type ChildProcess, spawn } from 'node:child_process';
import { mkdtemp, readdir, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';

const program = join(import.meta.dirname, '..', 'apps', 'tweendeck', 'bin', 'tweendeck.cjs');
const readyTargetMs = 1_000;
const memoryTargetMb = 150;

interface Memory {
  /** Pages in memory, those shared with other processes too. */
  readonly residentMb: number;
  /** Of those, pages of its own. */
  readonly anonymousMb: number;
}

async function memoryOf(pid: number): Promise<Memory> {
  const text = await readFile(`/proc/${pid}/smaps_rollup`, 'utf8');
  const field = (name: string): number =>
    Number(new RegExp(`^${name}:\\s+(\\d+) kB`, 'm').exec(text)?.[1]) / 1024;
  return { residentMb: field('Rss'), anonymousMb: field('Anonymous') };
}

/** The process and all below it. */
async function family(root: number): Promise<readonly number[]> {
  const pids = (await readdir('/proc')).filter((name) => /^\d+$/.test(name)).map(Number);
  const parents = new Map<number, number>();
  for (const pid of pids) {
    const stat = await readFile(`/proc/${pid}/stat`, 'utf8').catch(() => ''); // ended meanwhile
    parents.set(pid, Number(stat.slice(stat.lastIndexOf(')') + 2).split(' ')[1]));
  }
  const found = [root];
  for (const pid of found) {
    for (const [child, parent] of parents) if (parent === pid) found.push(child);
  }
  return found;
}

interface Started {
  readonly child: ChildProcess;
  readonly readyMs: number;
  readonly servedMs: number;
}

function start(directory: string, cachePort: number): Promise<Started> {
  const begun = performance.now();
  const child = spawn(
    process.execPath,
    [
      '--max-semi-space-size=2',
      program,
      'up',
      '--json',
      '--port=0',
      `--data-dir=${directory}`,
      `--cache-port=${cachePort}`,
    ],
    {
      stdio: ['ignore', 'pipe', 'inherit'],
      env: { ...process.env, XDG_CACHE_HOME: join(directory, 'cache') },
    },
  );
  return new Promise((resolve, reject) => {
    let readyMs = 0;
    child.on('exit', (code) => reject(new Error(`the home ended with ${code}`)));
    createInterface({ input: child.stdout }).on('line', (line) => {
      const { message } = JSON.parse(line);
      if (message === 'ready') readyMs = performance.now() - begun;
      if (message === 'cacheserver ready')
        resolve({ child, readyMs, servedMs: performance.now() - begun });
    });
  });
}

async function stop(child: ChildProcess): Promise<number> {
  const begun = performance.now();
  const ended = new Promise((resolve) => child.once('close', resolve));
  child.removeAllListeners('exit');
  child.kill('SIGTERM');
  await ended;
  return performance.now() - begun;
}

/** Waits without load, so that what start-up left is collected or not, as it happens. */
const idle = (seconds: number): Promise<void> =>
  new Promise((resolve) => setTimeout(resolve, seconds * 1_000));

export async function run(
  { args, write }: { readonly args: readonly string[]; readonly write: (line: string) => void },
  signal: AbortSignal,
): Promise<void> {
  const rounds = Number(args[0] ?? 3);
  const directory = await mkdtemp(join(tmpdir(), 'tweendeck-bench-'));
  const bare = spawn(process.execPath, ['-e', 'setInterval(() => undefined, 1e6)']);
  try {
    const cachePort = 20_000 + (process.pid % 20_000);
    for (let round = 0; round <= rounds && !signal.aborted; round++) {
      const { child, readyMs, servedMs } = await start(directory, cachePort);
      const name = round === 0 ? 'first start (keys, no compile cache)' : `start ${round}`;
      if (round < rounds) await idle(1);
      else await idle(30);
      const pids = await family(child.pid ?? 0);
      const memories = await Promise.all(pids.map(memoryOf));
      const resident = memories.reduce((total, { residentMb }) => total + residentMb, 0);
      const own = memories.reduce((total, { anonymousMb }) => total + anonymousMb, 0);
      const files = Math.max(...memories.map((memory) => memory.residentMb - memory.anonymousMb));
      const stopMs = await stop(child);
      write(
        `${name}: API ready ${Math.round(readyMs)} ms (target ${readyTargetMs}), cache served ${Math.round(servedMs)} ms, ` +
          `stopped in ${Math.round(stopMs)} ms; ${pids.length} processes hold ${Math.round(own + files)} MB resident ` +
          `(target ${memoryTargetMb}; ${Math.round(resident)} MB if Node's own pages, which they share, are counted in each)`,
      );
      write(
        `  each, resident and of its own: ${memories.map(({ residentMb, anonymousMb }) => `${Math.round(residentMb)} and ${Math.round(anonymousMb)}`).join(', ')} MB`,
      );
    }
    const { residentMb } = await memoryOf(bare.pid ?? 0);
    write(
      `a bare Node ${process.versions.node} in the same run: resident ${Math.round(residentMb)} MB`,
    );
  } finally {
    bare.kill();
    await rm(directory, { recursive: true, force: true });
  }
}
