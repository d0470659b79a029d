// Kernel settings: what pods ask for, and what is told of what they read back.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { kernelSettings } from './dataplane/kernel-settings.ts';
import type { ReplicaAnswer } from './figures/figures.ts';
import { podSysctls, tuningCondition } from './kernel-tuning.ts';
import type { CacheServerSpec } from './kind.ts';

const spec = (sysctls: CacheServerSpec['sysctls'] = []): CacheServerSpec => ({
  ...{ replicas: 1, port: 1, storage: 1, image: 'x', serviceType: 'ClusterIP' },
  ...{ resources: { limits: {} }, sysctls },
});
const rmem = { name: 'net.ipv4.tcp_rmem', value: '4096 131072 16777216' };
const sack = { name: 'net.ipv4.tcp_sack', value: '0' };
const mem = { name: 'net.ipv4.tcp_mem', value: '1 2 3' };

test('a pod asks only for what every node allows', () => {
  assert.deepEqual(podSysctls(spec([rmem, sack, mem])), [rmem]);
  assert.equal(podSysctls(spec([sack])), undefined);
  assert.equal(podSysctls(spec()), undefined);
});

const reads = (kernel: Readonly<Record<string, string>>, pod = 'a'): ReplicaAnswer => ({
  pod,
  figures: {
    ...{ usedBytes: 0, objects: 0, hits: 0, misses: 0, cleaned: undefined, kernel },
    ...{ revision: undefined, redis: undefined, troubledPeers: [] },
  },
});
const tuned = { 'net.ipv4.tcp_rmem': rmem.value, 'net.ipv4.tcp_sack': '1' };

for (const { name, asked, answers, reason, says } of [
  { name: 'all is as asked', asked: [rmem], answers: [reads(tuned)], reason: 'Applied', says: /./ },
  {
    name: 'blanks differ',
    asked: [{ ...rmem, value: '4096\t131072\t16777216' }],
    answers: [reads(tuned)],
    reason: 'Applied',
    says: /./,
  },
  {
    name: 'a node does not allow it',
    asked: [rmem, sack],
    answers: [reads(tuned)],
    reason: 'NotApplied',
    says: /^net\.ipv4\.tcp_sack is 1 in pod a, not 0: .*allowed-unsafe-sysctls/,
  },
  {
    name: 'it is of the node',
    asked: [mem],
    answers: [reads(tuned)],
    reason: 'NotApplied',
    says: /tcp_mem is not shown .*whole node/,
  },
  {
    name: 'one of two replicas has it otherwise',
    asked: [rmem],
    answers: [reads(tuned), reads({ 'net.ipv4.tcp_rmem': '1 2 3' }, 'b')],
    reason: 'NotApplied',
    says: /1 2 3 in pod b/,
  },
  {
    name: 'a replica is silent',
    asked: [rmem],
    answers: [reads(tuned), { pod: 'b', silence: 'x' }],
    reason: 'NotReadBack',
    says: /FiguresKnown/,
  },
  { name: 'nobody serves', asked: [rmem], answers: [], reason: 'NotReadBack', says: /./ },
]) {
  test(`kernel settings when ${name}`, () => {
    const condition = tuningCondition(spec(asked), answers);
    assert.equal(condition?.reason, reason);
    assert.equal(condition.status, reason === 'Applied' ? 'True' : 'False');
    assert.match(condition.message, says);
  });
}

test('nothing is told when nothing is asked', () =>
  assert.equal(tuningCondition(spec(), [reads(tuned)]), undefined));

test('settings are read as the kernel shows them, and what it does not show is left out', () =>
  assert.deepEqual(
    kernelSettings((path) => {
      if (path === '/proc/sys/net/ipv4/tcp_rmem') return '4096\t131072\t6291456\n';
      throw new Error('ENOENT');
    }),
    { 'net.ipv4.tcp_rmem': '4096 131072 6291456' },
  ));
