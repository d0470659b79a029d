// `npm run oracle:build`: builds the oracle program, if it is not there yet.

import { ensureOracle } from './oracle-program.ts';

try {
  process.stdout.write(`oracle: ${ensureOracle()}\n`);
} catch (error) {
  process.stderr.write(`oracle: ${error instanceof Error ? error.message : String(error)}\n`);
  process.exitCode = 1;
}
