// Claims a number for a lab: its directory, addresses and names follow from it, so labs side by side never meet.

import { type ChildProcess, spawn } from 'node:child_process';
import {
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Journal } from './journal.ts';
import { isAlive, type ProcessId, processOf } from './processes.ts';
import { markerName, undoLab } from './undo.ts';

const prefix = 'tweendeck-lab-';
const numberMin = 64;
const numberMax = 250;

/** The place of one lab on this machine. Disposing takes back everything the journal names, and the directory. */
export interface Claim extends AsyncDisposable {
  /** 64 to 250, no other lab's. */
  readonly number: number;
  readonly directory: string;
  readonly journal: Journal;
  /** Where its control plane listens: `127.33.NUMBER.1`. */
  readonly loopback: string;
  /** `10.NUMBER`: the first half of every address of its nodes, pods and services. */
  readonly network: string;
  /** To be in the environment of every process of the lab. */
  readonly marker: Readonly<Record<string, string>>;
}

/** Takes back what dead tests left, then claims a free number. */
export async function claimLab(): Promise<Claim> {
  await sweepLabs();
  const { number, directory } = await claimDirectory();
  const guardian = startGuardian(directory);
  return {
    number,
    directory,
    journal: new Journal(directory),
    loopback: `127.33.${number}.1`,
    network: `10.${number}`,
    marker: { [markerName]: directory },
    async [Symbol.asyncDispose]() {
      try {
        await undoLab(directory);
      } finally {
        await endGuardian(guardian);
      }
    },
  };
}

/** Whoever holds a lab, as its directory says. */
interface Owner {
  readonly test: ProcessId;
  readonly guardian?: ProcessId;
}

function ownerFile(directory: string): string {
  return join(directory, 'owner.json');
}

function ownerOf(directory: string): Owner | undefined {
  try {
    return JSON.parse(readFileSync(ownerFile(directory), 'utf8')) as Owner; // written below alone
  } catch {
    return undefined; // being made or being removed
  }
}

/** Takes back labs whose test and guardian are both dead; those of the living are left alone. */
export async function sweepLabs(): Promise<void> {
  for (const name of readdirSync(tmpdir()).filter((entry) => entry.startsWith(prefix))) {
    const directory = join(tmpdir(), name);
    const owner = ownerOf(directory);
    if (owner ? isAbandoned(owner) : wasLeftLongAgo(directory)) await undoLab(directory);
  }
}

function isAbandoned({ test, guardian }: Owner): boolean {
  return !isAlive(test) && !(guardian && isAlive(guardian));
}

/** Of a directory that says no owner: somebody is making or removing it, or ended while doing so. */
function wasLeftLongAgo(directory: string): boolean {
  const changedMs = statSync(directory, { throwIfNoEntry: false })?.mtimeMs;
  return changedMs !== undefined && Date.now() - changedMs > 5 * 60_000;
}

async function claimDirectory(): Promise<{ number: number; directory: string }> {
  const self = processOf(process.pid);
  if (!self) throw new Error('this system has no /proc: a lab needs Linux');
  // Made whole under another name first: what bears a lab's name always says whose it is.
  const fresh = join(tmpdir(), `${prefix}new-${process.pid}-${process.hrtime.bigint()}`);
  mkdirSync(fresh, { mode: 0o755 });
  try {
    writeFileSync(ownerFile(fresh), JSON.stringify({ test: self } satisfies Owner));
    const count = numberMax - numberMin + 1;
    const first = Math.floor(Math.random() * count);
    for (let step = 0; step < count; step++) {
      const number = numberMin + ((first + step) % count);
      const directory = join(tmpdir(), `${prefix}${number}`);
      if (existsSync(directory) || isRouted(number) || !(await isFree(number))) continue;
      if (renamedTo(fresh, directory)) return { number, directory };
    }
    throw new Error(`all of ${prefix}${numberMin} to ${numberMax} in ${tmpdir()} are taken`);
  } catch (error) {
    rmSync(fresh, { recursive: true, force: true });
    throw error;
  }
}

/** False when another lab was quicker. */
function renamedTo(fresh: string, directory: string): boolean {
  try {
    renameSync(fresh, directory);
    return true;
  } catch (error) {
    if (['ENOTEMPTY', 'EEXIST'].includes((error as NodeJS.ErrnoException).code ?? '')) return false;
    throw error;
  }
}

/** Whether this machine has a route (other than the default) that meets 10.NUMBER.0.0/16. */
function isRouted(number: number): boolean {
  const range = ((10 << 24) | (number << 16)) >>> 0;
  const lines = readFileSync('/proc/net/route', 'utf8').trim().split('\n').slice(1);
  return lines.some((line) => {
    const fields = line.split('\t');
    const [destination, mask] = [fields[1], fields[7]].map((hex) =>
      Buffer.from(hex ?? '', 'hex').readUInt32LE(),
    );
    if (!mask || destination === undefined) return false;
    const common = (mask & 0xffff_0000) >>> 0;
    return (destination & common) >>> 0 === (range & common) >>> 0;
  });
}

/** Whether nobody listens where the lab's API server will. */
function isFree(number: number): Promise<boolean> {
  return new Promise((resolve) => {
    const probe = createServer();
    probe.once('error', () => resolve(false));
    probe.listen(6443, `127.33.${number}.1`, () => probe.close(() => resolve(true)));
  });
}

function startGuardian(directory: string): ChildProcess {
  const program = join(import.meta.dirname, 'guardian.ts');
  const guardian = spawn(process.execPath, [program, directory], {
    detached: true, // not in the terminal's group: Ctrl-C is for the test
    stdio: ['pipe', 'ignore', 'ignore'],
    env: { PATH: process.env['PATH'] ?? '', NODE_OPTIONS: '--max-semi-space-size=1' },
  });
  guardian.unref();
  const found = guardian.pid === undefined ? undefined : processOf(guardian.pid);
  const test = processOf(process.pid);
  if (!found || !test) throw new Error('the guardian of the lab cannot be started');
  const text = JSON.stringify({ test, guardian: found } satisfies Owner);
  writeFileSync(`${ownerFile(directory)}.new`, text);
  renameSync(`${ownerFile(directory)}.new`, ownerFile(directory));
  return guardian;
}

function endGuardian(guardian: ChildProcess): Promise<void> {
  return new Promise((resolve) => {
    if (guardian.exitCode !== null || guardian.signalCode !== null) {
      resolve();
      return;
    }
    guardian.ref();
    guardian.once('exit', () => resolve());
    guardian.stdin?.on('error', () => undefined); // it may have been ended by somebody
    guardian.stdin?.end();
  });
}
