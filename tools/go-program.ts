// Programs of this repository that are written in Go: built into the user's cache directory, once per content.

import { spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { existsSync, mkdirSync, readdirSync, readFileSync, renameSync } from 'node:fs';
import { homedir } from 'node:os';
import { join } from 'node:path';

export interface GoProgram {
  /** What the built file is called, before a hash of its content. */
  readonly name: string;
  /** The directory of its module: a flat one with go.mod. */
  readonly module: string;
  /** Below the cache directory of this project. */
  readonly cache: string;
  /** What building it takes: a few words for who waits. */
  readonly effort: string;
}

/** The path of the program; builds it first if need be. Throws an Error that says what is missing. */
export function ensureGoProgram(wanted: GoProgram): string {
  const program = programPath(wanted);
  if (existsSync(program)) return program;
  const { name, module, effort } = wanted;
  const found = spawnSync('go', ['version'], { cwd: module, encoding: 'utf8' });
  if (found.status !== 0) {
    throw new Error('Go 1.24 or newer is needed to build it; "npm run doctor" says how to get it.');
  }
  process.stdout.write(`building ${name} (${effort})\n`);
  mkdirSync(join(program, '..'), { recursive: true });
  const fresh = `${program}.new-${process.pid}`;
  const args = ['build', '-trimpath', '-mod=readonly', '-ldflags', '-s -w', '-o', fresh, '.'];
  const { status } = spawnSync('go', args, {
    cwd: module,
    stdio: ['ignore', 'inherit', 'inherit'],
    env: { ...process.env, CGO_ENABLED: '0', GOFLAGS: '', GOWORK: 'off' },
  });
  if (status !== 0) throw new Error(`go build ended with ${status}`);
  renameSync(fresh, program);
  return program;
}

function programPath({ name, module, cache }: GoProgram): string {
  const hash = createHash('sha256');
  for (const file of readdirSync(module).sort()) {
    if (/\.go$|^go\.(mod|sum)$/.test(file))
      hash.update(file).update(readFileSync(join(module, file)));
  }
  const root = process.env['XDG_CACHE_HOME'] || join(homedir(), '.cache');
  return join(root, 'tweendeck', cache, `${name}-${hash.digest('hex').slice(0, 16)}`);
}
