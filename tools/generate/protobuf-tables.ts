// Writes compact field tables, with which protobuf bodies of the served kinds are decoded.

import { omittedFields, pointerFields } from './go-fields.ts';
import { jsonByLine } from './json-by-line.ts';
import { type Schema, type Schemas, servedKinds } from './kind-types.ts';

interface MessageField {
  readonly num: string;
  readonly label: string;
  /** `>inline` for embedded structs, `-` or empty for fields without a name of their own. */
  readonly json: string;
  readonly type: string;
}

export interface ProtobufFacts {
  /** `group/version/kind` to message. */
  readonly kinds: Readonly<Record<string, string>>;
  readonly messages: Readonly<Record<string, readonly MessageField[]>>;
}

const furtherKinds = [
  ...['autoscaling/v1/Scale', '/v1/Binding', '/v1/Status', 'policy/v1/Eviction'],
  ...['SelfSubjectReview', 'TokenRequest', 'TokenReview'].map(
    (kind) => `authentication.k8s.io/v1/${kind}`,
  ),
  ...[
    'LocalSubjectAccessReview',
    'SelfSubjectAccessReview',
    'SelfSubjectRulesReview',
    'SubjectAccessReview',
  ].map((kind) => `authorization.k8s.io/v1/${kind}`),
];
/** Kinds that clients send in whatever group they talk to. */
const anywhere = ['CreateOptions', 'DeleteOptions', 'PatchOptions', 'UpdateOptions'];
const scalars = new Set(['string', 'bytes', 'bool', 'int32', 'int64', 'float64']);
/** The decoder knows these by name. */
const special = new Set([
  ...['meta/v1.Time', 'meta/v1.MicroTime', 'meta/v1.FieldsV1', 'resource.Quantity'],
  ...['intstr.IntOrString', 'runtime.RawExtension', 'apiextensions/v1.JSON'],
]);
/** Embedded structs, whose fields OpenAPI shows on the struct around them. */
const shownOn: Readonly<Record<string, string>> = {
  'api/core/v1.EphemeralContainerCommon': 'api/core/v1.EphemeralContainer',
};

/**
 * The text of `generated/protobuf.json`: `kinds`, `group/version/kind` to message, and `messages`, each a list of
 * `number name type`. A type begins with `*` when repeated, with `%` for a map from strings, with `?` when its zero
 * means unset.
 */
export function protobufTables(facts: ProtobufFacts, schemas: Schemas): string {
  const kinds = new Map<string, string>();
  const enter = (gvk: string, key: string): void => {
    const message = facts.kinds[gvk];
    if (message === undefined) throw new Error(`the release data has no protobuf kind ${gvk}`);
    kinds.set(key, message);
  };
  for (const [name, group, version] of servedKinds) {
    const gvk = `${group}/${version}/${name.slice(name.lastIndexOf('.') + 1)}`;
    enter(gvk, gvk);
  }
  for (const gvk of furtherKinds) enter(gvk, gvk);
  for (const kind of anywhere) enter(`/v1/${kind}`, `*/${kind}`);
  const names = [...closureOf(facts, kinds.values())].sort();
  const messages = names
    .filter((name) => !special.has(shortName(name)))
    .map((name) => [shortName(name), fieldTexts(name, facts, schemas)] as const);
  const kindEntries = [...kinds].sort(([left], [right]) => (left < right ? -1 : 1));
  return `{\n"kinds":${jsonByLine(kindEntries.map(([key, name]) => [key, shortName(name)]))},\n"messages":${jsonByLine(messages)}}\n`;
}

function closureOf(facts: ProtobufFacts, roots: Iterable<string>): Set<string> {
  const seen = new Set<string>();
  const enter = (name: string): void => {
    const fields = facts.messages[name];
    if (fields === undefined || seen.has(name)) return;
    seen.add(name);
    for (const field of fields) enter(mapValue(field.type) ?? field.type);
  };
  for (const root of roots) enter(root);
  return seen;
}

function fieldTexts(name: string, facts: ProtobufFacts, schemas: Schemas): readonly string[] {
  const schema = schemas[`io.k8s.${(shownOn[name] ?? name).replaceAll('/', '.')}`];
  return [...(facts.messages[name] ?? [])]
    .sort((left, right) => Number(left.num) - Number(right.num))
    .map((field) => `${field.num} ${field.json} ${typeText(name, field, schema)}`);
}

function typeText(message: string, field: MessageField, schema: Schema | undefined): string {
  const value = mapValue(field.type);
  if (value !== undefined) return `%${shortName(value)}`;
  const type = shortName(field.type);
  const property = schema?.properties?.[field.json];
  const repeated = property ? property.type === 'array' : field.label === 'rep';
  if (repeated) return `*${type}`;
  const owner = shortName(message);
  if (omittedFields[owner]?.includes(field.json)) return `?${type}`;
  const required = property?.['default'] !== undefined || schema?.required?.includes(field.json);
  const kept = required || field.json === '' || pointerFields[owner]?.includes(field.json);
  return scalars.has(type) && !kept ? `?${type}` : type;
}

function mapValue(type: string): string | undefined {
  return /^map<string,(.*)>$/.exec(type)?.[1];
}

function shortName(name: string): string {
  return name
    .replace(/^(apiextensions-apiserver\/pkg\/apis|api)\//, '')
    .replace(/^apimachinery\/pkg\/((apis|api|util)\/)?/, '');
}
