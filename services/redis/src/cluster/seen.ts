// A member that answered, and the way to it.

import type { Member, MemberView } from '@tweendeck/engine';
import { isPlatformError } from '@tweendeck/std';
import { commandLifeMs, expiring } from '../expiring.ts';
import type { Command, OpenLink, RedisAddress, RedisLink } from '../redis-link.ts';
import type { RedisFacts } from './facts.ts';

export const redisPort = 6_379;
export const busPort = 16_379;
/** Where a member listens that may not take part yet. */
export const fencedPort = 6_380;

export interface Seen extends Member<RedisFacts> {
  readonly pod: NonNullable<Member<RedisFacts>['pod']>;
  readonly view: MemberView<RedisFacts>;
}

export function isSeen(member: Member<RedisFacts>): member is Seen {
  return member.view !== undefined && member.pod !== undefined;
}

export function addressOf({ pod, view }: Pick<Member<RedisFacts>, 'pod' | 'view'>): RedisAddress {
  return { host: pod?.ip ?? '', port: view?.facts.isFenced ? fencedPort : redisPort };
}

/** To a member that was not asked yet: it listens at one of two ports. */
export async function openUnseen(
  member: Pick<Member<RedisFacts>, 'pod' | 'view'>,
  open: OpenLink,
  signal: AbortSignal,
): Promise<RedisLink> {
  const address = addressOf(member);
  try {
    return await open(address, signal);
  } catch (error) {
    if (!isPlatformError(error, 'REDIS_AWAY')) throw error;
    signal.throwIfAborted();
    try {
      return await open({ ...address, port: fencedPort }, signal);
    } catch {
      throw error; // what the usual port said
    }
  }
}

/** Done by the member only while what it said is fresh. */
export function freshly({ view }: Seen, command: Command): Command {
  return expiring(command, { untilMs: view.facts.clockMs + commandLifeMs });
}

/** Done by the member only while what it said is fresh, and it follows whom it followed then, or nobody as then. */
export function asSeen({ view: { facts } }: Seen, command: Command): Command {
  const untilMs = facts.clockMs + commandLifeMs;
  return expiring(command, { untilMs, role: { follows: facts.self.masterId } });
}

/** A link to a member, for as long as `use` takes. */
export async function withLink<Result>(
  member: Seen,
  open: OpenLink,
  use: (link: RedisLink) => Promise<Result>,
  signal: AbortSignal,
): Promise<Result> {
  using link = await open(addressOf(member), signal);
  return await use(link);
}
