import assert from 'node:assert/strict';
import { suite, test } from 'node:test';
import fc from 'fast-check';
import { deploymentSchema } from '../../testdata/workload-schemas.ts';
import { applyConfiguration } from './apply-configuration.ts';
import { decodeManagedFields } from './managed-fields.ts';
import { type JsonRecord, managedFieldsOf } from './managed-object.ts';
import { objectSchema } from './object-schema.ts';

const schema = objectSchema(deploymentSchema);
const texts = fc.dictionary(fc.constantFrom('a', 'b', 'c'), fc.constantFrom('1', '2'), {
  minKeys: 1,
});
const named = (names: readonly string[], rest: Record<string, fc.Arbitrary<unknown>>) =>
  fc.uniqueArray(
    fc.record({ name: fc.constantFrom(...names), ...rest }, { requiredKeys: ['name'] }),
    { selector: (item) => item.name, minLength: 1, maxLength: 3 },
  );
/** Without empty maps and lists: as upstream has it, giving up all items of a list by applying an empty one takes two applies. */
const specs = fc
  .record(
    {
      replicas: fc.nat(2),
      selector: fc.record({ matchLabels: texts }),
      template: fc.record({
        metadata: fc.record({ labels: texts }),
        spec: fc.record(
          {
            nodeSelector: texts,
            containers: named(['x', 'y', 'z'], {
              image: fc.constantFrom('i:1', 'i:2'),
              args: fc.array(fc.constantFrom('p', 'q'), { minLength: 1, maxLength: 2 }),
              env: named(['E', 'F'], { value: fc.constantFrom('1', '2') }),
            }),
          },
          { requiredKeys: ['containers'] },
        ),
      }),
    },
    { requiredKeys: ['replicas'] },
  )
  .map((spec): unknown => JSON.parse(JSON.stringify(spec)));

function apply(live: JsonRecord | undefined, spec: unknown, manager: string, minute: number) {
  const result = applyConfiguration({
    kind: 'Deployment',
    live,
    applied: {
      apiVersion: 'apps/v1',
      kind: 'Deployment',
      metadata: { name: 'd' },
      ...(spec ? { spec } : {}),
    },
    manager,
    force: true,
    apiVersion: 'apps/v1',
    time: `2026-01-01T00:0${minute}:00Z`,
    schema,
  });
  assert.ok(result.outcome === 'applied', 'an apply by force conflicts with nobody');
  return result;
}

suite('whatever is applied', () => {
  test('twice changes nothing the second time', () =>
    fc.assert(
      fc.property(specs, specs, specs, (first, second, third) => {
        const base = apply(apply(undefined, first, 'one', 0).object, second, 'two', 1).object;
        const once = apply(base, third, 'one', 2).object;
        const twice = apply(once, third, 'one', 3);
        assert.equal(twice.object, once);
        assert.equal(twice.changed, false);
      }),
    ));

  test('leaves its inputs as they were', () =>
    fc.assert(
      fc.property(specs, specs, (first, second) => {
        const live = apply(undefined, first, 'one', 0).object;
        const before = structuredClone({ live, second });
        apply(live, second, 'two', 1);
        assert.deepEqual({ live, second }, before);
      }),
    ));

  test('by force takes every contested field from its former owner', () =>
    fc.assert(
      fc.property(specs, specs, (first, second) => {
        const object = apply(apply(undefined, first, 'one', 0).object, second, 'two', 1).object;
        const again = applyConfiguration({
          kind: 'Deployment',
          live: object,
          applied: {
            apiVersion: 'apps/v1',
            kind: 'Deployment',
            metadata: { name: 'd' },
            spec: second,
          },
          manager: 'two',
          force: false,
          apiVersion: 'apps/v1',
          time: '2026-01-01T00:02:00Z',
          schema,
        });
        assert.equal(again.outcome, 'applied');
      }),
    ));

  test('and then given up by everybody leaves nothing owned', () =>
    fc.assert(
      fc.property(specs, specs, (first, second) => {
        const both = apply(apply(undefined, first, 'one', 0).object, second, 'two', 1).object;
        const none = apply(apply(both, undefined, 'one', 2).object, undefined, 'two', 3).object;
        assert.equal(decodeManagedFields(managedFieldsOf(none)).size, 0);
        assert.deepEqual(none['spec'] ?? {}, {});
      }),
    ));
});
