// Short commands on behalf of a lab. They bear its mark: what is cut short is ended before what it makes is taken back.

import { execFile } from 'node:child_process';
import { promisify } from 'node:util';
import type { Claim } from './claim.ts';

const execute = promisify(execFile);
const outputBytesMax = 64 * 1024 * 1024;

/** The environment of this process, with the programs that administrators alone have on their path. */
export function systemEnvironment(): Readonly<Record<string, string | undefined>> {
  return { ...process.env, PATH: `${process.env['PATH']}:/usr/sbin:/sbin` };
}

/** Runs a command to its end; what it wrote. Throws with what it complained of. */
export async function runFor(
  { marker }: Pick<Claim, 'marker'>,
  program: string,
  args: readonly string[],
): Promise<string> {
  const { stdout } = await execute(program, args, {
    env: { ...systemEnvironment(), ...marker },
    maxBuffer: outputBytesMax,
  });
  return stdout;
}
