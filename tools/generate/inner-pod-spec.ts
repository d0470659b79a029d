// Writes how upstream's inner structure of a pod's spec is laid out, of which it shows JSON to whoever changes a pod in a
// way that is not allowed: `npm run generate:inner`. Read from the sources of the pinned release, whose inner structures
// have no JSON names of their own.

import { spawnSync } from 'node:child_process';
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { moduleDirectory, pinnedRelease } from '../kubernetes/release.ts';
import { root } from '../repository.ts';
import { jsonByLine } from './json-by-line.ts';

interface Field {
  /** Empty for an embedded structure. */
  readonly name: string;
  readonly type: string;
  /** As its tag has it; undefined without one. */
  readonly json: string | undefined;
  readonly omitsEmpty: boolean;
}

interface Source {
  readonly structs: ReadonlyMap<string, readonly Field[]>;
  /** Types that have another's form. */
  readonly aliases: ReadonlyMap<string, string>;
}

const inner = sourceOf('k8s.io/kubernetes', 'pkg/apis/core/types.go');
const outer = sourceOf('k8s.io/api', 'core/v1/types.go');
const meta = sourceOf('k8s.io/apimachinery', 'pkg/apis/meta/v1/types.go');
const scalars = new Set([
  'string',
  'bool',
  'int32',
  'int64',
  'int',
  'float64',
  'Quantity',
  'IntOrString',
  'Time',
  'FieldsV1',
  '[]byte',
]);

const layouts = new Map<string, readonly string[]>();
lay('PodSpec');
const entries = [...layouts].sort(([left], [right]) => (left < right ? -1 : 1));
const path = join(root, 'core/apiserver/src/generated/inner-pod-spec.json');
writeFileSync(path, jsonByLine(entries));
process.stdout.write(`${entries.length} structures\n`);

/** Lays out a structure and all it holds. */
function lay(name: string): void {
  if (layouts.has(name) || scalars.has(name)) return;
  const isInner = inner.structs.has(name);
  const fields = (isInner ? inner : meta).structs.get(name);
  if (!fields) throw new Error(`there is no structure ${name}`);
  layouts.set(name, []);
  layouts.set(
    name,
    fields.map((field) => (isInner ? laidOut(name, field) : laidOutTagged(field))),
  );
}

/** `Name jsonName type`; embedded ones are `... Type`, or `... Type jsonName` where they are not outside. */
function laidOut(holder: string, { name, type }: Field): string {
  const form = formOf(type);
  const like = (other: Field): boolean =>
    other.name === name && (name !== '' || other.type === type);
  // What concerns the host stands in the spec itself outside.
  const [json] = [holder, 'PodSpec'].flatMap(
    (each) => outer.structs.get(each)?.find(like)?.json ?? [],
  );
  if (name === '') return json === undefined ? `... ${form}` : `... ${form} ${json}`;
  if (json === undefined) throw new Error(`${holder}.${name} has no name outside`);
  return `${name} ${json} ${form}`;
}

function laidOutTagged({ json = '', type, omitsEmpty }: Field): string {
  return `${omitsEmpty ? '?' : ''}${json} ${json} ${formOf(type)}`;
}

/** A type with its names followed to structures and scalars. */
function formOf(type: string): string {
  const prefix = /^(?:\[\]|\*|map\[\w+(?:\.\w+)?\])+/.exec(type)?.[0] ?? '';
  const name = type.slice(prefix.length).replace(/^\w+\./, '');
  const alias =
    inner.aliases.get(name) ?? meta.aliases.get(name) ?? (name === 'UID' ? 'string' : undefined);
  if (alias !== undefined && !inner.structs.has(name))
    return prefix.replace(/map\[[^\]]*\]/g, 'map.') + formOf(alias);
  lay(name);
  return prefix.replace(/map\[[^\]]*\]/g, 'map.') + name;
}

function sourceOf(module: string, file: string): Source {
  const found = spawnSync('go', ['list', '-m', '-f', '{{.Dir}}', module], {
    cwd: moduleDirectory(pinnedRelease),
    encoding: 'utf8',
  });
  if (found.status !== 0) throw new Error(`go list -m ${module}: ${found.stderr}`);
  const text = readFileSync(join(found.stdout.trim(), file), 'utf8').replace(/\/\/.*$/gm, '');
  const structs = [...text.matchAll(/^type (\w+) struct \{\n([\s\S]*?)^\}/gm)];
  const aliases = [...text.matchAll(/^type (\w+) ((?:map\[\w+\])?[\w.]+)$/gm)];
  return {
    structs: new Map(structs.map(([, name = '', body = '']) => [name, fieldsOf(body)])),
    aliases: new Map(aliases.map(([, name = '', form = '']) => [name, form])),
  };
}

function fieldsOf(body: string): readonly Field[] {
  return body.split('\n').flatMap((line): readonly Field[] => {
    const [declared = '', tag = ''] = line.split('`');
    const [first, second] = declared.trim().split(/\s+/);
    if (!first) return [];
    const [json, ...options] = (/json:"([^"]*)"/.exec(tag)?.[1] ?? '').split(',');
    return [
      {
        name: second === undefined ? '' : first,
        type: second ?? first,
        json: json || undefined,
        omitsEmpty: options.includes('omitempty'),
      },
    ];
  });
}
