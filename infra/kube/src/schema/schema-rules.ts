// What a schema in a CustomResourceDefinition may say, beyond being structural.

import { ruleTextProblems } from '../cel/rule-problems.ts';
import {
  type FieldError,
  type FieldPath,
  fieldForbidden,
  fieldInvalid,
  fieldNotSupported,
  fieldRequired,
} from '../field-error.ts';
import { hasDefault, type JsonSchema, propertyOf } from './json-schema.ts';

const types = ['array', 'boolean', 'integer', 'number', 'object', 'string'];

/** Keywords of JSON schema that CRDs do not have. */
const unsupported = [
  'id',
  'additionalItems',
  'patternProperties',
  'definitions',
  'dependencies',
  '$ref',
] as const;

interface Rules {
  /** Why defaults are not allowed here; undefined: they are. */
  readonly noDefaults?: string;
  readonly withinMetadata?: boolean;
  readonly root?: boolean;
}

/** What is wrong with the keywords of a schema and everything below it, at `base`. Of CEL rules, only the texts. */
export function keywordErrors(schema: JsonSchema, base: FieldPath): FieldError[] {
  return walk(schema, base, { root: true });
}

function walk(schema: JsonSchema, base: FieldPath, rules: Rules): FieldError[] {
  return [
    ...ownErrors(schema, base, rules),
    ...listErrors(schema, base),
    ...mapErrors(schema, base),
    ...ruleTextProblems(schema, base),
    ...childErrors(schema, base, rules),
  ];
}

function ownErrors(schema: JsonSchema, base: FieldPath, rules: Rules): FieldError[] {
  const errors: FieldError[] = unsupported
    .filter((keyword) => schema[keyword] !== undefined)
    .map((keyword) => fieldForbidden(base.child(keyword), `${keyword} is not supported`));
  if (schema.type === 'null') {
    const detail = 'type cannot be set to null, use nullable as an alternative';
    errors.push(fieldForbidden(base.child('type'), detail));
  }
  if (schema.type && !types.includes(schema.type)) {
    errors.push(fieldNotSupported(base.child('type'), schema.type, types));
  }
  if (hasDefault(schema) && rules.noDefaults !== undefined) {
    errors.push(fieldForbidden(base.child('default'), `must not be set ${rules.noDefaults}`));
  }
  if (rules.root && schema.nullable) {
    errors.push(fieldForbidden(base.child('nullable'), 'nullable cannot be true at the root'));
  }
  if (rules.withinMetadata && schema['x-kubernetes-embedded-resource']) {
    const at = base.child('x-kubernetes-embedded-resource');
    errors.push(fieldForbidden(at, 'must not be used inside of resource meta'));
  }
  if (schema.uniqueItems) {
    const detail =
      'uniqueItems cannot be set to true since the runtime complexity becomes quadratic';
    errors.push(fieldForbidden(base.child('uniqueItems'), detail));
  }
  if (schema['x-kubernetes-preserve-unknown-fields'] === false) {
    const at = base.child('x-kubernetes-preserve-unknown-fields');
    errors.push(fieldInvalid(at, false, 'must be true or undefined'));
  }
  return errors;
}

function mapErrors(schema: JsonSchema, base: FieldPath): FieldError[] {
  const errors: FieldError[] = [];
  const { additionalProperties, properties = {} } = schema;
  if (
    additionalProperties !== undefined &&
    additionalProperties !== true &&
    Object.keys(properties).length > 0
  ) {
    const detail = 'additionalProperties and properties are mutual exclusive';
    errors.push(fieldForbidden(base.child('additionalProperties'), detail));
  }
  const mapType = schema['x-kubernetes-map-type'];
  if (mapType === undefined) return errors;
  errors.push(...wrongType(schema, { base, type: 'object', keyword: 'x-kubernetes-map-type' }));
  if (mapType !== 'atomic' && mapType !== 'granular') {
    errors.push(
      fieldNotSupported(base.child('x-kubernetes-map-type'), mapType, ['atomic', 'granular']),
    );
  }
  return errors;
}

function wrongType(
  { type = '' }: JsonSchema,
  {
    base,
    type: wanted,
    keyword,
  }: { readonly base: FieldPath; readonly type: string; readonly keyword: string },
): FieldError[] {
  if (type === wanted) return [];
  const detail = `must be ${wanted} if ${keyword} is specified`;
  const at = base.child('type');
  return [type === '' ? fieldRequired(at, detail) : fieldInvalid(at, type, detail)];
}

function listErrors(schema: JsonSchema, base: FieldPath): FieldError[] {
  const listType = schema['x-kubernetes-list-type'];
  const keys = schema['x-kubernetes-list-map-keys'] ?? [];
  const at = base.child('x-kubernetes-list-type');
  const errors: FieldError[] = [];
  if (keys.length > 0 && listType !== 'map') {
    const detail = 'must be map if x-kubernetes-list-map-keys is non-empty';
    errors.push(
      listType === undefined ? fieldRequired(at, detail) : fieldInvalid(at, listType, detail),
    );
  }
  if (listType === undefined) return errors;
  errors.push(...wrongType(schema, { base, type: 'array', keyword: 'x-kubernetes-list-type' }));
  if (!['atomic', 'set', 'map'].includes(listType)) {
    errors.push(fieldNotSupported(at, listType, ['atomic', 'set', 'map']));
  }
  if (listType === 'map') errors.push(...listMapErrors(schema, base));
  if (listType === 'set' && schema.items)
    errors.push(...setItemErrors(schema.items, base.child('items')));
  if ((listType === 'map' || listType === 'set') && schema.items?.nullable) {
    const detail = `cannot be nullable when x-kubernetes-list-type is ${listType}`;
    errors.push(fieldForbidden(base.child('items').child('nullable'), detail));
  }
  return errors;
}

function setItemErrors(items: JsonSchema, base: FieldPath): FieldError[] {
  const detail = 'must be atomic as item of a list with x-kubernetes-list-type=set';
  const listType = items['x-kubernetes-list-type'];
  if (items.type === 'array' && listType !== undefined && listType !== 'atomic') {
    return [fieldInvalid(base.child('x-kubernetes-list-type'), listType, detail)];
  }
  const mapType = items['x-kubernetes-map-type'];
  if (items.type === 'object' && mapType !== 'atomic') {
    return [fieldInvalid(base.child('x-kubernetes-map-type'), mapType ?? null, detail)];
  }
  return [];
}

function listMapErrors(schema: JsonSchema, base: FieldPath): FieldError[] {
  const keys = schema['x-kubernetes-list-map-keys'] ?? [];
  const at = base.child('x-kubernetes-list-map-keys');
  const { items } = schema;
  const errors: FieldError[] = [];
  if (keys.length === 0) {
    errors.push(fieldRequired(at, 'must not be empty if x-kubernetes-list-type is map'));
  }
  if (!items) {
    const detail = 'must have a schema if x-kubernetes-list-type is map';
    return [...errors, fieldRequired(base.child('items'), detail)];
  }
  if (items.type !== 'object') {
    const detail = "must be object if parent array's x-kubernetes-list-type is map";
    const known = keys.filter((key) => propertyOf(items, key));
    return [
      ...errors,
      fieldInvalid(base.child('items').child('type'), items.type ?? '', detail),
      ...known.flatMap((key) => presenceErrors(items, key, keyPath(base, key))),
    ];
  }
  for (const [index, key] of keys.entries()) {
    const property = propertyOf(items, key);
    if (!property)
      errors.push(fieldInvalid(at, keys, 'entries must all be names of item properties'));
    else errors.push(...keyErrors(items, key, keyPath(base, key)));
    if (keys.indexOf(key) !== index) {
      errors.push(fieldInvalid(at, keys, 'must not contain duplicate entries'));
    }
  }
  return errors;
}

function keyErrors(items: JsonSchema, key: string, base: FieldPath): FieldError[] {
  const property = propertyOf(items, key) ?? {};
  const errors: FieldError[] = [];
  if (property.type === 'array' || property.type === 'object') {
    const detail = "must be a scalar type if parent array's x-kubernetes-list-type is map";
    errors.push(fieldInvalid(base.child('type'), 'object', detail));
  }
  return [...errors, ...presenceErrors(items, key, base)];
}

function keyPath(base: FieldPath, key: string): FieldPath {
  return base.child('items').child('properties').key(key);
}

/** A key is always there. */
function presenceErrors(items: JsonSchema, key: string, base: FieldPath): FieldError[] {
  const property = propertyOf(items, key) ?? {};
  const errors: FieldError[] = [];
  if (!items.required?.includes(key) && !hasDefault(property)) {
    const detail =
      'this property is in x-kubernetes-list-map-keys, so it must have a default or be a required property';
    errors.push(fieldRequired(base.child('default'), detail));
  }
  if (property.nullable) {
    const detail = 'this property is in x-kubernetes-list-map-keys, so it cannot be nullable';
    errors.push(fieldForbidden(base.child('nullable'), detail));
  }
  return errors;
}

function childErrors(schema: JsonSchema, base: FieldPath, rules: Rules): FieldError[] {
  const below: Rules = { ...rules, root: false };
  const errors: FieldError[] = [];
  if (typeof schema.additionalProperties === 'object') {
    const inside = rules.withinMetadata
      ? { ...below, noDefaults: 'inside additionalProperties applying to object metadata' }
      : below;
    errors.push(...walk(schema.additionalProperties, base.child('additionalProperties'), inside));
  }
  for (const [name, property] of Object.entries(schema.properties ?? {})) {
    const at = base.child('properties').key(name);
    errors.push(...walk(property, at, propertyRules(schema, name, rules)));
  }
  for (const keyword of ['allOf', 'oneOf', 'anyOf'] as const) {
    for (const [index, member] of (schema[keyword] ?? []).entries()) {
      errors.push(...walk(member, base.child(keyword).index(index), below));
    }
  }
  if (schema.not) errors.push(...walk(schema.not, base.child('not'), below));
  if (schema.items) errors.push(...walk(schema.items, base.child('items'), below));
  return errors;
}

function propertyRules(schema: JsonSchema, name: string, rules: Rules): Rules {
  const below: Rules = { ...rules, root: false };
  const whole = rules.root || schema['x-kubernetes-embedded-resource'];
  if (!whole || !['metadata', 'kind', 'apiVersion'].includes(name)) return below;
  return {
    ...below,
    withinMetadata: true,
    ...(rules.root ? { noDefaults: `in top-level ${name}` } : {}),
  };
}
