import assert from 'node:assert/strict';
import { suite, test } from 'node:test';
import { deploymentSchema, serviceSchema } from '../../testdata/workload-schemas.ts';
import type { SchemaNode } from '../schema-node.ts';
import { ApiError } from '../status.ts';
import { type ApplyRequest, applyConfiguration } from './apply-configuration.ts';
import { conflictError } from './apply-conflict.ts';
import type { FieldSet } from './field-set.ts';
import { fieldSetOf } from './field-set.ts';
import { decodeManagedFields } from './managed-fields.ts';
import {
  type JsonRecord,
  managedFieldsOf,
  metadataOf,
  withoutManagedFields,
} from './managed-object.ts';
import { withAtomicWhole } from './named-fields.ts';
import { customObjectSchema, objectSchema } from './object-schema.ts';
import { showPath } from './path-element.ts';
import { TypedFault } from './typed-fault.ts';
import { updateManagedFields } from './update-managed-fields.ts';
import { validateTyped } from './validate-typed.ts';

const deployments = objectSchema(deploymentSchema);
const services = objectSchema(serviceSchema);
const widgetRoot: SchemaNode = {
  type: 'object',
  properties: {
    spec: {
      type: 'object',
      properties: {
        size: { type: 'integer' },
        zones: { type: 'array', items: { type: 'string' }, 'x-kubernetes-list-type': 'set' },
        steps: { type: 'array', items: { type: 'string' } },
        whole: {
          type: 'object',
          additionalProperties: { type: 'string' },
          'x-kubernetes-map-type': 'atomic',
        },
        free: { type: 'object', 'x-kubernetes-preserve-unknown-fields': true },
      },
    },
    status: { type: 'object', properties: { phase: { type: 'string' } } },
  },
};
const widgets = customObjectSchema(widgetRoot);

type Step =
  | {
      readonly apply: JsonRecord;
      readonly as: string;
      readonly force?: boolean;
      readonly in?: string;
      readonly reset?: FieldSet;
    }
  | {
      readonly update: JsonRecord;
      readonly as: string;
      readonly in?: string;
      readonly reset?: FieldSet;
    };

interface History {
  readonly apiVersion: string;
  readonly kind: string;
  readonly schema: ApplyRequest['schema'];
}

/** Plays requests against an object; each step has its own minute. Gives the object, or the conflict's paths. */
function play(
  history: History,
  steps: readonly Step[],
): { readonly object: JsonRecord; readonly conflicts: readonly string[] } {
  const { apiVersion, kind, schema } = history;
  let live: JsonRecord | undefined;
  let conflicts: readonly string[] = [];
  steps.forEach((step, index) => {
    const common = {
      apiVersion,
      schema,
      resetFields: step.reset,
      manager: step.as,
      subresource: step.in,
      time: `2026-01-01T00:${String(index).padStart(2, '0')}:00Z`,
    };
    const body = {
      apiVersion,
      kind,
      metadata: { name: 'x' },
      ...('apply' in step ? step.apply : step.update),
    };
    if ('update' in step) {
      const after = live
        ? {
            ...body,
            metadata: { ...(live['metadata'] as JsonRecord), ...(body.metadata as JsonRecord) },
          }
        : body;
      live = updateManagedFields({ ...common, before: live, after, operation: 'Update' });
      return;
    }
    const result = applyConfiguration({
      ...common,
      kind,
      live,
      applied: body,
      force: step.force ?? false,
    });
    if (result.outcome === 'applied') live = result.object;
    else conflicts = result.conflicts.map(({ path }) => showPath(path));
  });
  return { object: live ?? {}, conflicts };
}

function owners(object: JsonRecord): Record<string, string[]> {
  return Object.fromEntries(
    [...decodeManagedFields(managedFieldsOf(object)).values()].map((entry) => [
      `${entry.operation} ${entry.manager}${entry.subresource ? `/${entry.subresource}` : ''}`,
      [...entry.fields.paths()].map(showPath),
    ]),
  );
}

const widget: History = { apiVersion: 'example.com/v1', kind: 'Widget', schema: widgets };
const spec = (fields: JsonRecord): JsonRecord => ({ spec: fields });

suite('server-side apply', () => {
  for (const { name, steps, want, ownership, conflicts = [] } of [
    {
      name: 'creates with what is applied',
      steps: [{ apply: spec({ size: 1, zones: ['a'] }), as: 'one' }],
      want: { size: 1, zones: ['a'] },
      ownership: { 'Apply one': ['.spec.size', '.spec.zones[="a"]'] },
    },
    {
      name: 'removes what is no longer applied',
      steps: [
        { apply: spec({ size: 1, steps: ['x'] }), as: 'one' },
        { apply: spec({ size: 2 }), as: 'one' },
      ],
      want: { size: 2 },
      ownership: { 'Apply one': ['.spec.size'] },
    },
    {
      name: 'keeps what another applier still owns',
      steps: [
        { apply: spec({ size: 1 }), as: 'one' },
        { apply: spec({ size: 1 }), as: 'two' },
        { apply: {}, as: 'one' },
      ],
      want: { size: 1 },
      ownership: { 'Apply two': ['.spec.size'] },
    },
    {
      name: 'keeps what an updater owns',
      steps: [
        { apply: spec({ size: 1, steps: ['x'] }), as: 'one' },
        { update: spec({ size: 5, steps: ['x'] }), as: 'hand' },
        { apply: spec({ steps: ['x'] }), as: 'one' },
      ],
      want: { size: 5, steps: ['x'] },
      ownership: { 'Apply one': ['.spec.steps'], 'Update hand': ['.spec.size'] },
    },
    {
      name: 'conflicts with another applier',
      steps: [
        { apply: spec({ size: 1 }), as: 'one' },
        { apply: spec({ size: 2 }), as: 'two' },
      ],
      want: { size: 1 },
      ownership: { 'Apply one': ['.spec.size'] },
      conflicts: ['.spec.size'],
    },
    {
      name: 'does not conflict over equal values',
      steps: [
        { apply: spec({ size: 1 }), as: 'one' },
        { apply: spec({ size: 1 }), as: 'two' },
      ],
      want: { size: 1 },
      ownership: { 'Apply one': ['.spec.size'], 'Apply two': ['.spec.size'] },
    },
    {
      name: 'takes fields by force',
      steps: [
        { apply: spec({ size: 1 }), as: 'one' },
        { apply: spec({ size: 2 }), as: 'two', force: true },
      ],
      want: { size: 2 },
      ownership: { 'Apply two': ['.spec.size'] },
    },
    {
      name: 'conflicts with an update',
      steps: [
        { apply: spec({ size: 1 }), as: 'one' },
        { update: spec({ size: 2 }), as: 'hand' },
        { apply: spec({ size: 3 }), as: 'one' },
      ],
      want: { size: 2 },
      ownership: { 'Update hand': ['.spec.size'] },
      conflicts: ['.spec.size'],
    },
    {
      name: 'merges sets by value',
      steps: [
        { apply: spec({ zones: ['a', 'b'] }), as: 'one' },
        { apply: spec({ zones: ['c', 'b'] }), as: 'two' },
        { apply: spec({ zones: ['a'] }), as: 'one' },
      ],
      want: { zones: ['a', 'c', 'b'] },
      ownership: {
        'Apply one': ['.spec.zones[="a"]'],
        'Apply two': ['.spec.zones[="b"]', '.spec.zones[="c"]'],
      },
    },
    {
      name: 'replaces atomic lists and maps whole',
      steps: [
        { apply: spec({ steps: ['x'], whole: { a: '1' } }), as: 'one' },
        { apply: spec({ steps: ['y'], whole: { b: '2' } }), as: 'one' },
      ],
      want: { steps: ['y'], whole: { b: '2' } },
      ownership: { 'Apply one': ['.spec.steps', '.spec.whole'] },
    },
    {
      name: 'owns unknown fields one by one',
      steps: [
        { apply: spec({ free: { a: { b: 1 } } }), as: 'one' },
        { apply: spec({ free: { a: { c: [1] } } }), as: 'two' },
        { apply: {}, as: 'one' },
      ],
      want: { free: { a: { c: [1] } } },
      ownership: { 'Apply two': ['.spec.free.a', '.spec.free.a.c'] },
    },
    {
      name: 'gives what was there before the first apply to a manager made up for it',
      steps: [
        { update: { metadata: { name: 'x', managedFields: [] }, spec: { size: 1 } }, as: 'old' },
        { update: { metadata: { name: 'x', managedFields: [] }, spec: { size: 1 } }, as: 'old' },
        { apply: spec({ steps: [] }), as: 'one' },
      ],
      want: { size: 1, steps: [] },
      ownership: {
        'Apply one': ['.spec.steps'],
        'Update before-first-apply': ['.spec', '.spec.size'],
      },
    },
  ] satisfies readonly {
    name: string;
    steps: readonly Step[];
    want: JsonRecord;
    ownership: Record<string, string[]>;
    conflicts?: string[];
  }[])
    test(name, () => {
      const played = play(widget, steps);
      assert.deepEqual(played.object['spec'], want);
      assert.deepEqual(owners(played.object), ownership);
      assert.deepEqual(played.conflicts, conflicts);
    });
});

const container = (name: string, more: JsonRecord = {}): JsonRecord => ({ name, ...more });
const withContainers = (...containers: JsonRecord[]): JsonRecord => ({
  spec: { template: { spec: { containers } } },
});
const deployment: History = { apiVersion: 'apps/v1', kind: 'Deployment', schema: deployments };
const containersOf = (object: JsonRecord): unknown =>
  (object as { spec: { template: { spec: { containers: unknown } } } }).spec.template.spec
    .containers; // withContainers made it

suite('server-side apply of lists by key', () => {
  const merging = (first: readonly string[], second: readonly string[]): readonly string[] => {
    const { object } = play(deployment, [
      { apply: withContainers(...first.map((name) => container(name))), as: 'one' },
      { apply: withContainers(...second.map((name) => container(name))), as: 'two' },
    ]);
    return (containersOf(object) as { name: string }[]).map(({ name }) => name); // as above
  };
  for (const { name, live, applied, want } of [
    { name: 'appends new items', live: 'a b', applied: 'c', want: 'a b c' },
    { name: 'keeps the applied order', live: 'a b c', applied: 'c a', want: 'b c a' },
    {
      name: 'puts new items before the shared one they precede',
      live: 'a b c',
      applied: 'x b',
      want: 'a x b c',
    },
    {
      name: 'keeps live items before the shared one they preceded',
      live: 'a b c d',
      applied: 'a d',
      want: 'a b c d',
    },
    { name: 'reverses when applied in reverse', live: 'a b c', applied: 'c b a', want: 'c b a' },
  ])
    test(name, () => assert.equal(merging(live.split(' '), applied.split(' ')).join(' '), want));

  test('uses defaults of key fields', () => {
    const ports = (...list: JsonRecord[]): JsonRecord =>
      withContainers(container('a', { ports: list }));
    const { object, conflicts } = play(deployment, [
      { apply: ports({ containerPort: 80 }, { containerPort: 80, protocol: 'UDP' }), as: 'one' },
      { apply: ports({ containerPort: 80, protocol: 'TCP', name: 'web' }), as: 'two' },
    ]);
    assert.deepEqual(conflicts, []);
    assert.deepEqual(containersOf(object), [
      container('a', {
        ports: [
          { containerPort: 80, protocol: 'TCP', name: 'web' },
          { containerPort: 80, protocol: 'UDP' },
        ],
      }),
    ]);
    assert.deepEqual(
      owners(object)['Apply two']?.slice(-5),
      [
        '.spec.template.spec.containers[name="a"]',
        '.spec.template.spec.containers[name="a"].name',
        '.spec.template.spec.containers[name="a"].ports[containerPort=80,protocol="TCP"]',
        '.spec.template.spec.containers[name="a"].ports[containerPort=80,protocol="TCP"].containerPort',
        '.spec.template.spec.containers[name="a"].ports[containerPort=80,protocol="TCP"].name',
        '.spec.template.spec.containers[name="a"].ports[containerPort=80,protocol="TCP"].protocol',
      ].slice(-5),
    );
  });

  test('removes one nested key and leaves the rest of the item to its other owner', () => {
    const { object } = play(deployment, [
      {
        apply: withContainers(
          container('a', {
            env: [
              { name: 'X', value: '1' },
              { name: 'Y', value: '2' },
            ],
          }),
        ),
        as: 'one',
      },
      { apply: withContainers(container('a', { env: [{ name: 'Y', value: '2' }] })), as: 'two' },
      { apply: withContainers(container('a')), as: 'one' },
    ]);
    assert.deepEqual(containersOf(object), [container('a', { env: [{ name: 'Y', value: '2' }] })]);
  });
});

suite('server-side apply of what empties maps', () => {
  test('leaves a null of a map of a custom resource that lost all its fields, and its owners their claim', () => {
    const { object } = play(widget, [
      { apply: { status: { phase: 'P' } }, as: 'one' },
      { apply: { status: {} }, as: 'two' },
      { apply: {}, as: 'one' },
    ]);
    assert.equal(object['status'], null);
    assert.deepEqual(owners(object), { 'Apply two': ['.status'] });
  });

  test('leaves no nulls in items of lists, and an empty struct where Go has one', () => {
    const { object } = play(deployment, [
      {
        apply: withContainers(
          container('a', { env: [{ name: 'X' }], resources: { limits: { cpu: '1' } } }),
        ),
        as: 'one',
      },
      {
        update: withContainers(
          container('a', {
            env: [{ name: 'X' }],
            resources: { limits: { cpu: '1', memory: '2' } },
          }),
        ),
        as: 'hand',
      },
      { apply: withContainers(container('a', { env: [], resources: {} })), as: 'one' },
    ]);
    assert.deepEqual(containersOf(object), [
      container('a', { resources: { limits: { memory: '2' } } }),
    ]);
  });
});

suite('server-side apply beside subresources and metadata', () => {
  test('the status subresource has a manager of its own', () => {
    const steps: Step[] = [
      { apply: spec({ size: 1 }), as: 'one' },
      { update: { spec: { size: 1 }, status: { phase: 'Ready' } }, as: 'one', in: 'status' },
      { apply: { status: { phase: 'Gone' } }, as: 'two' },
    ];
    const { object } = play(widget, steps.slice(0, 2));
    assert.deepEqual(owners(object), {
      'Apply one': ['.spec.size'],
      'Update one/status': ['.status', '.status.phase'],
    });
    const played = play(widget, steps);
    assert.deepEqual(played.conflicts, ['.status.phase']);
  });

  test('fields that a request cannot change are neither owned nor taken', () => {
    const { object, conflicts } = play(widget, [
      { update: { spec: { size: 1 }, status: { phase: 'Ready' } }, as: 'hand' },
      {
        apply: { spec: { size: 1 }, status: { phase: 'Gone' } },
        as: 'one',
        reset: fieldSetOf(['status']),
      },
    ]);
    assert.deepEqual(conflicts, []);
    assert.deepEqual(owners(object)['Apply one'], ['.spec.size']);
    assert.deepEqual(owners(object)['Update hand'], [
      '.spec',
      '.status',
      '.spec.size',
      '.status.phase',
    ]);
  });

  test('owns labels and annotations, and never names or versions', () => {
    const { object } = play(widget, [
      {
        apply: {
          metadata: { name: 'x', namespace: 'n', uid: 'u', labels: { a: '1' }, finalizers: ['f'] },
        },
        as: 'one',
      },
    ]);
    assert.deepEqual(owners(object), {
      'Apply one': ['.metadata.finalizers[="f"]', '.metadata.labels.a'],
    });
  });

  test('the fields of a created built-in have no dots where Go has structs', () => {
    const object = updateManagedFields({
      before: undefined,
      after: {
        apiVersion: 'v1',
        kind: 'Service',
        metadata: { name: 'x', labels: { a: 'b' } },
        spec: { ports: [{ port: 80, protocol: 'TCP' }], selector: { a: 'b' } },
      },
      manager: 'hand',
      operation: 'Update',
      apiVersion: 'v1',
      time: '2026-01-01T00:00:00Z',
      schema: services,
    });
    assert.deepEqual(managedFieldsOf(object), [
      {
        manager: 'hand',
        operation: 'Update',
        apiVersion: 'v1',
        time: '2026-01-01T00:00:00Z',
        fieldsType: 'FieldsV1',
        fieldsV1: {
          'f:metadata': { 'f:labels': { '.': {}, 'f:a': {} } },
          'f:spec': {
            'f:ports': {
              '.': {},
              'k:{"port":80,"protocol":"TCP"}': { '.': {}, 'f:port': {}, 'f:protocol': {} },
            },
            'f:selector': {},
          },
        },
      },
    ]);
  });

  test('an apply without effect gives back the live object itself', () => {
    const { object } = play(widget, [{ apply: spec({ size: 1 }), as: 'one' }]);
    const result = applyConfiguration({
      kind: 'Widget',
      live: object,
      applied: {
        apiVersion: 'example.com/v1',
        kind: 'Widget',
        metadata: { name: 'x' },
        spec: { size: 1 },
      },
      manager: 'one',
      force: false,
      apiVersion: 'example.com/v1',
      time: '2027-01-01T00:00:00Z',
      schema: widgets,
    });
    assert.equal(result.outcome === 'applied' && result.object, object);
    assert.equal(result.outcome === 'applied' && result.changed, false);
  });

  test('kubectl takes over what client-side apply set', () => {
    const csa = (size: number): JsonRecord => ({
      metadata: {
        name: 'x',
        annotations: {
          'kubectl.kubernetes.io/last-applied-configuration': JSON.stringify({
            apiVersion: 'example.com/v1',
            kind: 'Widget',
            spec: { size },
          }),
        },
      },
    });
    const steps = (lastApplied: number): Step[] => [
      { update: { ...csa(lastApplied), spec: { size: 1 } }, as: 'kubectl-client-side-apply' },
      { apply: spec({ size: 2 }), as: 'kubectl' },
    ];
    const taken = play(widget, steps(1));
    assert.deepEqual(taken.object['spec'], { size: 2 });
    assert.match(JSON.stringify(taken.object['metadata']), /\\"size\\":2/);
    assert.deepEqual(play(widget, steps(7)).conflicts, ['.spec.size']);
  });
});

suite('an apply conflict', () => {
  const conflicting = (steps: readonly Step[], applied: JsonRecord): ApiError => {
    const { object } = play(widget, steps);
    const result = applyConfiguration({
      kind: 'Widget',
      live: object,
      applied: {
        apiVersion: 'example.com/v1',
        kind: 'Widget',
        metadata: { name: 'x' },
        ...applied,
      },
      manager: 'me',
      force: false,
      apiVersion: 'example.com/v1',
      time: '2027-01-01T00:00:00Z',
      schema: widgets,
    });
    assert.equal(result.outcome, 'conflict');
    return conflictError(result.outcome === 'conflict' ? result.conflicts : []);
  };
  test('with one updater reads as from kube-apiserver', () => {
    const error = conflicting([{ update: spec({ size: 1 }), as: 'hand' }], spec({ size: 2 }));
    assert.equal(error.code, 409);
    assert.equal(error.reason, 'Conflict');
    assert.equal(
      error.message,
      'Apply failed with 1 conflict: conflict with "hand" using example.com/v1: .spec.size',
    );
    assert.deepEqual(error.details, {
      causes: [
        {
          reason: 'FieldManagerConflict',
          message: 'conflict with "hand" using example.com/v1',
          field: '.spec.size',
        },
      ],
    });
  });
  test('with several managers lists them by name', () => {
    const error = conflicting(
      [
        { apply: spec({ size: 1 }), as: 'b' },
        { apply: spec({ steps: ['x'] }), as: 'a' },
      ],
      spec({ size: 2, steps: [] }),
    );
    assert.equal(
      error.message,
      'Apply failed with 2 conflicts: conflicts with "a":\n- .spec.steps\nconflicts with "b":\n- .spec.size',
    );
  });
});

suite('a configuration is refused', () => {
  for (const { name, applied, code, message } of [
    {
      name: 'of another version',
      applied: { apiVersion: 'example.com/v2' },
      code: 400,
      message: /invalid object type: example.com\/v2, Kind=Widget/,
    },
    {
      name: 'with managed fields',
      applied: { metadata: { managedFields: [] } },
      code: 400,
      message: /metadata.managedFields must be nil/,
    },
    {
      name: 'with an unknown field',
      applied: spec({ colour: 1 }),
      code: 500,
      message:
        /failed to create typed patch object \(\/x; example.com\/v1, Kind=Widget\): .spec.colour: field not declared in schema/,
    },
    {
      name: 'with a wrong type',
      applied: spec({ size: 'big' }),
      code: 500,
      message: /\.spec\.size: expected numeric \(int or float\), got string/,
    },
    {
      name: 'with an item twice',
      applied: spec({ zones: ['a', 'a'] }),
      code: 500,
      message: /\.spec\.zones: duplicate entries for key \[="a"\]/,
    },
    {
      name: 'with several faults',
      applied: { spec: { size: 'big', zones: [null] } },
      code: 500,
      message: /errors:\n {2}\.spec\.size/,
    },
  ])
    test(name, () =>
      assert.throws(
        () =>
          applyConfiguration({
            kind: 'Widget',
            live: undefined,
            applied: {
              apiVersion: 'example.com/v1',
              kind: 'Widget',
              ...applied,
              metadata: { name: 'x', ...metadataOf(applied) },
            },
            manager: 'me',
            force: false,
            apiVersion: 'example.com/v1',
            time: '2027-01-01T00:00:00Z',
            schema: widgets,
          }),
        (error) => error instanceof ApiError && error.code === code && message.test(error.message),
      ),
    );
});

suite('the books on updates', () => {
  test('keep ten updaters and merge the oldest', () => {
    const steps = Array.from(
      { length: 13 },
      (_, index): Step => ({
        update: spec({
          free: Object.fromEntries(Array.from({ length: index + 1 }, (__, key) => [`k${key}`, 1])),
        }),
        as: `m${String(index).padStart(2, '0')}`,
      }),
    );
    const { object } = play(widget, steps);
    const names = Object.keys(owners(object));
    assert.equal(names.length, 10);
    assert.equal(names[0], 'Update ancient-changes');
    assert.deepEqual(owners(object)['Update ancient-changes'], [
      '.spec',
      '.spec.free',
      '.spec.free.k0',
      '.spec.free.k1',
      '.spec.free.k2',
      '.spec.free.k3',
    ]);
  });

  test('an update that changes nothing keeps times', () => {
    const steps: Step[] = [
      { update: spec({ size: 1 }), as: 'hand' },
      { update: spec({ size: 1 }), as: 'other' },
    ];
    assert.deepEqual(play(widget, steps).object, play(widget, steps.slice(0, 1)).object);
  });

  test('what became atomic is owned whole, unless nothing of it is declared', () => {
    const [text, number]: SchemaNode[] = [{ type: 'string' }, { type: 'integer' }];
    const map = { 'x-kubernetes-map-type': 'atomic', type: 'object' } as const;
    const { type } = customObjectSchema({
      type: 'object',
      properties: { some: { ...map, properties: { a: text ?? {} } }, any: map, n: number ?? {} },
    });
    const parts = fieldSetOf(['some', 'a'], ['any', 'a'], ['n']);
    assert.deepEqual([...withAtomicWhole(parts, type).paths()].map(showPath).sort(), [
      '.any.a',
      '.n',
      '.some',
    ]);
  });

  test('quantities are scalars wherever they stand', () => {
    const name = 'io.k8s.apimachinery.pkg.api.resource.Quantity';
    const quantity: SchemaNode = { allOf: [{ $ref: `#/components/schemas/${name}` }] };
    const { type } = objectSchema({
      root: { type: 'object', properties: { size: quantity } },
      source: { resolve: () => ({}) },
    });
    assert.doesNotThrow(() => validateTyped(type, { size: '1Gi' }));
    assert.throws(() => validateTyped(type, { size: [] }), TypedFault);
  });

  test('an update without managed fields before stays without', () => {
    const before = {
      apiVersion: 'v1',
      kind: 'Widget',
      metadata: { name: 'x', uid: 'u' },
      spec: { size: 1 },
    };
    const after = updateManagedFields({
      before,
      after: { ...before, spec: { size: 2 } },
      manager: 'm',
      operation: 'Update',
      apiVersion: 'v1',
      time: '2026-01-01T00:00:00Z',
      schema: widgets,
    });
    assert.equal(managedFieldsOf(after), undefined);
    assert.deepEqual(withoutManagedFields(after)['spec'], { size: 2 });
  });
});
