// Every case of testdata/kinds is answered as the real kube-apiserver of the release answered it (tools/record-kinds.ts).

import assert from 'node:assert/strict';
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { type KindCase, runKindCase, type SendCase } from '../testing/kind-cases.ts';
import { TestServer } from '../testing/test-server.ts';

const folder = join(import.meta.dirname, '..', '..', 'testdata', 'kinds');
const names = readdirSync(folder)
  .filter((name) => name.endsWith('.ts'))
  .map((name) => name.slice(0, -'.ts'.length));

for (const name of names) {
  test(`${name} are answered as upstream answers`, async (context) => {
    const { cases } = (await import(join(folder, `${name}.ts`))) as { cases: readonly KindCase[] };
    const recorded = JSON.parse(readFileSync(join(folder, `${name}.json`), 'utf8'));
    await using server = await TestServer.open();
    const send: SendCase = async ({ method, path, headers, body }) => {
      const answer = await server.ask(method, path, { headers, body });
      return { status: answer.status, warnings: answer.headers['warning'], body: answer.json };
    };
    assert.ok(cases.length > 0);
    for (const [index, each] of cases.entries()) {
      await context.test(each.name, async () => {
        const want = recorded[each.name];
        assert.ok(want, 'not recorded: run tools/record-kinds.ts');
        assert.deepEqual(await runKindCase(send, each, index), want);
      });
    }
  });
}
