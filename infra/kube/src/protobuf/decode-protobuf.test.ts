import assert from 'node:assert/strict';
import { before, suite, test } from 'node:test';
import { ApiError } from '../status.ts';
import { decodeProtobuf, isProtobuf } from './decode-protobuf.ts';
import { loadProtobufTables, type ProtobufTables } from './protobuf-tables.ts';

let tables: ProtobufTables;
before(async () => {
  tables = await loadProtobufTables();
});

type Bytes = readonly number[];
const varint = (value: number | bigint): Bytes => {
  const bytes: number[] = [];
  let rest = BigInt.asUintN(64, BigInt(value));
  for (; rest > 127n; rest >>= 7n) bytes.push(Number(rest & 127n) | 128);
  return [...bytes, Number(rest)];
};
const utf8 = (text: string): Bytes => [...new TextEncoder().encode(text)];
const field = (number: number, body: Bytes | string): Bytes => {
  const bytes = typeof body === 'string' ? utf8(body) : body;
  return [...varint(number * 8 + 2), ...varint(bytes.length), ...bytes];
};
const int = (number: number, value: number | bigint): Bytes => [
  ...varint(number * 8),
  ...varint(value),
];
const entry = (number: number, key: string, value: Bytes | string): Bytes =>
  field(number, [...field(1, key), ...field(2, value)]);
const message = (...fields: readonly Bytes[]): Bytes => fields.flat();
const body = (apiVersion: string, kind: string, raw: Bytes, more: Bytes = []): Uint8Array =>
  Uint8Array.from([
    ...[0x6b, 0x38, 0x73, 0],
    ...field(1, message(field(1, apiVersion), field(2, kind))),
    ...field(2, raw),
    ...field(4, ''),
    ...more,
  ]);
const decode = (apiVersion: string, kind: string, ...fields: readonly Bytes[]): unknown =>
  decodeProtobuf(body(apiVersion, kind, message(...fields)), tables);
/** Metadata as client-go sends it: values that are not pointers are always there, zero or not. */
const metadata = (name: string, ...more: readonly Bytes[]): Bytes =>
  field(
    1,
    message(
      field(1, name),
      field(2, ''),
      field(3, ''),
      field(4, ''),
      field(5, ''),
      field(6, ''),
      int(7, 0),
      field(8, []),
      ...more,
    ),
  );

suite('a protobuf body', () => {
  test('of a config map', () =>
    assert.deepEqual(
      decode(
        'v1',
        'ConfigMap',
        metadata('c', entry(11, 'a', 'b'), field(14, 'f1'), field(14, 'f2')),
        entry(2, 'key', 'välue'),
        entry(2, 'empty', ''),
        entry(3, 'bin', [0, 255]),
        int(4, 0),
      ),
      {
        apiVersion: 'v1',
        kind: 'ConfigMap',
        metadata: { name: 'c', labels: { a: 'b' }, finalizers: ['f1', 'f2'] },
        data: { key: 'välue', empty: '' },
        binaryData: { bin: 'AP8=' },
        immutable: false,
      },
    ));

  test('of a secret with a creation time and managed fields', () =>
    assert.deepEqual(
      decode(
        'v1',
        'Secret',
        metadata(
          's',
          field(8, message(int(1, 1_700_000_000), int(2, 0))),
          field(
            17,
            message(field(1, 'm'), field(2, 'Update'), field(7, field(1, '{"f:data":{}}'))),
          ),
        ),
        entry(2, 'password', 'hunter2'),
        entry(4, 'plain', 'text'),
        field(3, 'Opaque'),
      ),
      {
        apiVersion: 'v1',
        kind: 'Secret',
        metadata: {
          name: 's',
          creationTimestamp: '2023-11-14T22:13:20Z',
          managedFields: [{ manager: 'm', operation: 'Update', fieldsV1: { 'f:data': {} } }],
        },
        data: { password: 'aHVudGVyMg==' },
        stringData: { plain: 'text' },
        type: 'Opaque',
      },
    ));

  test('of a deployment', () => {
    const port = message(field(1, ''), int(2, 0), int(3, 80), field(4, ''), field(5, ''));
    const probe = message(
      field(
        1,
        field(
          2,
          message(field(1, '/ready'), field(2, message(int(1, 1), int(2, 0), field(3, 'web')))),
        ),
      ),
      int(2, 0),
      int(4, 5),
    );
    const resources = message(
      entry(1, 'memory', field(1, '1Gi')),
      field(3, message(field(1, 'claim'))),
    );
    const container = message(
      field(1, 'app'),
      field(2, 'app:1'),
      field(4, '--fast'),
      field(6, port),
      field(8, resources),
      field(11, probe),
      field(15, message(int(4, 0), int(7, 0))),
      int(16, 0),
    );
    const volume = message(
      field(1, 'v'),
      field(2, field(19, message(field(1, field(1, 'cm')), int(3, 420)))),
    );
    const pod = message(
      field(1, volume),
      field(2, container),
      int(4, 0),
      field(22, message(field(1, 'k'), field(2, 'Exists'))),
      int(11, 0),
    );
    const strategy = message(
      field(1, 'RollingUpdate'),
      field(
        2,
        message(
          field(1, message(int(1, 1), field(3, '25%'))),
          field(2, message(int(1, 0), int(2, 1))),
        ),
      ),
    );
    assert.deepEqual(
      decode(
        'apps/v1',
        'Deployment',
        metadata('d'),
        field(
          2,
          message(
            int(1, 0),
            field(2, entry(1, 'a', 'b')),
            field(3, message(field(1, []), field(2, pod))),
            field(4, strategy),
            int(5, 0),
            int(7, 0),
          ),
        ),
        field(3, []),
      ),
      {
        apiVersion: 'apps/v1',
        kind: 'Deployment',
        metadata: { name: 'd' },
        spec: {
          replicas: 0,
          selector: { matchLabels: { a: 'b' } },
          strategy: {
            type: 'RollingUpdate',
            rollingUpdate: { maxUnavailable: '25%', maxSurge: 1 },
          },
          template: {
            metadata: {},
            spec: {
              containers: [
                {
                  name: 'app',
                  image: 'app:1',
                  args: ['--fast'],
                  ports: [{ containerPort: 80 }],
                  resources: { limits: { memory: '1Gi' }, claims: [{ name: 'claim' }] },
                  readinessProbe: { httpGet: { path: '/ready', port: 'web' }, periodSeconds: 5 },
                  securityContext: { runAsUser: 0, allowPrivilegeEscalation: false },
                },
              ],
              terminationGracePeriodSeconds: 0,
              tolerations: [{ key: 'k', operator: 'Exists' }],
              volumes: [{ name: 'v', configMap: { name: 'cm', defaultMode: 420 } }],
            },
          },
        },
        status: {},
      },
    );
  });

  test('of a lease with microseconds', () =>
    assert.deepEqual(
      decode(
        'coordination.k8s.io/v1',
        'Lease',
        field(
          2,
          message(
            field(1, 'me'),
            int(2, 15),
            field(4, message(int(1, 1_700_000_000), int(2, 123_456_789))),
          ),
        ),
      ),
      {
        apiVersion: 'coordination.k8s.io/v1',
        kind: 'Lease',
        spec: {
          holderIdentity: 'me',
          leaseDurationSeconds: 15,
          renewTime: '2023-11-14T22:13:20.123456Z',
        },
      },
    ));

  test('of options, in whatever group', () =>
    assert.deepEqual(
      decode(
        'policy/v1',
        'DeleteOptions',
        int(1, 0),
        field(2, field(1, 'uid')),
        field(4, 'Foreground'),
        field(5, 'All'),
      ),
      {
        apiVersion: 'policy/v1',
        kind: 'DeleteOptions',
        gracePeriodSeconds: 0,
        preconditions: { uid: 'uid' },
        propagationPolicy: 'Foreground',
        dryRun: ['All'],
      },
    ));

  test('of a custom resource definition with its alternatives', () => {
    const schema = message(
      field(5, 'object'),
      field(8, field(1, '{"a":1}')),
      entry(29, 'list', message(field(5, 'array'), field(24, field(1, field(5, 'string'))))),
      entry(29, 'map', message(field(30, message(int(1, 0), field(2, field(5, 'integer')))))),
      entry(29, 'open', message(field(30, int(1, 1)), [9 * 8 + 1, 0, 0, 0, 0, 0, 0, 0xf8, 0x3f])),
      field(20, field(1, '"x"')),
    );
    const version = message(field(1, 'v1'), int(2, 1), int(3, 1), field(4, field(1, schema)));
    assert.deepEqual(
      decode(
        'apiextensions.k8s.io/v1',
        'CustomResourceDefinition',
        field(2, message(field(1, 'g'), field(7, version))),
      ),
      {
        apiVersion: 'apiextensions.k8s.io/v1',
        kind: 'CustomResourceDefinition',
        spec: {
          group: 'g',
          versions: [
            {
              name: 'v1',
              served: true,
              storage: true,
              schema: {
                openAPIV3Schema: {
                  type: 'object',
                  default: { a: 1 },
                  enum: ['x'],
                  properties: {
                    list: { type: 'array', items: { type: 'string' } },
                    map: { additionalProperties: { type: 'integer' } },
                    open: { additionalProperties: true, maximum: 1.5 },
                  },
                },
              },
            },
          ],
        },
      },
    );
  });

  test('with fields of a later release passes over them', () =>
    assert.deepEqual(decode('v1', 'ConfigMap', int(999, 5), field(998, 'new')), {
      apiVersion: 'v1',
      kind: 'ConfigMap',
    }));

  test('with numbers that were packed, and with negative ones', () => {
    const groups = [
      ...[1, 2, 300].flatMap((gid) => int(4, gid)),
      ...field(4, [...varint(7), ...varint(8)]),
    ];
    assert.deepEqual(decode('v1', 'Pod', field(2, message(int(25, -5), field(14, groups)))), {
      apiVersion: 'v1',
      kind: 'Pod',
      spec: { priority: -5, securityContext: { supplementalGroups: [1, 2, 300, 7, 8] } },
    });
  });

  for (const { name, bytes, message: text } of [
    { name: 'no magic', bytes: () => Uint8Array.from([1, 2, 3, 4, 5]), message: /open with k8s/ },
    {
      name: 'a kind that is not served',
      bytes: () => body('v1', 'Gadget', []),
      message: /no kind "Gadget" is served in version "v1"/,
    },
    {
      name: 'a field cut short',
      bytes: () => body('v1', 'ConfigMap', [10, 200, 1]),
      message: /ends within a field/,
    },
    {
      name: 'a number cut short',
      bytes: () => body('v1', 'ConfigMap', [32, 255]),
      message: /ends within a number/,
    },
    {
      name: 'an endless number',
      bytes: () => body('v1', 'ConfigMap', [32, ...Array(12).fill(255)]),
      message: /more than 64 bits/,
    },
    { name: 'groups', bytes: () => body('v1', 'ConfigMap', [11]), message: /wire type 3/ },
    {
      name: 'field number zero',
      bytes: () => body('v1', 'ConfigMap', [2, 0]),
      message: /field number 0/,
    },
    {
      name: 'a wire type that does not fit',
      bytes: () => body('v1', 'ConfigMap', int(1, 5)),
      message: /wire type 0 for a field of type meta/,
    },
    {
      name: 'a text that is not UTF-8',
      bytes: () => body('v1', 'Secret', field(3, [0xc3])),
      message: /not UTF-8/,
    },
    {
      name: 'an integer beyond JSON',
      bytes: () => body('apps/v1', 'ControllerRevision', int(3, 2n ** 60n)),
      message: /beyond the integers/,
    },
    {
      name: 'embedded JSON that is none',
      bytes: () => body('apps/v1', 'ControllerRevision', field(2, field(1, '{'))),
      message: /embedded JSON/,
    },
    {
      name: 'a content encoding',
      bytes: () => body('v1', 'ConfigMap', [], field(3, 'gzip')),
      message: /content encoding "gzip"/,
    },
    {
      name: 'a bottomless schema',
      bytes: () =>
        body(
          'apiextensions.k8s.io/v1',
          'CustomResourceDefinition',
          field(2, field(7, field(4, field(1, nested(200))))),
        ),
      message: /nested deeper/,
    },
  ])
    test(`is refused with ${name}`, () =>
      assert.throws(
        () => decodeProtobuf(bytes(), tables),
        (error) => error instanceof ApiError && error.code === 400 && text.test(error.message),
      ));

  test('is told from JSON by its first bytes', () => {
    assert.equal(isProtobuf(body('v1', 'Pod', [])), true);
    assert.equal(isProtobuf(Uint8Array.from(utf8('{"kind":"Pod"}'))), false);
    assert.equal(isProtobuf(new Uint8Array()), false);
  });
});

function nested(levels: number): Bytes {
  let schema: Bytes = [];
  for (let level = 0; level < levels; level++) schema = field(28, schema);
  return schema;
}
