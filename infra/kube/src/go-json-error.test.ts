import assert from 'node:assert/strict';
import { test } from 'node:test';
import { goJsonError } from './go-json-error.ts';

const said = (text: string): string | undefined => goJsonError(Buffer.from(text));

const rows: readonly (readonly [string, string])[] = [
  ['', 'unexpected end of JSON input'],
  ['  ', 'unexpected end of JSON input'],
  ['{"kind":"ConfigMap"', 'unexpected end of JSON input'],
  ['[1', 'unexpected end of JSON input'],
  ['{', 'unexpected end of JSON input'],
  ['"a', 'unexpected end of JSON input'],
  ['-', 'unexpected end of JSON input'],
  ['1.', 'unexpected end of JSON input'],
  ['tru', 'unexpected end of JSON input'],
  ['nonsense', "invalid character 'o' in literal null (expecting 'u')"],
  ['x', "invalid character 'x' looking for beginning of value"],
  ['{a', "invalid character 'a' looking for beginning of object key string"],
  ['{"a" 1', "invalid character '1' after object key"],
  ['{"a":1 "b"', `invalid character '"' after object key:value pair`],
  ['{"a":1,}', "invalid character '}' looking for beginning of object key string"],
  ['[1 2]', "invalid character '2' after array element"],
  ['[1,]', "invalid character ']' looking for beginning of value"],
  ['1 2', "invalid character '2' after top-level value"],
  ['01', "invalid character '1' after top-level value"],
  ['-x', "invalid character 'x' in numeric literal"],
  ['1.x', "invalid character 'x' after decimal point in numeric literal"],
  ['1ex', "invalid character 'x' in exponent of numeric literal"],
  ['"a\nb"', String.raw`invalid character '\n' in string literal`],
  [String.raw`"\q"`, "invalid character 'q' in string escape code"],
  [String.raw`"\u00g0"`, String.raw`invalid character 'g' in \u hexadecimal character escape`],
  ["'", String.raw`invalid character '\'' looking for beginning of value`],
];

for (const [text, expected] of rows) {
  test(`${JSON.stringify(text)} is told as: ${expected}`, () => assert.equal(said(text), expected));
}

test('bytes that are no characters are told by their numbers', () => {
  const found = goJsonError(Buffer.from('nonsense', 'base64'));
  assert.equal(found, String.raw`invalid character '\u009e' looking for beginning of value`);
});

test('of what is JSON nothing is said', () => {
  for (const text of [
    '{}',
    ' [1, -2.5e+3, 0] ',
    'null',
    '{"a":{"b":[true,false,"\\u00e4"]}}',
    '""',
  ]) {
    assert.equal(said(text), undefined, text);
  }
});
