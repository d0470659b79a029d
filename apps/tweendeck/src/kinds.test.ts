// Tables for the words by which people name kinds.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { kindNamed, kindOf, type ServedKind, targetsOf } from './kinds.ts';

const served = (kind: string, group: string, shortNames: readonly string[] = []): ServedKind => ({
  group,
  version: 'v1',
  kind,
  plural: `${kind.toLowerCase()}s`,
  singular: kind.toLowerCase(),
  shortNames,
  categories: kind === 'Event' ? [] : ['all'],
  verbs: ['get', 'list'],
  namespaced: true,
});
const kinds = [
  served('Pod', '', ['po']),
  served('Event', '', ['ev']),
  served('Event', 'events.k8s.io'),
  served('Deployment', 'apps', ['deploy']),
];

for (const [word, group, kind] of [
  ['pods', '', 'Pod'],
  ['pod', '', 'Pod'],
  ['Pod', '', 'Pod'],
  ['po', '', 'Pod'],
  ['events', '', 'Event'],
  ['events.events.k8s.io', 'events.k8s.io', 'Event'],
  ['deploy.apps', 'apps', 'Deployment'],
] as const) {
  test(`"${word}" is ${kind} of "${group}"`, () => {
    const found = kindNamed(kinds, word);
    assert.deepEqual([found.group, found.kind], [group, kind]);
  });
}

test('a kind that is not served is refused, by word and by manifest', () => {
  assert.throws(() => kindNamed(kinds, 'widgets'), { code: 'CLI_NO_KIND' });
  assert.throws(() => kindNamed(kinds, 'pods.apps'), { code: 'CLI_NO_KIND' });
  assert.throws(() => kindOf(kinds, 'v2', 'Pod'), { code: 'CLI_NO_KIND' });
  assert.equal(kindOf(kinds, 'apps/v1', 'Deployment').plural, 'deployments');
});

for (const { operands, targets } of [
  { operands: ['pods'], targets: ['Pod/*'] },
  { operands: ['all'], targets: ['Pod/*', 'Deployment/*'] },
  { operands: ['pods,deploy'], targets: ['Pod/*', 'Deployment/*'] },
  { operands: ['pod', 'a', 'b'], targets: ['Pod/a', 'Pod/b'] },
  { operands: ['pod/a', 'deploy/b'], targets: ['Pod/a', 'Deployment/b'] },
]) {
  test(`"${operands.join(' ')}" means ${targets.join(', ')}`, () => {
    assert.deepEqual(
      targetsOf(kinds, operands).map((target) => `${target.kind.kind}/${target.name ?? '*'}`),
      targets,
    );
  });
}

test('KIND/NAME and KIND NAME do not mix', () => {
  assert.throws(() => targetsOf(kinds, ['pod/a', 'b']), { code: 'CLI_USAGE' });
});
