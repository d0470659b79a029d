// A member that answered, and the way to it.

import type { Member, MemberView } from '@tweendeck/engine';
import type { OpenLink, RedisAddress, RedisLink } from '../redis-link.ts';
import type { RedisFacts } from './facts.ts';

export const redisPort = 6_379;

export interface Seen extends Member<RedisFacts> {
  readonly pod: NonNullable<Member<RedisFacts>['pod']>;
  readonly view: MemberView<RedisFacts>;
}

export function isSeen(member: Member<RedisFacts>): member is Seen {
  return member.view !== undefined && member.pod !== undefined;
}

export function addressOf({ pod }: Pick<Member<unknown>, 'pod'>): RedisAddress {
  return { host: pod?.ip ?? '', port: redisPort };
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
