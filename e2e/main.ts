// `npm run e2e [-- NAME...] [--except=NAME]`: runs the tests that drive the whole product, those whose file is named like
// NAME, but for those that are named like the exception.

import { spawn } from 'node:child_process';
import { readdirSync } from 'node:fs';
import { join } from 'node:path';
import { parseArgs } from 'node:util';

const here = import.meta.dirname;
const { values, positionals: names } = parseArgs({
  allowPositionals: true,
  options: { except: { type: 'string', multiple: true, default: [] } },
});
const files = readdirSync(here)
  .filter((name) => name.endsWith('.test.ts'))
  .filter((name) => names.length === 0 || names.some((wanted) => name.includes(wanted)))
  .filter((name) => !values.except.some((other) => name.includes(other)))
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
