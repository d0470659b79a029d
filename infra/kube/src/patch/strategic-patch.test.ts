import assert from 'node:assert/strict';
import { suite, test } from 'node:test';
import { deploymentSchema, podSpecSchema } from '../../testdata/workload-schemas.ts';
import { ApiError } from '../status.ts';
import { applyStrategicPatch } from './strategic-patch.ts';

const app = {
  name: 'app',
  image: 'app:1',
  env: [
    { name: 'A', value: '1' },
    { name: 'B', value: '2' },
  ],
};
const side = { name: 'side', image: 'side:1' };
const third = { name: 'third', image: 'third:1' };

suite('a strategic merge patch', () => {
  for (const { name, target, patch, want } of [
    {
      name: 'merges a container by its name and puts it first',
      target: { containers: [side, app] },
      patch: { containers: [{ name: 'app', image: 'app:2' }] },
      want: { containers: [side, { ...app, image: 'app:2' }] },
    },
    {
      name: 'adds a container behind the live ones it cannot be compared with',
      target: { containers: [app] },
      patch: { containers: [third] },
      want: { containers: [third, app] },
    },
    {
      name: 'deletes a container',
      target: { containers: [app, side] },
      patch: { containers: [{ $patch: 'delete', name: 'app' }] },
      want: { containers: [side] },
    },
    {
      name: 'replaces all containers',
      target: { containers: [app, side] },
      patch: { containers: [{ $patch: 'replace' }, third] },
      want: { containers: [third] },
    },
    {
      name: 'merges environment two levels down',
      target: { containers: [app] },
      patch: {
        containers: [
          {
            name: 'app',
            env: [
              { name: 'B', value: '3' },
              { name: 'A', $patch: 'delete' },
            ],
          },
        ],
      },
      want: { containers: [{ ...app, env: [{ name: 'B', value: '3' }] }] },
    },
    {
      name: 'orders by $setElementOrder',
      target: { containers: [app, side, third] },
      patch: {
        '$setElementOrder/containers': [{ name: 'third' }, { name: 'app' }],
        containers: [{ name: 'app', image: 'app:2' }],
      },
      want: { containers: [side, third, { ...app, image: 'app:2' }] },
    },
    {
      name: 'puts what neither the order nor the live list names behind the live ones',
      target: { containers: [app] },
      patch: { '$setElementOrder/containers': [], containers: [third] },
      want: { containers: [app, third] },
    },
    {
      name: 'only orders when there is nothing else to merge',
      target: { containers: [app, side] },
      patch: { '$setElementOrder/containers': [{ name: 'side' }, { name: 'app' }] },
      want: { containers: [side, app] },
    },
    {
      name: 'replaces tolerations, which are atomic',
      target: { tolerations: [{ key: 'a' }, { key: 'b' }] },
      patch: { tolerations: [{ key: 'c' }] },
      want: { tolerations: [{ key: 'c' }] },
    },
    {
      name: 'keeps only the volume source that $retainKeys names',
      target: { volumes: [{ name: 'v', emptyDir: {} }] },
      patch: {
        volumes: [{ $retainKeys: ['name', 'configMap'], name: 'v', configMap: { name: 'c' } }],
      },
      want: { volumes: [{ name: 'v', configMap: { name: 'c' } }] },
    },
    {
      name: 'removes by null and ignores nulls of what is not there',
      target: { restartPolicy: 'Always', nodeSelector: { a: '1' } },
      patch: {
        restartPolicy: null,
        terminationGracePeriodSeconds: null,
        nodeSelector: { a: null, b: '2' },
      },
      want: { nodeSelector: { b: '2' } },
    },
    {
      name: 'replaces a map by $patch: replace',
      target: { nodeSelector: { a: '1' } },
      patch: { nodeSelector: { $patch: 'replace', b: '2' } },
      want: { nodeSelector: { b: '2' } },
    },
    {
      name: 'empties a map by $patch: delete',
      target: { nodeSelector: { a: '1' } },
      patch: { nodeSelector: { $patch: 'delete' } },
      want: { nodeSelector: {} },
    },
    {
      name: 'merges ports by containerPort alone',
      target: { containers: [{ name: 'app', ports: [{ containerPort: 80, protocol: 'TCP' }] }] },
      patch: {
        containers: [
          { name: 'app', ports: [{ containerPort: 80, protocol: 'UDP' }, { containerPort: 81 }] },
        ],
      },
      want: {
        containers: [
          { name: 'app', ports: [{ containerPort: 80, protocol: 'UDP' }, { containerPort: 81 }] },
        ],
      },
    },
  ])
    test(name, () => {
      const before = structuredClone({ target, patch });
      assert.deepEqual(applyStrategicPatch(target, patch, podSpecSchema), want);
      assert.deepEqual({ target, patch }, before, 'an input was changed');
    });

  for (const { name, patch, want } of [
    {
      name: 'merges primitive lists as a set, the patch first',
      patch: { finalizers: ['c', 'a'] },
      want: ['c', 'a', 'b'],
    },
    {
      name: 'deletes from a primitive list',
      patch: { '$deleteFromPrimitiveList/finalizers': ['a'] },
      want: ['b'],
    },
    {
      name: 'deletes from, adds to and orders a primitive list',
      patch: {
        '$deleteFromPrimitiveList/finalizers': ['a'],
        '$setElementOrder/finalizers': ['c', 'b'],
        finalizers: ['c'],
      },
      want: ['c', 'b'],
    },
  ])
    test(name, () => {
      const target = { metadata: { finalizers: ['a', 'b'] } };
      const patched = applyStrategicPatch(target, { metadata: patch }, deploymentSchema);
      assert.deepEqual(patched, { metadata: { finalizers: want } });
    });

  for (const { name, patch, code, message } of [
    {
      name: 'an item without its merge key',
      patch: { containers: [{ image: 'x' }] },
      code: 400,
      message: /does not contain declared merge key: name/,
    },
    {
      name: 'an unknown directive',
      patch: { nodeSelector: { $patch: 'burn' } },
      code: 500,
      message: /^unknown patch type: burn in map: map\[\$patch:burn\]$/,
    },
    {
      name: 'a list directive of merge',
      patch: { containers: [{ $patch: 'merge', name: 'app' }] },
      code: 400,
      message: /cannot yet be specified/,
    },
    { name: 'lists of lists', patch: { containers: [[]] }, code: 422, message: /lists of lists/ },
    { name: 'mixed elements', patch: { containers: ['app'] }, code: 400, message: /not identical/ },
    {
      name: 'a field that $retainKeys does not name',
      patch: { $retainKeys: ['restartPolicy'], nodeSelector: {} },
      code: 400,
      message: /retainKeys/,
    },
    {
      name: 'an order that is no list',
      patch: { '$setElementOrder/containers': {} },
      code: 400,
      message: /setElementOrder/,
    },
    {
      name: 'an order that the patch breaks',
      patch: { '$setElementOrder/containers': [{ name: 'app' }], containers: [third] },
      code: 400,
      message: /doesn't match/,
    },
  ])
    test(`is refused with ${name}`, () =>
      assert.throws(
        () =>
          applyStrategicPatch(
            { containers: [app], nodeSelector: { a: '1' } },
            patch,
            podSpecSchema,
          ),
        (error) => error instanceof ApiError && error.code === code && message.test(error.message),
      ));
});
