// What recipes decide from text: libraries, versions, and which files run.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { upstreamVersion } from './debian-programs.ts';
import { runsInDependency, runsInProduct } from './program.ts';
import { parseLdd } from './shared-libraries.ts';

for (const { name, output, want } of [
  {
    name: 'libraries and the loader',
    output:
      '\tlinux-vdso.so.1 (0x00007fae6c2f3000)\n' +
      '\tlibdl.so.2 => /lib/x86_64-linux-gnu/libdl.so.2 (0x00007fae6c2dd000)\n' +
      '\t/lib64/ld-linux-x86-64.so.2 (0x00007fae6c2f5000)\n',
    want: ['/lib/x86_64-linux-gnu/libdl.so.2', '/lib64/ld-linux-x86-64.so.2'],
  },
  {
    name: 'libraries on arm64',
    output:
      '\tlinux-vdso.so.1 (0x0000ffff8a9f0000)\n' +
      '\tlibc.so.6 => /lib/aarch64-linux-gnu/libc.so.6 (0x0000ffff8a7c0000)\n' +
      '\t/lib/ld-linux-aarch64.so.1 (0x0000ffff8a9b0000)\n',
    want: ['/lib/aarch64-linux-gnu/libc.so.6', '/lib/ld-linux-aarch64.so.1'],
  },
  { name: 'a static program', output: '\tstatically linked\n', want: [] },
]) {
  test(`ldd: ${name}`, () => assert.deepEqual(parseLdd(output), want));
}

test('ldd: a missing library is an error that names it', () => {
  assert.throws(() => parseLdd('\tlibgone.so.1 => not found\n'), /libgone\.so\.1 => not found/);
});

for (const [debian, upstream] of [
  ['5:7.0.15-1~deb12u10', '7.0.15'],
  ['1.22.1-9+deb12u11', '1.22.1'],
  ['1:1.35.0-4+deb12u1+b1', '1.35.0'],
  ['2.0~rc1-1', '2.0'],
  ['3', '3'],
] as const) {
  test(`Debian's ${debian} is ${upstream}`, () => assert.equal(upstreamVersion(debian), upstream));
}

for (const [path, runs] of [
  ['package.json', true],
  ['src/', true],
  ['src/index.ts', true],
  ['src/generated/schemas.json', true],
  ['bin/tweendeck.cjs', true],
  ['src/index.test.ts', false],
  ['src/plan.sim.test.ts', false],
  ['src/testing/', false],
  ['testdata/', false],
  ['node_modules/', false],
  ['README.md', false],
] as const) {
  test(`of our packages, ${path} is ${runs ? '' : 'not '}in the image`, () =>
    assert.equal(runsInProduct(path), runs));
}

for (const [path, runs] of [
  ['package.json', true],
  ['LICENSE', true],
  ['dist/index.js', true],
  ['bin.mjs', true],
  ['dist/index.d.ts', false],
  ['dist/index.d.mts', false],
  ['dist/index.js.map', false],
  ['README.md', false],
  ['node_modules/', false],
] as const) {
  test(`of others' packages, ${path} is ${runs ? '' : 'not '}in the image`, () =>
    assert.equal(runsInDependency(path), runs));
}
