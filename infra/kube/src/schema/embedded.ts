// Objects within objects: each says what it is.

import { isJsonObject } from '@tweendeck/std';

import { type FieldError, type FieldPath, fieldInvalid, fieldRequired } from '../field-error.ts';
import { qualifiedNameProblems } from '../names.ts';
import type { SchemaTree } from './tree.ts';

/** Checks apiVersion, kind and metadata of every embedded object below `base`. */
export function embeddedErrors(value: unknown, tree: SchemaTree, base: FieldPath): FieldError[] {
  if (Array.isArray(value)) {
    const { items } = tree;
    if (!items) return [];
    return value.flatMap((item, index) => embeddedErrors(item, items, base.index(index)));
  }
  if (!isJsonObject(value)) return [];
  const { additional } = tree;
  return [
    ...(tree.embeddedResource ? envelopeErrors(value, base) : []),
    ...Object.keys(value).flatMap((key) => {
      const property = tree.property(key);
      if (property) return embeddedErrors(value[key], property, base.child(key));
      if (typeof additional !== 'object') return [];
      return embeddedErrors(value[key], additional, base.key(key));
    }),
  ];
}

function envelopeErrors(object: Readonly<Record<string, unknown>>, base: FieldPath): FieldError[] {
  const errors: FieldError[] = [];
  for (const name of ['apiVersion', 'kind'] as const) {
    const value = object[name];
    if (value === undefined || value === '')
      errors.push(fieldRequired(base.child(name), 'must not be empty'));
    else if (typeof value !== 'string') {
      errors.push(fieldInvalid(base.child(name), value, 'must be a string'));
    }
  }
  const { metadata } = object;
  if (metadata === undefined || metadata === null) return errors;
  const at = base.child('metadata');
  if (!isJsonObject(metadata)) return [...errors, fieldInvalid(at, metadata, 'must be an object')];
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
