// What is rendered anew, and what is not.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Cluster } from './engine.ts';
import { renderMember } from './render.ts';
import { Renderings } from './renderings.ts';
import { type ToyOptions, toyCluster, toyEngine } from './testing/toy-engine.ts';

const engine = toyEngine(() => ({ role: 'peer', synced: true, facts: null }));
const toys = (more: Partial<Cluster<ToyOptions>> = {}) => ({ ...toyCluster(), ...more });

const { spec } = toys();
const resources = { limits: { cpu: '1', memory: '1Gi' } };
for (const [name, other] of [
  ['another setting that applies live', toys({ settings: { size: '1' } })],
  ['another password', toys({ passwords: { current: 'x' } })],
  ['another certificate', toys({ tls: { authority: 'a', serverName: 'c', fingerprint: 'AB:CD' } })],
  [
    'another count',
    toys({
      spec: { ...spec, groups: { ...spec.groups, watch: { members: 3, resources } } },
    }),
  ],
  ['stopped', toys({ spec: { ...spec, suspend: true } })],
] as const) {
  test(`rendered anew: ${name}`, () => {
    const renderings = new Renderings<ToyOptions>(engine);
    const before = renderings.of('k', toys());
    const after = renderings.of('k', other);
    assert.notEqual(after, before);
    assert.equal(renderings.of('k', other), after);
  });
}

test('the same is handed over again, however well it is and whoever read it anew', () => {
  const renderings = new Renderings<ToyOptions>(engine);
  const first = renderings.of('k', toys({ calmMs: 1 }));
  assert.equal(renderings.of('k', structuredClone(toys({ calmMs: 2 }))), first);
  assert.notEqual(renderings.of('another', toys()), first);
  renderings.forget('k');
  assert.notEqual(renderings.of('k', toys()), first);
});

test('whoever is to leave keeps what leads to him', () => {
  const renderings = new Renderings<ToyOptions>(engine);
  const cluster = toys();
  const rendering = renderings.of('k', cluster);
  assert.equal(renderings.with([], { rendering, cluster }), rendering);
  const pair = [0, 1].map((ordinal) =>
    renderMember(engine, cluster, { group: 'data', shard: 2, ordinal }),
  );
  const guarded = renderings.with(pair, { rendering, cluster });
  assert.equal(guarded.members, rendering.members);
  assert.ok(guarded.budgets.some(({ metadata }) => metadata.name === 'c-data-2'));
});
