// Jobs of real processes in the embedded home, driven by the real kubectl.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { TestHome, until } from './support/home.ts';

const indexed = `
apiVersion: batch/v1
kind: Job
metadata: {name: squares}
spec:
  completionMode: Indexed
  completions: 3
  parallelism: 2
  template:
    spec:
      restartPolicy: Never
      containers:
      - name: main
        image: busybox
        command: [sh, -c, 'echo "$JOB_COMPLETION_INDEX: $((JOB_COMPLETION_INDEX * JOB_COMPLETION_INDEX))"']
`;

const failing = `
apiVersion: batch/v1
kind: Job
metadata: {name: failing}
spec:
  backoffLimit: 4
  podFailurePolicy:
    rules: [{action: FailJob, onExitCodes: {operator: In, values: [42]}}]
  template:
    spec:
      restartPolicy: Never
      containers: [{name: main, image: busybox, command: [sh, -c, 'exit 42']}]
`;

const nightly = `
apiVersion: batch/v1
kind: CronJob
metadata: {name: nightly}
spec:
  schedule: "0 3 * * *"
  timeZone: Europe/Berlin
  jobTemplate:
    spec:
      ttlSecondsAfterFinished: 1
      template:
        spec:
          restartPolicy: OnFailure
          containers: [{name: main, image: busybox, command: [echo, done]}]
`;

test('jobs run, fail, are made from cron jobs, and go', async (context) => {
  await using home = await TestHome.open();
  const kubectl = async (args: readonly string[], input?: string): Promise<string> => {
    const { code, stdout, stderr } = await home.kubectl('1.35', args, input);
    assert.equal(code, 0, `kubectl ${args.join(' ')}: ${stderr}`);
    return stdout;
  };

  await context.test('an indexed job completes, each pod with its index', async () => {
    await kubectl(['apply', '-f', '-'], indexed);
    await kubectl(['wait', '--for=condition=Complete', 'job/squares', '--timeout=60s']);
    const logs = await kubectl(['logs', '--selector=job-name=squares', '--prefix=false']);
    assert.deepEqual(logs.trim().split('\n').toSorted(), ['0: 0', '1: 1', '2: 4']);
    assert.match(await kubectl(['get', 'jobs']), /squares\s+Complete\s+3\/3/);
    assert.match(await kubectl(['describe', 'job', 'squares']), /Completed Indexes:\s+0-2/);
    await kubectl(['delete', 'job', 'squares']);
    await until(
      'its pods are gone',
      async () => (await kubectl(['get', 'pods', '-o', 'name'])) === '',
    );
  });

  await context.test('a job fails at once on an exit code that says so', async () => {
    await kubectl(['apply', '-f', '-'], failing);
    await kubectl(['wait', '--for=condition=Failed', 'job/failing', '--timeout=60s']);
    assert.match(await kubectl(['describe', 'job', 'failing']), /failed with exit code 42/);
    assert.match(await kubectl(['get', 'pods']), /failing-\S+\s+0\/1\s+Error/);
    await kubectl(['delete', 'job', 'failing']);
  });

  await context.test('a job made from a cron job is gone a second after its end', async () => {
    await kubectl(['apply', '-f', '-'], nightly);
    assert.match(await kubectl(['get', 'cronjobs']), /nightly\s+0 3 \* \* \*\s+Europe\/Berlin/);
    await kubectl(['create', 'job', 'tonight', '--from=cronjob/nightly']);
    await until('it has come and gone', async () => {
      const { code } = await home.kubectl('1.35', ['get', 'job', 'tonight']);
      const events = await kubectl(['get', 'events']);
      return code !== 0 && /Completed\s+job\/tonight/.test(events);
    });
  });
});
