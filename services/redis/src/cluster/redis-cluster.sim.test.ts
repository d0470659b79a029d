// Decisions about Redis Clusters on pretended servers: whatever happens to members, connections and the operator, no promised
// write is lost, and in the end all is as the spec asks, or a person is told what to do.

import { seedsFrom, simulate } from '@tweendeck/sim';
import { simulateCluster } from '../testing/sim-cluster.ts';
import { redisClusterEngine } from './redis-cluster.ts';

simulate(
  'a Redis Cluster loses no promised write and gets where its spec says',
  { seeds: seedsFrom(process.env, 2), simulatedMs: 300_000 },
  async (world) => simulateCluster(world, { engine: redisClusterEngine }),
);
