// Writes how upstream's inner structure of a pod's spec is laid out, of which it shows JSON to whoever changes a pod in a
// way that is not allowed: `npm run generate:inner`. Read from the sources of the pinned release, whose inner structures
// have no JSON names of their own.

import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { root } from '../repository.ts';
import { type GoField, goSource } from './go-source.ts';
import { jsonByLine } from './json-by-line.ts';

const inner = goSource('k8s.io/kubernetes', 'pkg/apis/core/types.go');
const outer = goSource('k8s.io/api', 'core/v1/types.go');
const meta = goSource('k8s.io/apimachinery', 'pkg/apis/meta/v1/types.go');
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
function laidOut(holder: string, { name, type }: GoField): string {
  const form = formOf(type);
  const like = (other: GoField): boolean =>
    other.name === name && (name !== '' || other.type === type);
  // What concerns the host stands in the spec itself outside.
  const [json] = [holder, 'PodSpec'].flatMap(
    (each) => outer.structs.get(each)?.find(like)?.json ?? [],
  );
  if (name === '') return json === undefined ? `... ${form}` : `... ${form} ${json}`;
  if (json === undefined) throw new Error(`${holder}.${name} has no name outside`);
  return `${name} ${json} ${form}`;
}

function laidOutTagged({ json = '', type, omitsEmpty }: GoField): string {
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
