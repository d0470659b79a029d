import assert from 'node:assert/strict';
import { test } from 'node:test';
import { parseHierarchies, settings } from './cgroups.ts';

const mounts = `tmpfs /sys/fs/cgroup tmpfs rw 0 0
cgroup /sys/fs/cgroup/cpu,cpuacct cgroup rw,relatime,cpu,cpuacct 0 0
cgroup /sys/fs/cgroup/memory cgroup rw,relatime,memory 0 0
cgroup /sys/fs/cgroup/pids cgroup rw,relatime,pids 0 0
`;
const own = '4:memory:/job/7\n3:cpu,cpuacct:/\n2:pids:/\n';

test('version 1 hierarchies are used below the cgroup of this process', async () => {
  assert.deepEqual(await parseHierarchies(mounts, own, async () => undefined), [
    { version: 1, controllers: ['cpu'], base: '/sys/fs/cgroup/cpu,cpuacct' },
    { version: 1, controllers: ['memory'], base: '/sys/fs/cgroup/memory/job/7' },
  ]);
});

test('a cgroup that cannot be seen is the root of its mount', async () => {
  const found = await parseHierarchies(mounts, own, () => Promise.reject(new Error('hidden')));
  assert.deepEqual(
    found.map(({ base }) => base),
    ['/sys/fs/cgroup/cpu,cpuacct', '/sys/fs/cgroup/memory'],
  );
});

for (const { name, hierarchy, limits, want } of [
  {
    name: 'version 2',
    hierarchy: { version: 2, controllers: ['memory', 'cpu'] },
    limits: { memoryBytes: 1_000, cpuMillis: 1_500, cpuRequestMillis: 1_000 },
    want: [
      'memory.max=1000',
      'memory.swap.max=0',
      'memory.oom.group=1',
      'cpu.weight=39',
      'cpu.max=150000 100000',
    ],
  },
  {
    name: 'version 1',
    hierarchy: { version: 1, controllers: ['cpu'] },
    limits: { memoryBytes: 1_000, cpuMillis: 250, cpuRequestMillis: 100 },
    want: ['cpu.shares=102', 'cpu.cfs_period_us=100000', 'cpu.cfs_quota_us=25000'],
  },
  {
    name: 'no limits: the least share',
    hierarchy: { version: 1, controllers: ['memory', 'cpu'] },
    limits: {},
    want: ['cpu.shares=2'],
  },
] as const) {
  test(`limits are set as the kernel wants them: ${name}`, () => {
    assert.deepEqual(
      settings(hierarchy, limits).map(([file, value]) => `${file}=${value}`),
      want,
    );
  });
}
