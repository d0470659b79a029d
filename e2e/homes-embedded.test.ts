// The scenarios of CacheServer in the embedded home. `e2e/kubernetes/homes.test.ts` plays them in the other homes too.

import { test } from 'node:test';
import { openEmbedded } from './scenarios/homes/embedded.ts';
import { resultTable, runScenarios } from './scenarios/run-scenarios.ts';
import { cacheServerScenarios } from './scenarios/suite.ts';

test('CacheServer in the embedded home', { concurrency: 4 }, async (context) => {
  await using home = await openEmbedded();
  const results = await runScenarios(cacheServerScenarios, home, context);
  process.stdout.write(`${resultTable(cacheServerScenarios, new Map([[home.name, results]]))}\n`);
});
