// Compares what is wrong with schemas of custom resources, and what becomes of objects: pruned, defaulted, validated.

import { checkSchema, compileSchema, type FieldError, fieldErrorText } from '@tweendeck/kube';
import { isJsonObject } from '@tweendeck/std';
import { expressionSchema, expressionValues } from './cel-cases.ts';
import { type Comparison, isSame } from './compare.ts';
import { definitionFor } from './definitions.ts';
import { type AnySchema, anyValue, fittingValue, rootSchema, rulesOf } from './schema-cases.ts';
import type { Source } from './source.ts';

interface ObjectCase {
  readonly schema: AnySchema;
  readonly object: Record<string, unknown>;
  readonly old?: Record<string, unknown>;
}

/** The schemas themselves, half of them spoilt. */
const definitions: Comparison<{ readonly schema: AnySchema }> = {
  name: 'schemas',
  isCase: ({ schema }) => isJsonObject(schema),
  generate: (source, number) => ({ schema: rootSchema(source, number % 2 === 1) }),
  theirs: async ({ schema }, oracle) =>
    textsOf(await oracle.ask({ op: 'crd', check: true, crd: definitionFor({ v1: schema }) })),
  ours: ({ schema }) => comparable(checkSchema(schema)),
  // Paths into maps of anything end upstream.
  agree: (_ours, theirs) => isJsonObject(theirs) && 'panic' in theirs,
};

/** Objects of schemas that are right. */
const objects: Comparison<ObjectCase> = objectComparison('custom objects', (source) => {
  let schema = rootSchema(source, false);
  for (let tries = 0; checkSchema(schema).length > 0 && tries < 10; tries++)
    schema = rootSchema(source, false);
  const object = (): Record<string, unknown> => ({
    ...isObject(fittingValue(source, schema)),
    ...(source.maybe(0.1) ? { spec: anyValue(source, 4) } : {}),
    ...meta,
  });
  const first = object();
  return source.maybe(0.5)
    ? { schema, object: first }
    : { schema, object: first, old: source.maybe(0.7) ? changed(source, first, object()) : first };
});

/** Rules of every kind over every type. */
const rules: Comparison<ObjectCase> = objectComparison('rules', (source) => {
  const spec = { ...expressionSchema, 'x-kubernetes-validations': rulesOf(source) };
  const object = () => ({ ...meta, spec: source.pick(expressionValues) });
  const schema: AnySchema = { type: 'object', properties: { spec } };
  return source.maybe(0.5)
    ? { schema, object: object() }
    : { schema, object: object(), old: object() };
});

export const schemaComparisons: readonly unknown[] = [definitions, objects, rules];

const meta = {
  apiVersion: 'example.com/v1',
  kind: 'Widget',
  metadata: { name: 'x', resourceVersion: '1' },
};

function isObject(value: unknown): Record<string, unknown> {
  return isJsonObject(value) ? value : {};
}

/** Some parts of an object as they are in another. */
function changed(
  source: Source,
  object: Record<string, unknown>,
  other: Record<string, unknown>,
): Record<string, unknown> {
  const entries = Object.entries(object).map(([key, value]): [string, unknown] => {
    if (key in meta || source.maybe(0.5)) return [key, value];
    const its = other[key];
    return [key, isJsonObject(value) && isJsonObject(its) ? changed(source, value, its) : its];
  });
  return Object.fromEntries(entries.filter(([, value]) => value !== undefined));
}

function objectComparison(
  name: string,
  generate: (source: Source) => ObjectCase,
): Comparison<ObjectCase> {
  return {
    name,
    isCase: ({ schema, object, old }) =>
      isJsonObject(schema) &&
      [object, ...(old ? [old] : [])].every(
        (each) =>
          isJsonObject(each) &&
          each['apiVersion'] === meta.apiVersion &&
          each['kind'] === meta.kind &&
          JSON.stringify(each['metadata']) === JSON.stringify(meta.metadata),
      ),
    generate,
    async theirs({ schema, object, old }, oracle) {
      const crd = definitionFor({ v1: schema });
      const [checked, found] = await Promise.all([
        oracle.ask({ op: 'crd', id: 'case', check: true, crd }),
        oracle.ask({ op: 'validate', crd: 'case', version: 'v1', object, ...(old ? { old } : {}) }),
      ]);
      const problems = textsOf(checked);
      if (!Array.isArray(problems) || problems.length > 0) return { problems };
      if (!isJsonObject(found) || 'panic' in found) return found;
      return { unknown: found['unknown'] ?? [], value: found['value'], errors: textsOf(found) };
    },
    agree: sameButFormats,
    ours({ schema, object, old }) {
      const problems = comparable(checkSchema(schema));
      if (problems.length > 0) return { problems };
      const compiled = compileSchema(schema);
      const value = structuredClone(object);
      const unknown = compiled.prune(value);
      compiled.applyDefaults(value);
      return { unknown, value, errors: comparable(compiled.validate(value, old)) };
    },
  };
}

/** What Go says of texts that are none of their format, and of slices of nothing, is Go's own; that rules fail of them is not. */
function sameButFormats(ours: unknown, theirs: unknown): boolean {
  if (!isJsonObject(ours) || !isJsonObject(theirs)) return false;
  const [our, their] = [ours['errors'], theirs['errors']];
  if (!Array.isArray(our) || !Array.isArray(their)) return false;
  const told = their.filter((text) => !/Invalid (?:duration|date)|runtime error: /.test(text));
  return (
    isSame({ ...ours, errors: [] }, { ...theirs, errors: [] }) &&
    our.length === their.length &&
    told.every((text) => our.includes(text))
  );
}

function comparable(errors: readonly FieldError[]): readonly string[] {
  return sorted(errors.map(fieldErrorText));
}

/** Several errors come in the order of a Go map; upstream numbers types anew each time, and goes on after wrong syntax. */
function sorted(texts: readonly string[]): readonly string[] {
  const comparableText = (text: string): string =>
    text.replaceAll(/selfType\d+/g, 'selfType').replace(/Syntax error: .*$/s, 'Syntax error');
  return texts.map(comparableText).sort();
}

function textsOf(answer: unknown): unknown {
  if (!isJsonObject(answer) || !('errors' in answer)) return answer;
  const errors: unknown = answer['errors'] ?? [];
  if (!Array.isArray(errors)) return answer;
  return sorted(errors.map((each: unknown) => (isJsonObject(each) ? String(each['text']) : '')));
}
