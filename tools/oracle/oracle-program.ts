// The oracle's program: built from Go modules into the cache directory of the real Kubernetes, once per content.

import { spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { existsSync, mkdirSync, readdirSync, readFileSync, renameSync } from 'node:fs';
import { homedir } from 'node:os';
import { join } from 'node:path';

const module = join(import.meta.dirname, 'program');

/** The path of the program; builds it first if need be, which takes a minute or two. Throws an Error that says what is missing. */
export function ensureOracle(): string {
  const program = programPath();
  if (existsSync(program)) return program;
  const found = spawnSync('go', ['version'], { cwd: module, encoding: 'utf8' });
  if (found.status !== 0) {
    throw new Error('Go 1.24 or newer is needed to build it; "npm run doctor" says how to get it.');
  }
  process.stdout.write('building the oracle (a minute or two when cold)\n');
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

/** Beside the programs of `npm run kubernetes:build`, named after the content that it is built from. */
function programPath(): string {
  const hash = createHash('sha256');
  for (const name of readdirSync(module).sort()) {
    if (/\.go$|^go\.(mod|sum)$/.test(name))
      hash.update(name).update(readFileSync(join(module, name)));
  }
  const cache = process.env['XDG_CACHE_HOME'] || join(homedir(), '.cache');
  const platform = `${process.platform}-${process.arch}`;
  const name = `oracle-${hash.digest('hex').slice(0, 16)}`;
  return join(cache, 'tweendeck', 'kubernetes', `${pinnedVersion()}-${platform}`, name);
}

/** The Kubernetes release that the libraries belong to: `v1.34.4` for `v0.34.4`. */
function pinnedVersion(): string {
  const text = readFileSync(join(module, 'go.mod'), 'utf8');
  const found = /^\tk8s\.io\/apimachinery v0\.(\S+)/m.exec(text)?.[1];
  if (found === undefined) throw new Error('go.mod requires no k8s.io/apimachinery');
  return `v1.${found}`;
}
