// Generated histories of an object: applies, updates and patches by several managers.

import type { SchemaNode } from '@tweendeck/kube';
import {
  type BuiltInKind,
  builtInGroup,
  builtInKinds,
  isBuiltInKind,
  thinnedSchema,
} from './built-in-cases.ts';
import { builtInComponents } from './built-in-components.ts';
import { deploymentOf } from './deployment-cases.ts';
import { managedEntries } from './managed-cases.ts';
import type { Source } from './source.ts';
import { freeValue, structSchema, typedSchema, type Unfitness, valueFor } from './typed-schema.ts';

/** One request. */
export interface HistoryStep {
  readonly op: 'apply' | 'update';
  readonly version: string;
  readonly subresource: string;
  readonly manager: string;
  readonly force: boolean;
  readonly object?: Readonly<Record<string, unknown>>;
  /** Laid over the live object instead of `object`: a JSON merge patch. */
  readonly patch?: Readonly<Record<string, unknown>>;
  /** When, counted from the beginning. */
  readonly second: number;
}

/** What the history's object is an instance of. */
export type HistoryKind = BuiltInKind | 'Widget';

/** By version. */
export type WidgetSchemas = Readonly<Record<string, SchemaNode>>;

/** A whole history. */
export interface History {
  readonly kind: HistoryKind;
  /** For widgets. */
  readonly schemas: WidgetSchemas;
  /** Schemas that take the place of the first ones before a step. */
  readonly later?: { readonly from: number; readonly schemas: WidgetSchemas };
  /** Whether `status` is written by way of its subresource only. */
  readonly statusApart: boolean;
  readonly steps: readonly HistoryStep[];
}

/** The schemas at a step. */
export function schemasAt({ schemas, later }: History, index: number): WidgetSchemas {
  return later && index >= later.from ? later.schemas : schemas;
}

export function groupOf(kind: HistoryKind): string {
  return kind === 'Widget' ? 'example.com' : builtInGroup(kind);
}

export function apiVersionOf(kind: HistoryKind, version: string): string {
  const group = groupOf(kind);
  return group === '' ? version : `${group}/${version}`;
}

/** What neighbouring histories share, for making schemas ready is dear. */
export interface HistoryPool {
  readonly schemas: WidgetSchemas;
  /** What becomes of them in some histories. */
  readonly later?: WidgetSchemas;
  readonly kinds: readonly HistoryKind[];
}

/** Kinds as they are drawn: widgets mostly, for they can have any schema. */
export const allKinds: readonly HistoryKind[] = [
  ...Array.from({ length: 20 }, () => 'Widget' as const),
  ...Array.from({ length: 4 }, () => 'Deployment' as const),
  ...Object.keys(builtInKinds).filter(isBuiltInKind),
];

type Shape = 'short' | 'long' | 'many' | 'evolving' | 'nulls';

const shapes: readonly Shape[] = [
  ...(['short', 'short', 'short', 'long', 'many'] as const),
  ...(['evolving', 'evolving', 'evolving', 'nulls'] as const),
];

/** Makes histories. */
export function historyOf(source: Source, pool: HistoryPool): History {
  const kind = source.pick(pool.kinds);
  const shape = source.pick(shapes);
  const count = countOf(source, shape);
  const later =
    kind === 'Widget' && pool.later && source.maybe(0.15)
      ? { from: 1 + source.below(count), schemas: pool.later }
      : undefined;
  const about = {
    kind,
    schemas: kind === 'Widget' ? pool.schemas : {},
    ...(later ? { later } : {}),
    statusApart: source.maybe(0.5),
  };
  return { ...about, steps: stepsOf(source, { ...about, steps: [] }, shape, count) };
}

function countOf(source: Source, shape: Shape): number {
  if (shape === 'many') return 16;
  return shape === 'short' ? 2 + source.below(4) : 6 + source.below(6);
}

const managersOfMany = Array.from({ length: 14 }, (_, index) => `m${index}`);
const managersOfFew = ['one', 'two', 'kubectl', 'three'];

function stepsOf(source: Source, about: History, shape: Shape, count: number): HistoryStep[] {
  const steps: HistoryStep[] = [];
  const said: Record<string, unknown>[] = [];
  const { kind } = about;
  const thinned = kind === 'Widget' ? undefined : thinnedSchema(source, kind, builtInComponents());
  let second = 0;
  for (let index = 0; index < count; index++) {
    second += source.below(shape === 'many' ? 2 : 3);
    const schemas = schemasAt(about, index);
    const version = kind === 'Widget' ? source.pick(Object.keys(schemas)) : 'v1';
    const op = source.maybe(shape === 'many' ? 0.15 : 0.6) ? 'apply' : 'update';
    const subresource = about.statusApart && source.maybe(0.25) ? 'status' : '';
    const common = { op, version, subresource, second, force: source.maybe(0.35) } as const;
    const manager = source.pick(shape === 'many' ? managersOfMany : managersOfFew);
    const isPatch = op === 'update' && source.maybe(0.6);
    const drawn = objectOf(source, {
      kind,
      version,
      schema: thinned ?? schemas[version] ?? {},
      unfit: unfitnessOf({ kind, op, isPatch, shape }),
    });
    const former = said.length > 0 && shape === 'evolving' ? source.pick(said) : undefined;
    const whole = former ? { ...evolved(source, former, drawn), ...typeOf(kind, version) } : drawn;
    said.push(whole);
    const object = withManagedEntries(source, whole, { kind, version, op });
    if (!isPatch) {
      steps.push({ ...common, manager, object });
      continue;
    }
    const { apiVersion: _, kind: __, metadata, ...body } = object;
    const meta = metadata as Record<string, unknown>; // objectOf gives every object one
    const { name: ___, ...changes } = meta;
    steps.push({ ...common, manager, patch: { ...body, metadata: changes } });
  }
  return steps;
}

interface Sort {
  readonly kind: HistoryKind;
  readonly op: HistoryStep['op'];
  readonly isPatch: boolean;
  readonly shape: Shape;
}

function unfitnessOf({ kind, op, isPatch, shape }: Sort): Unfitness {
  const nulls = shape === 'nulls' ? 0.12 : 0;
  if (op === 'apply') return { wrong: 0.01, twice: 0.03, nulls };
  // What a client sends of a built-in kind loses its nulls before anybody looks at it.
  const isSent = kind !== 'Widget' && !isPatch;
  return isSent ? { wrong: 0, twice: 0.15, nulls: 0 } : { wrong: 0.03, twice: 0.15, nulls };
}

/** An object as its author changes it: some of it as it was, some as in another, some gone. */
function evolved(
  source: Source,
  object: Readonly<Record<string, unknown>>,
  other: Readonly<Record<string, unknown>>,
): Record<string, unknown> {
  const names = new Set([...Object.keys(object), ...Object.keys(other)]);
  const entries = [...names].flatMap((name): [string, unknown][] => {
    const [was, its] = [object[name], other[name]];
    if (name === 'name' || name === 'k' || name === 'n')
      return was === undefined ? [] : [[name, was]];
    if (isObject(was) && isObject(its) && (name === 'metadata' || source.maybe(0.7)))
      return [[name, evolved(source, was, its)]];
    if (Array.isArray(was) && Array.isArray(its) && source.maybe(0.5))
      return [[name, evolvedList(source, was, its)]];
    if (name === 'metadata' || source.maybe(0.7)) return was === undefined ? [] : [[name, was]];
    return its === undefined || source.maybe(0.4) ? [] : [[name, its]];
  });
  return Object.fromEntries(entries);
}

/** Items of both in some order; of those of the same keys, the first. */
function evolvedList(source: Source, list: unknown[], other: unknown[]): unknown[] {
  const merged = [...source.some(list, 0.8), ...source.some(other, 0.3)];
  if (source.maybe(0.05)) return merged;
  const known = new Set<string>();
  return merged.filter((item) => {
    const id = isObject(item) ? JSON.stringify(identityOf(item)) : JSON.stringify(item);
    return !known.has(id) && known.add(id);
  });
}

function identityOf(item: Readonly<Record<string, unknown>>): unknown {
  const { k, n, f, name, key, uid, type, ip, port, containerPort, mountPath, ...rest } = item;
  const keys = [k, n, f, name, key, uid, type, ip, port, containerPort, mountPath];
  return keys.some((each) => each !== undefined) ? keys.map((each) => each ?? null) : rest;
}

function isObject(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

/** Now and then clients send the books on ownership along: as they read them, begun anew, or wrong. */
function withManagedEntries(
  source: Source,
  object: Record<string, unknown>,
  { kind, version, op }: Pick<HistoryStep, 'version' | 'op'> & { readonly kind: HistoryKind },
): Record<string, unknown> {
  if (!source.maybe(op === 'apply' ? 0.01 : 0.06)) return object;
  const managedFields = managedEntries(source, object, apiVersionOf(kind, version));
  return { ...object, metadata: { ...(object['metadata'] as object), managedFields } };
}

/** Schemas of a widget: one version, or two that differ. */
export function widgetSchemas(source: Source): WidgetSchemas {
  const schemaOf = (): SchemaNode => ({
    type: 'object',
    properties: {
      spec: { ...withoutEnds(structSchema(source, 3)), type: 'object' },
      status: withoutEnds(structSchema(source, 2)),
      ...(source.maybe(0.3) ? { extra: typedSchema(source, 2) } : {}),
    },
    ...(source.maybe(0.1) ? { 'x-kubernetes-preserve-unknown-fields': true } : {}),
  });
  if (source.maybe(0.1))
    return { v1: { type: 'object', 'x-kubernetes-preserve-unknown-fields': true } };
  const v1 = schemaOf();
  if (source.maybe(0.6)) return { v1 };
  return { v1, v2: source.maybe(0.6) ? v1 : schemaOf() };
}

function withoutEnds({ ...schema }: SchemaNode): SchemaNode {
  return schema;
}

/** The schemas after somebody changed them: other ways to merge, fields and versions that are gone. */
export function changedSchemas(source: Source, schemas: WidgetSchemas): WidgetSchemas {
  const [first, ...others] = Object.entries(schemas).map(
    ([version, schema]) => [version, changedRoot(source, schema)] as const,
  );
  const kept = source.maybe(0.2) ? [] : others;
  return Object.fromEntries([...(first ? [first] : []), ...kept]);
}

function changedRoot(source: Source, schema: SchemaNode): SchemaNode {
  const properties = Object.entries(schema.properties ?? {}).map(
    ([name, each]) => [name, changedSchema(source, each)] as const,
  );
  return {
    ...schema,
    ...(schema.properties ? { properties: Object.fromEntries(properties) } : {}),
  };
}

function changedSchema(source: Source, schema: SchemaNode): SchemaNode {
  const { properties, items, additionalProperties } = schema;
  const below = (each: SchemaNode): SchemaNode => changedSchema(source, each);
  if (schema.type === 'array' && items) {
    const { 'x-kubernetes-list-type': _, 'x-kubernetes-list-map-keys': keys, ...plain } = schema;
    if (source.maybe(0.3)) return { ...plain, 'x-kubernetes-list-type': 'atomic' };
    const isScalar = ['string', 'integer', 'boolean', 'number'].includes(items.type ?? '');
    if (isScalar && !('nullable' in items) && source.maybe(0.5)) {
      const { default: __, ...item } = items;
      return { ...plain, items: item, 'x-kubernetes-list-type': 'set' };
    }
    if (keys)
      return {
        ...schema,
        items: { ...below({ ...items, properties: {} }), properties: items.properties ?? {} },
      };
    return schema['x-kubernetes-list-type'] === 'set' ? schema : { ...schema, items: below(items) };
  }
  if (schema.type !== 'object') return schema;
  const { 'x-kubernetes-map-type': how, ...rest } = schema;
  const type = source.maybe(0.2) ? (how === 'atomic' ? 'granular' : 'atomic') : how;
  return {
    ...rest,
    ...(type === undefined || (!properties && !additionalProperties)
      ? {}
      : { 'x-kubernetes-map-type': type }),
    ...(properties ? { properties: changedProperties(source, properties) } : {}),
    ...(typeof additionalProperties === 'object'
      ? { additionalProperties: below(additionalProperties) }
      : {}),
  };
}

function changedProperties(
  source: Source,
  properties: Readonly<Record<string, SchemaNode>>,
): Record<string, SchemaNode> {
  const kept = Object.entries(properties).filter(() => source.maybe(0.93));
  return Object.fromEntries(kept.map(([name, each]) => [name, changedSchema(source, each)]));
}

interface Wanted {
  readonly kind: HistoryKind;
  readonly version: string;
  readonly schema: SchemaNode;
  readonly unfit: Unfitness;
}

function typeOf(kind: HistoryKind, version: string): { apiVersion: string; kind: string } {
  return { apiVersion: apiVersionOf(kind, version), kind };
}

function objectOf(
  source: Source,
  { kind, version, schema, unfit }: Wanted,
): Record<string, unknown> {
  const type = typeOf(kind, version);
  const body =
    kind === 'Deployment' && source.maybe(0.8)
      ? deploymentOf(source, unfit.wrong + unfit.nulls)
      : fieldsOf(source, schema, unfit);
  const metadata = metadataOf(source);
  const object = { ...body, ...type, metadata };
  return source.maybe(0.1) ? withLastApplied(source, object, metadata) : object;
}

function fieldsOf(
  source: Source,
  { properties }: SchemaNode,
  unfit: Unfitness,
): Record<string, unknown> {
  if (!properties)
    return source.fields(
      { spec: () => freeValue(source, 3), status: () => freeValue(source, 2) },
      0.8,
    );
  const chosen = Object.entries(properties).filter(() => source.maybe(0.8));
  return Object.fromEntries(
    chosen.map(([name, property]) => [name, valueFor(property, source, unfit)]),
  );
}

function metadataOf(source: Source): Record<string, unknown> {
  const texts = (names: readonly string[]) => (): Record<string, string> =>
    Object.fromEntries(source.some(names).map((name) => [name, source.pick(['1', '2'])]));
  return {
    name: 'x',
    ...source.fields(
      {
        labels: texts(['a', 'b']),
        annotations: texts(['a', 'b']),
        finalizers: () => source.some(['f', 'g', 'h']),
        ownerReferences: () =>
          source.some(['1', '2']).map((uid) => ({
            apiVersion: 'v1',
            kind: 'K',
            name: source.pick(['o', 'p']),
            uid,
          })),
      },
      0.25,
    ),
  };
}

/** As `kubectl apply` leaves an object: with an annotation of what it applied. */
function withLastApplied(
  source: Source,
  object: Record<string, unknown>,
  metadata: Record<string, unknown>,
): Record<string, unknown> {
  const said = Object.fromEntries(
    Object.entries(object).filter(([key]) => key !== 'status' && source.maybe(0.9)),
  );
  const annotations = {
    ...(metadata['annotations'] as object | undefined),
    'kubectl.kubernetes.io/last-applied-configuration': source.maybe(0.9)
      ? `${JSON.stringify({ ...said, metadata: { name: 'x' } })}\n`
      : '{',
  };
  return { ...object, metadata: { ...metadata, annotations } };
}
