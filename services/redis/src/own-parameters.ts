// Settings of a redis-server that nobody may choose, and why: what the platform renders, or follows from another field.

type Reasons = Readonly<Record<string, string>>;

function all(names: readonly string[], reason: string): Reasons {
  return Object.fromEntries(names.map((name) => [name, reason]));
}

/** Of servers of both kinds. */
const always: Reasons = {
  maxmemory: 'it follows resources.limits.memory',
  ...all(['bind', 'port', 'protected-mode'], 'members listen where clients and the platform look'),
  dir: 'data are where the volume is',
  'replica-serve-stale-data': 'one without its leader tells the platform what it has',
  ...all(
    ['aclfile', 'include', 'masterauth', 'masteruser', 'requirepass', 'user'],
    'it follows auth',
  ),
  ...all(
    [
      ...['tls-port', 'tls-cert-file', 'tls-key-file', 'tls-ca-cert-file'],
      ...['tls-auth-clients', 'tls-replication'],
    ],
    'it follows tls',
  ),
};

/** Of members of a Redis Cluster. */
export const ownOfCluster: Reasons = {
  ...always,
  'cluster-node-timeout': 'it follows options.nodeTimeoutMs',
  'tls-cluster': 'it follows tls',
  ...all(['cluster-enabled', 'cluster-config-file'], 'members are always those of one cluster'),
  ...all(
    [
      ...['cluster-announce-ip', 'cluster-announce-port', 'cluster-announce-tls-port'],
      'cluster-port',
    ],
    'members listen where clients and the platform look',
  ),
  ...all(
    [
      ...['cluster-allow-replica-migration', 'cluster-replica-validity-factor'],
      ...['cluster-replica-no-failover', 'cluster-require-full-coverage'],
    ],
    'who leads a shard is decided with it',
  ),
};

/** Of servers that Sentinels watch. */
export const ownOfSentinel: Reasons = {
  ...always,
  ...all(['bind-source-addr', 'replica-announce-ip'], 'members are known by the addresses of pods'),
  ...all(
    ['replicaof', 'replica-priority', 'min-replicas-max-lag', 'repl-diskless-sync-delay'],
    'who leads is decided with it',
  ),
};
