// What members of a Sentinel set would say were something done to them: for dry runs. Pure.

import type { Cluster, Member, Observed } from '@tweendeck/engine';
import { memoryFor } from '../memory.ts';
import { mayElect } from './choice.ts';
import type { SentinelDeed } from './deeds.ts';
import type { DataFacts, SentinelFacts, SetFacts, Watch, WatchedReplica } from './facts.ts';
import { countOf, type SentinelOptions, sentinelId, type WatchSettings } from './settings.ts';
import { rolesIn, type SeenData, type SeenSentinel, standingOf } from './standing.ts';

type Seen = Observed<SetFacts>;
type DeclaredSet = Pick<
  Cluster<SentinelOptions>,
  'name' | 'namespace' | 'spec' | 'passwords' | 'tls' | 'settings'
>;

/** What some of them say otherwise, by name. */
type Sayings = ReadonlyMap<string, Partial<DataFacts> | Partial<SentinelFacts>>;

/** Were all members there that are asked for: servers fenced and empty, Sentinels that watch nobody. Undefined: all are. */
export function seenOnceThere({ members }: Seen, set: DeclaredSet): Seen | undefined {
  const isMissing = (one: Member<SetFacts>): boolean => one.wanted && one.pod === undefined;
  if (!members.some(isMissing)) return undefined;
  return heard({ members: members.map((one) => (isMissing(one) ? newcomer(one, set) : one)) }, set);
}

/** Were the deed done. Undefined where that cannot be told. */
export function seenAfterDeed(
  deed: SentinelDeed,
  observed: Seen,
  set: DeclaredSet,
): Seen | undefined {
  const after = (sayings: Sayings): Seen => heard(saying(observed, sayings), set);
  switch (deed.kind) {
    case 'wait':
      return standingOf(observed).isChanging ? undefined : after(new Map());
    case 'lead':
      return after(new Map([[deed.by.name, { ...leading, ...merged(deed.by, deed.settings) }]]));
    case 'follow':
      return after(new Map([[deed.by.name, copying(deed.leader)]]));
    case 'set':
      return after(new Map([[deed.on.name, merged(deed.on, deed.settings)]]));
    case 'mark':
      return after(marked(deed, observed));
    case 'watch': {
      const { by, leader, settings } = deed;
      return after(new Map([[by.name, watching(leader.address, settings)]]));
    }
    case 'adjust': {
      const { by, settings } = deed;
      const { watch } = by.facts;
      return after(new Map([[by.name, watch ? adjusted(watch, settings) : {}]]));
    }
    case 'tell passwords':
      return heard(takingPasswords(observed, deed.on.name), set);
    case 'admit':
      return after(new Map([[deed.by.name, knowing(deed.by, 'admits')]]));
    case 'log in':
      return after(new Map([[deed.by.name, knowing(deed.by, 'uses')]]));
    case 'hand over':
      return switched(deed.from, deed.heirs, after, observed);
    case 'fail over': {
      const { data } = standingOf(observed);
      const from = data.find(({ address }) => address === deed.by.facts.watch?.address);
      return (
        from &&
        switched(
          from,
          data.filter((one) => mayElect(deed.by, one)),
          after,
          observed,
        )
      );
    }
  }
}

const leading = { isMaster: true, follows: undefined, isLinked: false } as const;

/** In step with it. */
function copying({ address, facts: { keys, offset, mark } }: SeenData): Partial<DataFacts> {
  return { isMaster: false, follows: address, isLinked: true, keys, offset, mark };
}

function merged({ facts }: SeenData, settings: DataFacts['settings']): Partial<DataFacts> {
  return { settings: new Map([...facts.settings, ...settings]) };
}

/** The mark goes where keys go. */
function marked(
  { on, mark }: Extract<SentinelDeed, { readonly kind: 'mark' }>,
  observed: Seen,
): Sayings {
  const { data } = standingOf(observed);
  const holders = data.filter(({ address, facts }) => {
    return address === on.address || (facts.isLinked && facts.follows === on.address);
  });
  return new Map(holders.map(({ name }) => [name, { mark }]));
}

/** Begun so long ago that what is done next may be done. */
const sinceMs = 3_600_000;

function watching(address: string, settings: WatchSettings): Partial<SentinelFacts> {
  const watch = { address, flags: new Set(['master']), epoch: 0, downMs: undefined, sinceMs };
  return adjusted({ ...watch, ...timesOf(settings), replicas: [], others: [] }, settings);
}

function adjusted(watch: Watch, settings: WatchSettings): Partial<SentinelFacts> {
  return { askMs: settings.askMs, watch: { ...watch, ...timesOf(settings) } };
}

function timesOf(
  settings: WatchSettings,
): Pick<Watch, 'quorum' | 'downAfterMs' | 'failoverTimeoutMs'> {
  const { quorum, downAfterMs, failoverTimeoutMs } = settings;
  return { quorum, downAfterMs, failoverTimeoutMs };
}

function knowing({ facts }: SeenSentinel, what: 'admits' | 'uses'): Partial<SentinelFacts> {
  return { passwords: { admits: false, uses: false, ...facts.passwords, [what]: true } };
}

function takingPasswords({ members }: Seen, name: string): Seen {
  return {
    members: members.map((one) =>
      one.name === name && one.view ? { ...one, view: { ...one.view, takesPasswords: true } } : one,
    ),
  };
}

/** Sentinels choose whom they may that has most; whoever followed the old leader follows the new one. */
function switched(
  from: SeenData,
  heirs: readonly SeenData[],
  after: (sayings: Sayings) => Seen,
  observed: Seen,
): Seen | undefined {
  const [heir] = heirs.toSorted((a, b) => b.facts.offset - a.facts.offset);
  if (heir === undefined) return undefined;
  const { data, sentinels } = standingOf(observed);
  const followers = data.filter(
    ({ name, facts }) =>
      name !== heir.name && (name === from.name || facts.follows === from.address),
  );
  const watchers = sentinels.flatMap(({ name, facts: { watch } }) =>
    watch ? [[name, { watch: turned(watch, heir) }] as const] : [],
  );
  return after(
    new Map<string, Partial<DataFacts> | Partial<SentinelFacts>>([
      [heir.name, leading],
      ...followers.map(({ name }) => [name, copying(heir)] as const),
      ...watchers,
    ]),
  );
}

function turned(watch: Watch, { address }: SeenData): Watch {
  const flags = new Set(['master']);
  return { ...watch, address, flags, epoch: watch.epoch + 1, downMs: undefined, sinceMs };
}

function saying({ members }: Seen, sayings: Sayings): Seen {
  return {
    members: members.map((one) => {
      const say = sayings.get(one.name);
      // A saying is of the kind of who says it.
      return say ? withFacts(one, (facts) => ({ ...facts, ...say }) as SetFacts) : one;
    }),
  };
}

function withFacts(
  member: Member<SetFacts>,
  change: (facts: SetFacts) => SetFacts,
): Member<SetFacts> {
  const { view } = member;
  return view ? { ...member, view: { ...view, facts: change(view.facts) } } : member;
}

// Sentinels learn by themselves who is there; what each is follows from what all say.

function heard(observed: Seen, set: DeclaredSet): Seen {
  const { data, sentinels } = standingOf(observed);
  const learnt = observed.members.map((member) =>
    withFacts(member, (facts) =>
      facts.kind === 'sentinel' && facts.watch
        ? { ...facts, watch: learning(facts.id, facts.watch, { data, sentinels }) }
        : facts,
    ),
  );
  const roles = rolesIn({ members: learnt });
  return { members: learnt.map((member) => judged(member, roles.get(member.name), set)) };
}

function learning(
  id: string,
  watch: Watch,
  {
    data,
    sentinels,
  }: { readonly data: readonly SeenData[]; readonly sentinels: readonly SeenSentinel[] },
): Watch {
  const { address, replicas, others } = watch;
  const followers = data.filter(({ facts }) => facts.follows === address);
  const told = new Set([address, ...followers.map((one) => one.address)]);
  const peers = sentinels.filter(
    ({ facts }) => facts.watch?.address === address && facts.id !== id,
  );
  return {
    ...watch,
    replicas: [...replicas.filter((one) => !told.has(one.address)), ...followers.map(replicaOf)],
    others: [...new Set([...others, ...peers.map(({ facts }) => facts.id)])],
  };
}

function replicaOf({ address, facts }: SeenData): WatchedReplica {
  const priority = Number(facts.settings.get('replica-priority') ?? 100);
  return { address, flags: new Set(['slave']), priority };
}

function judged(
  member: Member<SetFacts>,
  role: 'leader' | 'follower' | 'peer' | 'unknown' = 'peer',
  { spec }: DeclaredSet,
): Member<SetFacts> {
  const { view } = member;
  if (view === undefined) return member;
  const { facts } = view;
  if (facts.kind === 'data') {
    return { ...member, view: { ...view, role, synced: facts.isMaster || facts.isLinked } };
  }
  const { watch, passwords } = facts;
  const isArmed =
    watch !== undefined &&
    watch.downMs === undefined &&
    watch.others.length >= countOf(spec, 'sentinels') - 1 &&
    watch.replicas.length >= countOf(spec, 'data') - 1;
  const taking = passwords ? { takesPasswords: passwords.admits && passwords.uses } : {};
  return { ...member, view: { ...view, role, synced: isArmed, ...taking } };
}

function newcomer(member: Member<SetFacts>, set: DeclaredSet): Member<SetFacts> {
  const { name, place, revision } = member;
  const isData = place.group === 'data';
  const shown = isData ? set.tls?.fingerprint : undefined;
  return {
    ...member,
    silence: undefined,
    pod: {
      ...{ name: `${name}-0`, uid: name, ip: name, host: undefined, ready: true, revision },
      ...{ terminating: false, trouble: undefined },
    },
    view: {
      ...{
        role: 'unknown',
        synced: false,
        facts: isData ? newServer(set) : newSentinel(name, set),
      },
      ...(isData ? { settings: set.settings ?? {} } : {}),
      ...(set.passwords ? { takesPasswords: isData } : {}),
      ...(shown === undefined ? {} : { certificate: shown }),
    },
  };
}

/** As it starts: following an address where nobody is, and never to be chosen. */
function newServer({ spec }: DeclaredSet): DataFacts {
  const settings = new Map([
    ...([
      ['replica-priority', '0'],
      ['min-replicas-to-write', '0'],
    ] as const),
    ...([
      ['maxmemory-policy', 'noeviction'],
      ['timeout', '0'],
    ] as const),
  ]);
  return {
    ...{
      kind: 'data',
      isMaster: false,
      follows: '127.0.0.1:1',
      isLinked: false,
      keys: 0,
      offset: 0,
    },
    ...{ mark: undefined, info: new Map(), settings },
    isLogged: spec.config?.['appendonly'] !== 'no',
    memory: { data: 0, used: 0, max: memoryFor(spec, 'data') },
  };
}

/** It reads whom to let in when it starts, and is told with what to log in. */
function newSentinel(name: string, set: DeclaredSet): SentinelFacts {
  return {
    ...{ kind: 'sentinel', id: sentinelId(set, name), askMs: 0, watch: undefined },
    ...(set.passwords ? { passwords: { admits: true, uses: false } } : {}),
  };
}
