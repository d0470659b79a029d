// Writes docs/errors.md from the errors.ts files: `node tools/errors-page.ts --write`.

import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { errorTables, root, sourceFiles } from './repository.ts';

/** The text of docs/errors.md. */
export async function errorsPage(): Promise<string> {
  const rows = [...(await errorTables(sourceFiles()))].flatMap(([directory, table]) =>
    Object.entries(table).map(([code, meaning]) => ({ code, meaning, directory })),
  );
  rows.sort((left, right) => (left.code < right.code ? -1 : 1));
  const sections = rows.map(
    ({ code, meaning, directory }) => `## ${code}\n\n${meaning}\n\nRaised by \`${directory}\`.\n`,
  );
  return [
    '# Errors\n',
    'Every code that Tweendeck can answer with. A code is never reused or renamed.',
    'Generated from the `errors.ts` of each package by `npm run generate:errors`.\n',
    ...sections,
  ].join('\n');
}

if (process.argv.includes('--write')) {
  writeFileSync(join(root, 'docs/errors.md'), await errorsPage());
}
