// Generated histories of an object: applies, updates and patches by several managers.

import type { SchemaNode } from '@tweendeck/kube';
import { deploymentOf } from './deployment-cases.ts';
import type { Source } from './source.ts';
import { freeValue, structSchema, typedSchema, valueFor } from './typed-schema.ts';

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
export type HistoryKind = 'Deployment' | 'Widget';

/** A whole history. */
export interface History {
  readonly kind: HistoryKind;
  /** By version; for widgets. */
  readonly schemas: Readonly<Record<string, SchemaNode>>;
  /** Whether `status` is written by way of its subresource only. */
  readonly statusApart: boolean;
  readonly steps: readonly HistoryStep[];
}

export const groups: Readonly<Record<HistoryKind, string>> = {
  Deployment: 'apps',
  Widget: 'example.com',
};

/** Makes histories; neighbours of a pool share their schemas, for making a schema ready is dear. */
export function historyOf(source: Source, schemas: History['schemas']): History {
  const kind = source.pick(['Deployment', 'Widget', 'Widget', 'Widget'] as const);
  const statusApart = source.maybe(0.5);
  const shape = source.pick(['short', 'short', 'short', 'long', 'many'] as const);
  const count =
    shape === 'short' ? 2 + source.below(4) : shape === 'long' ? 6 + source.below(6) : 16;
  const managers =
    shape === 'many'
      ? Array.from({ length: 14 }, (_, index) => `m${index}`)
      : ['one', 'two', 'kubectl', 'three'];
  let second = 0;
  const steps = Array.from({ length: count }, (): HistoryStep => {
    second += source.below(shape === 'many' ? 2 : 3);
    const version = kind === 'Widget' ? source.pick(Object.keys(schemas)) : 'v1';
    const op = source.maybe(shape === 'many' ? 0.15 : 0.6) ? 'apply' : 'update';
    const subresource = statusApart && source.maybe(0.25) ? 'status' : '';
    const common = { op, version, subresource, second, force: source.maybe(0.35) } as const;
    const manager = source.pick(managers);
    const unfit = op === 'apply' ? { wrong: 0.01, twice: 0.03 } : { wrong: 0.03, twice: 0.15 };
    const isPatch = op === 'update' && source.maybe(0.6);
    const make = (): Record<string, unknown> =>
      objectOf(source, {
        kind,
        version,
        schema: schemas[version] ?? {},
        // What a client sends of a built-in kind loses its nulls before anybody looks at it.
        unfit:
          kind === 'Deployment' && op === 'update' && !isPatch ? { ...unfit, wrong: 0 } : unfit,
      });
    if (isPatch) {
      const { apiVersion: _, kind: __, metadata, ...body } = make();
      const meta = metadata as Record<string, unknown>; // objectOf gives every object one
      const { name: ___, ...changes } = meta;
      return { ...common, manager, patch: { ...body, metadata: changes } };
    }
    return { ...common, manager, object: make() };
  });
  return { kind, schemas: kind === 'Widget' ? schemas : {}, statusApart, steps };
}

/** Schemas of a widget: one version, or two that differ. */
export function widgetSchemas(source: Source): History['schemas'] {
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

interface Wanted {
  readonly kind: HistoryKind;
  readonly version: string;
  readonly schema: SchemaNode;
  readonly unfit: { readonly wrong: number; readonly twice: number };
}

function objectOf(
  source: Source,
  { kind, version, schema, unfit }: Wanted,
): Record<string, unknown> {
  const type = { apiVersion: `${groups[kind]}/${version}`, kind };
  const body =
    kind === 'Deployment' ? deploymentOf(source, unfit.wrong) : widgetOf(source, schema, unfit);
  const metadata = metadataOf(source);
  const object = { ...body, ...type, metadata };
  return source.maybe(0.1) ? withLastApplied(source, object, metadata) : object;
}

function widgetOf(
  source: Source,
  { properties }: SchemaNode,
  unfit: Wanted['unfit'],
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
