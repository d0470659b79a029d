// Backups of a Redis with Sentinels: one file, of whom Sentinels name.

import type { BackupAccess, BackupMember, BackupProgram, BackupSurvey } from '@tweendeck/engine';
import { messageOf } from '@tweendeck/std';
import type { RespValue } from '@tweendeck/wire';
import { askOne } from '../redis-link.ts';
import { type DataFacts, observeData, redisPort, sentinelPort } from '../sentinel/facts.ts';
import { type FillTarget, fillFrom } from './fill.ts';
import { askMember, dataMembers } from './members.ts';
import { readPart } from './read-part.ts';
import { unsteady } from './unsteady.ts';

export const redisSentinelBackup: BackupProgram = {
  suffix: '.rdb',
  survey,
  read: readPart,
  contents: async (access, signal) => {
    const seen = await look(access, signal);
    leaderIn(seen);
    const full = seen.find(({ facts }) => facts.keys > 0);
    return full && `${full.member.name} holds ${full.facts.keys} keys`;
  },
  fill: (file, access, signal) => fillFrom(file, findTarget, access, signal),
};

interface Seen {
  readonly member: BackupMember;
  readonly version: string;
  readonly facts: DataFacts;
}

async function survey(access: BackupAccess, signal: AbortSignal): Promise<BackupSurvey> {
  const seen = await look(access, signal);
  const { member: leader, version } = leaderIn(seen);
  const named = await namedBySentinels(access, signal);
  if (named !== leader.host)
    throw unsteady(`Sentinels name ${named ?? 'nobody'}, and ${leader.name} takes writes`);
  const [follower] = seen
    .filter(({ facts }) => facts.isLinked && facts.follows === `${leader.host}:${redisPort}`)
    .toSorted((a, b) => b.facts.offset - a.facts.offset);
  const part = { name: 'data', holds: 'all keys', leader, follower: follower?.member };
  return { version, parts: [part], state: leader.host };
}

async function look(access: BackupAccess, signal: AbortSignal): Promise<readonly Seen[]> {
  const silent: string[] = [];
  const asked = dataMembers(access).map(async (member): Promise<readonly Seen[]> => {
    try {
      const { facts, version = '' } = await askMember(
        member,
        access,
        (link, limit) => observeData(link, {}, limit),
        signal,
      );
      return [{ member, facts, version }];
    } catch (error) {
      signal.throwIfAborted();
      silent.push(`${member.name}: ${messageOf(error)}`);
      return [];
    }
  });
  const seen = (await Promise.all(asked)).flat();
  if (seen.length > 0) return seen;
  throw unsteady(`no server answers: ${silent[0] ?? 'there is none'}`);
}

function leaderIn(seen: readonly Seen[]): Seen {
  const [leader, another] = seen.filter(({ facts }) => facts.isMaster);
  if (leader === undefined) throw unsteady('no server takes writes');
  if (another === undefined) return leader;
  throw unsteady(`${leader.member.name} and ${another.member.name} take writes`);
}

/** As most of those say that answer. */
async function namedBySentinels(
  access: BackupAccess,
  signal: AbortSignal,
): Promise<string | undefined> {
  const sentinels = access.members.filter(({ group }) => group === 'sentinels');
  const asked = sentinels.map(async (member) => {
    try {
      return await askMember(
        { ...member, port: sentinelPort },
        access,
        async (link, limit) => addressOf(await askOne(link, ['SENTINEL', 'MASTERS'], limit)),
        signal,
      );
    } catch {
      signal.throwIfAborted();
      return undefined; // the others are asked as well
    }
  });
  const votes = Map.groupBy(await Promise.all(asked), (host) => host);
  const [most] = [...votes].find(([, by]) => by.length * 2 > sentinels.length) ?? [];
  return most;
}

/** Of the first that is watched: each Sentinel has one. */
function addressOf(masters: RespValue): string | undefined {
  const [first] = Array.isArray(masters) ? masters : [];
  if (!Array.isArray(first)) return undefined;
  const words = first.map((word) =>
    word instanceof Uint8Array ? Buffer.from(word).toString() : String(word),
  );
  const at = words.indexOf('ip');
  return at < 0 ? undefined : words[at + 1];
}

async function findTarget(access: BackupAccess, signal: AbortSignal): Promise<FillTarget> {
  const { member } = leaderIn(await look(access, signal));
  return { leaders: [member], ownerOf: () => member };
}
