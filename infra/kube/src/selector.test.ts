import assert from 'node:assert/strict';
import test from 'node:test';

import { isPlatformError } from '@tweendeck/std';
import fc from 'fast-check';

import { fieldErrorText, path } from './field-error.ts';
import { parseFieldSelector } from './field-selector.ts';
import {
  everyLabel,
  labelSelectorFromObject,
  labelSelectorOf,
  parseLabelSelector,
  validateLabelSelector,
} from './selector.ts';

for (const { text, canonical, matches, misses } of [
  { text: '', canonical: '', matches: [{}, { a: 'b' }], misses: [] },
  { text: 'a=b', canonical: 'a=b', matches: [{ a: 'b', c: 'd' }], misses: [{}, { a: 'c' }] },
  { text: 'a == b', canonical: 'a==b', matches: [{ a: 'b' }], misses: [{ a: 'c' }] },
  { text: 'a!=b', canonical: 'a!=b', matches: [{}, { a: 'c' }], misses: [{ a: 'b' }] },
  { text: 'a=', canonical: 'a=', matches: [{ a: '' }], misses: [{}, { a: 'b' }] },
  { text: 'a', canonical: 'a', matches: [{ a: '' }], misses: [{}, { b: 'a' }] },
  { text: '!a', canonical: '!a', matches: [{}, { b: 'a' }], misses: [{ a: '' }] },
  {
    text: 'z,a in (c,b)',
    canonical: 'a in (b,c),z',
    matches: [{ a: 'b', z: '' }],
    misses: [{ a: 'd', z: '' }, { a: 'b' }],
  },
  {
    text: 'a notin (b,c)',
    canonical: 'a notin (b,c)',
    matches: [{}, { a: 'd' }],
    misses: [{ a: 'b' }],
  },
  { text: 'a in ()', canonical: 'a in ()', matches: [{ a: '' }], misses: [{ a: 'b' }] },
  { text: 'a in (b,,c)', canonical: 'a in (,b,c)', matches: [{ a: '' }, { a: 'c' }], misses: [{}] },
  {
    text: 'in in (in,notin)',
    canonical: 'in in (in,notin)',
    matches: [{ in: 'notin' }],
    misses: [{ in: 'x' }],
  },
  {
    text: 'app.kubernetes.io/name=x',
    canonical: 'app.kubernetes.io/name=x',
    matches: [{ 'app.kubernetes.io/name': 'x' }],
    misses: [{}],
  },
  { text: 'a>1', canonical: 'a>1', matches: [{ a: '2' }], misses: [{ a: '1' }, { a: 'x' }, {}] },
] as {
  text: string;
  canonical: string;
  matches: Record<string, string>[];
  misses: Record<string, string>[];
}[]) {
  test(`label selector "${text}"`, () => {
    const selector = parseLabelSelector(text);
    assert.equal(selector.toString(), canonical);
    for (const labels of matches) assert.ok(selector.matches(labels), JSON.stringify(labels));
    for (const labels of misses) assert.ok(!selector.matches(labels), JSON.stringify(labels));
  });
}

for (const { text, message } of [
  { text: ',', message: "found ',', expected: !, identifier, or 'end of string'" },
  { text: 'a,', message: "found '', expected: identifier after ','" },
  { text: 'a=b c', message: "found 'c', expected: ',' or 'end of string'" },
  { text: '!', message: "unable to parse requirement: found '', expected: identifier" },
  { text: 'a in b', message: "unable to parse requirement: found 'b' expected: '('" },
  { text: 'a in (b', message: "unable to parse requirement: found '', expected: ',' or ')'" },
  {
    text: 'a ~ b',
    message: "unable to parse requirement: found '~', expected: in, notin, =, ==, !=, gt, lt",
  },
  { text: '!a=b', message: "found '=', expected: ',' or 'end of string'" },
  { text: 'a=b=c', message: "found '=', expected: ',' or 'end of string'" },
  {
    text: 'a>x',
    message: `unable to parse requirement: values[0]: Invalid value: "x": for 'Gt', 'Lt' operators, the value must be an integer`,
  },
]) {
  test(`label selector "${text}" is refused`, () => {
    assert.throws(
      () => parseLabelSelector(text),
      (error) => isPlatformError(error, 'LABEL_SELECTOR_INVALID') && error.message === message,
    );
  });
}

test('a bad key is told in the words of names', () => {
  assert.throws(() => parseLabelSelector('-a=b'), {
    message: `unable to parse requirement: <nil>: Invalid value: "-a": name part must consist of alphanumeric characters, '-', '_' or '.', and must start and end with an alphanumeric character (e.g. 'MyName',  or 'my.name',  or '123-abc', regex used for validation is '([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9]')`,
  });
});

test('selector objects match by labels and expressions together', () => {
  const selector = labelSelectorFromObject({
    matchLabels: { app: 'x' },
    matchExpressions: [
      { key: 'tier', operator: 'In', values: ['a', 'b'] },
      { key: 'old', operator: 'DoesNotExist' },
    ],
  });
  assert.equal(selector.toString(), 'app=x,!old,tier in (a,b)');
  assert.ok(selector.matches({ app: 'x', tier: 'b' }));
  assert.ok(!selector.matches({ app: 'x', tier: 'b', old: '' }));
  assert.ok(!labelSelectorFromObject(undefined).matches({ app: 'x' }), 'absent: nothing');
  assert.ok(labelSelectorFromObject({}).matches({ app: 'x' }), 'empty: everything');
  assert.ok(labelSelectorOf({ app: 'x' }).matches({ app: 'x' }));
  assert.ok(everyLabel.matches(undefined));
});

test('selector objects are validated with their paths', () => {
  const errors = validateLabelSelector(
    {
      matchExpressions: [
        { key: 'a', operator: 'In' },
        { key: 'a', operator: 'Exists', values: ['x'] },
        { key: 'a', operator: 'Like', values: ['x'] },
      ],
    },
    path('spec').child('selector'),
  );
  assert.deepEqual(errors.map(fieldErrorText), [
    "spec.selector.matchExpressions[0].values: Required value: must be specified when `operator` is 'In' or 'NotIn'",
    "spec.selector.matchExpressions[1].values: Forbidden: may not be specified when `operator` is 'Exists' or 'DoesNotExist'",
    'spec.selector.matchExpressions[2].operator: Invalid value: "Like": not a valid selector operator',
  ]);
});

for (const { text, canonical, matches, misses } of [
  { text: '', canonical: '', matches: [{}], misses: [] },
  {
    text: 'metadata.name=x',
    canonical: 'metadata.name=x',
    matches: [{ 'metadata.name': 'x' }],
    misses: [{}],
  },
  {
    text: 'status.phase!=Running,a==b',
    canonical: 'a=b,status.phase!=Running',
    matches: [{ a: 'b' }],
    misses: [{ a: 'b', 'status.phase': 'Running' }],
  },
  {
    text: 'a=b\\,c\\=d\\\\',
    canonical: 'a=b\\,c\\=d\\\\',
    matches: [{ a: 'b,c=d\\' }],
    misses: [{ a: 'b' }],
  },
  { text: 'a=', canonical: 'a=', matches: [{}, { a: '' }], misses: [{ a: 'x' }] },
] as {
  text: string;
  canonical: string;
  matches: Record<string, string>[];
  misses: Record<string, string>[];
}[]) {
  test(`field selector "${text}"`, () => {
    const selector = parseFieldSelector(text);
    assert.equal(selector.toString(), canonical);
    for (const fields of matches) assert.ok(selector.matches(fields), JSON.stringify(fields));
    for (const fields of misses) assert.ok(!selector.matches(fields), JSON.stringify(fields));
  });
}

for (const { text, message } of [
  { text: 'a', message: "invalid selector: 'a'; can't understand 'a'" },
  { text: 'a=b=c', message: 'invalid field selector: unescaped character in value: 61' },
  { text: 'a=\\b', message: 'invalid field selector: invalid escape sequence: \\b' },
  { text: 'a=b\\', message: 'invalid field selector: invalid escape sequence: \\' },
]) {
  test(`field selector "${text}" is refused`, () => {
    assert.throws(() => parseFieldSelector(text), { code: 'FIELD_SELECTOR_INVALID', message });
  });
}

test('an equation fixes a field', () => {
  const selector = parseFieldSelector('metadata.name=x,a!=b');
  assert.equal(selector.exact('metadata.name'), 'x');
  assert.equal(selector.exact('a'), undefined);
});

test('any value survives the way through a field selector', () => {
  fc.assert(
    fc.property(fc.string({ minLength: 1 }), (value) => {
      const text = parseFieldSelector(`a=${value.replace(/[\\,=]/g, '\\$&')}`).toString();
      assert.ok(parseFieldSelector(text).matches({ a: value }));
    }),
  );
});
