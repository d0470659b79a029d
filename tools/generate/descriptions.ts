// Writes what upstream's OpenAPI documents say of kinds, fields and parameters, as data for the embedded API server:
// `npm run generate:descriptions`. The documents come with the Go module of the pinned release.

import { spawnSync } from 'node:child_process';
import { readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { moduleDirectory, pinnedRelease } from '../kubernetes/release.ts';
import { root } from '../repository.ts';
import { jsonByLine } from './json-by-line.ts';

interface Described {
  readonly description?: string;
}

interface Schema extends Described {
  readonly properties?: Readonly<Record<string, Described>>;
}

interface Parameter extends Described {
  readonly name: string;
  readonly in: string;
}

interface Operation {
  readonly parameters?: readonly Parameter[];
}

interface Document {
  readonly paths: Readonly<Record<string, Readonly<Record<string, unknown>>>>;
  readonly components: { readonly schemas?: Readonly<Record<string, Schema>> };
}

const generated = join(root, 'core/apiserver/src/generated');
const served = JSON.parse(readFileSync(join(generated, 'schemas.json'), 'utf8')) as object;
const wanted = new Set([...Object.keys(served), 'io.k8s.apimachinery.pkg.version.Info']);

/** Of the kind itself under the empty name, of its fields under theirs. */
const schemas = new Map<string, Readonly<Record<string, string>>>();
/** By name; where the same name means different things, by `CONTEXT NAME` too. */
const parameters = new Map<string, string>();

for (const document of documents()) {
  for (const [name, schema] of Object.entries(document.components.schemas ?? {})) {
    if (wanted.has(name)) schemas.set(name, textsOf(schema));
  }
  for (const [path, item] of Object.entries(document.paths)) {
    for (const [method, value] of Object.entries(item)) {
      const operation = value as Operation; // or the parameters that all operations of a path take
      const list = Array.isArray(value) ? (value as readonly Parameter[]) : operation.parameters;
      for (const parameter of list ?? []) addParameter(parameter, contextOf(path, method));
    }
  }
}
const sorted = <V>(map: ReadonlyMap<string, V>): readonly (readonly [string, V])[] =>
  [...map].sort(([left], [right]) => (left < right ? -1 : 1));
for (const [name, text] of [
  ['schema-descriptions.json', jsonByLine(sorted(schemas))],
  ['parameter-descriptions.json', jsonByLine(sorted(withoutRepetition()))],
] as const) {
  writeFileSync(join(generated, name), text);
  process.stdout.write(`${name}: ${text.length} characters\n`);
}

function documents(): readonly Document[] {
  const found = spawnSync('go', ['list', '-m', '-f', '{{.Dir}}', 'k8s.io/kubernetes'], {
    cwd: moduleDirectory(pinnedRelease),
    encoding: 'utf8',
  });
  if (found.status !== 0) throw new Error(`go list: ${found.stderr}`);
  const folder = join(found.stdout.trim(), 'api/openapi-spec/v3');
  return readdirSync(folder).map(
    (name) => JSON.parse(readFileSync(join(folder, name), 'utf8')) as Document,
  );
}

function textsOf({ description, properties = {} }: Schema): Readonly<Record<string, string>> {
  const texts = Object.entries(properties).flatMap(([name, property]) =>
    property.description === undefined ? [] : [[name, property.description] as const],
  );
  return {
    ...(description === undefined ? {} : { '': description }),
    ...Object.fromEntries(texts),
  };
}

/** What a parameter's meaning may depend on. */
function contextOf(path: string, method: string): string {
  const stream = /\/(attach|exec|log)$/.exec(path)?.[1];
  return stream ?? (method === 'patch' ? 'patch' : '');
}

function addParameter({ name, in: place, description }: Parameter, context: string): void {
  if (description === undefined || (place === 'path' && name === 'name')) return; // made of the kind
  const key = context === '' ? name : `${context} ${name}`;
  parameters.set(key, description);
}

/** Those of a context only where they differ. */
function withoutRepetition(): ReadonlyMap<string, string> {
  return new Map(
    [...parameters].filter(([key, text]) => {
      const name = key.replace(/^.* /, '');
      return name === key || parameters.get(name) !== text;
    }),
  );
}
