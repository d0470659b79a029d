// Writes in which order upstream's structures write their fields, of every component that is served:
// `npm run generate:order`. OpenAPI documents have fields by name.

import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { root } from '../repository.ts';
import { type GoSource, goSource } from './go-source.ts';
import { jsonByLine } from './json-by-line.ts';

interface Component {
  readonly properties?: Readonly<Record<string, unknown>>;
  readonly 'x-kubernetes-group-version-kind'?: readonly unknown[];
}

const generated = join(root, 'core/apiserver/src/generated');
const components = JSON.parse(readFileSync(join(generated, 'schemas.json'), 'utf8')) as Readonly<
  Record<string, Component>
>;
const sources = new Map<string, GoSource>();

const wanted = new Set<string>();
for (const [name, { 'x-kubernetes-group-version-kind': kinds = [] }] of Object.entries(
  components,
)) {
  if (kinds.length === 1) want(name);
}
const orders = [...wanted]
  .filter((name) => Object.keys(components[name]?.properties ?? {}).length > 1)
  .toSorted()
  .map((name) => [name, orderOf(name)] as const);
writeFileSync(join(generated, 'field-order.json'), jsonByLine(orders));
process.stdout.write(`${orders.length} structures\n`);

/** A component and all it refers to. */
function want(name: string): void {
  if (wanted.has(name)) return;
  wanted.add(name);
  const references = JSON.stringify(components[name] ?? {}).matchAll(/"\$ref":"[^"]*\/([^"/]+)"/g);
  for (const [, inner = ''] of references) want(inner);
}

function orderOf(component: string): readonly string[] {
  const { properties = {} } = components[component] ?? {};
  const source = sourceOf(component);
  const order = namesOf(source, component.slice(component.lastIndexOf('.') + 1));
  const lacking = Object.keys(properties).filter((name) => !order.includes(name));
  if (lacking.length > 0) throw new Error(`${component} has no ${lacking.join(', ')} in Go`);
  return order;
}

function namesOf(source: GoSource, struct: string): readonly string[] {
  if (struct === 'TypeMeta') return ['kind', 'apiVersion'];
  const alias = source.aliases.get(struct);
  const fields = source.structs.get(struct) ?? (alias ? source.structs.get(alias) : undefined);
  if (!fields) throw new Error(`there is no structure ${struct}`);
  return fields.flatMap(({ name, json, type }) => {
    if (json === '-') return [];
    if (json !== undefined) return [json];
    return name === '' ? namesOf(source, type.replace(/^\w+\./, '')) : [];
  });
}

/** Where the structures of a component's package are. */
function sourceOf(component: string): GoSource {
  const place = component.slice(0, component.lastIndexOf('.'));
  const known = sources.get(place);
  if (known) return known;
  const made = joined(filesOf(place).map(([module, file]) => goSource(module, file)));
  sources.set(place, made);
  return made;
}

function filesOf(place: string): readonly (readonly [module: string, file: string])[] {
  const api = /^io\.k8s\.api\.(.*)$/.exec(place)?.[1];
  if (api !== undefined) return [['k8s.io/api', `${api.replace('.', '/')}/types.go`]];
  const [, module = '', folder = ''] = /^io\.k8s\.([\w-]+)\.(.*)$/.exec(place) ?? [];
  const files = module === 'apimachinery' ? ['types.go'] : ['types.go', 'types_jsonschema.go'];
  return files.map((file) => [`k8s.io/${module}`, `${folder.replaceAll('.', '/')}/${file}`]);
}

function joined(parts: readonly GoSource[]): GoSource {
  return {
    structs: new Map(parts.flatMap(({ structs }) => [...structs])),
    aliases: new Map(parts.flatMap(({ aliases }) => [...aliases])),
  };
}
