// Keeps imports pointing down: the table in repository.ts is the documentation.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { isTest, mayUse, packages, read, sourceFiles, writtenCode } from './repository.ts';

const files = sourceFiles();
const all = packages(files);
const byName = new Map(all.map((entry) => [entry.name, entry]));

test('there are packages to look at', () => {
  assert.ok(all.length >= 10, `found ${all.length}`);
});

for (const { name, layer, dependencies, devDependencies, exports, directory } of all) {
  test(`${name} depends only on layers it may use`, () => {
    for (const dependency of dependencies) {
      const target = byName.get(dependency);
      if (target) {
        assert.ok(mayUse[layer]?.includes(target.layer), `${layer} may not use ${dependency}`);
        assert.notEqual(
          target.name,
          '@tweendeck/sim',
          'sim is for tests: move it to devDependencies',
        );
      }
    }
    for (const dependency of devDependencies) {
      const target = byName.get(dependency);
      if (target) assert.notEqual(target.layer, 'apps', 'nobody imports an application');
    }
  });
  if (layer !== 'apps') {
    test(`${name} has its entry (a service may have one for its data plane) and a README of 60 lines at most`, () => {
      const dataPlane = layer === 'services' ? { './data-plane': './src/data-plane.ts' } : {};
      const entries = { '.': './src/index.ts', ...dataPlane };
      for (const [entry, file] of Object.entries(exports as Record<string, string>)) {
        assert.equal(file, (entries as Record<string, string>)[entry], `${entry} is no entry`);
      }
      assert.ok(files.includes(`${directory}/README.md`), 'no README.md');
      assert.ok(read(`${directory}/README.md`).split('\n').length <= 61, 'README.md is too long');
      const code = read(`${directory}/src/index.ts`).replace(/^\s*(\/\/.*)?$/gm, '');
      for (const statement of code.split(';').map((line) => line.trim())) {
        if (statement)
          assert.match(statement, /^export\s+(type\s+)?(\*|\{)/, 'index.ts only re-exports');
      }
    });
  }
}

test('no relative import leaves its package, and only tests reach for sim', () => {
  for (const path of writtenCode(files).filter((file) =>
    /^(infra|core|services|apps)\//.test(file),
  )) {
    const home = path.split('/').slice(0, 2).join('/');
    for (const [, specifier = ''] of read(path).matchAll(/(?:from|import)\s*\(?\s*'([^']+)'/g)) {
      if (specifier.startsWith('.')) {
        const target = new URL(specifier, `file:///${path}`).pathname.slice(1);
        assert.ok(target.startsWith(`${home}/`), `${path} imports ${specifier}`);
      }
      if (specifier === '@tweendeck/sim') assert.ok(isTest(path), `${path} imports sim`);
    }
  }
});
