// The scenarios in every home: embedded, a real control plane with pods faked ready, a real cluster of
// two nodes with containers. What they see of the API is the same in all of them.

import { after, test } from 'node:test';
import { openControlPlaneHome } from '../scenarios/homes/control-plane.ts';
import { openEmbedded } from '../scenarios/homes/embedded.ts';
import { openTwoNodes } from '../scenarios/homes/two-nodes.ts';
import {
  assertSameObservations,
  type Results,
  resultTable,
  runScenarios,
} from '../scenarios/run-scenarios.ts';
import { scenariosNamed } from '../scenarios/suite.ts';

const columns = new Map<string, Results>();
/** Words of the names of those that are wanted, with commas between them. */
const words = process.env['TWEENDECK_SCENARIOS']?.split(',') ?? [];
const scenarios = scenariosNamed(words);

for (const { name, open } of [
  { name: 'embedded', open: openEmbedded },
  { name: 'control plane', open: openControlPlaneHome },
  { name: 'two nodes', open: openTwoNodes },
]) {
  test(`scenarios: ${name}`, { concurrency: 4 }, async (context) => {
    columns.set(name, new Map()); // "not run" when the home does not open
    await using home = await open();
    columns.set(name, await runScenarios(scenarios, home, context));
  });
}

test('what is seen of the API is the same in all homes', () =>
  assertSameObservations(scenarios, columns));

after(() => void process.stdout.write(`\n${resultTable(scenarios, columns)}\n`));
