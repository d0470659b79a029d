// redis-servers of pods as processes of this machine.

import { readdirSync, readFileSync } from 'node:fs';

/** Ends the redis-server at an address at once, and gives its pid. */
export function killRedisAt(address: string): number {
  return signalRedisAt(address, 'SIGKILL');
}

/** Its title has replaced its environment, so that alone tells it. */
export function signalRedisAt(address: string, signal: NodeJS.Signals): number {
  const title = `redis-server ${address}:`;
  const [pid, ...others] = readdirSync('/proc').filter(
    (name) => /^\d+$/.test(name) && commandLine(name).includes(title),
  );
  if (pid === undefined || others.length > 0) {
    throw new Error(`${pid === undefined ? 'no' : 'more than one'} redis-server at ${address}`);
  }
  process.kill(Number(pid), signal);
  return Number(pid);
}

function commandLine(pid: string): string {
  try {
    return readFileSync(`/proc/${pid}/cmdline`, 'utf8');
  } catch {
    return ''; // ended meanwhile
  }
}
