// What a tool can refuse: ambient time, chance and environment below apps/, and error codes without a page.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { errorsPage } from './errors-page.ts';
import { errorTables, isTest, packages, read, sourceFiles, writtenCode } from './repository.ts';

const files = sourceFiles();
const product = writtenCode(files).filter(
  (path) => /^(infra|core|services|apps)\//.test(path) && !isTest(path),
);
/** Where ambient time and chance become a Clock and a Random: they name the shapes, and take the values as arguments. */
const doors: readonly string[] = ['infra/std/src/clock.ts', 'infra/std/src/random.ts'];
const belowApps = product.filter((path) => !path.startsWith('apps/') && !doors.includes(path));
const tables = await errorTables(files);

/** Code without comments and without the contents of strings. */
function bare(text: string): string {
  return text
    .replace(/\/\*[\s\S]*?\*\//g, '')
    .replace(/(^|[^:'"`])\/\/.*$/gm, '$1')
    .replace(/'(?:[^'\\\n]|\\.)*'/g, "''");
}

const ambient: readonly (readonly [string, RegExp])[] = [
  ['the wall clock', /\bDate\.now\(|\bnew Date\(\)/],
  ['the monotonic clock', /\bperformance\.now\(|\bprocess\.(hrtime|uptime)\b/],
  ['timers', /\b(?<!\.)(setTimeout|setInterval)\(|\bAbortSignal\.timeout\(/],
  ['chance', /\bMath\.random\(|\brandomUUID\(|\brandomBytes\(|(?<!\.)\bgetRandomValues\(/],
  ['the environment', /\bprocess\.(env|argv|exit|stdout|stderr|stdin|cwd)\b/],
];

for (const [what, pattern] of ambient) {
  test(`nothing below apps/ touches ${what}`, () => {
    const found = belowApps.filter((path) => pattern.test(bare(read(path))));
    assert.deepEqual(found, []);
  });
}

test('the patterns above do find what they look for', () => {
  const planted =
    'const a = Date.now() + Math.random(); setTimeout(f, 1); process.env; performance.now()';
  for (const [what, pattern] of ambient) assert.match(planted, pattern, what);
});

test('every thrown code stands in the errors.ts of its package', () => {
  for (const path of product) {
    const own = tables.get(path.split('/').slice(0, 2).join('/')) ?? {};
    for (const [, code = ''] of read(path).matchAll(/new PlatformError\(\s*'([A-Z0-9_]+)'/g)) {
      assert.ok(code in own, `${path} throws ${code}, which its errors.ts does not state`);
    }
  }
});

test('every stated code is raised by its package, and by no other', () => {
  const seen = new Set<string>();
  for (const [directory, table] of tables) {
    const code = product
      .filter((path) => path.startsWith(`${directory}/`) && !path.endsWith('/errors.ts'))
      .map(read)
      .join('\n');
    for (const name of Object.keys(table)) {
      assert.match(name, /^[A-Z][A-Z0-9]*(_[A-Z0-9]+)+$/);
      assert.ok(code.includes(`'${name}'`), `${directory} states ${name} and never raises it`);
      assert.ok(!seen.has(name), `${name} is stated twice`);
      seen.add(name);
    }
  }
  assert.ok(seen.size > 0);
});

test('docs/errors.md is what the errors.ts files say (npm run generate:errors)', async () => {
  assert.equal(read('docs/errors.md'), await errorsPage());
});

test('no type is escaped: any, non-null assertions and ignored errors do not occur', () => {
  for (const path of product) {
    assert.doesNotMatch(bare(read(path)), /:\s*any\b|\bas any\b/, path);
    assert.doesNotMatch(read(path), /@ts-(ignore|expect-error|nocheck)/, path);
  }
});

test('no work is left as a note in the code', () => {
  for (const path of writtenCode(files).filter((file) => file !== 'tools/tidy.test.ts')) {
    assert.doesNotMatch(read(path), /\b(TODO|FIXME|XXX)\b/, path);
  }
});

test('every package opens with what it is', () => {
  for (const { directory } of packages(files)) {
    const text = read(`${directory}/README.md`);
    assert.match(text, /^# \S+/, `${directory}/README.md has no title`);
  }
  for (const path of product) {
    assert.match(read(path), /^(#!.*\n)?\/\/ \S/, `${path} does not open with a sentence`);
  }
});
