import assert from 'node:assert/strict';
import { test } from 'node:test';
import { decide, defaultReliabilityRules, type KnownKey, type ReliabilityRules } from './decide.ts';

/** Letters are uploads of that version; `-` cleans the key; `+` is a month later. A digit behind one is its client. */
function play(uploads: string, rules: Partial<ReliabilityRules>): string[] {
  let known: KnownKey | undefined;
  let present = 0;
  let nowSeconds = 1_000_000;
  const verdicts: string[] = [];
  for (const [, letter = '', client] of uploads.matchAll(/([A-Z+-])(\d?)/g)) {
    if (letter === '-') present = 0;
    else if (letter === '+') nowSeconds += 31 * 86_400;
    else {
      const upload = {
        version: Buffer.alloc(20, letter),
        types: 3,
        client: Number(client ?? 0),
        nowSeconds,
        presentTypes: present,
      };
      const decision = decide(known, upload, { ...defaultReliabilityRules, ...rules });
      known = decision.known;
      if (decision.verdict === 'keep') present = 3;
      verdicts.push(decision.verdict);
    }
  }
  return verdicts;
}

for (const { name, uploads, rules = {}, verdicts } of [
  { name: 'stores the second of two alike', uploads: 'AA', verdicts: 'unconfirmed keep' },
  { name: 'stores nothing of two that differ', uploads: 'AB', verdicts: 'unconfirmed unstable' },
  {
    name: 'stores nothing of a key that was unstable once',
    uploads: 'ABAA',
    verdicts: 'unconfirmed unstable unstable unstable',
  },
  {
    name: 'gives an unstable key a new chance after a month of silence',
    uploads: 'AB+AA',
    verdicts: 'unconfirmed unstable unconfirmed keep',
  },
  {
    name: 'gives none when it never forgets',
    uploads: 'AB+AA',
    rules: { forgetAfterSeconds: 0 },
    verdicts: 'unconfirmed unstable unstable unstable',
  },
  {
    name: 'keeps what it has stored and tells of what differs from it',
    uploads: 'AABA',
    verdicts: 'unconfirmed keep unstable settled',
  },
  {
    name: 'stores the first with 0',
    uploads: 'AB',
    rules: { threshold: 0 },
    verdicts: 'keep unstable',
  },
  {
    name: 'stores the first with 1',
    uploads: 'AA',
    rules: { threshold: 1 },
    verdicts: 'keep settled',
  },
  {
    name: 'stores the fifth with 5',
    uploads: 'AAAAAA',
    rules: { threshold: 5 },
    verdicts: 'unconfirmed unconfirmed unconfirmed unconfirmed keep settled',
  },
  {
    name: 'has a key free again that was cleaned',
    uploads: 'AA-BB-AA',
    verdicts: 'unconfirmed keep unconfirmed keep unconfirmed keep',
  },
  {
    name: 'does not count the same client twice in a row where it shall not',
    uploads: 'A1A1A2',
    rules: { clients: 'distinct' },
    verdicts: 'unconfirmed unconfirmed keep',
  },
  {
    name: 'counts the same client twice where it may',
    uploads: 'A1A1',
    verdicts: 'unconfirmed keep',
  },
] satisfies {
  name: string;
  uploads: string;
  rules?: Partial<ReliabilityRules>;
  verdicts: string;
}[]) {
  test(`high reliability ${name}`, () => {
    assert.deepEqual(play(uploads, rules), verdicts.split(' '));
  });
}

test('high reliability takes what was there before as settled, and brings back a file that got lost', () => {
  const version = Buffer.alloc(20, 1);
  const upload = { version, types: 7, client: 1, nowSeconds: 5, presentTypes: 1 };
  assert.equal(decide(undefined, upload, defaultReliabilityRules).verdict, 'settled');
  const known = { state: 'stable', version, count: 2, client: 1, lastSeconds: 5 } as const;
  assert.equal(decide(known, upload, defaultReliabilityRules).verdict, 'keep');
  const whole = { ...upload, presentTypes: 7 };
  assert.equal(decide(known, whole, defaultReliabilityRules).verdict, 'settled');
});
