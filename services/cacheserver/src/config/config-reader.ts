// Reads a document of unknown shape field by field, and gathers everything that is wrong with it.

import { isJsonObject, PlatformError } from '@tweendeck/std';

/** One thing that is wrong: where, what, and what to do. */
export interface ConfigProblem {
  /** Such as `namespaces[0].listen[1].putFrom`. */
  readonly path: string;
  readonly fact: string;
  readonly hint: string;
}

const sizeUnits: Readonly<Record<string, number>> = {
  '': 1,
  k: 1e3,
  M: 1e6,
  G: 1e9,
  T: 1e12,
  Ki: 2 ** 10,
  Mi: 2 ** 20,
  Gi: 2 ** 30,
  Ti: 2 ** 40,
};
const durationUnits: Readonly<Record<string, number>> = {
  ms: 1,
  s: 1_000,
  m: 60_000,
  h: 3_600_000,
  d: 86_400_000,
};

/** Bytes of `500Mi`, `1.5G` or a plain number; undefined for everything else. */
export function sizeOf(value: unknown): number | undefined {
  return measure(value, /^(\d+(?:\.\d+)?)(k|M|G|T|Ki|Mi|Gi|Ti|)$/, sizeUnits);
}

/** Milliseconds of `250ms`, `30s`, `5m`, `12h` or `30d`; undefined for everything else. */
export function durationOf(value: unknown): number | undefined {
  return measure(value, /^(\d+(?:\.\d+)?)(ms|s|m|h|d)$/, durationUnits);
}

function measure(
  value: unknown,
  shape: RegExp,
  units: Readonly<Record<string, number>>,
): number | undefined {
  const [, digits, unit] = shape.exec(String(value)) ?? [];
  if (digits === undefined || unit === undefined) return undefined;
  const amount = Math.round(Number(digits) * (units[unit] ?? Number.NaN));
  return Number.isSafeInteger(amount) ? amount : undefined;
}

/**
 * A value of the document. What is wrong with it is noted, and the reader goes on with a value that can be used: one
 * look tells everything that is wrong.
 */
export class ConfigNode {
  readonly value: unknown;
  readonly path: string;
  readonly #problems: ConfigProblem[];

  constructor(value: unknown, path: string, problems: ConfigProblem[]) {
    this.value = value;
    this.path = path;
    this.#problems = problems;
  }

  fail(fact: string, hint: string): void {
    this.#problems.push({ path: this.path, fact, hint });
  }

  child(key: string | number, value: unknown): ConfigNode {
    const tail = typeof key === 'number' ? `[${key}]` : this.path === '' ? key : `.${key}`;
    return new ConfigNode(value, `${this.path}${tail}`, this.#problems);
  }

  /** Its fields; a node that is no mapping is noted, and read as an empty one. */
  fields(): ConfigFields {
    if (isJsonObject(this.value)) return new ConfigFields(this, this.value);
    this.fail(`${shown(this.value)} is no mapping`, 'Write fields with a name and a value.');
    return new ConfigFields(this, {});
  }

  text(shape?: Shape): string {
    const { value } = this;
    if (typeof value === 'string' && value !== '' && (shape?.pattern.test(value) ?? true)) {
      return value;
    }
    this.fail(`${shown(value)} is no ${shape?.what ?? 'text'}`, shape?.hint ?? 'Write a text.');
    return '';
  }
}

/** How a text has to look. */
export interface Shape {
  readonly pattern: RegExp;
  /** Completes "... is no". */
  readonly what: string;
  readonly hint: string;
}

interface Bounds {
  readonly min: number;
  readonly max?: number;
}

/** The fields of a mapping: each is asked for once, and `end` complains of those that nobody asked for. */
export class ConfigFields {
  readonly node: ConfigNode;
  readonly #values: Readonly<Record<string, unknown>>;
  readonly #known = new Set<string>();

  constructor(node: ConfigNode, values: Readonly<Record<string, unknown>>) {
    this.node = node;
    this.#values = values;
  }

  /** The field as a node; undefined when it is missing or null. */
  get(key: string): ConfigNode | undefined {
    this.#known.add(key);
    const value = Object.hasOwn(this.#values, key) ? this.#values[key] : undefined;
    return value === undefined || value === null ? undefined : this.node.child(key, value);
  }

  text(key: string, shape?: Shape): string | undefined {
    return this.get(key)?.text(shape);
  }

  /** A text that must be there. */
  needed(key: string, hint: string, shape?: Shape): string {
    const node = this.get(key);
    if (node !== undefined) return node.text(shape);
    this.node.child(key, undefined).fail('is missing', hint);
    return '';
  }

  flag(key: string): boolean | undefined {
    const node = this.get(key);
    if (node === undefined) return undefined;
    if (typeof node.value === 'boolean') return node.value;
    node.fail(`${shown(node.value)} is neither true nor false`, 'Write true or false.');
    return undefined;
  }

  integer(key: string, { min, max = Number.MAX_SAFE_INTEGER }: Bounds): number | undefined {
    const node = this.get(key);
    if (node === undefined) return undefined;
    const { value } = node;
    if (Number.isInteger(value) && Number(value) >= min && Number(value) <= max)
      return Number(value);
    node.fail(
      `${shown(value)} is no whole number from ${min} to ${max}`,
      'Write a number without quotes.',
    );
    return undefined;
  }

  /** A number from `min` to `max`, whole or not. */
  number(key: string, { min, max = Number.MAX_VALUE }: Bounds): number | undefined {
    const node = this.get(key);
    if (node === undefined) return undefined;
    const { value } = node;
    if (typeof value === 'number' && value >= min && value <= max) return value;
    node.fail(`${shown(value)} is no number from ${min} to ${max}`, 'Write it without quotes.');
    return undefined;
  }

  /** Bytes. */
  size(key: string, { min, max = Number.MAX_SAFE_INTEGER }: Bounds): number | undefined {
    return this.#measured(key, sizeOf, { min, max, example: '500Mi or 20Gi', what: 'size' });
  }

  /** Milliseconds. */
  duration(key: string, { min, max = 2 ** 31 - 1 }: Bounds): number | undefined {
    return this.#measured(key, durationOf, { min, max, example: '30s or 7d', what: 'duration' });
  }

  choice<Word extends string>(key: string, words: readonly Word[]): Word | undefined {
    const node = this.get(key);
    if (node === undefined) return undefined;
    const found = words.find((word) => word === node.value);
    if (found === undefined) {
      node.fail(`${shown(node.value)} is none of ${words.join(', ')}`, `Write ${words[0]}.`);
    }
    return found;
  }

  /** A list, each item read by `read`; empty when it is missing. */
  list<Item>(key: string, read: (item: ConfigNode) => Item): readonly Item[] {
    const node = this.get(key);
    if (node === undefined) return [];
    if (!Array.isArray(node.value)) {
      node.fail(`${shown(node.value)} is no list`, 'Write a list, also of a single item.');
      return [];
    }
    return node.value.map((item: unknown, index) => read(node.child(index, item)));
  }

  /** A mapping within this one, read by `read`, which need not call `end`; undefined when it is missing. */
  section<Section>(key: string, read: (fields: ConfigFields) => Section): Section | undefined {
    const node = this.get(key);
    if (node === undefined) return undefined;
    const fields = node.fields();
    const section = read(fields);
    fields.end();
    return section;
  }

  /** Notes the fields that nobody asked for. */
  end(): void {
    for (const key of Object.keys(this.#values)) {
      if (this.#known.has(key)) continue;
      const near = [...this.#known].find((known) => isNear(known, key));
      const hint = near === undefined ? `There is ${[...this.#known].sort().join(', ')}.` : '';
      this.node
        .child(key, undefined)
        .fail('is not known here', near === undefined ? hint : `Do you mean ${near}?`);
    }
  }

  #measured(
    key: string,
    measureOf: (value: unknown) => number | undefined,
    { min, max, example, what }: Required<Bounds> & { example: string; what: string },
  ): number | undefined {
    const node = this.get(key);
    if (node === undefined) return undefined;
    const amount = measureOf(node.value);
    if (amount === undefined) node.fail(`${shown(node.value)} is no ${what}`, `Write ${example}.`);
    else if (amount < min || amount > max) {
      const bound = amount < min ? `below ${min}` : `above ${max}`;
      const unit = what === 'size' ? 'bytes' : 'ms';
      node.fail(`${shown(node.value)} is ${bound} ${unit}`, `Write a ${what} within the bounds.`);
    } else return amount;
    return undefined;
  }
}

/** All that is wrong with a document, as one error: CACHE_CONFIG_INVALID. */
export function invalidDocument(source: string, problems: readonly ConfigProblem[]): PlatformError {
  const lines = problems.map(({ path, fact, hint }) =>
    `  ${path === '' ? 'the document' : path}: ${fact}. ${hint}`.trimEnd(),
  );
  return new PlatformError('CACHE_CONFIG_INVALID', `${source}:\n${lines.join('\n')}`, {
    hint: 'Look with "tweendeck cacheserver serve --config FILE --check-config" before a reload.',
  });
}

/** A value as a message shows it: short, and never a whole document. */
function shown(value: unknown): string {
  const text = JSON.stringify(value) ?? String(value);
  return text.length > 60 ? `${text.slice(0, 57)}...` : text;
}

/** Whether one is the other with another case or one letter more, less, swapped or changed. */
function isNear(known: string, given: string): boolean {
  const [left, right] = [known.toLowerCase(), given.toLowerCase()];
  if (left === right) return true;
  if (Math.abs(left.length - right.length) > 1) return false;
  let start = 0;
  while (start < left.length && left[start] === right[start]) start++;
  let end = 0;
  const shorter = Math.min(left.length, right.length) - start;
  while (end < shorter && left.at(-1 - end) === right.at(-1 - end)) end++;
  return Math.max(left.length, right.length) - start - end <= 2;
}
