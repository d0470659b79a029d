// Reads a part from a follower that has all that its leader had acknowledged, else from the leader itself.

import type { BackupAccess, BackupMember, BackupPart, PartReading } from '@tweendeck/engine';
import { parseInfo } from '../info.ts';
import { askOne } from '../redis-link.ts';
import { addressIn, askMember } from './members.ts';
import { openSnapshot } from './snapshot.ts';

const catchUpMs = 10_000;
const lookAgainMs = 100;

export async function readPart(
  part: BackupPart,
  access: BackupAccess,
  signal: AbortSignal,
): Promise<PartReading> {
  const offset = await offsetOf(part.leader, access, signal);
  const isInStep = part.follower && (await catchesUp(part.follower, offset, access, signal));
  const from = isInStep && part.follower ? part.follower : part.leader;
  const snapshot = await openSnapshot(addressIn(access, from), signal);
  return { member: from.name, offset, ...snapshot };
}

async function catchesUp(
  follower: BackupMember,
  offset: number,
  access: BackupAccess,
  signal: AbortSignal,
): Promise<boolean> {
  const { clock } = access;
  const endMs = clock.monotonicMs() + catchUpMs;
  while ((await offsetOf(follower, access, signal)) < offset) {
    if (clock.monotonicMs() > endMs) return false;
    await clock.sleep(lookAgainMs, signal);
  }
  return true;
}

/** What it wrote, or has of what its leader wrote. */
async function offsetOf(
  member: BackupMember,
  access: BackupAccess,
  signal: AbortSignal,
): Promise<number> {
  const text = await askMember(
    member,
    access,
    (link, limit) => askOne(link, ['INFO', 'replication'], limit),
    signal,
  );
  const info = parseInfo(String(text));
  const own = info.get('role') === 'master' ? 'master_repl_offset' : 'slave_repl_offset';
  return Number(info.get(own) ?? 0);
}
