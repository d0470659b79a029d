// Objects within objects: each says what it is.

import { isJsonObject } from '@tweendeck/std';

import { type FieldError, type FieldPath, fieldInvalid, fieldRequired } from '../field-error.ts';
import { dns1035LabelProblems, qualifiedNameProblems } from '../names.ts';
import type { SchemaTree } from './tree.ts';

/** `types`: only whether they can be read at all, which upstream asks first of defaults. */
type Look = 'all' | 'types';

/** Checks apiVersion, kind and metadata of every embedded object below `base`. */
export function embeddedErrors(
  value: unknown,
  tree: SchemaTree,
  base: FieldPath,
  look: Look = 'all',
): FieldError[] {
  if (Array.isArray(value)) {
    const { items } = tree;
    if (!items) return [];
    return value.flatMap((item, index) => embeddedErrors(item, items, base.index(index), look));
  }
  if (!isJsonObject(value)) return [];
  const { additional } = tree;
  return [
    ...(tree.embeddedResource ? envelopeErrors(value, base, look) : []),
    ...Object.keys(value).flatMap((key) => {
      const property = tree.property(key);
      if (property) return embeddedErrors(value[key], property, base.child(key), look);
      if (typeof additional !== 'object') return [];
      return embeddedErrors(value[key], additional, base.key(key), look);
    }),
  ];
}

const problemOf = {
  apiVersion(value: unknown): string | undefined {
    if (typeof value !== 'string') return 'must be a string';
    if (value === '') return 'must not be empty';
    return value.split('/').length > 2 ? `unexpected GroupVersion string: ${value}` : undefined;
  },
  kind(value: unknown): string | undefined {
    if (typeof value !== 'string') return 'must be a string';
    if (value === '') return 'must not be empty';
    const problems = dns1035LabelProblems(value.toLowerCase());
    if (problems.length === 0) return undefined;
    return `may have mixed case, but should otherwise match: ${problems.join(',')}`;
  },
} as const;

function envelopeErrors(
  object: Readonly<Record<string, unknown>>,
  base: FieldPath,
  look: Look,
): FieldError[] {
  const errors: FieldError[] = [];
  for (const name of ['apiVersion', 'kind'] as const) {
    const value = object[name];
    if (look === 'types' && (value === undefined || typeof value === 'string')) continue;
    const problem = value === undefined ? undefined : problemOf[name](value);
    if (value === undefined) errors.push(fieldRequired(base.child(name)));
    else if (problem !== undefined) errors.push(fieldInvalid(base.child(name), value, problem));
  }
  const { metadata } = object;
  if (metadata === undefined || metadata === null) return errors;
  const at = base.child('metadata');
  if (!isJsonObject(metadata)) {
    const kind = Array.isArray(metadata)
      ? 'array'
      : typeof metadata === 'boolean'
        ? 'bool'
        : typeof metadata;
    const detail = `json: cannot unmarshal ${kind} into Go value of type v1.ObjectMeta`;
    return [...errors, fieldInvalid(at, metadata, detail)];
  }
  if (look === 'types') return errors;
  const labels = isJsonObject(metadata['labels']) ? Object.keys(metadata['labels']) : [];
  for (const key of labels) {
    errors.push(
      ...qualifiedNameProblems(key).map((problem) =>
        fieldInvalid(at.child('labels'), key, problem),
      ),
    );
  }
  return errors;
}
