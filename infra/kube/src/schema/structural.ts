// Whether a schema is structural: every field has one place with one type, and logic keywords only restrict values.

import { jsonEqual } from '@tweendeck/std';

import {
  type FieldError,
  type FieldPath,
  fieldForbidden,
  fieldInvalid,
  fieldRequired,
} from '../field-error.ts';
import { PatternError, parsePattern } from '../regex/parse-pattern.ts';
import { type JsonSchema, propertyOf } from './json-schema.ts';

type Level = 'root' | 'item' | 'field';

const intOrString: readonly JsonSchema[] = [{ type: 'integer' }, { type: 'string' }];

/** What keeps a schema from being structural, below `base`. */
export function structuralErrors(schema: JsonSchema, base: FieldPath): FieldError[] {
  return [
    ...nodeErrors(schema, 'root', base),
    ...completeness(schema, { at: base, from: base, structure: schema }),
  ];
}

function nodeErrors(schema: JsonSchema, level: Level, base: FieldPath): FieldError[] {
  const { items, properties = {}, additionalProperties } = schema;
  const errors: FieldError[] = [];
  if (schema.type === 'array' && !items) {
    errors.push(fieldRequired(base.child('items'), 'must be specified'));
  }
  if (items) errors.push(...nodeErrors(items, 'item', base.child('items')));
  for (const [name, property] of Object.entries(properties)) {
    errors.push(...nodeErrors(property, 'field', base.child('properties').key(name)));
  }
  if (additionalProperties !== undefined && level === 'root') {
    errors.push(fieldForbidden(base.child('additionalProperties'), 'must not be used at the root'));
  }
  if (typeof additionalProperties === 'object') {
    errors.push(...nodeErrors(additionalProperties, 'field', base.child('additionalProperties')));
  }
  return [
    ...errors,
    ...extensionErrors(schema, base),
    ...valueErrors(schema, base, skippedPatterns(schema)),
    ...typeErrors(schema, level, base),
    ...envelopeErrors(schema, level, base),
  ];
}

/** The two ways of spelling int-or-string, whose `type` within `anyOf` is let pass. */
function skippedPatterns({ anyOf, allOf }: JsonSchema): { anyOf: boolean; firstAllOf: boolean } {
  return {
    anyOf: jsonEqual(anyOf, intOrString),
    firstAllOf: jsonEqual(allOf?.[0]?.anyOf, intOrString),
  };
}

function extensionErrors(schema: JsonSchema, base: FieldPath): FieldError[] {
  if (!schema['x-kubernetes-int-or-string']) return [];
  return (['x-kubernetes-preserve-unknown-fields', 'x-kubernetes-embedded-resource'] as const)
    .filter((keyword) => schema[keyword])
    .map((keyword) =>
      fieldInvalid(
        base.child(keyword),
        true,
        'must be false if x-kubernetes-int-or-string is true',
      ),
    );
}

function typeErrors(schema: JsonSchema, level: Level, base: FieldPath): FieldError[] {
  const { type = '' } = schema;
  const at = base.child('type');
  const errors: FieldError[] = [];
  if (schema['x-kubernetes-embedded-resource'] && type !== 'object') {
    const detail = 'must be object if x-kubernetes-embedded-resource is true';
    errors.push(type === '' ? fieldRequired(at, detail) : fieldInvalid(at, type, detail));
  } else if (type === '' && !isFree(schema)) errors.push(fieldRequired(at, emptyTypeDetail(level)));
  if (schema['x-kubernetes-embedded-resource'] && schema.additionalProperties !== undefined) {
    const detail = 'must not be used if x-kubernetes-embedded-resource is set';
    errors.push(fieldForbidden(base.child('additionalProperties'), detail));
  }
  if (level === 'root' && type !== '' && type !== 'object') {
    errors.push(fieldInvalid(at, type, 'must be object at the root'));
  }
  return errors;
}

function isFree(schema: JsonSchema): boolean {
  return Boolean(
    schema['x-kubernetes-int-or-string'] || schema['x-kubernetes-preserve-unknown-fields'],
  );
}

function emptyTypeDetail(level: Level): string {
  switch (level) {
    case 'root':
      return 'must not be empty at the root';
    case 'item':
      return 'must not be empty for specified array items';
    case 'field':
      return 'must not be empty for specified object fields';
  }
}

/** apiVersion, kind and metadata mean the same everywhere; a schema may hardly touch them. */
function envelopeErrors(schema: JsonSchema, level: Level, base: FieldPath): FieldError[] {
  const { properties = {} } = schema;
  const embedded = schema['x-kubernetes-embedded-resource'] === true;
  const errors: FieldError[] = [];
  if (level === 'root' || embedded) {
    for (const [name, type] of [
      ['kind', 'string'],
      ['apiVersion', 'string'],
      ['metadata', 'object'],
    ] as const) {
      const property = properties[name];
      if (!property || property.type === type) continue;
      const at = base.child('properties').key(name).child('type');
      errors.push(fieldInvalid(at, property.type ?? '', `must be ${type}`));
    }
  }
  if (level === 'root' && properties['metadata'] && restrictsMetadata(properties['metadata'])) {
    const detail =
      'must not specify anything other than name and generateName, but metadata is implicitly specified';
    errors.push(fieldForbidden(base.child('properties').key('metadata'), detail));
  }
  if (
    embedded &&
    !schema['x-kubernetes-preserve-unknown-fields'] &&
    Object.keys(properties).length === 0
  ) {
    const detail =
      'must not be empty if x-kubernetes-embedded-resource is true without x-kubernetes-preserve-unknown-fields';
    errors.push(fieldRequired(base.child('properties'), detail));
  }
  return errors;
}

function restrictsMetadata(metadata: JsonSchema): boolean {
  const { type: _type, default: _default, properties = {}, ...others } = metadata;
  const names = Object.keys(properties);
  const known = names.every((name) => name === 'name' || name === 'generateName');
  return !known || Object.values(others).some((value) => value !== undefined);
}

/** Errors in the keywords that restrict values, of a structural node or of one within logic. */
function valueErrors(
  schema: JsonSchema,
  base: FieldPath,
  skip: { readonly anyOf: boolean; readonly firstAllOf: boolean },
): FieldError[] {
  const errors: FieldError[] = [];
  for (const keyword of ['anyOf', 'allOf', 'oneOf'] as const) {
    if (keyword === 'anyOf' && skip.anyOf) continue;
    for (const [index, member] of (schema[keyword] ?? []).entries()) {
      const anyOf = keyword === 'allOf' && index === 0 && skip.firstAllOf;
      errors.push(...nestedErrors(member, base.child(keyword).index(index), anyOf));
    }
  }
  if (schema.not) errors.push(...nestedErrors(schema.not, base.child('not'), false));
  return [...errors, ...patternErrors(schema.pattern, base.child('pattern'))];
}

function patternErrors(pattern: string | undefined, at: FieldPath): FieldError[] {
  if (pattern === undefined || pattern === '') return [];
  try {
    parsePattern(pattern);
    return [];
  } catch (error) {
    if (!(error instanceof PatternError)) throw error;
    return [
      fieldInvalid(at, pattern, `must be a valid regular expression, but isn't: ${error.message}`),
    ];
  }
}

/** What may not stand within allOf, anyOf, oneOf and not. */
const forbiddenWithin: readonly (readonly [keyof JsonSchema, string])[] = [
  ['type', 'must be empty to be structural'],
  ['additionalProperties', 'must be undefined to be structural'],
  ['default', 'must be undefined to be structural'],
  ['title', 'must be empty to be structural'],
  ['description', 'must be empty to be structural'],
  ['nullable', 'must be false to be structural'],
  ['x-kubernetes-preserve-unknown-fields', 'must be false to be structural'],
  ['x-kubernetes-embedded-resource', 'must be false to be structural'],
  ['x-kubernetes-int-or-string', 'must be false to be structural'],
  ['x-kubernetes-list-map-keys', 'must be empty to be structural'],
  ['x-kubernetes-list-type', 'must be undefined to be structural'],
  ['x-kubernetes-map-type', 'must be undefined to be structural'],
  ['x-kubernetes-validations', 'must be empty to be structural'],
];

function nestedErrors(schema: JsonSchema, base: FieldPath, skipAnyOf: boolean): FieldError[] {
  const errors = valueErrors(schema, base, { anyOf: skipAnyOf, firstAllOf: false });
  if (schema.items) errors.push(...nestedErrors(schema.items, base.child('items'), false));
  for (const [name, property] of Object.entries(schema.properties ?? {})) {
    errors.push(...nestedErrors(property, base.child('properties').key(name), false));
  }
  for (const [keyword, detail] of forbiddenWithin) {
    if (isSaid(schema[keyword])) errors.push(fieldForbidden(base.child(keyword), detail));
  }
  if (schema.properties?.['metadata']) {
    const at = base.child('properties').key('metadata');
    errors.push(fieldForbidden(at, 'must not be specified in a nested context'));
  }
  return errors;
}

function isSaid(keyword: unknown): boolean {
  if (Array.isArray(keyword)) return keyword.length > 0;
  return keyword !== undefined && keyword !== '' && keyword !== false;
}

interface Completing {
  readonly at: FieldPath;
  readonly from: FieldPath;
  readonly structure: JsonSchema | undefined;
}

/** Whatever logic speaks of has to be specified outside of it. */
function completeness(schema: JsonSchema, { at, from, structure }: Completing): FieldError[] {
  const errors: FieldError[] = [];
  for (const keyword of ['allOf', 'anyOf', 'oneOf'] as const) {
    for (const [index, member] of (schema[keyword] ?? []).entries()) {
      errors.push(
        ...nestedCompleteness(member, { at, from: from.child(keyword).index(index), structure }),
      );
    }
  }
  if (schema.not) {
    errors.push(...nestedCompleteness(schema.not, { at, from: from.child('not'), structure }));
  }
  return errors;
}

function nestedCompleteness(schema: JsonSchema, { at, from, structure }: Completing): FieldError[] {
  if (!structure) return [fieldRequired(at, `because it is defined in ${from}`)];
  const errors = completeness(schema, { at, from, structure });
  if (schema.items) {
    const below = { at: at.child('items'), from: from.child('items'), structure: structure.items };
    errors.push(...nestedCompleteness(schema.items, below));
  }
  for (const [name, property] of Object.entries(schema.properties ?? {})) {
    errors.push(
      ...nestedCompleteness(property, {
        at: at.child('properties').key(name),
        from: from.child('properties').key(name),
        structure: propertyOf(structure, name),
      }),
    );
  }
  return errors;
}
