// Records what a real kube-apiserver answers to the cases of core/apiserver/testdata/kinds, and how it describes columns.
// `node tools/record-kinds.ts --server https://127.0.0.1:6443 --token TOKEN [NAME ...]`; the token is an administrator's.

import { readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { request as httpsRequest } from 'node:https';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import {
  type CaseRequest,
  type KindCase,
  runKindCase,
  type SendCase,
} from '../core/apiserver/src/testing/kind-cases.ts';
import { root } from './repository.ts';

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: { server: { type: 'string' }, token: { type: 'string' }, offset: { type: 'string' } },
});
const { server, token } = values;
if (server === undefined || token === undefined) {
  process.stderr.write('record-kinds: --server and --token are needed\n');
  process.exit(2);
}
const folder = join(root, 'core/apiserver/testdata/kinds');
const names = readdirSync(folder)
  .filter((name) => name.endsWith('.ts'))
  .map((name) => name.slice(0, -'.ts'.length))
  .filter((name) => positionals.length === 0 || positionals.includes(name));

const send: SendCase = ({ method, path, headers, body }: CaseRequest) =>
  new Promise((resolve, reject) => {
    const request = httpsRequest(
      `${server}${path}`,
      {
        method,
        headers: { ...headers, authorization: `Bearer ${token}` },
        rejectUnauthorized: false, // a server of this machine, made for the recording
      },
      (response) => {
        let text = '';
        response.on('data', (chunk: Buffer) => (text += chunk.toString()));
        response.on('end', () => {
          const warnings = response.headers['warning'];
          resolve({ status: response.statusCode ?? 0, warnings, body: JSON.parse(text) });
        });
      },
    );
    request.on('error', reject);
    request.end(body === undefined ? undefined : JSON.stringify(body));
  });

// Namespaces are not deleted without controllers, so that every recording of a server needs new ones.
let index = Number(values.offset ?? 0) || Math.floor(Date.now() / 1_000) * 1_000;
for (const name of names) {
  const { cases } = (await import(join(folder, `${name}.ts`))) as { cases: readonly KindCase[] };
  const answers: Record<string, unknown> = {};
  for (const each of cases) {
    if (each.name in answers) throw new Error(`${name} has two cases "${each.name}"`);
    answers[each.name] = await runKindCase(send, each, index++);
  }
  const lines = Object.entries(answers).map(
    ([key, answer]) => `${JSON.stringify(key)}: ${JSON.stringify(answer)}`,
  );
  writeFileSync(join(folder, `${name}.json`), `{\n${lines.join(',\n')}\n}\n`);
  process.stdout.write(`${name}: ${cases.length} cases\n`);
}

interface Discovered {
  readonly group: string;
  readonly version: string;
  readonly resources: readonly {
    readonly resource: string;
    readonly responseKind: { readonly kind: string };
    readonly verbs: readonly string[];
  }[];
}

const generated = join(root, 'core/apiserver/src/generated');
const discovery = JSON.parse(readFileSync(join(generated, 'discovery.json'), 'utf8'));
const headers = { accept: 'application/json;as=Table;v=v1;g=meta.k8s.io' };
const descriptions: string[] = [];
for (const { group, version, resources } of discovery as readonly Discovered[]) {
  for (const { resource, responseKind, verbs } of resources) {
    if (!verbs.includes('list')) continue;
    const base = group === '' ? `/api/${version}` : `/apis/${group}/${version}`;
    const { body } = await send({ method: 'GET', path: `${base}/${resource}?limit=1`, headers });
    const { columnDefinitions = [] } = body as {
      columnDefinitions?: readonly { readonly name: string; readonly description: string }[];
    };
    const texts = Object.fromEntries(
      columnDefinitions.map(({ name, description }) => [name, description]),
    );
    descriptions.push(
      `${JSON.stringify(`${group}/${responseKind.kind}`)}: ${JSON.stringify(texts)}`,
    );
  }
}
writeFileSync(join(generated, 'column-descriptions.json'), `{\n${descriptions.join(',\n')}\n}\n`);
