// Failures of the disk reach the user as the error that says what to do.

import { equal, match } from 'node:assert/strict';
import { test } from 'node:test';

import { storeErrors } from './errors.ts';
import { errorOf } from './sqlite-errors.ts';
import { faultOf, StoreFault } from './sqlite-faults.ts';

for (const { name, error, code } of [
  { name: 'a lock held by another', error: sqlite(5), code: 'STORE_IN_USE' },
  { name: 'a malformed page', error: sqlite(11), code: 'STORE_DAMAGED' },
  { name: 'an index that does not fit its table', error: sqlite(779), code: 'STORE_DAMAGED' },
  { name: 'a file of another kind', error: sqlite(26), code: 'STORE_DAMAGED' },
  { name: 'a read-only file system', error: sqlite(8), code: 'STORE_UNWRITABLE' },
  { name: 'a directory in place of the file', error: sqlite(14), code: 'STORE_UNWRITABLE' },
  { name: 'a full disk', error: sqlite(13), code: 'STORE_FULL' },
  { name: 'a failed fsync', error: sqlite(1034), code: 'STORE_FAILED' },
  { name: 'a failed write', error: sqlite(778), code: 'STORE_FAILED' },
  { name: 'a directory of somebody else', error: system('EACCES'), code: 'STORE_UNWRITABLE' },
  { name: 'a quota that is used up', error: system('EDQUOT'), code: 'STORE_FULL' },
  { name: 'a device that is gone', error: system('ENXIO'), code: 'STORE_FAILED' },
  {
    name: 'a newer format',
    error: new StoreFault('newer-format', 'x'),
    code: 'STORE_FORMAT_UNKNOWN',
  },
  { name: 'anything else', error: 'x', code: 'STORE_FAILED' },
]) {
  test(`${name} is told as ${code}`, () => {
    const told = errorOf(structuredClone(faultOf(error)), '/data/store.db');
    equal(told.code, code);
    match(told.message, /^\/data\/store\.db: ./);
    equal(typeof told.hint, 'string');
    equal(typeof storeErrors[code], 'string');
  });
}

function sqlite(errcode: number): Error {
  return Object.assign(new Error('it failed'), { code: 'ERR_SQLITE_ERROR', errcode });
}

function system(code: string): Error {
  return Object.assign(new Error(`${code}: it failed`), { code });
}
