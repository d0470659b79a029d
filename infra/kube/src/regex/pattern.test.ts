import assert from 'node:assert/strict';
import test from 'node:test';

import { Pattern } from './pattern.ts';
import { PatternCache } from './pattern-cache.ts';

for (const { pattern, matches, misses } of [
  { pattern: '^a.c$', matches: ['abc', 'a\rc'], misses: ['a\nc'] },
  { pattern: '(?s)^a.c$', matches: ['a\nc'], misses: ['ac'] },
  { pattern: '(?i)^abc$', matches: ['ABC'], misses: ['ab'] },
  { pattern: '^a(?i:b)c$', matches: ['aBc'], misses: ['aBC'] },
  { pattern: '^a*(?i)+b$', matches: ['aaB'], misses: ['c'] },
  { pattern: '^(?:a(?i)b|c)d$', matches: ['aBd', 'Cd'], misses: ['aBD'] },
  { pattern: '(?P<year>\\d{4})-(?<month>\\d\\d)', matches: ['2026-11'], misses: ['26-11'] },
  { pattern: '^[[:alpha:]_-]+$', matches: ['aZ_-'], misses: ['a1'] },
  { pattern: '^[]a]+$', matches: [']a'], misses: ['b'] },
  { pattern: '^[a-z0-9]([-a-z0-9]*[a-z0-9])?$', matches: ['a-b'], misses: ['-'] },
  { pattern: '^a{2,3}$', matches: ['aa'], misses: ['a'] },
  { pattern: '^a{,3}{$', matches: ['a{,3}{'], misses: ['aa'] },
  { pattern: '^\\Qa.b\\E+$', matches: ['a.bb'], misses: ['axb'] },
  { pattern: '^\\x41\\x{1F600}\\101$', matches: ['A😀A'], misses: ['A'] },
  { pattern: '^\\pL+\\p{Greek}$', matches: ['aéλ'], misses: ['aé'] },
  { pattern: '^\\PL$', matches: ['1'], misses: ['a'] },
  { pattern: '^\\-\\_\\/\\@$', matches: ['-_/@'], misses: ['x'] },
  { pattern: '\\Aa\\z', matches: ['a'], misses: ['a\n'] },
  { pattern: '^\\s$', matches: [' ', '\t'], misses: ['\u00a0'] },
  { pattern: '^[\\d\\.\\-]+$', matches: ['1.-'], misses: ['a'] },
]) {
  test(`pattern ${pattern}`, () => {
    for (const text of matches) assert.ok(new Pattern(pattern).test(text), JSON.stringify(text));
    for (const text of misses) assert.ok(!new Pattern(pattern).test(text), JSON.stringify(text));
  });
}

for (const { pattern, message } of [
  { pattern: 'a(?=b)', message: 'error parsing regexp: invalid or unsupported Perl syntax: `(?=`' },
  { pattern: '(a', message: 'error parsing regexp: missing closing ): `(a`' },
  { pattern: 'a)', message: 'error parsing regexp: unexpected ): `a)`' },
  { pattern: '[a', message: 'error parsing regexp: missing closing ]: `[a`' },
  { pattern: '(a)\\1', message: 'error parsing regexp: invalid escape sequence: `\\1`' },
  { pattern: 'a{1001}', message: 'error parsing regexp: invalid repeat count: `{1001}`' },
  { pattern: 'a\\', message: 'error parsing regexp: trailing backslash at end of expression: ``' },
]) {
  test(`pattern ${pattern} is refused`, () => {
    assert.throws(() => new Pattern(pattern), { name: 'PatternError', message });
  });
}

test('a cache compiles once and forgets the oldest', () => {
  const cache = new PatternCache();
  const first = cache.get('a0');
  assert.equal(cache.get('a0'), first);
  for (let index = 1; index <= 1_000; index++) cache.get(`a${index}`);
  assert.notEqual(cache.get('a0'), first);
});

for (const { pattern, text, found } of [
  { pattern: 'a*', text: 'baac', found: ['', 'aa', ''] },
  { pattern: 'a|ab', text: 'abab', found: ['a', 'a'] },
  { pattern: 'ab?', text: 'aab', found: ['a', 'ab'] },
  { pattern: 'a+?', text: 'aa', found: ['a', 'a'] },
  { pattern: '\\b\\w', text: 'ab cd', found: ['a', 'c'] },
]) {
  test(`pattern ${pattern} finds`, () => {
    const all = [...new Pattern(pattern).findAll(text)];
    assert.deepEqual(
      all.map(({ begin, end }) => text.slice(begin, end)),
      found,
    );
  });
}

for (const pattern of ['(a+)+$', '(a|aa)*b', '(.*)(.*)(.*)(.*)x', '(?:a?){40}a{40}$']) {
  test(`pattern ${pattern} takes time by the length of the text only`, () => {
    const text = `${'a'.repeat(20_000)}!`;
    const begun = performance.now();
    assert.equal(new Pattern(pattern).test(text), false);
    assert.ok(performance.now() - begun < 2_000);
  });
}
