// Whether alerts and dashboards of engines ask for what there is.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { isJsonObject } from '@tweendeck/std';
import { platformEngines } from './platform.ts';

function namesIn(text: string): readonly string[] {
  return [...new Set(text.match(/tweendeck_[a-z_]+/g))];
}

for (const { kind, alerts, dashboard, metricNames } of platformEngines) {
  const rules = alerts.groups.flatMap((group) => group.rules);

  test(`${kind.kind}: what alerts and panels ask for is told`, () => {
    const known = new Set(metricNames);
    assert.equal(known.size, metricNames.length, 'one name for two figures');
    for (const { alert, expr } of rules) {
      for (const name of namesIn(expr)) assert.ok(known.has(name), `${alert} asks for ${name}`);
    }
    for (const name of namesIn(JSON.stringify(dashboard))) {
      assert.ok(
        known.has(name) || name === 'tweendeck_cluster_phase',
        `the dashboard asks for ${name}`,
      );
    }
  });

  test(`${kind.kind}: alerts have names of their own, and every text names its own kind`, () => {
    const names = rules.map(({ alert }) => alert);
    assert.equal(new Set(names).size, names.length);
    assert.ok(names.every((name) => name.startsWith(kind.kind)));
    assert.doesNotMatch(JSON.stringify([alerts, dashboard]), /\b(KIND|CLUSTER)\b(?! NAME)/);
  });

  test(`${kind.kind}: panels stand beside each other, each with a number of its own`, () => {
    const panels =
      isJsonObject(dashboard) && Array.isArray(dashboard['panels']) ? dashboard['panels'] : [];
    assert.ok(panels.length > 4);
    const places = panels.map((panel) => JSON.stringify([panel.gridPos.x, panel.gridPos.y]));
    assert.equal(new Set(places).size, panels.length);
    assert.equal(new Set(panels.map(({ id }) => id)).size, panels.length);
  });
}
