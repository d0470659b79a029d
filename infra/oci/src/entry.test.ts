// The order of entries, the directories that paths imply, and what is refused.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { isPlatformError } from '@tweendeck/std';
import { type LayerEntry, orderedEntries } from './entry.ts';

const file = (path: string, more: Partial<LayerEntry> = {}): LayerEntry =>
  ({ kind: 'file', path, content: '', ...more }) as LayerEntry; // rows give impossible numbers as well

test('directories stand before what they hold, siblings in byte order', () => {
  const paths = orderedEntries([
    file('b/c'),
    file('b.txt'),
    file('/b/a/x'),
    file('é'),
    file('a//./z'),
    { kind: 'directory', path: 'b/', mode: 0o700 },
  ]).map(({ kind, path, mode }) => [kind, path, mode] as const);
  assert.deepEqual(paths, [
    ['directory', 'a', undefined],
    ['file', 'a/z', undefined],
    ['directory', 'b', 0o700],
    ['directory', 'b/a', undefined],
    ['file', 'b/a/x', undefined],
    ['file', 'b/c', undefined],
    ['file', 'b.txt', undefined],
    ['file', 'é', undefined],
  ]);
});

for (const { name, entries, code } of [
  { name: 'a path that climbs', entries: [file('a/../b')], code: 'OCI_PATH_INVALID' },
  { name: 'the root itself', entries: [file('/')], code: 'OCI_PATH_INVALID' },
  { name: 'no path', entries: [file('')], code: 'OCI_PATH_INVALID' },
  { name: 'a path with a zero byte', entries: [file('a\0b')], code: 'OCI_PATH_INVALID' },
  { name: 'a path with half a character', entries: [file('a\ud800')], code: 'OCI_PATH_INVALID' },
  {
    name: 'a link to nowhere',
    entries: [{ kind: 'symlink', path: 'a', target: '' }] as const,
    code: 'OCI_PATH_INVALID',
  },
  { name: 'one path twice', entries: [file('a/b'), file('/a//b')], code: 'OCI_PATH_DUPLICATE' },
  {
    name: 'a file below a link',
    entries: [{ kind: 'symlink', path: 'a', target: '/etc' } as const, file('a/passwd')],
    code: 'OCI_PATH_DUPLICATE',
  },
  { name: 'a mode of a type', entries: [file('a', { mode: 0o100644 })], code: 'OCI_ENTRY_INVALID' },
  { name: 'a negative owner', entries: [file('a', { uid: -1 })], code: 'OCI_ENTRY_INVALID' },
  { name: 'half a group', entries: [file('a', { gid: 0.5 })], code: 'OCI_ENTRY_INVALID' },
]) {
  test(`refuses ${name}`, () => {
    assert.throws(
      () => orderedEntries(entries),
      (error) => isPlatformError(error, code),
    );
  });
}

test('links may lead anywhere', () => {
  for (const target of ['/etc/passwd', '../../..', 'missing']) {
    assert.equal(orderedEntries([{ kind: 'symlink', path: 'a', target }]).length, 1);
  }
});
