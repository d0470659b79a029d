// Writes what upstream's OpenAPI documents say of kinds, fields and parameters, as data for the embedded API server:
// `npm run generate:descriptions`. The documents come with the Go module of the pinned release.

import { spawnSync } from 'node:child_process';
import { readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { moduleDirectory, pinnedRelease } from '../kubernetes/release.ts';
import { root } from '../repository.ts';
import { jsonByLine } from './json-by-line.ts';

type Texts = Readonly<Record<string, string>>;

interface Parameter {
  readonly name: string;
  readonly in: string;
  readonly description?: string;
}

interface Operation {
  readonly parameters?: readonly Parameter[];
}

interface Document {
  readonly paths: Readonly<Record<string, Readonly<Record<string, unknown>>>>;
}

const generated = join(root, 'core/apiserver/src/generated');
const served = JSON.parse(readFileSync(join(generated, 'schemas.json'), 'utf8')) as object;
const wanted = new Set([...Object.keys(served), 'io.k8s.apimachinery.pkg.version.Info']);

/** Of the kind itself under the empty name, of its fields under theirs. */
const schemas = new Map<string, Texts>();
/** By name; where the same name means different things, by `CONTEXT NAME` too. */
const parameters = new Map<string, string>();

const moduleFolder = releaseFolder();
for (const [name, texts] of schemaTexts()) if (wanted.has(name)) schemas.set(name, texts);
for (const document of documents()) {
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

function releaseFolder(): string {
  const found = spawnSync('go', ['list', '-m', '-f', '{{.Dir}}', 'k8s.io/kubernetes'], {
    cwd: moduleDirectory(pinnedRelease),
    encoding: 'utf8',
  });
  if (found.status !== 0) throw new Error(`go list: ${found.stderr}`);
  return found.stdout.trim();
}

function documents(): readonly Document[] {
  const folder = join(moduleFolder, 'api/openapi-spec/v3');
  return readdirSync(folder).map(
    (name) => JSON.parse(readFileSync(join(folder, name), 'utf8')) as Document,
  );
}

/**
 * By component. Read from the definitions that a server is built with: the documents in the module are of a server that
 * does not tell the values of enumerations.
 */
function schemaTexts(): ReadonlyMap<string, Texts> {
  const path = join(moduleFolder, 'pkg/generated/openapi/zz_generated.openapi.go');
  const source = readFileSync(path, 'utf8');
  const names = new Map(
    [...source.matchAll(/^\t\t"?([^\s"]+)"?: +(schema_\w+)\(ref\),$/gm)].map(
      ([, type = '', definition = '']) => [definition, componentOf(type)],
    ),
  );
  const found = new Map<string, Texts>();
  for (const part of source.split(/^func /m)) {
    const name = names.get(/^(schema_\w+)\(/.exec(part)?.[1] ?? '');
    if (name !== undefined) found.set(name, textsOf(part));
  }
  return found;
}

/** `k8s.io/api/apps/v1.Deployment` is published as `io.k8s.api.apps.v1.Deployment`. */
function componentOf(type: string): string {
  const [host = '', ...rest] = type.split('/');
  return [...host.split('.').toReversed(), ...rest].join('.');
}

/** The texts stand at the depth of what they are of. */
function textsOf(definition: string): Texts {
  const own = /^\t{4}Description: +(".*"),$/m.exec(definition)?.[1];
  const fields = definition.matchAll(
    /^\t{5}"([^"]+)": \{\n(?:\t{6}(?!SchemaProps).*\n|\t{7,}.*\n)*\t{6}SchemaProps: spec\.SchemaProps\{\n\t{7}Description: +(".*"),$/gm,
  );
  return Object.fromEntries([
    ...(own === undefined ? [] : [['', textOf(own)]]),
    ...[...fields].map(([, name = '', text = '""']) => [name, textOf(text)]),
  ]);
}

/** A text as Go writes it, which JSON does too where nothing is told by its number. */
function textOf(literal: string): string {
  return JSON.parse(literal) as string;
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
