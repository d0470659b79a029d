// The peer: Unity's own server, installed from npm into the user's cache directory, and how it is started. Benchmarks and
// tests share it.

import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, mkdirSync, mkdtempSync, renameSync, rmSync } from 'node:fs';
import { homedir } from 'node:os';
import { join } from 'node:path';

const name = 'unity-cache-server';
const version = '6.4.0';

/** Where it keeps values: files, or pages of memory that it writes out now and then. */
export type PeerModule = 'fs' | 'ram';

export interface PeerSettings {
  readonly module: PeerModule;
  /** Whether it sends at once; as shipped, a small hit waits 44 ms for an acknowledgement. */
  readonly noDelay: boolean;
  /** Where it keeps what it keeps. */
  readonly directory: string;
  /** On 127.0.0.1; with 0 it tells on its standard output where it listens. */
  readonly port: number;
}

/** What Node is given to run it. */
export function peerArguments(
  program: string,
  { module, noDelay, directory, port }: PeerSettings,
): readonly string[] {
  const preloads = noDelay ? ['preload.cjs', 'no-delay.cjs'] : ['preload.cjs'];
  const preload = preloads.flatMap((file) => ['--require', join(import.meta.dirname, file)]);
  const where = ['-P', directory, '-h', '127.0.0.1', '-p', String(port)];
  return [...preload, program, '-c', `cache_${module}`, ...where];
}

/** The path of its program; installs it first if need be. Throws an Error that says what is missing. */
export async function ensurePeer(write: (line: string) => void): Promise<string> {
  const root = process.env['XDG_CACHE_HOME'] || join(homedir(), '.cache');
  const parent = join(root, 'tweendeck', 'bench');
  const directory = join(parent, `${name}-${version}`);
  const program = join('node_modules', name, 'main.js');
  if (existsSync(join(directory, program))) return join(directory, program);
  write(`installing ${name} ${version} into ${directory}`);
  mkdirSync(parent, { recursive: true });
  const fresh = mkdtempSync(join(parent, 'installing-'));
  try {
    await install(fresh);
    if (!existsSync(join(fresh, program))) throw new Error(`${name} has no ${program}`);
    renameSync(fresh, directory);
  } catch (cause) {
    rmSync(fresh, { recursive: true, force: true });
    throw new Error(`${name} ${version} cannot be installed from npm.`, { cause });
  }
  return join(directory, program);
}

async function install(directory: string): Promise<void> {
  const quiet = ['--no-audit', '--no-fund', '--no-package-lock', '--loglevel=error'];
  const args = ['install', '--ignore-scripts', ...quiet, '--prefix', directory];
  const npm = spawn('npm', [...args, `${name}@${version}`], {
    cwd: directory,
    stdio: ['ignore', 'ignore', 'inherit'],
  });
  const [code] = await once(npm, 'exit');
  if (code !== 0) throw new Error(`npm install ended with ${code}`);
}
