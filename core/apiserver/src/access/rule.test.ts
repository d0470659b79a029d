import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { AccessAttributes } from './attributes.ts';
import { missingRights } from './covering.ts';
import { ruleAllows, ruleOf, ruleText } from './rule.ts';

const user = { name: 'u', groups: [] };
const resource = (
  verb: string,
  path: string,
  { group = '', name = '' }: { readonly group?: string; readonly name?: string } = {},
): AccessAttributes => {
  const [plural = '', subresource = ''] = path.split('/');
  return {
    type: 'resource',
    user,
    verb,
    group,
    resource: plural,
    subresource,
    namespace: 'a',
    name,
  };
};
const url = (verb: string, path: string): AccessAttributes => ({ type: 'path', user, verb, path });

const pods = { apiGroups: [''], resources: ['pods'], verbs: ['get', 'list'] };

for (const { name, rule, asked, allowed } of [
  { name: 'its verb on its resource', rule: pods, asked: resource('get', 'pods'), allowed: true },
  { name: 'no other verb', rule: pods, asked: resource('delete', 'pods'), allowed: false },
  { name: 'no other resource', rule: pods, asked: resource('get', 'secrets'), allowed: false },
  {
    name: 'no other group',
    rule: pods,
    asked: resource('get', 'pods', { group: 'apps' }),
    allowed: false,
  },
  {
    name: 'no subresource of its resource',
    rule: pods,
    asked: resource('get', 'pods/log'),
    allowed: false,
  },
  {
    name: 'a subresource that it names',
    rule: { ...pods, resources: ['pods/log'] },
    asked: resource('get', 'pods/log'),
    allowed: true,
  },
  {
    name: 'a subresource of every resource',
    rule: { ...pods, apiGroups: ['*'], resources: ['*/scale'] },
    asked: resource('get', 'deployments/scale', { group: 'apps' }),
    allowed: true,
  },
  {
    name: 'everything by stars',
    rule: { apiGroups: ['*'], resources: ['*'], verbs: ['*'] },
    asked: resource('escalate', 'roles/x', { group: 'b' }),
    allowed: true,
  },
  {
    name: 'no path by stars for resources',
    rule: { apiGroups: ['*'], resources: ['*'], verbs: ['*'] },
    asked: url('get', '/metrics'),
    allowed: false,
  },
  {
    name: 'an object by its name',
    rule: { ...pods, resourceNames: ['x'] },
    asked: resource('get', 'pods', { name: 'x' }),
    allowed: true,
  },
  {
    name: 'no list when it has names',
    rule: { ...pods, resourceNames: ['x'] },
    asked: resource('list', 'pods'),
    allowed: false,
  },
  {
    name: 'a path',
    rule: { nonResourceURLs: ['/healthz'], verbs: ['get'] },
    asked: url('get', '/healthz'),
    allowed: true,
  },
  {
    name: 'paths below a star',
    rule: { nonResourceURLs: ['/api/*'], verbs: ['get'] },
    asked: url('get', '/api/v1'),
    allowed: true,
  },
  {
    name: 'no path beside a star',
    rule: { nonResourceURLs: ['/api/*'], verbs: ['get'] },
    asked: url('get', '/api'),
    allowed: false,
  },
]) {
  test(`a rule allows ${name}`, () => assert.equal(ruleAllows(ruleOf(rule), asked), allowed));
}

test('a rule is printed as upstream prints it', () => {
  assert.equal(
    ruleText(ruleOf({ ...pods, resourceNames: ['x'] })),
    '{APIGroups:[""], Resources:["pods"], ResourceNames:["x"], Verbs:["get" "list"]}',
  );
});

for (const { name, held, wanted, missing } of [
  { name: 'nothing of what is held', held: [pods], wanted: [pods], missing: [] },
  {
    name: 'nothing of what several rules hold together',
    held: [
      { ...pods, verbs: ['get'] },
      { ...pods, verbs: ['list'] },
    ],
    wanted: [pods],
    missing: [],
  },
  {
    name: 'the verbs that are not held, in one rule',
    held: [],
    wanted: [pods],
    missing: ['{APIGroups:[""], Resources:["pods"], Verbs:["get" "list"]}'],
  },
  {
    name: 'all names when only one is held',
    held: [{ ...pods, resourceNames: ['x'] }],
    wanted: [{ ...pods, verbs: ['get'] }],
    missing: ['{APIGroups:[""], Resources:["pods"], Verbs:["get"]}'],
  },
  {
    name: 'nothing of names when all are held',
    held: [pods],
    wanted: [{ ...pods, resourceNames: ['x', 'y'] }],
    missing: [],
  },
  {
    name: 'nothing of a subresource when it is held of all',
    held: [{ ...pods, resources: ['*/log'] }],
    wanted: [{ ...pods, resources: ['pods/log'] }],
    missing: [],
  },
  {
    name: 'a star when everything known is held',
    held: [pods],
    wanted: [{ ...pods, verbs: ['*'] }],
    missing: ['{APIGroups:[""], Resources:["pods"], Verbs:["*"]}'],
  },
  {
    name: 'paths one by one',
    held: [{ nonResourceURLs: ['/a/*'], verbs: ['*'] }],
    wanted: [{ nonResourceURLs: ['/a/b', '/c'], verbs: ['get', 'put'] }],
    missing: ['{NonResourceURLs:["/c"], Verbs:["get"]}', '{NonResourceURLs:["/c"], Verbs:["put"]}'],
  },
]) {
  test(`whoever hands out rights lacks ${name}`, () => {
    assert.deepEqual(missingRights(held.map(ruleOf), wanted.map(ruleOf)), missing);
  });
}
