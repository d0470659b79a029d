// Label and field selectors: their texts, their objects, and what they match. Grammar and error texts are apimachinery's.

import { PlatformError } from '@tweendeck/std';

import {
  type FieldError,
  type FieldPath,
  fieldErrorText,
  fieldForbidden,
  fieldInvalid,
  fieldRequired,
  joinErrorTexts,
  path,
} from './field-error.ts';
import type { LabelSelector, LabelSelectorRequirement } from './generated/kinds.ts';
import { labelValueProblems, qualifiedNameProblems } from './names.ts';
import { scanLabelSelector, type Token } from './selector-scan.ts';

export type Labels = Readonly<Record<string, string>>;

export type LabelOperator = '=' | '==' | '!=' | 'in' | 'notin' | 'exists' | '!' | 'gt' | 'lt';

export interface LabelRequirement {
  readonly key: string;
  readonly operator: LabelOperator;
  /** Sorted, without repetition; none for `exists` and `!`. */
  readonly values: readonly string[];
}

/** Immutable. */
export interface LabelMatcher {
  /** All must hold; none: everything matches. Sorted by key. */
  readonly requirements: readonly LabelRequirement[];
  matches(labels: Labels | undefined): boolean;
  /** The text that parses to the same selector. */
  toString(): string;
}

/** Matches everything. */
export const everyLabel: LabelMatcher = selectorOf([]);

/** Matches nothing: what an absent selector object means. */
export const noLabel: LabelMatcher = {
  requirements: [],
  matches: () => false,
  toString: () => '',
};

function selectorOf(unsorted: readonly LabelRequirement[]): LabelMatcher {
  const requirements = unsorted.toSorted((left, right) =>
    left.key < right.key ? -1 : left.key > right.key ? 1 : 0,
  );
  return {
    requirements,
    matches: (labels = {}) => requirements.every((each) => holds(each, labels)),
    toString: () => requirements.map(requirementText).join(','),
  };
}

function holds({ key, operator, values }: LabelRequirement, labels: Labels): boolean {
  const value = Object.hasOwn(labels, key) ? labels[key] : undefined;
  switch (operator) {
    case '=':
    case '==':
    case 'in':
      return value !== undefined && values.includes(value);
    case '!=':
    case 'notin':
      return value === undefined || !values.includes(value);
    case 'exists':
      return value !== undefined;
    case '!':
      return value === undefined;
    case 'gt':
    case 'lt':
      return value !== undefined && holdsInOrder(operator, value, values[0] ?? '');
  }
}

const integer = /^[+-]?[0-9]{1,19}$/;

function holdsInOrder(operator: 'gt' | 'lt', value: string, bound: string): boolean {
  if (!integer.test(value) || !integer.test(bound)) return false;
  const difference = BigInt(value) - BigInt(bound);
  return operator === 'gt' ? difference > 0n : difference < 0n;
}

function requirementText({ key, operator, values }: LabelRequirement): string {
  switch (operator) {
    case 'exists':
      return key;
    case '!':
      return `!${key}`;
    case 'in':
    case 'notin':
      return `${key} ${operator} (${values.join(',')})`;
    case 'gt':
      return `${key}>${values[0] ?? ''}`;
    case 'lt':
      return `${key}<${values[0] ?? ''}`;
    case '=':
    case '==':
    case '!=':
      return `${key}${operator}${values[0] ?? ''}`;
  }
}

/** Selects exactly these labels. Keys and values are not checked. */
export function labelSelectorOf(labels: Labels): LabelMatcher {
  return selectorOf(
    Object.entries(labels).map(([key, value]) => ({ key, operator: '=', values: [value] })),
  );
}

/** Parses the text form, `a=b,c in (d,e),!f`. @throws PlatformError LABEL_SELECTOR_INVALID in Kubernetes' words. */
export function parseLabelSelector(text: string): LabelMatcher {
  return selectorOf(new SelectorParser(scanLabelSelector(text)).parse());
}

function refuseLabels(message: string): never {
  throw new PlatformError('LABEL_SELECTOR_INVALID', message, {
    hint: 'Write requirements such as a=b, a!=b, a in (b,c), a or !a, joined by commas.',
  });
}

const operators: Readonly<Record<string, LabelOperator>> = {
  '=': '=',
  '==': '==',
  '!=': '!=',
  in: 'in',
  notin: 'notin',
  '>': 'gt',
  '<': 'lt',
};

/** Recursive descent over the scanned tokens; `in` and `notin` are words wherever an operator cannot stand. */
class SelectorParser {
  readonly #tokens: readonly Token[];
  #position = 0;

  constructor(tokens: readonly Token[]) {
    this.#tokens = tokens;
  }

  parse(): LabelRequirement[] {
    const requirements: LabelRequirement[] = [];
    for (;;) {
      const token = this.#peek();
      if (token.kind === 'end') return requirements;
      if (!startsRequirement(token)) {
        refuseLabels(`found '${token.text}', expected: !, identifier, or 'end of string'`);
      }
      requirements.push(this.#requirement());
      const next = this.#take();
      if (next.kind === 'end') return requirements;
      if (next.text !== ',') {
        refuseLabels(`found '${next.text}', expected: ',' or 'end of string'`);
      }
      const after = this.#peek();
      if (!startsRequirement(after)) {
        refuseLabels(`found '${after.text}', expected: identifier after ','`);
      }
    }
  }

  #peek(): Token {
    return this.#tokens[this.#position] ?? { kind: 'end', text: '' };
  }

  #take(): Token {
    const token = this.#peek();
    this.#position++;
    return token;
  }

  #refuse(message: string): never {
    return refuseLabels(`unable to parse requirement: ${message}`);
  }

  #requirement(): LabelRequirement {
    let key = this.#take();
    const negated = key.kind === 'symbol' && key.text === '!';
    if (negated) key = this.#take();
    if (!isWord(key)) this.#refuse(`found '${key.text}', expected: identifier`);
    const problems = qualifiedNameProblems(key.text);
    if (problems.length > 0) {
      this.#refuse(fieldErrorText(fieldInvalid('', key.text, problems.join('; '))));
    }
    if (negated) return { key: key.text, operator: '!', values: [] };
    const next = this.#peek();
    if (next.kind !== 'end' && next.text !== ',') return this.#comparison(key.text);
    return { key: key.text, operator: 'exists', values: [] };
  }

  #comparison(key: string): LabelRequirement {
    const token = this.#take();
    const operator =
      token.kind === 'identifier' || token.kind === 'error' ? undefined : operators[token.text];
    if (operator === undefined) {
      this.#refuse(`found '${token.text}', expected: in, notin, =, ==, !=, gt, lt`);
    }
    const values = operator === 'in' || operator === 'notin' ? this.#values() : [this.#exact()];
    const requirement = { key, operator, values: [...new Set(values)].toSorted() };
    const errors = requirementErrors(requirement, path());
    if (errors.length > 0) this.#refuse(joinErrorTexts(errors.map(fieldErrorText)));
    return requirement;
  }

  #exact(): string {
    const next = this.#peek();
    if (next.kind === 'end' || next.text === ',') return '';
    const token = this.#take();
    if (!isWord(token)) this.#refuse(`found '${token.text}', expected: identifier`);
    return token.text;
  }

  #values(): string[] {
    const open = this.#take();
    if (open.text !== '(') this.#refuse(`found '${open.text}' expected: '('`);
    const first = this.#peek();
    if (first.text === ')') {
      this.#take();
      return [''];
    }
    if (!isWord(first) && first.text !== ',') {
      this.#refuse(`found '${first.text}', expected: ',', ')' or identifier`);
    }
    const values = this.#list();
    this.#take(); // the closing parenthesis that ended the list
    return values;
  }

  #list(): string[] {
    const values: string[] = [];
    for (;;) {
      const token = this.#take();
      if (isWord(token)) {
        values.push(token.text);
        const next = this.#peek();
        if (next.text === ')') return values;
        if (next.text !== ',') this.#refuse(`found '${next.text}', expected: ',' or ')'`);
      } else if (token.text === ',') {
        if (values.length === 0) values.push('');
        const next = this.#peek();
        if (next.text === ')') return [...values, ''];
        if (next.text === ',') {
          this.#take();
          values.push('');
        }
      } else {
        this.#refuse(`found '${token.text}', expected: ',', or identifier`);
      }
    }
  }
}

function isWord(token: Token): boolean {
  return token.kind === 'identifier' || token.kind === 'word';
}

function startsRequirement(token: Token): boolean {
  return isWord(token) || (token.kind === 'symbol' && token.text === '!');
}

function requirementErrors(
  { key, operator, values }: LabelRequirement,
  base: FieldPath,
): FieldError[] {
  const at = base.child('values');
  const errors: FieldError[] = [];
  if (operator === 'gt' || operator === 'lt') {
    for (const [position, value] of values.entries()) {
      if (!integer.test(value)) {
        errors.push(
          fieldInvalid(
            at.index(position),
            value,
            "for 'Gt', 'Lt' operators, the value must be an integer",
          ),
        );
      }
    }
  }
  for (const [position, value] of values.entries()) {
    const problems = labelValueProblems(value);
    if (problems.length === 0) continue;
    errors.push(fieldInvalid(at.index(position).key(key), value, problems.join('; ')));
  }
  return errors;
}

const expressionOperators: Readonly<Record<string, LabelOperator>> = {
  In: 'in',
  NotIn: 'notin',
  Exists: 'exists',
  DoesNotExist: '!',
};

/** Makes a selector of a `LabelSelector` object that was found valid; absent: nothing matches; empty: everything does. */
export function labelSelectorFromObject(object: LabelSelector | undefined): LabelMatcher {
  if (object === undefined) return noLabel;
  const errors = validateLabelSelector(object, path());
  if (errors.length > 0) refuseLabels(joinErrorTexts(errors.map(fieldErrorText)));
  return selectorOf([
    ...Object.entries(object.matchLabels ?? {}).map(
      ([key, value]): LabelRequirement => ({ key, operator: '=', values: [value] }),
    ),
    ...(object.matchExpressions ?? []).map(
      ({ key, operator, values = [] }): LabelRequirement => ({
        key,
        operator: expressionOperators[operator] ?? 'exists',
        values: [...new Set(values)].toSorted(),
      }),
    ),
  ]);
}

/** What is wrong with a `LabelSelector` object, below `base`. */
export function validateLabelSelector(object: LabelSelector, base: FieldPath): FieldError[] {
  return [
    ...validateLabels(object.matchLabels, base.child('matchLabels')),
    ...(object.matchExpressions ?? []).flatMap((expression, position) =>
      expressionErrors(expression, base.child('matchExpressions').index(position)),
    ),
  ];
}

/** What is wrong with the keys and values of labels, below `base` (such as `metadata.labels`). */
export function validateLabels(labels: Labels | undefined, base: FieldPath): FieldError[] {
  const errors: FieldError[] = [];
  for (const [key, value] of Object.entries(labels ?? {})) {
    errors.push(...qualifiedNameProblems(key).map((problem) => fieldInvalid(base, key, problem)));
    errors.push(...labelValueProblems(value).map((problem) => fieldInvalid(base, value, problem)));
  }
  return errors;
}

function expressionErrors(
  { key, operator, values = [] }: LabelSelectorRequirement,
  base: FieldPath,
): FieldError[] {
  const errors: FieldError[] = [];
  const at = base.child('values');
  if (operator === 'In' || operator === 'NotIn') {
    if (values.length === 0) {
      errors.push(fieldRequired(at, "must be specified when `operator` is 'In' or 'NotIn'"));
    }
  } else if (operator === 'Exists' || operator === 'DoesNotExist') {
    if (values.length > 0) {
      errors.push(
        fieldForbidden(at, "may not be specified when `operator` is 'Exists' or 'DoesNotExist'"),
      );
    }
  } else {
    errors.push(fieldInvalid(base.child('operator'), operator, 'not a valid selector operator'));
  }
  errors.push(
    ...qualifiedNameProblems(key).map((problem) => fieldInvalid(base.child('key'), key, problem)),
  );
  for (const [position, value] of values.entries()) {
    errors.push(
      ...labelValueProblems(value).map((problem) =>
        fieldInvalid(at.index(position), value, problem),
      ),
    );
  }
  return errors;
}
