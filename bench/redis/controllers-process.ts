// The controller of RedisClusters in a process of its own, with simulated members. Its parent says where the API server is;
// any later message asks for what it uses.

import { setFlagsFromString } from 'node:v8';
import { createClient, httpsTransport } from '@tweendeck/client';
import { runManager } from '@tweendeck/controller';
import { redisClusterController } from '@tweendeck/redis';
import { clockOf, randomOf, silentLogger } from '@tweendeck/std';
import type { Endpoint } from '../support/load.ts';
import { simulatedMembers } from './simulated-members.ts';

/** What the parent says first. */
export interface ControllersTask extends Endpoint {
  readonly shards: number;
  readonly info: string;
}

export interface Usage {
  readonly residentBytes: number;
  readonly heapBytes: number;
  /** Of the processor, since its start. */
  readonly seconds: number;
}

const tools = { clock: clockOf(globalThis), random: randomOf(globalThis.crypto) };
const log = silentLogger;
const ending = new AbortController();

// As in `tweendeck controllers`.
setFlagsFromString('--heap-growing-percent=40');
process.once('disconnect', () => process.exit());
process.once('message', (task: ControllersTask) => {
  const { address, ca, cert, key, shards, info } = task;
  const connection = { server: address, ca, clientCertificate: cert, clientKey: key };
  const client = createClient({ ...tools, log, transport: httpsTransport(connection) });
  const controllers = [redisClusterController(simulatedMembers(shards, info))];
  process.on('message', () => process.send?.(usage()));
  void runManager({ ...tools, log, client, controllers }, ending.signal);
});

function usage(): Usage {
  const { rss, heapUsed } = process.memoryUsage();
  const { user, system } = process.cpuUsage();
  return { residentBytes: rss, heapBytes: heapUsed, seconds: (user + system) / 1e6 };
}
