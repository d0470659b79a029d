// Commands that a server refuses by itself when it gets to them too late. A server that stood still, or was cut off, does what
// lies in its socket when it goes on, also when whoever sent it has long decided otherwise. So each command that changes who
// leads, owns or follows goes through a script that looks at the server's own clock: those of others do not matter, nor how
// much they differ. Where it matters the script looks at the server's role, too.

import type { RespArgument, RespValue } from '@tweendeck/wire';

/**
 * For so long after a server has shown its clock it does what was decided on what it said then: longer than a pass takes to get
 * there, less than a lease lasts after which another operator decides (15 s).
 */
export const commandLifeMs = 5_000;

/**
 * Of Redis 7.0 on. A script that may not write is not held back with clients' writes while a leader hands over, and runs on
 * replicas, also on those that lost their leader. Errors come back in the words of the command.
 */
const script = `#!lua flags=no-writes,allow-stale
local now = redis.call('TIME')
local late = now[1] * 1000 + now[2] / 1000 - ARGV[1]
if late > 0 then return redis.error_reply('EXPIRED ' .. math.floor(late) .. ' ms ago') end
if ARGV[2] ~= '' and not string.find(redis.call('CLUSTER', 'NODES'), ARGV[2]) then
  return redis.error_reply('EXPIRED it has another role now')
end
return redis.pcall(unpack(ARGV, 3))`;

/** What a server shows of its clock: `untilMs` is to be reckoned from its answer, by {@link clockMsIn}. */
export const clockQuestion: readonly string[] = ['TIME'];

/** In milliseconds; throws when it is no answer to {@link clockQuestion}. */
export function clockMsIn(answer: RespValue): number {
  const [seconds, microseconds] = Array.isArray(answer) ? answer.map(Number) : [];
  const clockMs = (seconds ?? Number.NaN) * 1_000 + Math.floor((microseconds ?? 0) / 1_000);
  if (!Number.isSafeInteger(clockMs)) throw new Error('TIME: it answered something else');
  return clockMs;
}

/** For how long a command is good. */
export interface Expiry {
  /** By the clock of the server that it is for. */
  readonly untilMs: number;
  /** As long as it is this: a master, or a replica of whom. Omitted: whatever it is. */
  readonly role?: { readonly follows: string | undefined };
}

/** A command without keys that a server does in time, and else answers `EXPIRED`. */
export function expiring<Word extends RespArgument>(
  command: readonly Word[],
  { untilMs, role }: Expiry,
): readonly (Word | string | number)[] {
  return ['EVAL_RO', script, 0, untilMs, role ? patternOf(role) : '', ...command];
}

/** Of Lua, in an answer to `CLUSTER NODES`. */
function patternOf({ follows }: NonNullable<Expiry['role']>): string {
  return follows === undefined ? 'myself,master' : `myself,slave%S* ${follows} `;
}

/** What is in such a command; undefined for any other one. */
export function expiringIn<Word extends RespArgument>(
  command: readonly Word[],
): (Expiry & { readonly command: readonly Word[] }) | undefined {
  const [name, text, , untilMs, pattern, ...rest] = command;
  if (name !== 'EVAL_RO' || text !== script) return undefined;
  const [, follows] = / (\S+) $/.exec(String(pattern)) ?? [];
  return {
    command: rest,
    untilMs: Number(untilMs),
    ...(pattern === '' ? {} : { role: { follows } }),
  };
}
