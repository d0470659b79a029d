// `npm run e2e:kubernetes`: builds what is missing (Kubernetes, images), then runs every test that needs a real one,
// one file after the other, and says at the end which passed and how long each took. Exits 1 when anything is missing.

import { spawn } from 'node:child_process';
import { readdirSync } from 'node:fs';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { scenariosNamed } from '../scenarios/suite.ts';

const here = import.meta.dirname;
const root = join(here, '..', '..');

/** Runs to the end with this terminal; the exit code. */
function run(args: readonly string[], words: readonly string[]): Promise<number> {
  const env = { ...process.env };
  if (words.length > 0) env['TWEENDECK_SCENARIOS'] = words.join(',');
  return new Promise((resolve, reject) => {
    const child = spawn(process.execPath, args, { cwd: root, env, stdio: 'inherit' });
    child.on('error', reject);
    child.on('close', (code) => resolve(code ?? 1));
  });
}

interface Step {
  readonly name: string;
  readonly args: readonly string[];
  /** The steps after it mean nothing without it. */
  readonly needed: boolean;
}

/** What only an API server decides comes first: it is quick and explains what fails later. */
const order = [
  'oracle',
  'releases',
  'rights',
  'images',
  'lab',
  'clients',
  'homes',
  'chart',
  'node-loss',
];

function testFiles(only: readonly string[] | undefined): readonly string[] {
  const rank = (name: string): number => order.indexOf(name) + 1 || order.length + 1;
  return readdirSync(here)
    .filter((name) => name.endsWith('.test.ts'))
    .map((name) => name.slice(0, -'.test.ts'.length))
    .filter((name) => !only || only.some((wanted) => name.includes(wanted)))
    .sort((left, right) => rank(left) - rank(right) || left.localeCompare(right));
}

function steps(options: { readonly install: boolean; readonly names: readonly string[] }): Step[] {
  const install = options.install ? ['--install'] : [];
  return [
    { name: 'build Kubernetes', args: ['tools/kubernetes/build.ts', ...install], needed: true },
    { name: 'build images', args: ['tools/images/build.ts', ...install], needed: true },
    ...options.names.map((name) => ({
      name,
      args: ['--test', '--test-reporter=spec', `e2e/kubernetes/${name}.test.ts`],
      needed: false,
    })),
  ];
}

async function main(): Promise<number> {
  const { values, positionals } = parseArgs({
    allowPositionals: true,
    options: {
      install: { type: 'boolean', default: false },
      help: { type: 'boolean', default: false },
    },
  });
  if (values.help) {
    process.stdout.write(
      'npm run e2e:kubernetes [-- --install] [NAME...]\n\n' +
        `Tests on a real Kubernetes, as root on Linux: ${testFiles(undefined).join(', ')}.\n` +
        '  NAME       only the test files whose name contains it; else the scenarios, in all homes\n' +
        '  --install  as root on Debian, install containerd and the rest that Kubernetes runs with\n',
    );
    return 0;
  }
  if (process.platform !== 'linux' || process.getuid?.() !== 0) {
    process.stderr.write(
      'e2e:kubernetes: containers and networks need root on Linux; "npm run e2e" runs without.\n',
    );
    return 1;
  }
  const files = testFiles(positionals.length > 0 ? positionals : undefined);
  const words = files.length === 0 && scenariosNamed(positionals).length > 0 ? positionals : [];
  const names = words.length > 0 ? ['homes'] : files;
  if (names.length === 0) {
    const wanted = positionals.join(', ');
    process.stderr.write(`e2e:kubernetes: no test file and no scenario is named like ${wanted}\n`);
    return 2;
  }
  const outcomes: { name: string; ok: boolean; seconds: number }[] = [];
  for (const { name, args, needed } of steps({ install: values.install, names })) {
    process.stdout.write(`\n== ${name}\n`);
    const begunMs = performance.now();
    const ok = (await run(args, words)) === 0;
    outcomes.push({ name, ok, seconds: Math.round((performance.now() - begunMs) / 1_000) });
    if (!ok && needed) break;
  }
  process.stdout.write('\n');
  for (const { name, ok, seconds } of outcomes)
    process.stdout.write(`${ok ? 'ok    ' : 'FAILED'} ${String(seconds).padStart(5)} s  ${name}\n`);
  return outcomes.every(({ ok }) => ok) ? 0 : 1;
}

process.exitCode = await main();
