// Compares server-side apply and the ownership of fields.

import { createHash } from 'node:crypto';
import {
  ApiError,
  applyConfiguration,
  applyMergePatch,
  compileSchema,
  componentSource,
  conflictError,
  customObjectSchema,
  dereference,
  type FieldSet,
  fieldSetOf,
  type JsonSchema,
  type ObjectSchema,
  objectSchema,
  type RootedSchema,
  type SchemaNode,
  updateManagedFields,
} from '@tweendeck/kube';
import { isJsonObject } from '@tweendeck/std';
import { builtInKinds, isBuiltInKind } from './built-in-cases.ts';
import { builtInComponents } from './built-in-components.ts';
import { type Comparison, canonical } from './compare.ts';
import { definitionFor } from './definitions.ts';
import type { Oracle } from './oracle.ts';
import { Source } from './source.ts';
import {
  allKinds,
  apiVersionOf,
  changedSchemas,
  groupOf,
  type History,
  type HistoryPool,
  type HistoryStep,
  historyOf,
  schemasAt,
  type WidgetSchemas,
  widgetSchemas,
} from './ssa-cases.ts';

type Fields = Record<string, unknown>;

/** How many neighbouring histories share their schemas. */
const poolSize = 40;

/** Histories of objects of built-in, custom and undescribed kinds. */
export function ssaComparison(seed: number): Comparison<History> {
  return {
    name: 'ssa',
    generate: (source, number) => historyOf(source, poolOf(seed, Math.floor(number / poolSize))),
    isCase,
    theirs,
    ours,
    agree: sameAnswers,
  };
}

let lastPool: { readonly key: string; readonly pool: HistoryPool } | undefined;

function poolOf(seed: number, number: number): HistoryPool {
  const key = `${seed} ${number}`;
  if (lastPool?.key !== key) {
    const source = new Source(seed ^ 0x5eed, number);
    const schemas = widgetSchemas(source);
    lastPool = { key, pool: { schemas, later: changedSchemas(source, schemas), kinds: allKinds } };
  }
  return lastPool.pool;
}

/** Whether all is there that requests need to be requests. */
function isCase({ kind, schemas, later, steps }: History): boolean {
  if (kind !== 'Widget' && !isBuiltInKind(kind)) return false;
  if (later && (typeof later.from !== 'number' || !later.schemas)) return false;
  if (kind === 'Widget') {
    const all = [schemas, ...(later ? [later.schemas] : [])];
    const nodes = all.flatMap((each) => Object.values(each));
    if (!nodes.every((each) => each.type === 'object' && isSchema(each))) return false;
    if (all.some((each) => Object.keys(each).length === 0)) return false;
  }
  return steps.every(({ op, version, manager, subresource, object, patch, ...step }) => {
    const metadata = object?.['metadata'];
    const whole =
      object?.['apiVersion'] === apiVersionOf(kind, version) &&
      object['kind'] === kind &&
      isJsonObject(metadata) &&
      metadata['name'] === 'x' &&
      ownersOf(metadata).every((owner) => Object.keys(owner).length >= 4);
    const said =
      op !== undefined && manager && subresource !== undefined && step.second !== undefined;
    return said && step.force !== undefined && (whole || (op === 'update' && patch));
  });
}

function ownersOf({ ownerReferences }: Readonly<Record<string, unknown>>): readonly object[] {
  return Array.isArray(ownerReferences) ? ownerReferences.filter(isJsonObject) : [];
}

const types = ['object', 'array', 'string', 'integer', 'number', 'boolean'];

/** Whether a schema has not lost what makes it structural. */
function isSchema(node: SchemaNode): boolean {
  const keys = node['x-kubernetes-list-map-keys'];
  const children = [
    ...Object.values(node.properties ?? {}),
    ...(node.items ? [node.items] : []),
    ...(typeof node.additionalProperties === 'object' ? [node.additionalProperties] : []),
  ];
  return (
    [undefined, ...types].includes(node.type) &&
    (node.type !== undefined ||
      'x-kubernetes-preserve-unknown-fields' in node ||
      'x-kubernetes-int-or-string' in node) &&
    (node.type !== 'array' || node.items !== undefined) &&
    (node['x-kubernetes-map-type'] === undefined || node.type === 'object') &&
    (node['x-kubernetes-list-type'] === undefined || node.type === 'array') &&
    (node['x-kubernetes-list-type'] !== 'map' || (keys?.length ?? 0) > 0) &&
    (keys?.every((key) => node.items?.properties?.[key]?.type !== undefined) ?? true) &&
    children.every(isSchema)
  );
}

const resetBySubresource = { '': [['status']], status: [['spec'], ['metadata']] };

async function theirs(history: History, oracle: Oracle): Promise<unknown> {
  const { kind, schemas, later, statusApart, steps } = history;
  const base = {
    op: 'ssa',
    kind,
    group: groupOf(kind),
    steps,
    ...(statusApart ? { reset: resetBySubresource } : {}),
  };
  if (isBuiltInKind(kind)) {
    const register = { op: 'components', id: 'built-in', schemas: builtInComponents() };
    await oracle.teach('built-in', () => register);
    return oracle.ask({ ...base, components: 'built-in', schema: builtInKinds[kind] });
  }
  const learnt = async (each: WidgetSchemas): Promise<string> => {
    const name = nameOf(each);
    await oracle.teach(name, () => ({ op: 'crd', id: name, crd: definitionFor(each) }));
    return name;
  };
  const crd = await learnt(schemas);
  if (!later) return oracle.ask({ ...base, crd });
  return oracle.ask({
    ...base,
    crd,
    later: { from: later.from, crd: await learnt(later.schemas) },
  });
}

const names = new WeakMap<WidgetSchemas, string>();

/** Short enough to stand in every request, the same for the same schemas. */
function nameOf(schemas: WidgetSchemas): string {
  const known = names.get(schemas);
  if (known !== undefined) return known;
  const name = createHash('sha256').update(canonical(schemas)).digest('hex');
  names.set(schemas, name);
  return name;
}

interface KindSchema {
  readonly schemas: Readonly<Record<string, ObjectSchema>>;
  settle(object: Fields, version: string): Fields;
}

function builtInSchema(kind: keyof typeof builtInKinds): KindSchema {
  const components = builtInComponents();
  const root = components[builtInKinds[kind]] ?? {};
  const source = componentSource(components);
  const made = objectSchema({ root, source });
  const empty = { apiVersion: apiVersionOf(kind, 'v1'), kind };
  const settle = (object: Fields): Fields => decoded(object, { root, source }) as Fields; // an object in, an object out
  return { schemas: { v1: { ...made, empty } }, settle };
}

function widgetSchema(schemas: WidgetSchemas): KindSchema {
  const empty = (version: string): Fields => ({
    apiVersion: apiVersionOf('Widget', version),
    kind: 'Widget',
  });
  const compiled = new Map(
    Object.entries(schemas).map(([version, schema]) => [
      version,
      compileSchema(schema as JsonSchema),
    ]),
  );
  return {
    schemas: Object.fromEntries(
      Object.entries(schemas).map(([version, schema]) => [
        version,
        { ...customObjectSchema(schema), empty: empty(version) },
      ]),
    ),
    settle(object, version) {
      const settled = structuredClone({
        ...object,
        metadata: metadataOf(object),
      }) as Fields;
      compiled.get(version)?.prune(settled);
      compiled.get(version)?.applyDefaults(settled);
      return settled;
    },
  };
}

const kindsMax = 200;
const kinds = new Map<string, KindSchema>();

function schemaOf(kind: History['kind'], schemas: WidgetSchemas): KindSchema {
  const key = isBuiltInKind(kind) ? kind : nameOf(schemas);
  let known = kinds.get(key);
  if (!known) {
    if (kinds.size >= kindsMax) kinds.clear();
    known = isBuiltInKind(kind) ? builtInSchema(kind) : widgetSchema(schemas);
    kinds.set(key, known);
  }
  return known;
}

function ours(history: History): unknown {
  let live: Fields | undefined;
  let settledAs = '';
  return history.steps.map((step, index) => {
    const schemas = schemasAt(history, index);
    const schema = schemaOf(history.kind, schemas);
    const readAs = `${step.version} ${schemas === history.schemas}`;
    const before = live && readAs !== settledAs ? stored(live, history, step, schema) : live;
    try {
      const next = after(history, step, before, schema);
      live = { ...next, metadata: { ...(next['metadata'] as Fields), uid: 'u' } };
      settledAs = readAs;
      return { object: live };
    } catch (error) {
      if (!(error instanceof ApiError)) throw error;
      const { code, reason, message, details } = error;
      return {
        object: null,
        error: { code, reason, message, ...(details?.causes ? { causes: details.causes } : {}) },
      };
    }
  });
}

/** As it is read under other schemas than those it was written under. */
function stored(
  live: Fields,
  { kind }: History,
  step: HistoryStep,
  { settle }: KindSchema,
): Fields {
  return settle({ ...live, apiVersion: apiVersionOf(kind, step.version) }, step.version);
}

function after(
  history: History,
  step: HistoryStep,
  live: Fields | undefined,
  { schemas, settle }: KindSchema,
): Fields {
  const { version, subresource, manager, force } = step;
  const apiVersion = apiVersionOf(history.kind, version);
  const schema = schemas[version];
  if (!schema) throw new Error(`no version ${version}`);
  const before = live && { ...live, apiVersion };
  const common = {
    manager,
    apiVersion,
    subresource,
    schema,
    time: new Date(Date.UTC(2020, 0, 1) + step.second * 1_000).toISOString().replace('.000', ''),
    resetFields: resetOf(history, subresource),
    versions: {
      schemaOf: (each: string) => versionOf(schemas, history.kind, each),
      whenGone: isBuiltInKind(history.kind) ? 'forget' : 'fail',
    } as const,
  };
  if (step.op === 'apply') {
    const applied = step.object ?? {};
    const { kind } = history;
    const result = applyConfiguration({ ...common, kind, live: before, applied, force });
    if (result.outcome === 'conflict') throw conflictError(result.conflicts);
    return settle({ ...result.object }, version);
  }
  const base = before ?? { apiVersion, kind: history.kind };
  const sent = settle(
    step.object ?? (applyMergePatch(base, step.patch ?? {}) as Fields), // a merge of objects is one
    version,
  );
  if (live) sent['metadata'] = { ...(sent['metadata'] as Fields), uid: 'u' };
  const object = updateManagedFields({ ...common, before, after: sent, operation: 'Update' });
  return settle({ ...object }, version);
}

function versionOf(
  schemas: KindSchema['schemas'],
  kind: History['kind'],
  apiVersion: string,
): ObjectSchema | undefined {
  const version = apiVersion.slice(apiVersion.lastIndexOf('/') + 1);
  return apiVersion === apiVersionOf(kind, version) ? schemas[version] : undefined;
}

function resetOf({ statusApart }: History, subresource: string): FieldSet | undefined {
  if (!statusApart) return undefined;
  return subresource === 'status' ? fieldSetOf(['spec'], ['metadata']) : fieldSetOf(['status']);
}

/** Upstream walks maps in any order, also those of conflicts, stops at the first unknown field of one, and prints values in two ways. */
export function sameAnswers(ours: unknown, theirs: unknown): boolean {
  const [our, their] = [withoutFaults(ours), withoutFaults(theirs)];
  return (
    canonical(our.rest) === canonical(their.rest) &&
    our.faults.every((lines, index) => {
      const some = their.faults[index] ?? new Set();
      return some.size > 0 && some.isSubsetOf(lines);
    })
  );
}

interface Faults {
  readonly rest: unknown;
  readonly faults: readonly ReadonlySet<string>[];
}

/** The answers without the lists of what does not fit a schema, and those lists. */
function withoutFaults(answers: unknown): Faults {
  const faults: Set<string>[] = [];
  const rest: unknown = JSON.parse(JSON.stringify(answers), (key, value: unknown) => {
    if (key === 'causes' && Array.isArray(value)) return value.map(canonical).sort();
    if (key !== 'message' || typeof value !== 'string') return value;
    const found =
      /^((?:failed to .*?: )?)(?:errors:\n|(?=\.[^ ]*: |element \d|duplicate))(.*)$/s.exec(value);
    if (!found) return value;
    const lines = (found[2] ?? '').split('\n').map((line) => line.trim());
    faults.push(new Set(lines.map((line) => line.replace(/got &.*$/, 'got'))));
    return found[1];
  });
  return { rest, faults };
}

/** As a server keeps it: what is empty is left out. */
function metadataOf(object: Fields): Fields {
  const entries = Object.entries(withoutNulls((object['metadata'] ?? {}) as Fields));
  return Object.fromEntries(
    entries.filter(([, each]) => typeof each !== 'object' || Object.keys(each ?? {}).length > 0),
  );
}

/** As a Go struct keeps it: of nulls, those that are values there become their zero, the others go. */
function decoded(value: unknown, { root, source }: RootedSchema): unknown {
  const node = dereference(root, source);
  if (Array.isArray(value))
    return value.map((item) => decoded(item, { root: node.items ?? {}, source }));
  if (!isJsonObject(value)) return value;
  const further = typeof node.additionalProperties === 'object' ? node.additionalProperties : {};
  return Object.fromEntries(
    Object.entries(value).flatMap(([name, member]) => {
      const below = node.properties?.[name] ?? further;
      if (member === null) return below.default === undefined ? [] : [[name, below.default]];
      return [[name, decoded(member, { root: below, source })]];
    }),
  );
}

function withoutNulls(object: Fields): Fields {
  const strip = (value: unknown): unknown => {
    if (Array.isArray(value)) return value.map(strip);
    if (!isJsonObject(value)) return value;
    return Object.fromEntries(
      Object.entries(value)
        .filter(([, member]) => member !== null)
        .map(([name, member]) => [name, strip(member)]),
    );
  };
  return strip(object) as Fields; // an object in, an object out
}
