// The client programs, made ready in the user's cache directory: the Go one built, the Python one in an environment of its own.

import { spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { existsSync, mkdirSync, readFileSync, renameSync, rmSync } from 'node:fs';
import { homedir } from 'node:os';
import { join } from 'node:path';
import { ensureGoProgram } from '../../tools/go-program.ts';

/** A program and the arguments that come before those of a command. */
export interface ClientProgram {
  readonly program: string;
  readonly args: readonly string[];
}

/** client-go and controller-runtime. Throws an Error that says what is missing. */
export function goClients(): ClientProgram {
  const module = join(import.meta.dirname, 'go');
  const effort = 'client-go and controller-runtime, two minutes';
  return {
    program: ensureGoProgram({ name: 'clients', module, cache: 'clients', effort }),
    args: [],
  };
}

/** The `kubernetes` package of PyPI, in the versions that requirements.txt pins. Throws an Error that says what is missing. */
export function pythonClients(): ClientProgram {
  const directory = join(import.meta.dirname, 'python');
  const requirements = join(directory, 'requirements.txt');
  const python = join(pythonEnvironment(requirements), 'bin', 'python');
  return { program: python, args: ['-B', join(directory, 'clients.py')] };
}

/** The directory of an environment with these requirements; makes it first if need be. */
function pythonEnvironment(requirements: string): string {
  const version = must('Python 3.11 or newer is needed (python3)', 'python3', ['--version']).trim();
  const hash = createHash('sha256').update(version).update(readFileSync(requirements));
  const root = process.env['XDG_CACHE_HOME'] || join(homedir(), '.cache');
  const environment = join(
    root,
    'tweendeck',
    'clients',
    `python-${hash.digest('hex').slice(0, 16)}`,
  );
  if (existsSync(environment)) return environment;
  process.stdout.write(`making an environment of ${version} (the kubernetes package, a minute)\n`);
  const fresh = `${environment}.new-${process.pid}`;
  mkdirSync(join(environment, '..'), { recursive: true });
  try {
    must('Python cannot make environments (Debian: python3-venv)', 'python3', [
      '-m',
      'venv',
      fresh,
    ]);
    must('the Python packages cannot be had: is there a network?', join(fresh, 'bin', 'python'), [
      ...['-m', 'pip', 'install', '--quiet', '--disable-pip-version-check'],
      ...['--require-hashes', '--only-binary', ':all:', '-r', requirements],
    ]);
    renameSync(fresh, environment);
  } finally {
    rmSync(fresh, { recursive: true, force: true });
  }
  return environment;
}

/** What a command printed. Throws with `otherwise` and what it complained of. */
function must(otherwise: string, program: string, args: readonly string[]): string {
  const { status, stdout, stderr, error } = spawnSync(program, args, { encoding: 'utf8' });
  if (status === 0) return stdout;
  throw new Error(`${otherwise}\n${error?.message ?? stderr}`);
}
