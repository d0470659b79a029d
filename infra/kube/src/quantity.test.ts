import assert from 'node:assert/strict';
import test from 'node:test';

import { isPlatformError } from '@tweendeck/std';
import fc from 'fast-check';

import {
  addQuantities,
  compareQuantities,
  formatQuantity,
  parseQuantity,
  quantityMessages,
  quantityMilliValue,
  quantityOf,
  quantityProblem,
  quantityValue,
  subtractQuantities,
} from './quantity.ts';

for (const { text, canonical, value, milli } of [
  { text: '0', canonical: '0', value: 0n, milli: 0n },
  { text: '1', canonical: '1', value: 1n, milli: 1_000n },
  { text: 'Gi', canonical: '0', value: 0n, milli: 0n },
  { text: '+7', canonical: '7', value: 7n, milli: 7_000n },
  { text: '007', canonical: '7', value: 7n, milli: 7_000n },
  { text: '1.5', canonical: '1500m', value: 2n, milli: 1_500n },
  { text: '.5', canonical: '500m', value: 1n, milli: 500n },
  { text: '1.', canonical: '1', value: 1n, milli: 1_000n },
  { text: '1000', canonical: '1k', value: 1_000n, milli: 1_000_000n },
  { text: '1000k', canonical: '1M', value: 1_000_000n, milli: 1_000_000_000n },
  { text: '1024', canonical: '1024', value: 1_024n, milli: 1_024_000n },
  { text: '1024Ki', canonical: '1Mi', value: 1_048_576n, milli: 1_048_576_000n },
  { text: '1.5Gi', canonical: '1536Mi', value: 1_610_612_736n, milli: 1_610_612_736_000n },
  { text: '0.5Ki', canonical: '512', value: 512n, milli: 512_000n },
  { text: '0.1Ki', canonical: '102400m', value: 103n, milli: 102_400n },
  { text: '0.0001Ki', canonical: '102400u', value: 1n, milli: 103n },
  { text: '100m', canonical: '100m', value: 1n, milli: 100n },
  { text: '100u', canonical: '100u', value: 1n, milli: 1n },
  { text: '0.0000000001', canonical: '1n', value: 1n, milli: 1n },
  { text: '1e3', canonical: '1e3', value: 1_000n, milli: 1_000_000n },
  { text: '12e2', canonical: '1200', value: 1_200n, milli: 1_200_000n },
  { text: '1E-3', canonical: '1e-3', value: 1n, milli: 1n },
  { text: '1E', canonical: '1E', value: 10n ** 18n, milli: 10n ** 21n },
  { text: '-2Gi', canonical: '-2Gi', value: -2_147_483_648n, milli: -2_147_483_648_000n },
  {
    text: '9223372036854775807',
    canonical: '9223372036854775807',
    value: 2n ** 63n - 1n,
    milli: (2n ** 63n - 1n) * 1_000n,
  },
  {
    text: '100Ei',
    canonical: '9223372036854775807',
    value: 2n ** 63n - 1n,
    milli: (2n ** 63n - 1n) * 1_000n,
  },
]) {
  test(`quantity ${text} is ${canonical}`, () => {
    const quantity = parseQuantity(text);
    assert.equal(formatQuantity(quantity), canonical);
    assert.equal(quantityValue(quantity), value);
    assert.equal(quantityMilliValue(quantity), milli);
  });
}

for (const { text, problem } of [
  { text: '', problem: 'format' },
  { text: 'Pi', problem: 'numeric' },
  { text: '1 Gi', problem: 'format' },
  { text: '1..5', problem: 'format' },
  { text: '--1', problem: 'suffix' },
  { text: '1x', problem: 'format' },
  { text: '1K', problem: 'suffix' },
  { text: '1mi', problem: 'suffix' },
  { text: '1e', problem: 'suffix' },
  { text: '1e3Ki', problem: 'format' },
  { text: '1e999999', problem: 'suffix' },
  { text: '9'.repeat(401), problem: 'numeric' },
] as const) {
  test(`"${text.slice(0, 12)}" is no quantity: ${problem}`, () => {
    assert.equal(quantityProblem(text), quantityMessages[problem]);
    assert.throws(
      () => parseQuantity(text),
      (error) => isPlatformError(error, 'QUANTITY_INVALID'),
    );
  });
}

test('a JSON number is a quantity', () => {
  assert.equal(formatQuantity(parseQuantity(0.25)), '250m');
  assert.equal(formatQuantity(parseQuantity(1e21)), '1e21');
});

test('sums and differences are exact and keep the format of the left', () => {
  const sum = addQuantities(parseQuantity('1Gi'), parseQuantity('1M'));
  assert.equal(formatQuantity(sum), '1074741824');
  assert.equal(formatQuantity(addQuantities(parseQuantity('0'), parseQuantity('2Gi'))), '2Gi');
  assert.equal(
    formatQuantity(subtractQuantities(parseQuantity('1'), parseQuantity('300m'))),
    '700m',
  );
  assert.equal(formatQuantity(quantityOf(2_048, 'BinarySI')), '2Ki');
});

test('amounts compare whatever their format', () => {
  assert.equal(compareQuantities(parseQuantity('1024Mi'), parseQuantity('1Gi')), 0);
  assert.ok(compareQuantities(parseQuantity('1G'), parseQuantity('1Gi')) < 0);
  assert.ok(compareQuantities(parseQuantity('1'), parseQuantity('999m')) > 0);
});

test('a canonical text parses to the same amount and prints the same', () => {
  const suffix = fc.constantFrom(
    '',
    'n',
    'u',
    'm',
    'k',
    'M',
    'G',
    'Ki',
    'Mi',
    'Gi',
    'Ti',
    'e3',
    'e-6',
  );
  fc.assert(
    fc.property(
      fc.integer({ min: -1_000_000_000, max: 1_000_000_000 }),
      fc.nat({ max: 9_999 }),
      suffix,
      (whole, fraction, ending) => {
        const quantity = parseQuantity(`${whole}.${fraction}${ending}`);
        const again = parseQuantity(formatQuantity(quantity));
        assert.equal(again.nanos, quantity.nanos);
        assert.equal(formatQuantity(again), formatQuantity(quantity));
      },
    ),
  );
});
