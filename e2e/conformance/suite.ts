// Upstream's end-to-end tests: which there are, and running one of them against a server.

import { type ChildProcess, execFileSync, spawn } from 'node:child_process';
import { createWriteStream, mkdirSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import {
  binaryDirectory,
  buildCommand,
  isBuilt,
  pinnedRelease,
} from '../../tools/kubernetes/release.ts';
import { type JunitCase, junitCases } from './junit.ts';

/** `not set up`: no test could begin. */
export type Verdict = 'passed' | 'failed' | 'skipped' | 'timed out' | 'not set up';

export interface Outcome {
  readonly verdict: Verdict;
  readonly seconds: number;
  /** Why it failed, in upstream's words. */
  readonly message: string;
}

export interface Run {
  /** `upstream`, `embedded`: the folder of its logs. */
  readonly server: string;
  readonly kubeconfig: string;
  readonly directory: string;
  readonly limitSeconds: number;
}

/** The programs that a run needs. Throws, naming the command that builds them, when one is missing. */
function suitePrograms(): { readonly suite: string; readonly kubectl: string } {
  const [suite, kubectl] = ['e2e.test', 'kubectl'].map((name) => {
    if (isBuilt(pinnedRelease, name)) return join(binaryDirectory(pinnedRelease), name);
    throw new Error(`${name} is not built: ${buildCommand} -- --only=e2e.test,kubectl`);
  });
  return { suite: suite ?? '', kubectl: kubectl ?? '' };
}

/** Full names of the tests that a pattern matches, sorted. */
export function testNames(pattern: RegExp): readonly string[] {
  const text = execFileSync(suitePrograms().suite, ['--list-tests'], {
    encoding: 'utf8',
    maxBuffer: 64 * 1024 * 1024,
    stdio: ['ignore', 'pipe', 'ignore'],
  });
  const names = text.split('\n').flatMap((line) => /^\s*\S+\.go:\d+: (.*)$/.exec(line)?.[1] ?? []);
  return [...new Set(names)].filter((name) => pattern.test(name)).sort();
}

const outputBytesMax = 4 * 1024 * 1024;
/** Beyond its own limit a suite may take this long to clean up; then it is ended. */
const cleanUpSeconds = 45;

/** Runs one test in a process of its own. What it wrote lies in `directory/SERVER/`, cut at 4 MiB. */
export async function runTest(name: string, run: Run, signal: AbortSignal): Promise<Outcome> {
  const folder = join(run.directory, run.server, fileName(name));
  mkdirSync(folder, { recursive: true });
  const { suite, kubectl } = suitePrograms();
  const begunMs = performance.now();
  const child = spawn(
    suite,
    [
      `--kubeconfig=${run.kubeconfig}`,
      `--kubectl-path=${kubectl}`,
      `--report-dir=${folder}`,
      `--ginkgo.focus=${escaped(name)}$`,
      `--ginkgo.timeout=${run.limitSeconds}s`,
      ...['--ginkgo.no-color', '--provider=skeleton', '--disable-log-dump=true'],
      ...['--dump-logs-on-failure=false', '--allowed-not-ready-nodes=-1', '--minStartupPods=-1'],
    ],
    { cwd: folder, stdio: ['ignore', 'pipe', 'pipe'], signal, killSignal: 'SIGKILL' },
  );
  keepOutput(child, join(folder, 'output.txt'));
  const killer = setTimeout(
    () => child.kill('SIGKILL'),
    (run.limitSeconds + cleanUpSeconds) * 1_000,
  );
  try {
    await new Promise<void>((resolve, reject) => {
      child.once('error', reject);
      child.once('close', () => resolve());
    });
  } finally {
    clearTimeout(killer);
  }
  const seconds = (performance.now() - begunMs) / 1_000;
  return { ...verdictOf(reportIn(folder), name), seconds };
}

function keepOutput(child: ChildProcess, path: string): void {
  const file = createWriteStream(path);
  let left = outputBytesMax;
  const keep = (chunk: Buffer): void => {
    if (left > 0) file.write(chunk.subarray(0, left));
    left -= chunk.byteLength;
  };
  child.stdout?.on('data', keep);
  child.stderr?.on('data', keep);
  child.once('close', () => file.end());
}

/** The report lists all of upstream's tests; nobody needs the file when it was read. */
function reportIn(folder: string): readonly JunitCase[] {
  const files = readdirSync(folder).filter((name) => /^junit.*\.xml$/.test(name));
  const cases = files.flatMap((name) => junitCases(readFileSync(join(folder, name), 'utf8')));
  for (const name of files) rmSync(join(folder, name));
  return cases;
}

/** What stands for the test itself, or for what was set up before it. */
function verdictOf(cases: readonly JunitCase[], name: string): Omit<Outcome, 'seconds'> {
  const own = cases.find((each) => each.name === `[It] ${name}`);
  const broken = cases.find(({ status }) => status !== 'passed' && status !== 'skipped');
  const found = own && own.status !== 'skipped' ? own : (broken ?? own);
  if (!found) return { verdict: 'timed out', message: 'it ended without a report' };
  const { status, message } = found;
  if (found.name.includes('BeforeSuite')) return { verdict: 'not set up', message };
  if (status === 'passed') return { verdict: 'passed', message: '' };
  if (status === 'skipped') return { verdict: 'skipped', message };
  const late = status === 'timedout' || status === 'interrupted';
  return { verdict: late ? 'timed out' : 'failed', message };
}

const escaped = (text: string): string => text.replace(/[\\^$.*+?()[\]{}|]/g, '\\$&');
const fileName = (name: string): string =>
  name
    .replace(/\[[^\]]*\]/g, '')
    .replace(/[^A-Za-z0-9]+/g, '-')
    .replace(/^-|-$/g, '')
    .slice(0, 120);
