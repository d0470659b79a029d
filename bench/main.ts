// `npm run bench -- NAME [ARGS]`: runs one benchmark; without a name, lists them.

import { readdirSync } from 'node:fs';

interface Benchmark {
  readonly run: (
    options: { readonly args: readonly string[]; readonly write: (line: string) => void },
    signal: AbortSignal,
  ) => Promise<void>;
}

const names = readdirSync(import.meta.dirname)
  .filter((file) => file.endsWith('.ts') && file !== 'main.ts')
  .map((file) => file.slice(0, -3));

const [name, ...args] = process.argv.slice(2);
if (name === undefined || !names.includes(name)) {
  process.stderr.write(`npm run bench -- NAME, where NAME is one of: ${names.join(', ')}\n`);
  process.exitCode = name === undefined || name === '--help' ? 0 : 2;
} else {
  const controller = new AbortController();
  process.once('SIGINT', () => controller.abort(new Error('stopped')));
  const benchmark = (await import(`./${name}.ts`)) as Benchmark;
  await benchmark.run(
    { args, write: (line) => void process.stdout.write(`${line}\n`) },
    controller.signal,
  );
}
