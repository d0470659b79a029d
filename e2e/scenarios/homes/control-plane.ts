// A real control plane without machines as scenarios see it: the operator is a process with the rights of the chart,
// and somebody only says that pods run.

import { join } from 'node:path';
import { controlPlane } from '../../kubernetes/lab/index.ts';
import { ControllersProcess } from '../../kubernetes/rights/controllers-process.ts';
import { startPretendKubelet } from '../pretend-kubelet.ts';
import type { ScenarioHome } from '../scenario-home.ts';
import { clusterAddress } from './address.ts';
import { installChart, ownCommands } from './cluster.ts';

export async function openControlPlaneHome(): Promise<ScenarioHome> {
  await using opened = new AsyncDisposableStack();
  const plane = opened.use(await controlPlane());
  await installChart(plane, ['replicaCount=0']);
  const account = { namespace: 'tweendeck-system', name: 'tweendeck' };
  const kubeconfig = await plane.serviceAccountKubeconfig(account);
  opened.use(
    await startPretendKubelet({
      client: plane.client,
      nodes: ['pretended-1', 'pretended-2'],
      knowsImage: (image) => image.startsWith('tweendeck.io/'),
    }),
  );
  // Without a lease: one that was killed is back at once, to be killed in the middle of its work again.
  const start = (): ControllersProcess =>
    new ControllersProcess({ kubeconfig, args: ['--leader-elect=false'] });
  let operator = start();
  opened.defer(() => operator[Symbol.asyncDispose]());
  const parts = opened.move();
  return {
    name: 'control plane',
    client: plane.client,
    images: {
      other: 'tweendeck.io/cacheserver:another',
      missing: 'registry.invalid/no-such-program:1',
      redis: undefined,
      crashing: undefined,
    },
    programs: 'faked',
    loadBalancers: false,
    kernel: 'of the pod',
    webhookHost: undefined,
    clientAddresses: [undefined],
    admission: true,
    patienceMs: 120_000,
    killsInARow: 4,
    concurrency: 4,
    ...ownCommands(plane, join(plane.directory, 'home')),
    killOperator: async () => {
      await operator.stop('SIGKILL');
      operator = start();
      await operator.said('starting');
    },
    addressOf: (cache) => clusterAddress(plane.client, cache),
    [Symbol.asyncDispose]: () => parts.disposeAsync(),
  };
}
