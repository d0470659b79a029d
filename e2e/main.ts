// `npm run e2e [-- NAME...]`: runs the tests that drive the whole product, those whose file is named like NAME.

import { spawn } from 'node:child_process';
import { readdirSync } from 'node:fs';
import { join } from 'node:path';

const here = import.meta.dirname;
const names = process.argv.slice(2);
const files = readdirSync(here)
  .filter((name) => name.endsWith('.test.ts'))
  .filter((name) => names.length === 0 || names.some((wanted) => name.includes(wanted)))
  .map((name) => join(here, name));

if (files.length === 0) {
  process.stderr.write(`e2e: no test file is named like ${names.join(', ')}\n`);
  process.exitCode = 2;
} else {
  // They share the machine: one file after the other.
  const args = ['--test', '--test-concurrency=1', ...files];
  const child = spawn(process.execPath, args, { cwd: join(here, '..'), stdio: 'inherit' });
  child.on('close', (code) => {
    process.exitCode = code ?? 1;
  });
}
