// What users of other operators for Redis Cluster reported, C1 to C17 (services/redis/CASES.md tells which is tested where): on
// real redis-servers of three nodes, with clients that write all the time.

import { test } from 'node:test';
import { casesOfChanges, casesOfEnds } from './redis-cases/changes.ts';
import { casesOfHosts, casesOfPlaces } from './redis-cases/hosts.ts';
import { casesOfLeaders, casesOfLostShards } from './redis-cases/leaders.ts';
import { casesOfLogs } from './redis-cases/logs.ts';
import { casesOfMembers } from './redis-cases/members.ts';
import { RedisCaseHome } from './support/redis-case-home.ts';

test('what users of other operators reported does not happen here', {
  timeout: 900_000,
  concurrency: 2,
}, async (context) => {
  await using home = await RedisCaseHome.open();
  await casesOfPlaces(context, home);
  // Leaders of the other cluster are on one node: seen to when all was well there for a minute.
  await casesOfMembers(context, home);
  await Promise.all([casesOfChanges(context, home), casesOfLeaders(context, home)]);
  await casesOfLogs(context, home);
  await casesOfHosts(context, home);
  await casesOfLostShards(context, home);
  await casesOfEnds(context, home);
});
