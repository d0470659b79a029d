// Environments of Python for client programs: made once in the user's cache directory, from requirements with hashes.

import { spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { existsSync, mkdirSync, readFileSync, renameSync, rmSync } from 'node:fs';
import { homedir } from 'node:os';
import { join } from 'node:path';

/** The Python of an environment with these requirements; makes it first if need be. Throws an Error that says what is missing. */
export function ensurePython(requirements: string, effort: string): string {
  const version = must('Python 3.11 or newer is needed (python3)', 'python3', ['--version']).trim();
  const hash = createHash('sha256').update(version).update(readFileSync(requirements));
  const root = process.env['XDG_CACHE_HOME'] || join(homedir(), '.cache');
  const name = `python-${hash.digest('hex').slice(0, 16)}`;
  const environment = join(root, 'tweendeck', 'clients', name);
  const python = join('bin', 'python');
  if (existsSync(environment)) return join(environment, python);
  process.stdout.write(`making an environment of ${version} (${effort})\n`);
  const fresh = `${environment}.new-${process.pid}`;
  mkdirSync(join(environment, '..'), { recursive: true });
  try {
    const advice = 'Python cannot make environments (Debian: python3-venv)';
    must(advice, 'python3', ['-m', 'venv', fresh]);
    must('the Python packages cannot be had: is there a network?', join(fresh, python), [
      ...['-m', 'pip', 'install', '--quiet', '--disable-pip-version-check'],
      ...['--require-hashes', '--only-binary', ':all:', '-r', requirements],
    ]);
    renameSync(fresh, environment);
  } finally {
    rmSync(fresh, { recursive: true, force: true });
  }
  return join(environment, python);
}

/** What a command printed. Throws with `otherwise` and what it complained of. */
function must(otherwise: string, program: string, args: readonly string[]): string {
  const { status, stdout, stderr, error } = spawnSync(program, args, { encoding: 'utf8' });
  if (status === 0) return stdout;
  throw new Error(`${otherwise}\n${error?.message ?? stderr}`);
}
