// Connections of a backup's Job to the members.

import type { BackupAccess, BackupMember } from '@tweendeck/engine';
import { linkedAbort } from '@tweendeck/std';
import { redisPort } from '../cluster/seen.ts';
import { openTcpLink, type RedisAddress, type RedisLink } from '../redis-link.ts';

const answerMs = 10_000;

export function addressIn(
  { passwords, tls }: Pick<BackupAccess, 'passwords' | 'tls'>,
  { host, port = redisPort }: BackupMember & { readonly port?: number },
): RedisAddress {
  return { host, port, passwords, tls };
}

/** Asks one member within {@link answerMs}. */
export async function askMember<Result>(
  member: BackupMember & { readonly port?: number },
  access: BackupAccess,
  use: (link: RedisLink, signal: AbortSignal) => Promise<Result>,
  signal: AbortSignal,
): Promise<Result> {
  using limit = linkedAbort(signal);
  const late = new Error(`${member.name} gave no answer within ${answerMs / 1_000} s`);
  using _timer = access.clock.timer(answerMs, () => limit.abort(late));
  using link = await openTcpLink(addressIn(access, member), limit.signal);
  return await use(link, limit.signal);
}

/** The members that keep keys. */
export function dataMembers({ members }: BackupAccess): readonly BackupMember[] {
  return members.filter(({ group }) => group === 'data');
}
