// The scenarios of Redis in the embedded home. `e2e/kubernetes/homes.test.ts` plays them in the other homes too.

import { test } from 'node:test';
import { openEmbedded } from './scenarios/homes/embedded.ts';
import { resultTable, runScenarios } from './scenarios/run-scenarios.ts';
import { scenariosNamed } from './scenarios/suite.ts';

const scenarios = scenariosNamed(['RedisCluster', 'RedisSentinel']);

test('scenarios of Redis in the embedded home', { concurrency: 4 }, async (context) => {
  await using home = await openEmbedded();
  const results = await runScenarios(scenarios, home, context);
  process.stdout.write(`${resultTable(scenarios, new Map([[home.name, results]]))}\n`);
});
