// Backups of a Redis Cluster: who owns which slots, and where keys go.

import type {
  BackupAccess,
  BackupMember,
  BackupPart,
  BackupProgram,
  BackupSurvey,
  MemberView,
} from '@tweendeck/engine';
import { messageOf } from '@tweendeck/std';
import { observeMember, type RedisFacts } from '../cluster/facts.ts';
import { holds, slotCount, slotsHeld } from '../cluster/slots.ts';
import { type FillTarget, fillFrom } from './fill.ts';
import { askMember, dataMembers } from './members.ts';
import { readPart } from './read-part.ts';
import { slotOf } from './restore-batch.ts';
import { unsteady } from './unsteady.ts';

export const redisClusterBackup: BackupProgram = {
  suffix: '.rdb',
  survey,
  read: readPart,
  contents,
  fill: (file, access, signal) => fillFrom(file, findTarget, access, signal),
};

interface Seen {
  readonly member: BackupMember;
  readonly view: MemberView<RedisFacts>;
}

async function survey(access: BackupAccess, signal: AbortSignal): Promise<BackupSurvey> {
  const seen = await look(access, signal);
  const owners = ownersOf(seen);
  const moving = owners.find(({ view: { facts } }) => {
    const { migrating, importing } = facts.self;
    return migrating.size > 0 || importing.size > 0;
  });
  if (moving) throw unsteady(`slots of ${moving.member.name} are on their way`);
  const parts = owners.map((owner) => partOf(owner, seen));
  if (new Set(parts.map(({ name }) => name)).size < parts.length)
    throw unsteady('two members of a shard own slots');
  const state = owners.map(({ view: { facts } }) => [facts.id, facts.self.epoch, facts.self.slots]);
  const version = owners[0]?.view.version ?? '';
  return { version, parts, state: JSON.stringify(state) };
}

/** Whoever does not answer is not seen: its shard may have others. */
async function look(access: BackupAccess, signal: AbortSignal): Promise<readonly Seen[]> {
  const silent: string[] = [];
  const asked = dataMembers(access).map(async (member): Promise<readonly Seen[]> => {
    try {
      const view = await askMember(
        member,
        access,
        (link, limit) => observeMember(link, {}, limit),
        signal,
      );
      return [{ member, view }];
    } catch (error) {
      signal.throwIfAborted();
      silent.push(`${member.name}: ${messageOf(error)}`);
      return [];
    }
  });
  const seen = (await Promise.all(asked)).flat();
  if (seen.length > 0) return seen;
  throw unsteady(`no member answers: ${silent[0] ?? 'there is none'}`);
}

/** All slots have one. */
function ownersOf(seen: readonly Seen[]): readonly Seen[] {
  const owners = seen
    .filter(({ view }) => view.facts.self.slots.length > 0)
    .toSorted((a, b) => a.member.shard - b.member.shard);
  const owned = owners.reduce((sum, { view }) => sum + slotsHeld(view.facts.self.slots), 0);
  if (owned === slotCount) return owners;
  throw unsteady(`members that answer own ${owned} of ${slotCount} slots`);
}

function partOf({ member, view: { facts } }: Seen, seen: readonly Seen[]): BackupPart {
  const [follower] = seen
    .filter(({ view }) => view.facts.self.masterId === facts.id && view.synced)
    .toSorted((a, b) => b.view.facts.offset - a.view.facts.offset);
  const ranges = facts.self.slots.map(([from, to]) => (from === to ? from : `${from}-${to}`));
  return {
    name: `shard-${member.shard}`,
    holds: `slots ${ranges.join(' ')}`,
    ...{ leader: member, follower: follower?.member },
  };
}

async function contents(access: BackupAccess, signal: AbortSignal): Promise<string | undefined> {
  const seen = await look(access, signal);
  ownersOf(seen);
  const full = seen.find(({ view }) => view.facts.keys > 0);
  return full && `${full.member.name} holds ${full.view.facts.keys} keys`;
}

async function findTarget(access: BackupAccess, signal: AbortSignal): Promise<FillTarget> {
  const owners = ownersOf(await look(access, signal));
  const table = Array.from({ length: slotCount }, (_, slot) =>
    owners.find(({ view }) => holds(view.facts.self.slots, slot)),
  );
  return {
    leaders: owners.map(({ member }) => member),
    ownerOf: (key) => {
      const owner = table[slotOf(key)];
      if (owner === undefined) throw unsteady(`nobody owns slot ${slotOf(key)}`);
      return owner.member;
    },
  };
}
