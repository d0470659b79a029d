// The peer: Unity's own server, installed from npm into the user's cache directory.

import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, mkdirSync, mkdtempSync, renameSync, rmSync } from 'node:fs';
import { homedir } from 'node:os';
import { join } from 'node:path';

const name = 'unity-cache-server';
const version = '6.4.0';

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
    const hint = 'Without it, run with --peers=none.';
    throw new Error(`${name} ${version} cannot be installed from npm. ${hint}`, { cause });
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
