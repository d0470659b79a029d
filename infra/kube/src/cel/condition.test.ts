import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { AccessQuestion } from './authorizer.ts';
import { compileCondition } from './condition.ts';

const request = {
  kind: { group: '', version: 'v1', kind: 'Pod' },
  resource: { group: '', version: 'v1', resource: 'pods' },
  name: 'p',
  namespace: 'a',
  operation: 'CREATE',
  userInfo: { username: 'dev', groups: ['devs'] },
  dryRun: false,
};
const input = {
  object: { metadata: { name: 'p', labels: { tier: 'a' } }, spec: { replicas: 3 } },
  oldObject: undefined,
  request,
  user: { name: 'dev', groups: ['devs'] },
  decide: ({ verb, resource, path = '', serviceAccount }: AccessQuestion) => ({
    allowed:
      `${verb} ${resource}${path} ${serviceAccount?.name ?? ''}` === 'get pods ' || path === '/ok',
    reason: 'asked',
  }),
};

for (const { expression, holds } of [
  { expression: "request.operation == 'CREATE'", holds: true },
  { expression: "request.resource.resource == 'pods' && request.name == 'p'", holds: true },
  { expression: "'devs' in request.userInfo.groups", holds: true },
  { expression: "!('system:nodes' in request.userInfo.groups)", holds: true },
  { expression: "object.metadata.labels['tier'] == 'b'", holds: false },
  { expression: 'object.spec.replicas > 2', holds: true },
  { expression: 'oldObject == null', holds: true },
  { expression: 'has(object.metadata.annotations)', holds: false },
  { expression: "authorizer.group('').resource('pods').check('get').allowed()", holds: true },
  {
    expression:
      "authorizer.group('').resource('pods').namespace('a').name('x').check('put').allowed()",
    holds: false,
  },
  { expression: "authorizer.path('/ok').check('get').reason() == 'asked'", holds: true },
  {
    expression:
      "authorizer.serviceAccount('a', 'b').group('').resource('pods').check('get').allowed()",
    holds: false,
  },
]) {
  test(`a condition: ${expression}`, () => {
    const condition = compileCondition(expression);
    assert.equal(condition.problem, undefined);
    assert.equal(condition.holds(input), holds);
  });
}

for (const { expression, problem } of [
  {
    expression: 'nothing == 1',
    problem: /compilation failed: .*undeclared reference to 'nothing'/s,
  },
  { expression: "'text'", problem: /must evaluate to bool but got string/ },
  { expression: 'request.colour', problem: /compilation failed/ },
  { expression: 'object.x ==', problem: /compilation failed/ },
]) {
  test(`no condition: ${expression}`, () => {
    assert.match(compileCondition(expression).problem ?? '', problem);
  });
}

test('a condition that has no result says why', () => {
  assert.throws(
    () => compileCondition("object.spec.colour == 'red'").holds(input),
    /expression 'object.spec.colour == 'red'' resulted in error: no such key: colour/,
  );
});
