// Plays scenarios in a home as subtests, and tells what came of it as a table: home by scenario.

import assert from 'node:assert/strict';
import type { TestContext } from 'node:test';
import type { Scenario } from './scenario.ts';
import type { ScenarioHome } from './scenario-home.ts';
import { Stage } from './stage.ts';

type Result =
  | { readonly outcome: 'ok' | 'failed'; readonly seconds: number; readonly observed: object }
  | { readonly outcome: 'not applicable'; readonly why: string };

/** Results by scenario; kept also when scenarios fail. */
export type Results = Map<string, Result>;

/**
 * Plays all of them: first those that bear company, some at a time, then the others one by one. The test that
 * `context` belongs to must allow the home's concurrency.
 */
export async function runScenarios(
  scenarios: readonly Scenario[],
  home: ScenarioHome,
  context: TestContext,
): Promise<Results> {
  const results: Results = new Map();
  const number = new Map(scenarios.map((scenario, index) => [scenario, index]));
  const start = (scenario: Scenario): Promise<void> =>
    context.test(scenario.name, async (sub) => {
      const why = scenario.notApplicable?.(home);
      if (why === undefined) {
        const namespace = `scenario-${number.get(scenario)}`;
        await play(scenario, { home, namespace, results, signal: sub.signal });
      } else results.set(scenario.name, { outcome: 'not applicable', why });
    });
  await Promise.all(scenarios.filter(({ company }) => company === undefined).map(start));
  for (const scenario of scenarios) if (scenario.company === 'alone') await start(scenario);
  return results;
}

async function play(
  scenario: Scenario,
  at: {
    readonly home: ScenarioHome;
    readonly namespace: string;
    readonly results: Results;
    readonly signal: AbortSignal;
  },
): Promise<void> {
  const startedMs = performance.now();
  const seconds = (): number => (performance.now() - startedMs) / 1_000;
  try {
    await using stage = await Stage.open(at.home, at.namespace, at.signal);
    await scenario.play(stage);
    at.results.set(scenario.name, {
      outcome: 'ok',
      seconds: seconds(),
      observed: stage.observed,
    });
  } catch (error) {
    at.results.set(scenario.name, { outcome: 'failed', seconds: seconds(), observed: {} });
    throw error;
  }
}

/** One row for each scenario, one column for each home; reasons for what does not apply stand below. */
export function resultTable(
  scenarios: readonly Scenario[],
  columns: ReadonlyMap<string, Results>,
): string {
  const reasons: string[] = [];
  const cell = (results: Results, name: string): string => {
    const result = results.get(name);
    if (!result) return 'not run';
    if (result.outcome !== 'not applicable') {
      return `${result.outcome} ${result.seconds.toFixed(1)} s`;
    }
    if (!reasons.includes(result.why)) reasons.push(result.why);
    return `not applicable (${reasons.indexOf(result.why) + 1})`;
  };
  const rows = [
    ['scenario', ...columns.keys()],
    ...scenarios.map(({ name }) => [name, ...[...columns.values()].map((one) => cell(one, name))]),
  ];
  const widths = (rows[0] ?? []).map((_, column) =>
    Math.max(...rows.map((row) => row[column]?.length ?? 0)),
  );
  const line = (row: readonly string[]): string =>
    row
      .map((text, column) => text.padEnd(widths[column] ?? 0))
      .join(' | ')
      .trimEnd();
  const [head = [], ...body] = rows;
  const rule = widths.map((width) => '-'.repeat(width)).join('-|-');
  const notes = reasons.map((why, index) => `(${index + 1}) ${why}`);
  return [line(head), rule, ...body.map(line), ...notes].join('\n');
}

/** Holds what was seen in several homes to be the same. A scenario that failed anywhere has seen nothing to compare. */
export function assertSameObservations(
  scenarios: readonly Scenario[],
  columns: ReadonlyMap<string, Results>,
): void {
  const seen: Record<string, Record<string, object>> = {};
  for (const { name } of scenarios) {
    const homes: Record<string, object> = {};
    for (const [home, results] of columns) {
      const result = results.get(name);
      assert.ok(result, `"${name}" was not played in ${home}`);
      if (result.outcome === 'ok') homes[home] = result.observed;
    }
    seen[name] = homes;
  }
  // All differences at once: each scenario as every home saw it, and as the first did.
  const alike = Object.fromEntries(
    Object.entries(seen).map(([name, homes]) => {
      const [first] = Object.values(homes);
      return [name, Object.fromEntries(Object.keys(homes).map((home) => [home, first]))];
    }),
  );
  assert.deepEqual(seen, alike);
}
