import assert from 'node:assert/strict';
import { test } from 'node:test';
import { normalMountPath, rewritePaths } from './mount-paths.ts';

const mounts = {
  '/data': '/real/v/data',
  '/data/deep': '/real/v/deep',
  '/etc/app.conf': '/real/c/app.conf',
};

for (const { name, text, want } of [
  { name: 'the path itself', text: '/data', want: '/real/v/data' },
  { name: 'a path below', text: '/data/x/y', want: '/real/v/data/x/y' },
  { name: 'a file mount', text: '/etc/app.conf', want: '/real/c/app.conf' },
  { name: 'the longest mount', text: '/data/deep/x', want: '/real/v/deep/x' },
  { name: 'after an equals sign', text: '--dir=/data', want: '--dir=/real/v/data' },
  { name: 'in a list', text: '/bin:/data:/data/x', want: '/bin:/real/v/data:/real/v/data/x' },
  {
    name: 'in a shell script',
    text: 'cat </data/a >/data/b;ls "/data"',
    want: 'cat </real/v/data/a >/real/v/data/b;ls "/real/v/data"',
  },
  { name: 'in a file URL', text: 'file:///data/x', want: 'file:///real/v/data/x' },
  {
    name: 'not a longer name',
    text: '/database /data-x /data.old',
    want: '/database /data-x /data.old',
  },
  { name: 'not the end of another path', text: '/var/data x/data', want: '/var/data x/data' },
  { name: 'not the path of a web address', text: 'http://host/data', want: 'http://host/data' },
  { name: 'not another file', text: '/etc/app.config', want: '/etc/app.config' },
]) {
  test(`rewriting: ${name}`, () => assert.equal(rewritePaths(text, mounts), want));
}

test('rewriting does not read again what it put in', () => {
  assert.equal(rewritePaths('/a /b', { '/a': '/b', '/b': '/c' }), '/b /c');
});

test('rewriting never maps the root', () => {
  assert.equal(rewritePaths('/ /x', { '/': '/real' }), '/ /x');
});

for (const [path, want] of [
  ['/data/', '/data'],
  ['//data//x/', '/data/x'],
  ['/', '/'],
] as const) {
  test(`the mount path ${path} is looked for as ${want}`, () => {
    assert.equal(normalMountPath(path), want);
  });
}
