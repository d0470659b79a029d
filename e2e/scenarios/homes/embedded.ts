// The embedded home as scenarios see it: killing the operator kills the whole platform.

import { freePort, TestHome } from '../../support/home.ts';
import { homeClient } from '../../support/home-client.ts';
import type { ScenarioHome } from '../scenario-home.ts';
import { clusterAddress } from './address.ts';

export async function openEmbedded(): Promise<ScenarioHome> {
  await using opened = new AsyncDisposableStack();
  const port = await freePort(); // the same after a kill, so that clients find it again
  const home = opened.use(await TestHome.open({ port }));
  const { client, transport } = await homeClient(home.kubeconfig);
  opened.use(transport);
  const parts = opened.move();
  return {
    name: 'embedded',
    client,
    images: {
      other: 'tweendeck.io/cacheserver:another',
      missing: 'registry.invalid/no-such-program:1',
      redis: 'docker.io/library/redis:7',
      crashing: 'docker.io/library/busybox:1',
    },
    programs: 'real',
    loadBalancers: true,
    kernel: 'of the machine',
    webhookHost: '127.0.0.1',
    clientAddresses: Array.from({ length: 12 }, (_, number) => `127.0.0.${number + 11}`),
    admission: false,
    patienceMs: 120_000,
    killsInARow: 4,
    concurrency: 4,
    kubectl: (args, input) => home.kubectl('1.35', args, input),
    tweendeck: (args, input) => home.tweendeck(args, input),
    killOperator: async () => {
      await home.stop('SIGKILL');
      await home.start({ port });
    },
    addressOf: (cache) => clusterAddress(client, cache),
    [Symbol.asyncDispose]: () => parts.disposeAsync(),
  };
}
