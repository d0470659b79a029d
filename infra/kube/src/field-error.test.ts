import assert from 'node:assert/strict';
import test from 'node:test';

import {
  type FieldError,
  fieldDuplicate,
  fieldErrorCause,
  fieldErrorText,
  fieldForbidden,
  fieldInternal,
  fieldInvalid,
  fieldNotFound,
  fieldNotSupported,
  fieldRequired,
  fieldTooLong,
  fieldTooMany,
  fieldTypeInvalid,
  invalidError,
  path,
} from './field-error.ts';

const at = path('spec').child('containers').index(0).child('name');

const rows: { error: FieldError; text: string; reason: string }[] = [
  {
    error: fieldInvalid('spec.storage', -1, 'must be greater than or equal to 0'),
    text: 'spec.storage: Invalid value: -1: must be greater than or equal to 0',
    reason: 'FieldValueInvalid',
  },
  {
    error: fieldRequired(at),
    text: 'spec.containers[0].name: Required value',
    reason: 'FieldValueRequired',
  },
  {
    error: fieldRequired(at, 'name it'),
    text: 'spec.containers[0].name: Required value: name it',
    reason: 'FieldValueRequired',
  },
  {
    error: fieldNotSupported('spec.mode', 'x', ['A', 'B']),
    text: 'spec.mode: Unsupported value: "x": supported values: "A", "B"',
    reason: 'FieldValueNotSupported',
  },
  {
    error: fieldDuplicate(path('spec').child('ports').key('http'), { name: 'http' }),
    text: 'spec.ports[http]: Duplicate value: {"name":"http"}',
    reason: 'FieldValueDuplicate',
  },
  {
    error: fieldForbidden('spec', 'is immutable'),
    text: 'spec: Forbidden: is immutable',
    reason: 'FieldValueForbidden',
  },
  {
    error: fieldTooLong('a', 5),
    text: 'a: Too long: may not be more than 5 bytes',
    reason: 'FieldValueTooLong',
  },
  {
    error: fieldTooMany('a', { items: 3, itemsMax: 1 }),
    text: 'a: Too many: 3: must have at most 1 item',
    reason: 'FieldValueTooMany',
  },
  {
    error: fieldTypeInvalid('a', 'string', 'no'),
    text: 'a: Invalid value: "string": no',
    reason: 'FieldValueTypeInvalid',
  },
  { error: fieldNotFound('a', 'x'), text: 'a: Not found: "x"', reason: 'FieldValueNotFound' },
  { error: fieldInternal('a', 'oh'), text: 'a: Internal error: oh', reason: 'InternalError' },
  {
    error: fieldInvalid('', null, 'no'),
    text: '<nil>: Invalid value: null: no',
    reason: 'FieldValueInvalid',
  },
  {
    error: fieldInvalid('a', 'tab\t"q" <é>', 'no'),
    text: 'a: Invalid value: "tab\\t\\"q\\" <é>": no',
    reason: 'FieldValueInvalid',
  },
  {
    error: fieldInvalid('a', { b: '<', a: [1, null] }, 'no'),
    text: 'a: Invalid value: {"a":[1,null],"b":"\\u003c"}: no',
    reason: 'FieldValueInvalid',
  },
  {
    error: fieldInvalid('a', 1e-7, 'no'),
    text: 'a: Invalid value: 1e-07: no',
    reason: 'FieldValueInvalid',
  },
  {
    error: fieldInvalid('a', 2n ** 60n, 'no'),
    text: 'a: Invalid value: 1152921504606846976: no',
    reason: 'FieldValueInvalid',
  },
];

for (const { error, text, reason } of rows) {
  test(`field error: ${text}`, () => {
    assert.equal(fieldErrorText(error), text);
    assert.equal(fieldErrorCause(error).reason, reason);
  });
}

test('one error is told plain, with its cause', () => {
  const error = invalidError({ group: 'tweendeck.io', kind: 'CacheServer' }, 'x', [
    fieldRequired('spec.storage'),
  ]);
  assert.deepEqual(error.toStatus(), {
    kind: 'Status',
    apiVersion: 'v1',
    metadata: {},
    status: 'Failure',
    message: 'CacheServer.tweendeck.io "x" is invalid: spec.storage: Required value',
    reason: 'Invalid',
    details: {
      name: 'x',
      group: 'tweendeck.io',
      kind: 'CacheServer',
      causes: [{ reason: 'FieldValueRequired', message: 'Required value', field: 'spec.storage' }],
    },
    code: 422,
  });
});

test('several errors stand in brackets, equal ones once; the core group has no dot', () => {
  const same = fieldRequired('a');
  const error = invalidError({ group: '', kind: 'Pod' }, '', [same, same, fieldRequired('b')]);
  assert.equal(error.message, 'Pod "" is invalid: [a: Required value, b: Required value]');
  assert.equal(error.details?.name, undefined);
  assert.equal(error.details?.causes?.length, 3);
});
