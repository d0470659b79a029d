// Keeps the Helm chart and the code equal.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { isJsonObject } from '@tweendeck/std';
import { parse, parseAllDocuments } from 'yaml';
import { platformKinds } from '../../apps/tweendeck/src/platform.ts';
import { read } from '../repository.ts';
import { generatedFiles } from './generated.ts';

const chart = 'charts/tweendeck';

function objectOf(text: string): Readonly<Record<string, unknown>> {
  const value: unknown = parse(text);
  assert.ok(isJsonObject(value));
  return value;
}

for (const [path, text] of generatedFiles()) {
  test(`${path} is what the code says (npm run generate:chart)`, () => {
    assert.equal(read(path), text);
  });
}

test('without its template lines the file of definitions holds the definitions of every kind', () => {
  const text = read(`${chart}/templates/generated/crds.yaml`).replace(/^ *\{\{.*\}\}$/gm, '');
  const found = parseAllDocuments(text).map((document): unknown => document.toJS());
  const specs = found.map((crd) => isJsonObject(crd) && crd['spec']);
  assert.deepEqual(
    specs,
    platformKinds.map((kind) => JSON.parse(JSON.stringify(kind.crd().spec))),
  );
});

test('chart, application and program have one version', () => {
  const { version, appVersion } = objectOf(read(`${chart}/Chart.yaml`));
  const program = objectOf(read('apps/tweendeck/package.json'));
  assert.deepEqual([version, appVersion], [program['version'], program['version']]);
});

/** Paths of every value, `image.tag`; open maps and lists count as one. */
function valuePaths(values: unknown, prefix = ''): readonly string[] {
  if (!isJsonObject(values) || Object.keys(values).length === 0) return [prefix];
  return Object.entries(values).flatMap(([name, value]) =>
    valuePaths(value, prefix ? `${prefix}.${name}` : name),
  );
}

function schemaPaths(schema: unknown, prefix = ''): readonly string[] {
  const properties = isJsonObject(schema) ? schema['properties'] : undefined;
  if (!isJsonObject(properties)) return [prefix];
  return Object.entries(properties).flatMap(([name, value]) =>
    schemaPaths(value, prefix ? `${prefix}.${name}` : name),
  );
}

test('the schema of the values knows every value, and no other', () => {
  const values = valuePaths(objectOf(read(`${chart}/values.yaml`)))
    .map((path) => (path.startsWith('resources.') ? 'resources' : path))
    .filter((path, index, all) => all.indexOf(path) === index);
  const known = schemaPaths(objectOf(read(`${chart}/values.schema.json`)));
  assert.deepEqual([...values].sort(), known.filter((path) => path !== 'global').sort());
});

test('every value is used by a template, and every used one exists', () => {
  const templates = [
    '_names.tpl',
    'dashboards.yaml',
    'deployment.yaml',
    'lease.yaml',
    'networkpolicy.yaml',
    'NOTES.txt',
    'poddisruptionbudget.yaml',
    'podmonitor.yaml',
    'prometheusrule.yaml',
    'rbac.yaml',
    'service.yaml',
    'serviceaccount.yaml',
    'generated/crds.yaml',
  ].map((name) => read(`${chart}/templates/${name}`));
  const used = new Set(
    [...templates.join('\n').matchAll(/\.Values\.([\w.]+)/g)].map(([, path = '']) => path),
  );
  const known = schemaPaths(objectOf(read(`${chart}/values.schema.json`)));
  assert.deepEqual([...used].sort(), known.filter((path) => path !== 'global').sort());
});
