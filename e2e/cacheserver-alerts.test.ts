// The figures and the default alerts, as Prometheus' own tool reads them.

import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { parse, parseAllDocuments } from 'yaml';
import { startConfigured } from './support/configured-cache.ts';
import { helmProgram } from './support/kubectl.ts';
import { fires, promtool, testRules } from './support/promtool.ts';

const chart = join(import.meta.dirname, '../charts/tweendeck');
const rules = join(chart, 'alerts/cacheserver-replica.rules.yaml');
const operatorVersion = 'monitoring.coreos.com/v1';

interface Rendered {
  readonly apiVersion: string;
  readonly kind: string;
  readonly metadata: { readonly name: string; readonly labels: Readonly<Record<string, string>> };
  readonly spec: unknown;
}

interface RuleFile {
  readonly groups: readonly {
    readonly rules: readonly { readonly alert: string; readonly expr: string }[];
  }[];
}

/** What a cache with every part tells. */
async function metrics(accept: string): Promise<string> {
  const local = '127.0.0.1:0';
  const namespace = {
    name: 'main',
    directory: 'main',
    listen: [local],
    cleaner: {},
    reliability: {},
    mirror: { targets: ['127.0.0.1:1'] },
    upstream: { address: '127.0.0.1:1' },
  };
  const redis = { address: '127.0.0.1:1', prefix: 'cache:' };
  const shared = { name: 'shared', listen: [local], store: { redis } };
  await using cache = await startConfigured(() => ({
    namespaces: [namespace, shared],
    status: { address: local },
  }));
  const response = await cache.ask('/metrics', { headers: { accept } });
  return await response.text();
}

test('every figure that an alert names is told by a cache', async () => {
  const text = await metrics('');
  const file = parse(readFileSync(rules, 'utf8')) as RuleFile; // promtool checks its shape
  for (const { alert, expr } of file.groups.flatMap((group) => group.rules)) {
    for (const [name] of expr.matchAll(/tweendeck_cache_[a-z_]+/g)) {
      assert.ok(
        text.includes(`# TYPE ${name.replace(/_bucket$/, '')} `),
        `${alert} asks for ${name}`,
      );
    }
  }
});

test('promtool reads the figures, and finds nothing to complain about', async () => {
  promtool(['check', 'metrics'], await metrics(''));
});

test('the chart brings the default alerts to the Prometheus operator, as they are, when told to', () => {
  const render = (...set: readonly string[]): readonly Rendered[] => {
    const values = set.flatMap((value) => ['--set', value]);
    const { status, stdout, stderr } = spawnSync(
      helmProgram(4),
      ['template', 'tweendeck', chart, ...values],
      { encoding: 'utf8' },
    );
    assert.equal(status, 0, stderr);
    return parseAllDocuments(stdout).map((document) => document.toJS());
  };
  const ofOperator = (all: readonly Rendered[]): readonly string[] =>
    all.flatMap(({ apiVersion, kind }) => (apiVersion === operatorVersion ? [kind] : []));
  assert.deepEqual(ofOperator(render()), []);
  const told = render(
    'metrics.prometheusRule.enabled=true',
    'metrics.prometheusRule.labels.release=prometheus',
    'metrics.podMonitor.enabled=true',
    'metrics.podMonitor.interval=30s',
  );
  assert.deepEqual(ofOperator(told).toSorted(), [
    ...Array.from({ length: 2 }, () => 'PodMonitor'),
    ...Array.from({ length: 5 }, () => 'PrometheusRule'),
  ]);
  const rule = told.find(
    ({ kind, metadata }) =>
      kind === 'PrometheusRule' && metadata.name.endsWith('-cacheserver-replicas'),
  );
  assert.deepEqual(rule?.spec, parse(readFileSync(rules, 'utf8')));
  assert.equal(rule?.metadata.labels['release'], 'prometheus');
  const monitor = told.find(({ kind }) => kind === 'PodMonitor');
  assert.match(JSON.stringify(monitor?.spec), /"port":"status".*"interval":"30s"/);
});

test('promtool reads the default alerts, and they fire when they should', () => {
  promtool(['check', 'rules', rules]);
  const labels = { job: 'cacheserver', instance: 'a', namespace: 'main' };
  const series = (name: string, more: Readonly<Record<string, string>> = {}): string => {
    const pairs = Object.entries({ ...labels, ...more }).map(([key, value]) => `${key}="${value}"`);
    return `tweendeck_cache_${name}{${pairs.join(',')}}`;
  };
  const ratio = (hits: string, misses: string) => ({
    [series('hits_total', { type: 'a' })]: `0+${hits}x1000`,
    [series('misses_total', { type: 'a' })]: `0+${misses}x1000`,
  });
  const tests = [
    fires('CacheServerDown', { 'up{job="cacheserver",instance="a"}': '0x300' }, true),
    fires('CacheServerDown', { 'up{job="cacheserver",instance="a"}': '1x300' }, false),
    fires(
      'CacheServerMirrorBehind',
      { [series('mirror_lag_seconds', { mirror: 'b' })]: '900+60x300' },
      true,
    ),
    fires(
      'CacheServerMirrorBehind',
      { [series('mirror_lag_seconds', { mirror: 'b' })]: '5x300' },
      false,
    ),
    fires('CacheServerMirrorBehind', { [series('mirror_up', { mirror: 'b' })]: '0x300' }, true),
    fires('CacheServerUpstreamDown', { [series('upstream_up')]: '0x300' }, true),
    fires('CacheServerUpstreamDown', { [series('upstream_up')]: '1x300' }, false),
    fires('CacheServerStoreDown', { [series('redis_up')]: '0x300' }, true),
    fires('CacheServerStoreDown', { [series('redis_up')]: '1 0 0 1x300' }, false),
    fires('CacheServerStoreLosesFiles', { [series('redis_lost_files_total')]: '0+1x300' }, true),
    fires('CacheServerStoreLosesFiles', { [series('redis_lost_files_total')]: '7x300' }, false),
    fires(
      'CacheServerRefusesUploads',
      { [series('transactions_total', { end: 'disk-full' })]: '0+1x300' },
      true,
    ),
    fires(
      'CacheServerRefusesUploads',
      { [series('transactions_total', { end: 'stored' })]: '0+1x300' },
      false,
    ),
    fires('CacheServerDiskErrors', { [series('disk_errors_total')]: '0x170 1x130' }, true),
    fires('CacheServerDamagedValues', { [series('damaged_values_total')]: '0x300' }, false),
    fires('CacheServerPoorHitRatio', ratio('100', '900'), true, '9h'),
    fires('CacheServerPoorHitRatio', ratio('900', '100'), false, '9h'),
    fires(
      'CacheServerEvictsSoon',
      {
        [series('evicted_bytes_total')]: '0+100x600',
        [series('storage_limit_bytes')]: '10000x600',
      },
      true,
      '9h',
    ),
    fires(
      'CacheServerSlowHits',
      {
        [series('get_hit_duration_seconds_bucket', { type: 'a', le: '1.0' })]: '0+1x300',
        [series('get_hit_duration_seconds_bucket', { type: 'a', le: '5.0' })]: '0+9x300',
        [series('get_hit_duration_seconds_bucket', { type: 'a', le: '+Inf' })]: '0+9x300',
      },
      true,
    ),
    fires(
      'CacheServerCutsClients',
      { [series('closings_total', { reason: 'tls-failed' })]: '0+60x300' },
      true,
    ),
    fires(
      'CacheServerCutsClients',
      { [series('closings_total', { reason: 'quit' })]: '0+60x300' },
      false,
    ),
    fires('CacheServerCleanerFails', { [series('cleaner_failed_runs_total')]: '0+1x300' }, true),
  ];
  testRules(rules, tests);
});
