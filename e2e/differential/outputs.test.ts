// How outputs of commands are held against each other.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { wordsOf } from './conversation.ts';
import { compareOutcomes, hunks } from './outputs.ts';
import { Translation } from './translation.ts';

const outcome = (stdout: string, stderr = '', code = 0) => ({ code, stdout, stderr });

for (const { name, line, expected, actual, keys } of [
  {
    name: 'ages and column widths are none',
    line: 'kubectl get pods',
    expected: outcome('NAME   AGE\na      5s\n'),
    actual: outcome('NAME     AGE\na        10m\n'),
    keys: [],
  },
  {
    name: 'another exit code is one, and hides what is printed on stdout',
    line: 'kubectl get pods',
    expected: outcome('a\n'),
    actual: outcome('', 'Error: no\n', 1),
    keys: ['exit code 0, here 1 (a)'],
  },
  {
    name: 'each run of other lines is one',
    line: 'kubectl describe pod a',
    expected: outcome('a\nb\nc\nd\n'),
    actual: outcome('a\nx\nc\n'),
    keys: ['printed "b", here "x"', 'printed "d", here nothing'],
  },
  {
    name: 'what was gone before a wait for its end began is none',
    line: 'kubectl wait pod/a --for=delete --timeout=20s',
    expected: outcome(''),
    actual: outcome('pod/a condition met\n'),
    keys: [],
  },
  {
    name: 'a wait that does not end is one',
    line: 'kubectl wait pod/a --for=delete --timeout=20s',
    expected: outcome('pod/a condition met\n'),
    actual: outcome('', 'error: timed out waiting for the condition on pods/a\n', 1),
    keys: ['exit code 0, here 1 (pod/a condition met)'],
  },
  {
    name: 'what the reference repairs in itself is none',
    line: 'kubectl get events',
    expected: outcome('LAST SEEN  TYPE\n2s  Warning  ClusterIPNotAllocated  service/a  x\n1s b\n'),
    actual: outcome('LAST SEEN  TYPE\n1s b\n'),
    keys: [],
  },
  {
    name: 'YAML is compared as data',
    line: 'kubectl get pod a -o yaml',
    expected: outcome('kind: Pod\nspec: {a: 1}\n'),
    actual: outcome('spec:\n  a: 2\nkind: Pod\n'),
    keys: ['Pod spec.a: 1, here 2'],
  },
  {
    name: 'an unknown kind is one, whatever follows',
    line: 'kubectl get roles',
    expected: outcome('NAME\nx\n'),
    actual: outcome('', 'error: the server doesn\'t have a resource type "roles"\n', 1),
    keys: ['roles'],
  },
]) {
  test(`differences: ${name}`, () => {
    const found = compareOutcomes(expected, actual, { line, translation: new Translation() });
    assert.deepEqual(
      found.map(({ key }) => key),
      keys,
    );
  });
}

test('hunks are the lines outside the longest common part', () => {
  assert.deepEqual(hunks(['a', 'b', 'c'], ['b', 'c', 'd']), [
    { removed: ['a'], added: [] },
    { removed: [], added: ['d'] },
  ]);
});

for (const { line, words } of [
  {
    line: "kubectl get -o jsonpath='{.a b}' x",
    words: ['kubectl', 'get', '-o', 'jsonpath={.a b}', 'x'],
  },
  { line: 'a "" \'"\'', words: ['a', '', '"'] },
]) {
  test(`reads the words of: ${line}`, () => assert.deepEqual(wordsOf(line), words));
}
