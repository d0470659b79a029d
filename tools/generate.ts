// Makes every generated file of the repository from facts about one Kubernetes release.
// `npm run generate -- --data DIR`, where DIR holds kubernetes-1.34-{schemas,discovery,protobuf}.json.

import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { parseArgs } from 'node:util';
import { kindTypes, type Schemas } from './generate/kind-types.ts';
import { type ProtobufFacts, protobufTables } from './generate/protobuf-tables.ts';
import { type Discovery, servedDiscovery } from './generate/served-discovery.ts';
import { servedSchemas } from './generate/served-schemas.ts';

const root = join(import.meta.dirname, '..');
const { values } = parseArgs({
  options: { data: { type: 'string' }, release: { type: 'string', default: '1.34' } },
});
if (values.data === undefined) {
  process.stderr.write('generate: name the folder of the release data with --data DIR\n');
  process.exit(2);
}
const read = (name: string): unknown =>
  JSON.parse(
    readFileSync(join(values.data as string, `kubernetes-${values.release}-${name}.json`), 'utf8'),
  );
const write = (path: string, text: string): void => {
  mkdirSync(dirname(join(root, path)), { recursive: true });
  writeFileSync(join(root, path), text);
  process.stdout.write(`${path}: ${text.length} characters\n`);
};

const schemas = (read('schemas') as { schemas: Schemas }).schemas;
write('infra/kube/src/generated/kinds.ts', kindTypes(schemas));
write('core/apiserver/src/generated/schemas.json', servedSchemas(schemas));
write(
  'core/apiserver/src/generated/discovery.json',
  servedDiscovery(read('discovery') as Discovery),
);
write(
  'infra/kube/src/generated/protobuf.json',
  protobufTables(read('protobuf') as ProtobufFacts, schemas),
);
