// The kind RedisSentinel in the embedded home, on real redis-servers, with a client that writes all the time and asks Sentinels
// where to: its usual life, and what users of other operators reported (redis-sentinel/CASES.md tells what is tested where).

import { test } from 'node:test';
import { casesOfBeginning, casesOfChanges, casesOfMembers } from './redis-sentinel/changes.ts';
import { casesOfClients } from './redis-sentinel/clients.ts';
import { casesOfEnds } from './redis-sentinel/ends.ts';
import { casesOfLeaders } from './redis-sentinel/failovers.ts';
import { casesOfReturns } from './redis-sentinel/returns.ts';
import { SentinelHome } from './redis-sentinel/sentinel-home.ts';
import { casesOfSentinels } from './redis-sentinel/sentinels.ts';
import { casesOfServers } from './redis-sentinel/servers.ts';

test('a RedisSentinel loses nothing that was acknowledged', {
  timeout: 900_000,
  concurrency: 2,
}, async (context) => {
  await using home = await SentinelHome.open();
  await casesOfBeginning(context, home);
  // While it keeps no log.
  await casesOfLeaders(context, home);
  await casesOfChanges(context, home);
  await casesOfReturns(context, home);
  await casesOfSentinels(context, home);
  await casesOfServers(context, home);
  await casesOfClients(context, home);
  await casesOfMembers(context, home);
  await casesOfEnds(context, home);
  context.diagnostic(`${home.writer.writes} writes`);
});
