// A schema compiled once and used for every object of its kind; and the whole of what a CRD's schema is checked for.

import { isJsonObject } from '@tweendeck/std';
import { compileRules } from '../cel/rules.ts';
import { type FieldError, type FieldPath, fieldInvalid, path } from '../field-error.ts';
import { Correlation } from './correlation.ts';
import { type DecodeError, findDecodeError } from './decode-check.ts';
import { applyDefaults, type DefaultOptions } from './defaults.ts';
import { embeddedErrors } from './embedded.ts';
import { hasDefault, type JsonSchema, propertyOf } from './json-schema.ts';
import { findRepetitions } from './list-type.ts';
import { pruneObject } from './prune.ts';
import { type ScaledPaths, scaleErrors } from './scale-check.ts';
import { keywordErrors } from './schema-rules.ts';
import { structuralErrors } from './structural.ts';
import { type ResolveReference, type SchemaTree, treeOf } from './tree.ts';
import { compileValidator } from './validate.ts';

/** Works on whole objects. Keeps nothing of them. */
export interface CompiledSchema {
  /** Removes unknown fields from a freshly parsed object, in place; answers their paths, sorted. */
  prune(object: unknown): readonly string[];
  /** The paths of unknown fields, sorted; the object stays as it is. */
  unknownFields(object: unknown): readonly string[];
  /** Fills defaults into a freshly parsed object, in place; nulls that may not be go away or become the default. */
  applyDefaults(object: unknown, options?: DefaultOptions): void;
  /**
   * Everything wrong with an object, CEL rules included. With `oldObject` it is an update: transition rules run, and
   * errors of unchanged values are let pass. For CRDs' schemas. Who updates the `status` part is told of that part,
   * whose texts name what is within it, and of rules and repetitions anywhere.
   */
  validate(object: unknown, oldObject?: unknown, part?: 'whole' | 'status'): readonly FieldError[];
  /** The first value that a typed server could not decode. For the schemas of built-in kinds. */
  decodeError(object: unknown): DecodeError | undefined;
}

export interface CompileOptions {
  /** Follows `$ref`; given for schemas of a server's OpenAPI document, where objects without properties are free. */
  readonly resolve?: ResolveReference;
  /** Of a kind that can be scaled; told after the schema's errors and before those of rules. */
  readonly scale?: ScaledPaths | undefined;
}

/** Compiles a schema of whole objects. Cheap: what is below is compiled when first met. */
export function compileSchema(schema: JsonSchema, options: CompileOptions = {}): CompiledSchema {
  const tree = treeOf(schema, options.resolve);
  const whole = options.resolve === undefined; // a server's document describes metadata too, a CRD does not
  const validator = compileValidator(schema);
  const statusSchema = propertyOf(schema, 'status');
  const statusValidator = statusSchema && compileValidator(statusSchema);
  let rules: ReturnType<typeof compileRules> | undefined;
  return {
    prune: (object) => pruneObject(object, tree, { remove: true, whole }),
    unknownFields: (object) => pruneObject(object, tree, { remove: false, whole }),
    applyDefaults: (object, settings) => applyDefaults(object, tree, settings),
    decodeError: (object) => findDecodeError(object, tree),
    validate(object, oldObject, part = 'whole') {
      const old = oldObject === undefined ? undefined : new Correlation(object, oldObject, schema);
      const own =
        part === 'status'
          ? [
              ...statusErrors(statusValidator, object, old),
              ...scaleErrors(object, options.scale && { ...options.scale, specReplicasPath: '' }),
            ]
          : [
              ...validator(object, { path: '', old }).errors,
              ...scaleErrors(object, options.scale),
              ...embeddedErrors(object, tree, path()),
            ];
      const errors = [...own, ...newRepetitions(object, old, tree)];
      const blocker = errors.find(({ type }) => blocking.has(type));
      if (blocker) return hasRules(schema) ? [...errors, unchecked] : errors;
      rules ??= compileRules(schema, path(), { whole: true });
      return [...errors, ...rules.validate(object, old, { ratchets: true })];
    },
  };
}

function statusErrors(
  validator: ReturnType<typeof compileValidator> | undefined,
  object: unknown,
  old: Correlation | undefined,
): readonly FieldError[] {
  // A null is as good as no status.
  const isThere = isJsonObject(object) && (object['status'] ?? null) !== null;
  if (!validator || !isThere) return [];
  const { errors } = validator(object['status'], { path: '', old: old?.member('status') });
  const at = path('status');
  return errors.map((error) => ({
    ...error,
    field: error.field === '' ? 'status' : String(at.child(error.field)),
  }));
}

/** Errors after which rules could meet values of other types than they were compiled for. */
const blocking: ReadonlySet<string> = new Set([
  'NotSupported',
  'Required',
  'TooLong',
  'TooMany',
  'TypeInvalid',
]);

const unchecked: FieldError = fieldInvalid(
  '',
  null,
  'some validation rules were not checked because the object was invalid; correct the existing errors to complete validation',
);

function hasRules(schema: JsonSchema): boolean {
  const { additionalProperties, items, properties = {} } = schema;
  return (
    (schema['x-kubernetes-validations'] ?? []).length > 0 ||
    Object.values(properties).some(hasRules) ||
    (items !== undefined && hasRules(items)) ||
    (typeof additionalProperties === 'object' && hasRules(additionalProperties))
  );
}

/** Repetitions in lists count only when the old object had none. */
function newRepetitions(
  object: unknown,
  old: Correlation | undefined,
  tree: SchemaTree,
): FieldError[] {
  const errors = findRepetitions(object, tree, path());
  const forgiven = errors.length > 0 && old && findRepetitions(old.old, tree, path()).length > 0;
  return forgiven ? [] : errors;
}

/** Where the schema of a CRD with one version stands, in Kubernetes' words. */
const schemaPath = 'spec.validation.openAPIV3Schema';

/** Everything that makes a CRD's schema unacceptable: not structural, forbidden keywords, bad defaults, rules that do not compile. */
export function checkSchema(schema: JsonSchema, base: FieldPath = path(schemaPath)): FieldError[] {
  const structural = structuralErrors(schema, base);
  const keywords = keywordErrors(schema, base);
  if (structural.length > 0) return [...structural, ...keywords];
  const defaults = defaultErrors({ ...schema, 'x-kubernetes-embedded-resource': true }, base);
  if (defaults.length > 0) return [...defaults, ...keywords];
  return [...keywords, ...compileRules(schema, base, { whole: true }).problems(keywords)];
}

/** Defaults have to be valid where they stand, and must hold nothing that pruning would take away. Those below additionalProperties are not looked at. */
function defaultErrors(schema: JsonSchema, base: FieldPath): FieldError[] {
  const errors: FieldError[] = [];
  if (hasDefault(schema)) errors.push(...ownDefaultErrors(schema, base.child('default')));
  for (const [name, property] of Object.entries(schema.properties ?? {})) {
    errors.push(...defaultErrors(property, base.child('properties').key(name)));
  }
  if (schema.items) errors.push(...defaultErrors(schema.items, base.child('items')));
  return errors;
}

function ownDefaultErrors(schema: JsonSchema, at: FieldPath): FieldError[] {
  const value = schema.default;
  const holder = treeOf({ type: 'object', properties: { value: schema } });
  const unknown = pruneObject({ value }, holder, { remove: false, whole: false });
  return [
    ...(unknown.length > 0 ? [fieldInvalid(at, value, 'must not have unknown fields')] : []),
    ...defaultValueErrors(schema).map((error) => ({
      ...error,
      field: /^(?:$|[.[])/.test(error.field)
        ? `${at}${error.field}`
        : String(at.child(error.field)),
    })),
  ];
}

function defaultValueErrors(schema: JsonSchema): readonly FieldError[] {
  const value = schema.default;
  for (const look of ['types', 'all'] as const) {
    const envelope = embeddedErrors(value, treeOf(schema), path(), look);
    if (envelope.length > 0) return envelope;
  }
  const validator = compileValidator(schema, { ofDefaults: true });
  const { errors } = validator(value, { path: '', old: undefined });
  // Upstream writes a dot before the items of a default.
  if (errors.length > 0)
    return errors.map((error) => ({ ...error, field: error.field.replace(/^\[/, '.[') }));
  const whole = schema['x-kubernetes-embedded-resource'] === true;
  const rules = compileRules(schema, path(), { whole });
  const kept = rules.validate(value, new Correlation(value, value, schema));
  return kept.length > 0 ? kept : rules.validate(value);
}
