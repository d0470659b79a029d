import assert from 'node:assert/strict';
import test from 'node:test';

import {
  configKeyProblems,
  dns1035LabelProblems,
  dnsLabelProblems,
  dnsSubdomainProblems,
  environmentNameProblems,
  labelValueProblems,
  type NameCheck,
  portNameProblems,
  portNumberProblems,
  qualifiedNameProblems,
} from './names.ts';

const tables: { name: string; check: NameCheck; good: string[]; bad: Record<string, string[]> }[] =
  [
    {
      name: 'DNS label',
      check: dnsLabelProblems,
      good: ['a', 'a-1', '1', 'a'.repeat(63)],
      bad: {
        'a.b': ['must not contain dots'],
        A: [
          "a lowercase RFC 1123 label must consist of lower case alphanumeric characters or '-', and must start and end with an alphanumeric character (e.g. 'my-name',  or '123-abc', regex used for validation is '[a-z0-9]([-a-z0-9]*[a-z0-9])?')",
        ],
        ['a'.repeat(64)]: ['must be no more than 63 characters'],
      },
    },
    {
      name: 'DNS subdomain',
      check: dnsSubdomainProblems,
      good: ['a.b-c.1', 'a'.repeat(253)],
      bad: {
        'a..b': [
          "a lowercase RFC 1123 subdomain must consist of lower case alphanumeric characters, '-' or '.', and must start and end with an alphanumeric character (e.g. 'example.com', regex used for validation is '[a-z0-9]([-a-z0-9]*[a-z0-9])?(\\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*')",
        ],
      },
    },
    {
      name: 'DNS-1035 label',
      check: dns1035LabelProblems,
      good: ['a-1'],
      bad: {
        '1a': [
          "a DNS-1035 label must consist of lower case alphanumeric characters or '-', start with an alphabetic character, and end with an alphanumeric character (e.g. 'my-name',  or 'abc-123', regex used for validation is '[a-z]([-a-z0-9]*[a-z0-9])?')",
        ],
      },
    },
    {
      name: 'label key',
      check: qualifiedNameProblems,
      good: ['a', 'A_b.c', 'example.com/a'],
      bad: {
        '/a': ['prefix part must be non-empty'],
        [`x/${'a'.repeat(64)}`]: ['name part must be no more than 63 characters'],
      },
    },
    {
      name: 'label value',
      check: labelValueProblems,
      good: ['', 'a.B_c-1'],
      bad: { ['a'.repeat(64)]: ['must be no more than 63 characters'] },
    },
    {
      name: 'port name',
      check: portNameProblems,
      good: ['http', 'p-1'],
      bad: {
        '80': ['must contain at least one letter (a-z)'],
        'a--b': ['must not contain consecutive hyphens'],
        '-a': ['must not begin or end with a hyphen'],
        abcdefghijklmnop: ['must be no more than 15 characters'],
        '': [
          'must contain only alpha-numeric characters (a-z, 0-9), and hyphens (-)',
          'must contain at least one letter (a-z)',
        ],
      },
    },
    {
      name: 'config key',
      check: configKeyProblems,
      good: ['a.json', '_X'],
      bad: { '..': ["must not be '..'"], '..a': ["must not start with '..'"] },
    },
    {
      name: 'environment name',
      check: environmentNameProblems,
      good: ['A_B', 'a.b-c d'],
      bad: {
        '': ['environment variable name must be non-empty'],
        'a=b': [
          "a valid environment variable name must consist only of printable ASCII characters other than '='",
        ],
      },
    },
  ];

for (const { name, check, good, bad } of tables) {
  for (const text of good)
    test(`${name}: "${text.slice(0, 20)}" is fine`, () => assert.deepEqual(check(text), []));
  for (const [text, problems] of Object.entries(bad)) {
    test(`${name}: "${text.slice(0, 20)}" is refused`, () =>
      assert.deepEqual(check(text), problems));
  }
}

test('ports go from 1 to 65535', () => {
  assert.deepEqual(portNumberProblems(65_535), []);
  assert.deepEqual(portNumberProblems(0), ['must be between 1 and 65535, inclusive']);
});
