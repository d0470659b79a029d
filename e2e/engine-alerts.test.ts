// The default alerts of middleware, as Prometheus' own tool runs them.

import { join } from 'node:path';
import { test } from 'node:test';
import { fires as firesAt, promtool, testRules } from './support/promtool.ts';

const folder = join(import.meta.dirname, '../charts/tweendeck/alerts');

const fires = (
  alert: string,
  input: Readonly<Record<string, string>>,
  firing: boolean,
  at = '50m',
) => firesAt(alert, input, firing, at);

function seriesOf(kind: string) {
  const labels = { kind, namespace: 'n', name: 'shop' };
  return (name: string, more: Readonly<Record<string, string>> = {}): string => {
    const pairs = Object.entries({ ...labels, ...more }).map(([key, value]) => `${key}="${value}"`);
    return `tweendeck_${name}{${pairs.join(',')}}`;
  };
}

test('alerts of CacheServers fire when they should', () => {
  const rules = join(folder, 'cacheserver.rules.yaml');
  promtool(['check', 'rules', rules]);
  const series = seriesOf('CacheServer');
  const phase = (value: string) => ({ [series('cluster_phase', { phase: value })]: '1x60' });
  const cleaner = (values: string) => ({
    [series('cluster_condition', { condition: 'CleanerScheduled' })]: values,
  });
  const down = { [series('member_up', { member: 'shop-1' })]: '0x60' };
  testRules(rules, [
    fires('CacheServerDegraded', phase('Degraded'), true),
    fires('CacheServerDegraded', phase('Failed'), true),
    fires('CacheServerDegraded', phase('Progressing'), false),
    fires('CacheServerMemberDown', { ...down, ...phase('Progressing') }, true),
    fires('CacheServerMemberDown', { ...down, ...phase('Pending') }, false),
    fires('CacheServerCleanerNotScheduled', cleaner('0x60'), true),
    fires('CacheServerCleanerNotScheduled', cleaner('1x60'), false),
    fires('CacheServerCleanerNotScheduled', {}, false),
  ]);
});

test('alerts of RedisClusters fire when they should', () => {
  const rules = join(folder, 'rediscluster.rules.yaml');
  promtool(['check', 'rules', rules]);
  const series = seriesOf('RedisCluster');
  const phase = (value: string) => ({ [series('cluster_phase', { phase: value })]: '1x60' });
  const member = (name: string) => series(name, { member: 'shop-data-0-0' });
  const memory = (used: string, max: string) => ({
    [member('redis_memory_used_bytes')]: used,
    [member('redis_memory_max_bytes')]: max,
  });
  const notWritable = { [series('redis_writable')]: '0x60' };
  const down = { [member('member_up')]: '0x60' };
  const changes = { [series('cluster_leader_changes_total')]: '0+1x60' };
  const spread = (values: string) => ({
    [series('cluster_condition', { condition: 'LeadersSpread' })]: values,
  });
  const backed = (values: string) => ({
    [series('cluster_condition', { condition: 'BackupRecent' })]: values,
  });
  const apart = (values: string) => ({
    [series('cluster_condition', { condition: 'MembersApart' })]: values,
  });
  const on = (host: string) => ({ [series('member_info', { member: host, host })]: '1x60' });
  testRules(rules, [
    fires('RedisClusterNotWritable', { ...notWritable, ...phase('Progressing') }, true),
    fires('RedisClusterNotWritable', { ...notWritable, ...phase('Degraded') }, true),
    fires('RedisClusterNotWritable', { ...notWritable, ...phase('Pending') }, false),
    fires('RedisClusterNotWritable', { ...notWritable, ...phase('Stopped') }, false),
    fires(
      'RedisClusterNotWritable',
      { [series('redis_writable')]: '1x20 0 1x40', ...phase('Ready') },
      false,
      '21m',
    ),
    fires(
      'RedisClusterSlotsMissing',
      { [series('redis_cluster_slots_missing')]: '5461x60', ...phase('Degraded') },
      true,
    ),
    fires('RedisClusterMemberDown', { ...down, ...phase('Progressing') }, true),
    fires('RedisClusterMemberDown', { ...down, ...phase('Stopped') }, false),
    fires('RedisClusterMemberDown', { [member('member_up')]: '1x60', ...phase('Ready') }, false),
    fires('RedisClusterDegraded', phase('Degraded'), true),
    fires('RedisClusterMembersTogether', { ...apart('0x60'), ...on('a'), ...on('b') }, true),
    fires('RedisClusterMembersTogether', { ...apart('0x60'), ...on('a') }, false),
    fires('RedisClusterMembersTogether', { ...apart('1x60'), ...on('a'), ...on('b') }, false),
    fires('RedisClusterBackupOld', backed('0x60'), true),
    fires('RedisClusterBackupOld', backed('1x60'), false),
    fires('RedisClusterBackupOld', {}, false),
    fires('RedisClusterDegraded', phase('Ready'), false),
    fires(
      'RedisClusterStepOverdue',
      { [series('cluster_trouble', { reason: 'StepOverdue' })]: '1x60' },
      true,
    ),
    fires(
      'RedisClusterStepOverdue',
      { [series('cluster_trouble', { reason: 'NoRoom' })]: '1x60' },
      false,
    ),
    fires(
      'RedisClusterNotLookedAfter',
      { [series('cluster_last_pass_timestamp_seconds')]: '60x60' },
      true,
    ),
    fires(
      'RedisClusterNotLookedAfter',
      { [series('cluster_last_pass_timestamp_seconds')]: '0+60x60' },
      false,
    ),
    fires(
      'RedisClusterNotLookedAfter',
      {
        [series('cluster_passes_total')]: '0+3x60',
        [series('cluster_passes_failed_total')]: '0+3x60',
      },
      true,
    ),
    fires(
      'RedisClusterNotLookedAfter',
      {
        [series('cluster_passes_total')]: '0+3x60',
        [series('cluster_passes_failed_total')]: '0+1x60',
      },
      false,
    ),
    fires('RedisClusterReplicaLags', { [member('redis_replication_lag_bytes')]: '1e8x60' }, true),
    fires('RedisClusterReplicaLags', { [member('redis_replication_lag_bytes')]: '9x60' }, false),
    fires('RedisClusterReplicaLags', { [member('redis_replication_link_up')]: '0x60' }, true),
    fires('RedisClusterMemoryNearLimit', memory('95x60', '100x60'), true),
    fires('RedisClusterMemoryNearLimit', memory('50x60', '100x60'), false),
    fires('RedisClusterMemoryNearLimit', memory('50x60', '0x60'), false),
    fires('RedisClusterEvicts', { [member('redis_evicted_keys_total')]: '0+1x60' }, true),
    fires('RedisClusterEvicts', { [member('redis_evicted_keys_total')]: '7x60' }, false),
    fires(
      'RedisClusterRejectsConnections',
      { [member('redis_connections_rejected_total')]: '0+1x60' },
      true,
    ),
    fires('RedisClusterSaveFails', { [member('redis_save_failed')]: '1x60' }, true),
    fires('RedisClusterLeaderChangesOften', changes, true),
    fires(
      'RedisClusterLeaderChangesOften',
      { ...changes, [series('cluster_steps_ahead')]: '1x60' },
      false,
    ),
    fires('RedisClusterLeadersBadlySpread', { ...spread('0x60'), ...on('a'), ...on('b') }, true),
    fires('RedisClusterLeadersBadlySpread', { ...spread('1x60'), ...on('a'), ...on('b') }, false),
    fires('RedisClusterLeadersBadlySpread', { ...spread('0x60'), ...on('a') }, false),
    fires(
      'RedisClusterDegraded',
      { 'tweendeck_cluster_phase{kind="RedisSentinel",phase="Degraded"}': '1x60' },
      false,
    ),
  ]);
});

test('alerts of RedisSentinels and Memcacheds are those of their own kind', () => {
  for (const [kind, alert, figure] of [
    ['RedisSentinel', 'QuorumLost', 'redis_sentinel_majority'],
    ['RedisSentinel', 'NotWritable', 'redis_writable'],
    ['Memcached', 'MemberDown', 'member_up'],
  ] as const) {
    const rules = join(folder, `${kind.toLowerCase()}.rules.yaml`);
    promtool(['check', 'rules', rules]);
    const series = seriesOf(kind);
    const phase = (value: string) => ({ [series('cluster_phase', { phase: value })]: '1x60' });
    const name = `${kind}${alert}`;
    testRules(rules, [
      fires(name, { [series(figure)]: '0x60', ...phase('Degraded') }, true),
      fires(name, { [series(figure)]: '0x60', ...phase('Stopped') }, false),
      fires(name, { [series(figure)]: '1x60', ...phase('Ready') }, false),
    ]);
  }
});
