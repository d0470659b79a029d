import assert from 'node:assert/strict';
import { test } from 'node:test';
import { complaintsOf, pageOf, type Result } from './page.ts';
import type { Outcome, Verdict } from './suite.ts';

const outcome = (verdict: Verdict | undefined): Outcome | undefined =>
  verdict && { verdict, seconds: 1, message: '' };
const result = (test: string, upstream?: Verdict, embedded?: Verdict): Result => ({
  ...{ test, upstream: outcome(upstream), embedded: outcome(embedded) },
});
const quota = '[sig-api-machinery] ResourceQuota should be [Conformance]';
const watch = '[sig-api-machinery] Watchers should watch [Conformance]';

for (const { name, results, want } of [
  { name: 'both pass', results: [result(watch, 'passed', 'passed')], want: [] },
  { name: 'both fail', results: [result(watch, 'failed', 'timed out')], want: [] },
  { name: 'a difference is explained', results: [result(quota, 'passed', 'failed')], want: [] },
  { name: 'nothing was run', results: [result(quota)], want: [] },
  {
    name: 'a difference is not explained',
    results: [result(watch, 'passed', 'failed')],
    want: [`failed here, and nothing explains it: ${watch}`],
  },
  {
    name: 'one was not run here',
    results: [result(watch, 'passed')],
    want: [`not run here, and nothing explains it: ${watch}`],
  },
  {
    name: 'an explanation is not needed',
    results: [result(quota, 'passed', 'passed')],
    want: [`passes here, yet it is explained away: ${quota}`],
  },
]) {
  test(`complaints of a run where ${name}`, () =>
    assert.deepEqual(complaintsOf(results, { isWhole: false }), want));
}

test('a whole run complains of explanations that no test has', () => {
  const complaints = complaintsOf([result(quota, 'passed', 'failed')], { isWhole: true });
  assert.ok(complaints.some((line) => line.includes('AdmissionWebhook')));
  assert.ok(!complaints.some((line) => line.includes('ResourceQuota')));
});

test('the page has a row for each test, with the reason where verdicts differ', () => {
  const page = pageOf([result(quota, 'passed', 'failed'), result(watch, 'passed', 'passed')]);
  assert.match(page, /^2 tests: the real one passes 2, ours 1\.$/m);
  assert.match(page, /^\| ResourceQuota should be \| passed \| failed \| no ResourceQuotas \|$/m);
  assert.match(page, /^\| Watchers should watch \| passed \| passed \| {2}\|$/m);
});
