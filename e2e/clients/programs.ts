// The client programs, made ready in the user's cache directory: the Go one built, the Python one in an environment of its own.

import { join } from 'node:path';
import { ensureGoProgram } from '../../tools/go-program.ts';
import { ensurePython } from '../support/python-environment.ts';

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
  const python = ensurePython(requirements, 'the kubernetes package, a minute');
  return { program: python, args: ['-B', join(directory, 'clients.py')] };
}
