// What is told of the document of the data planes: whether it counts everywhere, and whether their store can be used. Pure.

import type { ReplicaAnswer, ReplicaFigures } from './figures/figures.ts';
import type { CacheServerObject } from './kind.ts';
import { hasRules, rulesFile, secretsOf } from './render-rules.ts';

export interface RulesCondition {
  readonly type: 'PeersReachable' | 'RulesApplied' | 'StoreReachable';
  readonly status: 'True' | 'False';
  readonly reason: string;
  readonly message: string;
}

interface Told {
  readonly pod: string;
  readonly figures: ReplicaFigures;
}

function told(answers: readonly ReplicaAnswer[]): readonly Told[] {
  return answers.flatMap((one) => ('figures' in one ? [one] : []));
}

/** What replicas tell back decides. Undefined where there is nothing to tell: no rules, now or before. */
export function rulesCondition(
  cache: CacheServerObject,
  answers: readonly ReplicaAnswer[],
): RulesCondition | undefined {
  const { revision } = rulesFile(cache);
  const all = told(answers);
  const other = all.find(({ figures }) => (figures.revision ?? revision) !== revision);
  if (!hasRules(cache) && !other) return undefined;
  const said = (status: 'True' | 'False', reason: string, message: string): RulesCondition => ({
    ...({ type: 'RulesApplied' } as const),
    ...{ status, reason, message },
  });
  if (other) {
    const message = `pod ${other.pod} still follows the rules of before; a node brings it those of now within two minutes`;
    return said('False', 'RulesOnTheirWay', message);
  }
  if (all.length === 0 || all.length < answers.length) {
    return said('False', 'NotToldBack', 'not all replicas tell their rules: see FiguresKnown');
  }
  return said('True', 'AllReplicasFollow', 'all replicas follow the rules of the spec');
}

/** Whether the server that keeps the values can be used, by the replicas' own words; undefined without one. */
export function storeCondition(
  cache: CacheServerObject,
  answers: readonly ReplicaAnswer[],
): RulesCondition | undefined {
  const redis = cache.spec.store?.redis;
  if (!redis) return undefined;
  const said = (status: 'True' | 'False', reason: string, message: string): RulesCondition => ({
    ...({ type: 'StoreReachable' } as const),
    ...{ status, reason, message },
  });
  const using = told(answers).filter(({ figures }) => figures.redis !== undefined);
  const failing = using.find(({ figures }) => figures.redis?.failure !== undefined);
  if (failing) {
    const why = failing.figures.redis?.failure ?? '';
    const message = `pod ${failing.pod} cannot use the store ${redis.address}: ${why}; downloads are misses and uploads are dropped meanwhile. ${hintOf(why, redis, secretsOf(cache))}`;
    return said('False', 'StoreUnreachable', message);
  }
  if (using.length === 0) return said('False', 'NotToldBack', 'no replica tells of its store yet');
  const users = using.length === 1 ? 'the replica uses' : `${using.length} replicas use`;
  return said('True', 'StoreServes', `${users} ${redis.address}`);
}

/** Whether mirrors and upstream can be worked with, by the replicas' own words; undefined where there are none. */
export function peersCondition(
  { spec }: CacheServerObject,
  answers: readonly ReplicaAnswer[],
): RulesCondition | undefined {
  const { upstream, mirror } = spec;
  if (upstream === undefined && (mirror?.targets ?? []).length === 0) return undefined;
  const said = (status: 'True' | 'False', reason: string, message: string): RulesCondition => ({
    ...({ type: 'PeersReachable' } as const),
    ...{ status, reason, message },
  });
  const all = told(answers);
  const troubles = all.flatMap(({ pod, figures }) =>
    figures.troubledPeers.map((peer) => ({ pod, peer })),
  );
  const [first] = troubles;
  if (first) {
    const { pod, peer } = first;
    const others = troubles.length > 1 ? `; and ${troubles.length - 1} more` : '';
    const message = `${peer.what} ${peer.address} of pod ${pod}: ${peerWords(peer)}${others}`;
    return said('False', peerReasons[peer.state] ?? 'PeerUnreachable', message);
  }
  if (all.length === 0) return said('False', 'NotToldBack', 'no replica tells of them yet');
  return said('True', 'PeersServe', 'nothing is wrong with mirrors and upstream');
}

const peerReasons: Readonly<Record<string, string>> = {
  refused: 'PeerKeepsNothing',
  untrusted: 'PeerUntrusted',
  self: 'PeerIsSelf',
  loop: 'PeerLoop',
};

type Peer = ReplicaFigures['troubledPeers'][number];

/** What is the matter, what it means, and what to do. */
function peerWords({ what, state, failure }: Peer): string {
  const why = failure === '' ? 'no answer' : failure;
  switch (state) {
    case 'refused':
      return 'it takes what it is sent and keeps nothing; let the address of the pod put there (spec.access of that cache), and look at its storage';
    case 'untrusted':
      return `${why}; look at tls and tokenSecret, and at the Secrets that they name`;
    case 'self':
      return 'it is this very cache; take it out of spec.mirror.targets';
    case 'loop':
      return 'it asks this cache in turn; take spec.upstream away from one of them';
    default:
      return what === 'mirror'
        ? `${why}; what is stored waits for it, look at its address and at NetworkPolicies`
        : `${why}; misses are misses meanwhile, look at its address and at NetworkPolicies`;
  }
}

type Redis = NonNullable<NonNullable<CacheServerObject['spec']['store']>['redis']>;

/** What to do, in the words of the spec. */
function hintOf(
  why: string,
  { passwordSecret, tls, user }: Redis,
  secrets: ReturnType<typeof secretsOf>,
): string {
  const missing = secrets
    .flatMap(([name, keys]) => keys.map((key) => ({ name, key })))
    .find(({ name, key }) => why.includes('ENOENT') && why.includes(`/${name}/${key}'`));
  if (missing) {
    const { name, key } = missing;
    return `Make the Secret ${name} with a field ${key}: it reaches the pods within two minutes`;
  }
  if (/WRONGPASS|invalid username-password/.test(why))
    return `Look at spec.store.redis.user${user === undefined ? '' : ` (${user})`} and at the password in Secret ${passwordSecret?.name}`;
  if (/NOAUTH|Authentication required/.test(why))
    return 'The server wants a password: name its Secret in spec.store.redis.passwordSecret';
  if (/ENOTFOUND|EAI_AGAIN/.test(why))
    return 'Look at the name in spec.store.redis.address: pods cannot resolve it';
  if (/certificate|self.signed|ALTNAME|SSL|TLS/i.test(why) && tls !== undefined)
    return 'Look at spec.store.redis.tls: caSecret has to vouch for the certificate, and serverName to be in it';
  return 'Look whether the server runs at spec.store.redis.address, whether a NetworkPolicy lets the pods reach it, and whether it wants TLS';
}
