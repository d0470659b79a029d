// Which options of lists and watches do not go together, in upstream's words and order.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { ApiError } from '@tweendeck/kube';
import { listOptionsOf, watchOptionsOf } from './list-options.ts';

const match = (text: string): string => `resourceVersionMatch: ${text}`;
const unlessAsked = 'is forbidden for watch unless sendInitialEvents is provided';

for (const { name, read, query, problems } of [
  {
    name: 'a list that wants an exact version and names none',
    read: listOptionsOf,
    query: 'resourceVersionMatch=Exact',
    problems: [
      match('Forbidden: resourceVersionMatch is forbidden unless resourceVersion is provided'),
    ],
  },
  {
    name: 'a list whose match is unknown, and that asks for what watches have',
    read: listOptionsOf,
    query: 'resourceVersion=1&resourceVersionMatch=Some&sendInitialEvents=true',
    problems: [
      match('Unsupported value: "Some": supported values: "Exact", "NotOlderThan", ""'),
      'sendInitialEvents: Forbidden: sendInitialEvents is forbidden for list',
    ],
  },
  {
    name: 'a list that goes on from exactly any version',
    read: listOptionsOf,
    query: 'resourceVersion=0&resourceVersionMatch=Exact&continue=a',
    problems: [
      match('Forbidden: resourceVersionMatch is forbidden when continue is provided'),
      match('Forbidden: resourceVersionMatch "exact" is forbidden for resourceVersion "0"'),
    ],
  },
  {
    name: 'a watch from exactly a version',
    read: watchOptionsOf,
    query: 'resourceVersionMatch=Exact',
    problems: [
      match(`Forbidden: resourceVersionMatch ${unlessAsked}`),
      match('Unsupported value: "Exact": supported values: "NotOlderThan"'),
    ],
  },
  {
    name: 'a watch that asks for its beginning without a match',
    read: watchOptionsOf,
    query: 'sendInitialEvents=true',
    problems: [
      match('Forbidden: sendInitialEvents requires setting resourceVersionMatch to NotOlderThan'),
    ],
  },
]) {
  test(`${name} is refused`, () => {
    assert.throws(
      () => read(new URLSearchParams(query)),
      (error) => {
        assert.ok(error instanceof ApiError);
        const all = problems.length === 1 ? problems[0] : `[${problems.join(', ')}]`;
        assert.equal(error.message, `ListOptions.meta.k8s.io "" is invalid: ${all}`);
        return true;
      },
    );
  });
}

test('options that go together are read', () => {
  const query = 'resourceVersion=7&resourceVersionMatch=Exact&limit=3';
  const read = { resourceVersion: 7, match: 'Exact', limit: 3, continue: '' };
  assert.deepEqual(listOptionsOf(new URLSearchParams(query)), read);
});
