import assert from 'node:assert/strict';
import { test } from 'node:test';
import { junitCases } from './junit.ts';

test('a report gives its cases with their verdicts and why they failed', () => {
  const xml = `<?xml version="1.0"?><testsuites><testsuite name="s">
<testcase name="[SynchronizedBeforeSuite]" classname="c" status="passed" time="0.1"><system-err>x</system-err></testcase>
<testcase name="[It] [sig-a] does &#34;it&#34; &amp; more [Conformance]" classname="c" status="failed" time="1">
<failure type="failed">[FAILED] want &lt;1&gt;&#xA;got 2</failure></testcase>
<testcase name="[It] other" classname="c" status="skipped" time="0"><skipped message="skipped"></skipped></testcase>
<testcase name="[It] last" classname="c" status="passed" time="0"/>
</testsuite></testsuites>`;
  assert.deepEqual(junitCases(xml), [
    { name: '[SynchronizedBeforeSuite]', status: 'passed', message: '' },
    {
      name: '[It] [sig-a] does "it" & more [Conformance]',
      status: 'failed',
      message: '[FAILED] want <1>\ngot 2',
    },
    { name: '[It] other', status: 'skipped', message: 'skipped' },
    { name: '[It] last', status: 'passed', message: '' },
  ]);
});

test('what is no report has no cases', () => assert.deepEqual(junitCases('no report'), []));
