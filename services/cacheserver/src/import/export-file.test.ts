import assert from 'node:assert/strict';
import { test } from 'node:test';
import { parseExport } from './export-file.ts';

const hex = '0123456789abcdef0123456789abcdef';
const file = { type: 'a', path: 'x/y', ts: 12 };
const transaction = { assetPath: 'x', guid: hex, hash: hex, files: [file] };

test('an export is read as it is written', () => {
  const value = { projectRoot: '/p', transactions: [transaction] };
  assert.deepEqual(parseExport({ ...value, more: 1 }), value);
});

for (const { name, value, message } of [
  { name: 'no object', value: [], message: 'the export is not an object' },
  { name: 'no root', value: { transactions: [] }, message: 'projectRoot is not a string' },
  { name: 'no list', value: { projectRoot: '/' }, message: 'transactions is not a list' },
  {
    name: 'a list of numbers',
    value: { projectRoot: '/', transactions: [1] },
    message: 'transactions[0] is not an object',
  },
  {
    name: 'a short guid',
    value: { projectRoot: '/', transactions: [transaction, { ...transaction, guid: '12' }] },
    message: 'transactions[1]: guid and hash are 32 hex digits each',
  },
  {
    name: 'a guid that is a number',
    value: { projectRoot: '/', transactions: [{ ...transaction, guid: 1 }] },
    message: 'transactions[0].guid is not a string',
  },
  {
    name: 'a hash with a letter too far',
    value: { projectRoot: '/', transactions: [{ ...transaction, hash: `${hex.slice(1)}g` }] },
    message: 'transactions[0]: guid and hash are 32 hex digits each',
  },
  {
    name: 'an unknown type',
    value: {
      projectRoot: '/',
      transactions: [{ ...transaction, files: [file, { ...file, type: 'b' }] }],
    },
    message: 'transactions[0].files[1].type is not a, i or r',
  },
  {
    name: 'a time in words',
    value: {
      projectRoot: '/',
      transactions: [{ ...transaction, files: [{ ...file, ts: 'now' }] }],
    },
    message: 'transactions[0].files[0].ts is not a number',
  },
  {
    name: 'a file without path',
    value: {
      projectRoot: '/',
      transactions: [{ ...transaction, files: [{ ...file, path: undefined }] }],
    },
    message: 'transactions[0].files[0].path is not a string',
  },
]) {
  test(`an export with ${name} is refused by the field`, () => {
    assert.throws(() => parseExport(value), { code: 'CACHE_IMPORT_MALFORMED', message });
  });
}
