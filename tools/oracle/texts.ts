// Compares the small languages: quantities, selectors, names, patterns.

import {
  configKeyProblems,
  dns1035LabelProblems,
  dnsLabelProblems,
  dnsSubdomainProblems,
  environmentNameProblems,
  formatQuantity,
  labelValueProblems,
  Pattern,
  parseFieldSelector,
  parseLabelSelector,
  parseQuantity,
  portNameProblems,
  qualifiedNameProblems,
  quantityMilliValue,
  quantityValue,
} from '@tweendeck/kube';
import { isJsonObject } from '@tweendeck/std';
import type { Comparison } from './compare.ts';
import type { Source } from './source.ts';

interface TextCase {
  readonly text: string;
  readonly labels?: Readonly<Record<string, string>>;
}

function textComparison(
  name: string,
  op: string,
  generate: (source: Source) => TextCase,
  ours: (each: TextCase) => unknown,
  agree?: Comparison<TextCase>['agree'],
): Comparison<TextCase> {
  return {
    name,
    shrinksTexts: true,
    ...(agree ? { agree } : {}),
    isCase: ({ text }) => typeof text === 'string',
    generate,
    theirs: (each, oracle) => oracle.ask({ op, ...each }),
    ours: (each) => {
      try {
        return ours(each);
      } catch (error) {
        return { error: error instanceof Error ? error.message : String(error) };
      }
    },
  };
}

function joined(source: Source, countMax: number, parts: readonly string[]): string {
  return source.many(countMax, () => source.pick(parts)).join('');
}

const digits = [...'0001234567899'];
const suffixes = [
  '',
  '',
  '',
  'n',
  'u',
  'm',
  'k',
  'M',
  'G',
  'T',
  'P',
  'E',
  'Ki',
  'Mi',
  'Gi',
  'Ti',
  'Pi',
  'Ei',
  'e3',
  'E-3',
  'e+12',
  'e5',
  'K',
  'mi',
  'e',
  'x',
  ' ',
  'e19',
  'e-10',
];

/** Quantities. */
export const quantityComparisons: readonly Comparison<TextCase>[] = [
  textComparison(
    'quantities',
    'quantity',
    (source) => ({
      text:
        source.pick(['', '', '', '-', '+']) +
        joined(source, source.maybe(0.1) ? 25 : 9, digits) +
        source.pick(['', '', '.']) +
        joined(source, source.maybe(0.1) ? 14 : 6, digits) +
        source.pick(suffixes),
    }),
    ({ text }) => {
      const quantity = parseQuantity(text);
      const canonical = formatQuantity(quantity);
      // Upstream rounds negative amounts in a way of its own, which nobody can rely on.
      const isNegative = quantity.nanos < 0n;
      return {
        canonical,
        value: isNegative ? undefined : int64(quantityValue(quantity)),
        milli: isNegative ? undefined : int64(quantityMilliValue(quantity)),
        sign: quantity.nanos > 0n ? 1 : quantity.nanos < 0n ? -1 : 0,
      };
    },
    (ours, theirs) =>
      isJsonObject(ours) &&
      isJsonObject(theirs) &&
      Object.entries(ours).every(([key, value]) => value === undefined || value === theirs[key]),
  ),
];

/** Undefined beyond int64: upstream gives whatever is left of it. */
function int64(value: bigint): string | undefined {
  return BigInt.asIntN(64, value) === value ? String(value) : undefined;
}

const selectorParts = [
  'a',
  'b',
  'in',
  ' in ',
  ' notin ',
  'notin',
  '(',
  ')',
  ',',
  '=',
  '==',
  '!=',
  '!',
  '>',
  '<',
  ' ',
  '5',
  'x/y',
  '/',
  '-',
  'a=b',
  ',c',
  'a in (b,c)',
  '=!',
  '~',
  'é',
  '_',
  '.',
];
const labelSets = [{ a: 'b' }, { a: '6', b: '' }, { in: '5' }, {}, { 'x/y': 'b', a: 'c' }];

/** Label and field selectors, and the names that stand in them. */
export const selectorComparisons: readonly Comparison<TextCase>[] = [
  textComparison(
    'label selectors',
    'labels',
    (source) => ({ text: joined(source, 9, selectorParts), labels: source.pick(labelSets) }),
    ({ text, labels = {} }) => {
      const selector = parseLabelSelector(text);
      return { text: selector.toString(), matches: selector.matches(labels) };
    },
  ),
  textComparison(
    'field selectors',
    'fields',
    (source) => ({
      text: joined(source, 6, [
        'a',
        'b',
        '.',
        '=',
        '==',
        '!=',
        '!',
        ',',
        '\\',
        '\\,',
        '\\=',
        'ü',
        ' ',
      ]),
      labels: source.pick(labelSets),
    }),
    ({ text, labels = {} }) => {
      const selector = parseFieldSelector(text);
      return { text: selector.toString(), matches: selector.matches(labels) };
    },
  ),
  textComparison(
    'names',
    'names',
    (source) => ({
      text:
        joined(source, 10, [
          'a',
          'A',
          '9',
          '-',
          '.',
          '_',
          '/',
          '',
          'b',
          '=',
          'é',
          'abcdefghijklmnop',
        ]) + (source.maybe(0.03) ? 'a'.repeat(source.pick([50, 63, 64, 253, 254])) : ''),
    }),
    ({ text }) => ({
      dnsLabel: dnsLabelProblems(text),
      dnsSubdomain: dnsSubdomainProblems(text),
      dns1035Label: dns1035LabelProblems(text),
      qualifiedName: qualifiedNameProblems(text),
      labelValue: labelValueProblems(text),
      portName: portNameProblems(text),
      configKey: configKeyProblems(text),
      environmentName: environmentNameProblems(text),
    }),
  ),
];

const patternParts = [
  'a',
  'b',
  'ab',
  '.',
  '*',
  '+',
  '?',
  '*?',
  '|',
  '(',
  ')',
  '(?:',
  '[ab]',
  '[^a]',
  '[a-c-]',
  '\\d',
  '\\w',
  '\\s',
  '\\b',
  '^',
  '$',
  '{2}',
  '{1,}',
  '{0,1}',
  '(?i)',
  '(?i:',
  '\\.',
  '\\pL',
  '[[:alpha:]]',
  '\\Q.\\E',
  '(?s)',
  '(?m)',
  '\\x41',
  '1',
  '[',
  ']',
  '{',
  '}',
  '(?P<n>',
  '\\A',
  '\\z',
  '\\B',
  '\\C',
  '(?=',
  '\\1',
  'é',
  '[b-a]',
  '(?U)',
  '\\8',
  '(?)',
  '(?-s)',
  '\\Q',
  '\\E',
];
const patternTexts = ['a', 'b', 'ab', 'A', ' ', '1', '.', '\n', 'é', 'c', '-', '_'];

/** Patterns in RE2's syntax. */
export const patternComparisons: readonly Comparison<{ pattern: string; text: string }>[] = [
  {
    name: 'patterns',
    shrinksTexts: true,
    isCase: ({ pattern, text }) => typeof pattern === 'string' && typeof text === 'string',
    generate: (source) => ({
      pattern: joined(source, 7, patternParts),
      text: joined(source, 8, patternTexts),
    }),
    async theirs(each, oracle) {
      const answer = await oracle.ask({ op: 'pattern', ...each });
      if (!isJsonObject(answer) || !Array.isArray(answer['found'])) return answer;
      // Positions are those of bytes there.
      const bytes = Buffer.from(each.text);
      const slice = ([begin, end]: readonly number[]): string =>
        `${bytes.subarray(0, begin).toString().length}:${bytes.subarray(begin, end).toString()}`;
      return { matches: answer['matches'], found: answer['found'].map(slice) };
    },
    ours({ pattern, text }) {
      try {
        const compiled = new Pattern(pattern);
        const found = [...compiled.findAll(text)];
        return {
          matches: compiled.test(text),
          found: found.map(({ begin, end }) => `${begin}:${text.slice(begin, end)}`),
        };
      } catch (error) {
        return { error: error instanceof Error ? error.message : String(error) };
      }
    },
  },
];
