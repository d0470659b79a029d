// Header blocks, field by field, as POSIX places them.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { isPlatformError } from '@tweendeck/std';
import { type TarMember, tarHeader, tarPadding } from './tar-header.ts';

const plain: TarMember = {
  kind: 'file',
  path: 'bin/node',
  mode: 0o755,
  uid: 65_532,
  gid: 0,
  size: 5,
  mtimeSeconds: 86_400,
};

const text = (bytes: Buffer, at: number, length: number): string =>
  bytes.toString('utf8', at, at + length).replace(/\0.*$/s, '');

interface Fields {
  readonly name: string;
  readonly size: string;
  readonly type: string;
  readonly target: string;
  /** Of the pax header before it, by key. */
  readonly pax: Readonly<Record<string, string>>;
}

/** Reads what {@link tarHeader} wrote, by the offsets of the standard, and checks the sum of each block. */
function fieldsOf(bytes: Buffer): Fields {
  assert.equal(bytes.length % 512, 0);
  const last = bytes.subarray(-512);
  for (const block of bytes.length > 512 ? [bytes.subarray(0, 512), last] : [last]) {
    const sum = block.reduce((total, byte, at) => total + (at >= 148 && at < 156 ? 32 : byte), 0);
    assert.equal(Number.parseInt(text(block, 148, 7), 8), sum);
    assert.equal(block.toString('latin1', 257, 265), 'ustar\x0000');
  }
  const pax: Record<string, string> = {};
  if (bytes.length > 512) {
    assert.equal(text(bytes, 156, 1), 'x');
    let rest = bytes.subarray(512, 512 + Number.parseInt(text(bytes, 124, 12), 8));
    while (rest.length > 0) {
      const length = Number.parseInt(rest.toString('utf8'), 10);
      const record = rest.toString('utf8', 0, length);
      const [, key = '', value = ''] = /^\d+ (\w+)=(.*)\n$/s.exec(record) ?? [];
      pax[key] = value;
      rest = rest.subarray(length);
    }
  }
  return {
    name: text(last, 0, 100),
    size: text(last, 124, 12),
    type: text(last, 156, 1),
    target: text(last, 157, 100),
    pax,
  };
}

const name100 = 'n'.repeat(100);
const name101 = 'n'.repeat(101);
const none = { size: '00000000005', type: '0', target: '', pax: {} };

for (const { name, member, want } of [
  { name: 'a file', member: {}, want: { ...none, name: 'bin/node' } },
  {
    name: 'a directory, with a slash at its end',
    member: { kind: 'directory', path: 'bin', size: 0 },
    want: { ...none, name: 'bin/', size: '00000000000', type: '5' },
  },
  {
    name: 'an absolute link',
    member: { kind: 'symlink', size: 0, target: '/etc/x' },
    want: { name: 'bin/node', size: '00000000000', type: '2', target: '/etc/x', pax: {} },
  },
  { name: 'a name that just fits', member: { path: name100 }, want: { ...none, name: name100 } },
  {
    name: 'a name that does not fit',
    member: { path: name101 },
    want: { ...none, name: name100, pax: { path: name101 } },
  },
  {
    name: 'a directory whose slash does not fit',
    member: { kind: 'directory', path: name100, size: 0 },
    want: { ...none, name: name100, size: '00000000000', type: '5', pax: { path: `${name100}/` } },
  },
  {
    name: 'a name beyond ASCII',
    member: { path: 'ü/漢' },
    want: { ...none, name: '_/_', pax: { path: 'ü/漢' } },
  },
  {
    name: 'a link to a long name',
    member: { kind: 'symlink', size: 0, target: `/${name100}` },
    want: {
      name: 'bin/node',
      size: '00000000000',
      type: '2',
      target: `/${name100}`.slice(0, 100),
      pax: { linkpath: `/${name100}` },
    },
  },
  {
    name: 'eight gigabytes less one',
    member: { size: 8 * 1024 ** 3 - 1 },
    want: { ...none, name: 'bin/node', size: '77777777777' },
  },
  {
    name: 'eight gigabytes',
    member: { size: 8 * 1024 ** 3 },
    want: { ...none, name: 'bin/node', size: '00000000000', pax: { size: '8589934592' } },
  },
  {
    name: 'owners beyond seven octal digits',
    member: { uid: 2_097_152, gid: 4_294_967_294 },
    want: { ...none, name: 'bin/node', pax: { gid: '4294967294', uid: '2097152' } },
  },
] as const) {
  test(`writes ${name}`, () => {
    assert.deepEqual(fieldsOf(tarHeader({ ...plain, ...member })), want);
  });
}

test('mode, owner and time stand where they belong', () => {
  const bytes = tarHeader(plain);
  assert.equal(text(bytes, 100, 8), '0000755');
  assert.equal(text(bytes, 108, 8), '0177774');
  assert.equal(text(bytes, 116, 8), '0000000');
  assert.equal(text(bytes, 136, 12), '00000250600');
});

test('a pax record counts the digits of its own length', () => {
  for (const length of [101, 102, 980, 985, 986, 987, 988, 989, 990, 991, 1_000]) {
    const path = 'p'.repeat(length);
    assert.equal(fieldsOf(tarHeader({ ...plain, path })).pax['path'], path);
  }
});

test('a time before 1970 or between seconds is refused', () => {
  for (const mtimeSeconds of [-1, 0.5, Number.NaN, 8 ** 11]) {
    assert.throws(
      () => tarHeader({ ...plain, mtimeSeconds }),
      (error) => isPlatformError(error, 'OCI_ENTRY_INVALID'),
    );
  }
});

test('contents are filled up to whole blocks', () => {
  assert.deepEqual(
    [0, 1, 511, 512, 513].map((size) => tarPadding(size).length),
    [0, 511, 1, 0, 511],
  );
});
