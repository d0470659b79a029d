// Which packages a program needs, on a made-up disk.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { type Manifest, type PackageDisk, runtimePackages } from './runtime-packages.ts';

/** Manifests by directory from the root; links by theirs. */
function diskOf(
  packages: Readonly<Record<string, Omit<Manifest, 'name'>>>,
  links: Readonly<Record<string, string>>,
): PackageDisk {
  const real = (directory: string): string => {
    const target = links[directory.slice('/root/'.length)];
    return target === undefined ? directory : `/root/${target}`;
  };
  return {
    real,
    manifest(directory) {
      const place = real(directory).slice('/root/'.length);
      const found = packages[place];
      return found && { name: place, ...found };
    },
  };
}

const links = { 'node_modules/@own/a': 'core/a', 'node_modules/@own/b': 'core/b' };
const yaml = 'node_modules/yaml';

for (const { name, packages, want } of [
  {
    name: 'nothing but itself',
    packages: { 'apps/x': {} },
    want: [{ directory: 'apps/x', own: true }],
  },
  {
    name: 'what its dependencies need, each once, also in a circle',
    packages: {
      'apps/x': { dependencies: { '@own/a': '1', yaml: '1' } },
      'core/a': { dependencies: { '@own/b': '1', yaml: '1' } },
      'core/b': { dependencies: { '@own/a': '1' } },
      [yaml]: {},
      'node_modules/unrelated': {},
    },
    want: [
      { directory: 'apps/x', own: true },
      { directory: 'core/a', own: true, link: 'node_modules/@own/a' },
      { directory: 'core/b', own: true, link: 'node_modules/@own/b' },
      { directory: yaml, own: false },
    ],
  },
  {
    name: 'the nearest of two versions for each',
    packages: {
      'apps/x': { dependencies: { '@own/a': '1', yaml: '2' } },
      'core/a': { dependencies: { yaml: '1' } },
      'core/a/node_modules/yaml': {},
      [yaml]: {},
    },
    want: [
      { directory: 'apps/x', own: true },
      { directory: 'core/a', own: true, link: 'node_modules/@own/a' },
      { directory: 'core/a/node_modules/yaml', own: false },
      { directory: yaml, own: false },
    ],
  },
  {
    name: 'optional ones where they are installed',
    packages: {
      'apps/x': { optionalDependencies: { yaml: '1', missing: '1' } },
      [yaml]: {},
    },
    want: [
      { directory: 'apps/x', own: true },
      { directory: yaml, own: false },
    ],
  },
]) {
  test(`a program needs ${name}`, () => {
    const found = runtimePackages({ root: '/root', start: 'apps/x' }, diskOf(packages, links));
    assert.deepEqual(found, want);
  });
}

for (const { name, packages, message } of [
  {
    name: 'a dependency that is not installed',
    packages: { 'apps/x': { dependencies: { yaml: '1' } } },
    message: /apps\/x needs yaml: run "npm ci"/,
  },
  { name: 'no package to start from', packages: {}, message: /is no package/ },
]) {
  test(`refuses ${name}`, () => {
    assert.throws(
      () => runtimePackages({ root: '/root', start: 'apps/x' }, diskOf(packages, links)),
      message,
    );
  });
}
