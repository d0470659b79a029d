import assert from 'node:assert/strict';
import { test } from 'node:test';
import { everyLabel, labelSelectorFromObject } from '@tweendeck/kube';
import type { Draft } from '../draft.ts';
import { type Match, type Matchable, matchHook } from './webhook-match.ts';
import type { Hook, HookRule } from './webhook-set.ts';

const pods = { group: '', version: 'v1', plural: 'pods' };
const events = { group: '', version: 'v1', plural: 'events' };
const newEvents = { group: 'events.k8s.io', version: 'v1', plural: 'events' };
const namespaces = { group: '', version: 'v1', plural: 'namespaces' };
const nodes = { group: '', version: 'v1', plural: 'nodes' };

const everything: HookRule = {
  operations: ['*'],
  apiGroups: ['*'],
  apiVersions: ['*'],
  resources: ['*'],
  scope: '*',
};

const hook = (rule: Partial<HookRule>, more: Partial<Hook> = {}): Hook => ({
  name: 'a.b.c',
  configuration: 'a',
  id: 'a',
  position: 0,
  client: { target: { type: 'url', url: 'https://a' }, authority: undefined },
  rules: [{ ...everything, ...rule }],
  equivalent: true,
  namespaces: everyLabel,
  objects: everyLabel,
  conditions: [],
  ignoresFailure: false,
  noSideEffects: true,
  timeoutMs: 1,
  reinvoked: false,
  versions: ['v1'],
  ...more,
});

const labelled = (labels: Record<string, string>): Draft => ({
  apiVersion: 'v1',
  kind: 'Pod',
  metadata: { name: 'x', labels },
});

const write = (more: Partial<Matchable> = {}): Matchable => ({
  operation: 'CREATE',
  resource: pods,
  subresource: '',
  namespace: 'a',
  equivalents: [],
  object: labelled({ tier: 'one' }),
  previous: undefined,
  namespaceLabels: () => ({ team: 'red' }),
  ...more,
});

const select = (matchLabels: Record<string, string>) => labelSelectorFromObject({ matchLabels });
const asked = (as: typeof pods): Match => ({ type: 'asked', as });
const none: Match = { type: 'none' };

for (const { name, of, about, want } of [
  { name: 'everything by stars', of: hook({}), about: write(), want: asked(pods) },
  {
    name: 'no subresource by a star alone',
    of: hook({}),
    about: write({ subresource: 'status' }),
    want: none,
  },
  {
    name: 'subresources by two stars',
    of: hook({ resources: ['*/*'] }),
    about: write({ subresource: 'status' }),
    want: asked(pods),
  },
  {
    name: 'the object itself by two stars',
    of: hook({ resources: ['*/*'] }),
    about: write(),
    want: asked(pods),
  },
  {
    name: 'one subresource of every resource',
    of: hook({ resources: ['*/scale'] }),
    about: write({ subresource: 'status' }),
    want: none,
  },
  { name: 'its operations only', of: hook({ operations: ['UPDATE'] }), about: write(), want: none },
  { name: 'its groups only', of: hook({ apiGroups: ['apps'] }), about: write(), want: none },
  { name: 'its versions only', of: hook({ apiVersions: ['v2'] }), about: write(), want: none },
  {
    name: 'what is in no namespace by scope',
    of: hook({ scope: 'Cluster' }),
    about: write(),
    want: none,
  },
  {
    name: 'a namespace as what is in none',
    of: hook({ scope: 'Cluster' }),
    about: write({ resource: namespaces, namespace: 'x' }),
    want: asked(namespaces),
  },
  {
    name: 'nothing outside of namespaces by scope',
    of: hook({ scope: 'Namespaced' }),
    about: write({ resource: nodes, namespace: '' }),
    want: none,
  },
  {
    name: 'other versions of the same objects',
    of: hook({ apiGroups: ['events.k8s.io'], resources: ['events'] }),
    about: write({ resource: events, equivalents: [newEvents] }),
    want: asked(newEvents),
  },
  {
    name: 'the version itself when matches are to be exact',
    of: hook({ apiGroups: ['events.k8s.io'], resources: ['events'] }, { equivalent: false }),
    about: write({ resource: events, equivalents: [newEvents] }),
    want: none,
  },
  {
    name: 'objects of chosen namespaces',
    of: hook({}, { namespaces: select({ team: 'red' }) }),
    about: write(),
    want: asked(pods),
  },
  {
    name: 'no objects of other namespaces',
    of: hook({}, { namespaces: select({ team: 'blue' }) }),
    about: write(),
    want: none,
  },
  {
    name: 'what is in no namespace, whatever the namespace selector',
    of: hook({}, { namespaces: select({ team: 'blue' }) }),
    about: write({ resource: nodes, namespace: '' }),
    want: asked(nodes),
  },
  {
    name: 'a new namespace by its own labels',
    of: hook({}, { namespaces: select({ tier: 'one' }) }),
    about: write({ resource: namespaces, namespace: 'x', namespaceLabels: () => undefined }),
    want: asked(namespaces),
  },
  {
    name: 'nobody knows what, without the namespace',
    of: hook({}, { namespaces: select({ team: 'red' }) }),
    about: write({ namespaceLabels: () => undefined }),
    want: { type: 'no-namespace' } as const,
  },
  {
    name: 'chosen objects',
    of: hook({}, { objects: select({ tier: 'one' }) }),
    about: write(),
    want: asked(pods),
  },
  {
    name: 'objects that were chosen before',
    of: hook({}, { objects: select({ tier: 'two' }) }),
    about: write({ previous: labelled({ tier: 'two' }) }),
    want: asked(pods),
  },
  {
    name: 'no other objects',
    of: hook({}, { objects: select({ tier: 'two' }) }),
    about: write(),
    want: none,
  },
]) {
  test(`a webhook is asked about ${name}`, () => assert.deepEqual(matchHook(of, about), want));
}
