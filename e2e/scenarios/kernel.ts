// Settings of the kernel: asked for where pods may, read back, and told of where they do not hold.

import assert from 'node:assert/strict';
import type { Scenario } from './scenario.ts';

export const kernelSettings: Scenario = {
  name: 'kernel settings are read back, and those that do not hold are told of',
  notApplicable: ({ programs }) =>
    programs === 'faked' ? 'pods are faked: no program runs' : undefined,
  play: async (stage) => {
    const rmem = { name: 'net.ipv4.tcp_rmem', value: '4096 131072 4194304' };
    const mem = { name: 'net.ipv4.tcp_mem', value: '1001 1002 1003' };
    await stage.apply('cache', { sysctls: [rmem, mem] });
    await stage.untilReady('cache');
    const wanted = { status: 'False', reason: 'NotApplied' } as const;
    const { message = '' } = await stage.untilCondition('cache', 'KernelTuned', wanted);
    assert.match(
      message,
      /net\.ipv4\.tcp_mem is .* not 1001 1002 1003: it belongs to the whole node/,
    );
    assert.equal(message.includes('tcp_rmem'), stage.home.kernel === 'of the machine', message);
    const [pod] = await stage.pods('cache');
    assert.deepEqual(pod?.spec.securityContext?.sysctls, [rmem]);
    await stage.change('cache', { sysctls: null });
    await stage.until('nobody speaks of settings any more', async () => {
      return !(await stage.conditions('cache')).has('KernelTuned');
    });
  },
};
