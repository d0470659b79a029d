// Prometheus' own tool, and tests of alerts as it runs them.

import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { stringify } from 'yaml';

/** Fails with what it says when it finds something wrong. */
export function promtool(args: readonly string[], input?: string): string {
  const { error, status, stdout, stderr } = spawnSync('promtool', args, {
    encoding: 'utf8',
    input,
  });
  assert.ifError(
    error &&
      new Error(
        'promtool is missing: "npm run doctor -- --install" installs it (Debian: prometheus)',
        { cause: error },
      ),
  );
  assert.equal(status, 0, `${stdout}${stderr}`);
  return stdout + stderr;
}

/** Whether an alert fires `at` a time, given series as `promtool test rules` writes them, a value a minute. */
export function fires(
  alertname: string,
  input: Readonly<Record<string, string>>,
  firing: boolean,
  at = '3h',
): object {
  return {
    interval: '1m',
    input_series: Object.entries(input).map(([name, values]) => ({ series: name, values })),
    promql_expr_test: [
      {
        expr: `count(ALERTS{alertname="${alertname}",alertstate="firing"}) or vector(0)`,
        eval_time: at,
        exp_samples: [{ labels: '{}', value: firing ? 1 : 0 }],
      },
    ],
  };
}

export function testRules(rules: string, tests: readonly object[]): void {
  const directory = mkdtempSync(join(tmpdir(), 'alerts-'));
  try {
    const path = join(directory, 'tests.yaml');
    writeFileSync(path, stringify({ rule_files: [rules], evaluation_interval: '1m', tests }));
    promtool(['test', 'rules', path]);
  } finally {
    rmSync(directory, { recursive: true });
  }
}
