// The client programs, each with its client as its registry has it.

import { join } from 'node:path';
import { ensureGoProgram } from '../../tools/go-program.ts';
import type { ClientProgram } from '../clients/programs.ts';
import { ensurePython } from '../support/python-environment.ts';

export interface RedisClientOfTheField {
  readonly name: string;
  readonly program: ClientProgram;
}

const nodeProgram = (file: string): ClientProgram => ({
  program: process.execPath,
  args: [join(import.meta.dirname, file)],
});

/** Makes ready what is not. Throws an Error that says what is missing. */
export function redisClients(): readonly RedisClientOfTheField[] {
  return [
    { name: 'ioredis', program: nodeProgram('ioredis-child.ts') },
    { name: 'node-redis', program: nodeProgram('node-redis-child.ts') },
    { name: 'redis-py', program: pythonProgram() },
    { name: 'go-redis', program: goProgram() },
  ];
}

function pythonProgram(): ClientProgram {
  const directory = join(import.meta.dirname, 'python');
  const python = ensurePython(join(directory, 'requirements.txt'), 'redis-py, seconds');
  return { program: python, args: ['-B', join(directory, 'writing.py')] };
}

function goProgram(): ClientProgram {
  const module = join(import.meta.dirname, 'go');
  const named = { name: 'redis-clients', module, cache: 'clients' };
  return { program: ensureGoProgram({ ...named, effort: 'go-redis, half a minute' }), args: [] };
}
