// `npm run tidy`: sizes and docstrings per package; reports, refuses nothing.

import { isTest, packages, read, sourceFiles, writtenCode } from './repository.ts';

const files = sourceFiles();
const code = writtenCode(files);

interface Row {
  readonly name: string;
  readonly fileCount: number;
  readonly lineCount: number;
  readonly testLineCount: number;
  readonly medianFile: number;
  readonly commentPercent: number;
  readonly documentedPercent: number;
}

function quantile(values: readonly number[], share: number): number {
  const sorted = [...values].sort((left, right) => left - right);
  return sorted[Math.min(sorted.length - 1, Math.floor(share * sorted.length))] ?? 0;
}

function percent(part: number, whole: number): number {
  return whole === 0 ? 100 : Math.round((100 * part) / whole);
}

/** Exported declarations of a file, and how many of them have a docstring right above. */
function documented(text: string): { readonly exported: number; readonly described: number } {
  const lines = text.split('\n');
  let exported = 0;
  let described = 0;
  lines.forEach((line, index) => {
    if (!/^export (abstract |async )?(class|function|interface|type|const) /.test(line)) return;
    exported++;
    if (lines[index - 1]?.trimEnd().endsWith('*/')) described++;
  });
  return { exported, described };
}

const rows: Row[] = packages(files).map(({ name, directory }) => {
  const own = code.filter((path) => path.startsWith(`${directory}/`));
  const source = own.filter((path) => !path.endsWith('.test.ts'));
  const texts = source.map(read);
  const sizes = texts.map((text) => text.split('\n').length);
  const lines = texts
    .flatMap((text) => text.split('\n').map((line) => line.trim()))
    .filter(Boolean);
  const comments = lines.filter((line) => /^(\/\/|\/?\*)/.test(line)).length;
  const docs = texts.map(documented);
  return {
    name,
    fileCount: source.length,
    lineCount: sizes.reduce((sum, size) => sum + size, 0),
    testLineCount: own
      .filter((path) => path.endsWith('.test.ts'))
      .reduce((sum, path) => sum + read(path).split('\n').length, 0),
    medianFile: quantile(sizes, 0.5),
    commentPercent: percent(comments, lines.length - comments),
    documentedPercent: percent(
      docs.reduce((sum, { described }) => sum + described, 0),
      docs.reduce((sum, { exported }) => sum + exported, 0),
    ),
  };
});

console.table(
  Object.fromEntries(
    rows.map((row) => [
      row.name,
      {
        files: row.fileCount,
        lines: row.lineCount,
        'test lines': row.testLineCount,
        'median file': row.medianFile,
        'comment %': row.commentPercent,
        'documented %': row.documentedPercent,
      },
    ]),
  ),
);

const long = code
  .filter((path) => !isTest(path))
  .map((path) => ({ path, lineCount: read(path).split('\n').length }))
  .filter(({ lineCount }) => lineCount > 400)
  .sort((left, right) => right.lineCount - left.lineCount);
process.stdout.write(`files over 400 lines: ${long.length}\n`);
for (const { path, lineCount } of long) process.stdout.write(`  ${lineCount} ${path}\n`);
