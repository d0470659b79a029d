// Who leads a Sentinel set, from what all its members say. Pure.
//
// The word of most Sentinels counts, not what a member says of itself: one that was cut off may still take itself for the
// master. That member leads only if it says so, too: one that started anew does not take writes until it was told to.

import type { Member, Observed, Role } from '@tweendeck/engine';
import {
  type DataFacts,
  redisPort,
  type SentinelFacts,
  type SetFacts,
  sentinelPort,
} from './facts.ts';

type SeenAs<Facts> = Omit<Member<SetFacts>, 'pod' | 'view'> & {
  readonly pod: NonNullable<Member<SetFacts>['pod']>;
  readonly view: NonNullable<Member<SetFacts>['view']>;
  readonly facts: Facts;
  /** `host:port`. */
  readonly address: string;
};
export type SeenData = SeenAs<DataFacts>;
export type SeenSentinel = SeenAs<SentinelFacts>;

/** What the members say, taken together. */
export interface Standing {
  readonly members: readonly Member<SetFacts>[];
  readonly data: readonly SeenData[];
  readonly sentinels: readonly SeenSentinel[];
  /** Whether most of the Sentinels that the spec asks for answer. */
  readonly hasMajority: boolean;
  /** The address of the master: as most say, else as those who know of the latest failover. */
  readonly named: string | undefined;
  /** Whoever takes writes and is named; who takes writes as the only one, where nobody is named. */
  readonly leader: SeenData | undefined;
  /** A Sentinel is making another one the master. */
  readonly isChanging: boolean;
}

export function standingOf({ members }: Observed<SetFacts>): Standing {
  const data = members.flatMap((member): readonly SeenData[] => {
    const facts = member.view?.facts;
    return facts?.kind === 'data' ? seen(member, facts, redisPort) : [];
  });
  const sentinels = members.flatMap((member): readonly SeenSentinel[] => {
    const facts = member.view?.facts;
    return facts?.kind === 'sentinel' ? seen(member, facts, sentinelPort) : [];
  });
  const isWanted = ({ wanted }: Member<SetFacts>): boolean => wanted;
  const asked = members.filter(({ wanted, place }) => wanted && place.group === 'sentinels');
  const needed = Math.floor(asked.length / 2) + 1;
  const wanted = sentinels.filter(({ wanted }) => wanted);
  const named = namedBy(wanted, needed);
  const masters = data.filter(({ facts }) => facts.isMaster);
  const only = masters.length === 1 ? masters[0] : undefined;
  return {
    ...{ members, data, sentinels, named },
    hasMajority: members.some(isWanted) && wanted.length >= needed,
    leader: named === undefined ? only : masters.find(({ address }) => address === named),
    isChanging: sentinels.some(({ facts }) => facts.watch?.flags.has('failover_in_progress')),
  };
}

function seen<Facts>(
  member: Member<SetFacts>,
  facts: Facts,
  port: number,
): readonly SeenAs<Facts>[] {
  const { pod, view } = member;
  if (pod?.ip === undefined || view === undefined) return [];
  return [{ ...member, pod, view, facts, address: `${pod.ip}:${port}` }];
}

function namedBy(sentinels: readonly SeenSentinel[], needed: number): string | undefined {
  const watches = sentinels.flatMap(({ facts }) => (facts.watch ? [facts.watch] : []));
  const votes = Map.groupBy(watches, ({ address }) => address);
  const [most] = [...votes].find(([, by]) => by.length >= needed) ?? [];
  const [latest] = watches.toSorted((a, b) => b.epoch - a.epoch);
  return most ?? latest?.address;
}

/** For labels and the status: nobody leads of whom this is not sure. */
export function rolesIn(observed: Observed<SetFacts>): ReadonlyMap<string, Role> {
  const { data, leader } = standingOf(observed);
  return new Map(
    data.map((one): readonly [string, Role] => {
      if (one.name === leader?.name) return [one.name, 'leader'];
      const { isLinked, follows } = one.facts;
      return [one.name, isLinked && follows === leader?.address ? 'follower' : 'unknown'];
    }),
  );
}

/** Whether any Sentinel says that it does not answer: for as long as one that is asked anew may take, it had already. */
export function isDownBySentinels(
  { pod, place }: Member<SetFacts>,
  { members }: Observed<SetFacts>,
): boolean {
  const address = `${pod?.ip}:${redisPort}`;
  if (place.group !== 'data') return false;
  return members.some(({ view }) => {
    const watch = view?.facts.kind === 'sentinel' ? view.facts.watch : undefined;
    if (watch === undefined) return false;
    const named = [{ address: watch.address, flags: watch.flags }, ...watch.replicas];
    return named.some((one) => one.address === address && one.flags.has('s_down'));
  });
}
