// The forms of expositions, and who gets which.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { familiesText, metricsForm } from './open-metrics.ts';

for (const { accept, form } of [
  { accept: '', form: 'text' },
  { accept: '*/*', form: 'text' },
  { accept: 'text/plain;version=0.0.4', form: 'text' },
  { accept: 'application/openmetrics-text', form: 'openmetrics' },
  { accept: 'application/openmetrics-text; version=1.0.0; charset=utf-8', form: 'openmetrics' },
  { accept: 'text/plain, APPLICATION/openmetrics-text;version=0.0.1;q=0.1', form: 'openmetrics' },
  { accept: 'application/openmetrics-text;version=2.0.0', form: 'text' },
  { accept: 'application/openmetrics-text;q=0', form: 'text' },
  { accept: 'application/openmetrics-textual', form: 'text' },
]) {
  test(`Accept: ${accept} is answered with ${form}`, () => assert.equal(metricsForm(accept), form));
}

test('a counter is named by its family in OpenMetrics, and whatever a label says stays in it', () => {
  const labels = { step: 'say "no"\\\n' };
  const families = [
    {
      ...({ name: 'steps', type: 'counter', help: 'Steps.' } as const),
      samples: [{ suffix: '_total', labels, value: Number.POSITIVE_INFINITY }],
    },
  ];
  const line = 'steps_total{step="say \\"no\\"\\\\\\n"} +Inf\n';
  const head = (name: string) => `# HELP ${name} Steps.\n# TYPE ${name} counter\n`;
  assert.equal(familiesText(families, 'text'), head('steps_total') + line);
  assert.equal(familiesText(families, 'openmetrics'), head('steps') + line);
});
