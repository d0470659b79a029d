// `npm run conformance`: upstream's conformance tests against a real API server and against ours, verdicts side by side.

import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { parseArgs } from 'node:util';
import { explanationOf } from './explained.ts';
import { complaintsOf, pageOf, type Result } from './page.ts';
import { type ServerName, startServer } from './servers.ts';
import { type Outcome, runTest, testNames } from './suite.ts';

const { values: options } = parseArgs({
  options: {
    only: { type: 'string', default: '' },
    focus: { type: 'string', default: String.raw`\[sig-api-machinery\].*\[Conformance\]` },
    server: { type: 'string' },
    all: { type: 'boolean', default: false },
    jobs: { type: 'string', default: '3' },
    limit: { type: 'string', default: '600' },
    json: { type: 'string' },
    logs: { type: 'string' },
    write: { type: 'boolean', default: false },
    check: { type: 'boolean', default: false },
    list: { type: 'boolean', default: false },
    help: { type: 'boolean', default: false },
  },
});
const pagePath = join(import.meta.dirname, '..', '..', 'docs', 'conformance.md');
const write = (text: string): void => void process.stdout.write(text);
const bothServers: readonly ServerName[] = ['upstream', 'embedded'];
const isWhole = options.only === '' && options.server === undefined;

const help = `npm run conformance [-- --only=REGEX] [--server=embedded|upstream] [--json=FILE]

  --only    tests whose name matches, of those of the API machinery
  --focus   other tests altogether: ${String.raw`--focus='\[sig-apps\].*\[Conformance\]'`}
  --server  one server alone
  --all     those too that need pods that run, and so fail on both
  --jobs    tests at a time on each server (3); those marked Serial run alone
  --limit   seconds for one test (600)
  --logs    keep what each test wrote in this folder
  --list    say which tests there are, run none
  --write   write docs/conformance.md
  --check   fail on a difference that nothing explains, and on an explanation without a difference
`;

process.exitCode = await main();

async function main(): Promise<number> {
  if (options.help) return say(help, 0);
  if (options.server !== undefined && !['embedded', 'upstream'].includes(options.server)) {
    return say(help, 2);
  }
  if (!isWhole && (options.write || options.check)) {
    return say(
      'conformance: --write and --check need a whole run: without --only and --server\n',
      2,
    );
  }
  const only = new RegExp(options.only);
  const tests = testNames(new RegExp(options.focus)).filter((name) => only.test(name));
  if (tests.length === 0) return say('conformance: no test has such a name\n', 2);
  if (options.list) return say(`${tests.join('\n')}\n`, 0);
  return runAll(tests);
}

async function runAll(tests: readonly string[]): Promise<number> {
  const begunMs = performance.now();
  const scratch = mkdtempSync(join(tmpdir(), 'tweendeck-conformance-'));
  const interrupted = new AbortController();
  for (const name of ['SIGINT', 'SIGTERM'] as const) process.once(name, () => interrupted.abort());
  try {
    const servers = options.server === undefined ? bothServers : [options.server as ServerName]; // main looked
    const runs = servers.map((server) => runServer(server, tests, scratch, interrupted.signal));
    const outcomes = new Map(await Promise.all(runs));
    const results = tests.map((test) => ({
      test,
      upstream: outcomes.get('upstream')?.get(test),
      embedded: outcomes.get('embedded')?.get(test),
    }));
    const seconds = Math.round((performance.now() - begunMs) / 1_000);
    write(
      `conformance: ${tests.length} tests, ${servers.map((name) => summary(name, results)).join(', ')}, ${seconds} s\n`,
    );
    return conclude(results);
  } finally {
    rmSync(scratch, { recursive: true, force: true, maxRetries: 5 });
  }
}

function conclude(results: readonly Result[]): number {
  if (options.json !== undefined) writeFileSync(options.json, JSON.stringify(results, null, 1));
  if (options.write) writeFileSync(pagePath, pageOf(results));
  const complaints = complaintsOf(results, { isWhole });
  for (const line of complaints) write(`conformance: ${line}\n`);
  return options.check && complaints.length > 0 ? 1 : 0;
}

type Outcomes = ReadonlyMap<string, Outcome>;

/** Serial tests come last, one by one. */
async function runServer(
  server: ServerName,
  tests: readonly string[],
  scratch: string,
  signal: AbortSignal,
): Promise<readonly [ServerName, Outcomes]> {
  await using running = await startServer(server, scratch);
  const outcomes = new Map<string, Outcome>();
  const run = {
    ...{
      server,
      kubeconfig: running.kubeconfig,
      directory: options.logs === undefined ? scratch : resolve(options.logs),
    },
    limitSeconds: Number(options.limit),
  };
  const wanted = tests.filter((test) => options.all || !explanationOf(test)?.isIdle);
  const work = async (waiting: string[]): Promise<void> => {
    for (let test = waiting.shift(); test !== undefined; test = waiting.shift()) {
      const outcome = await runTest(test, run, signal);
      outcomes.set(test, outcome);
      report(server, test, outcome);
      if (outcome.verdict === 'not set up') throw new Error(`${server}: ${outcome.message}`);
    }
  };
  const together = longestFirst(wanted.filter((test) => !test.includes('[Serial]')));
  await Promise.all(Array.from({ length: Number(options.jobs) }, () => work(together)));
  await work(wanted.filter((test) => test.includes('[Serial]')));
  return [server, outcomes];
}

/** What is known to wait for minutes begins at once. */
function longestFirst(tests: readonly string[]): string[] {
  return tests.toSorted(
    (left, right) => Number(right.includes('[Slow]')) - Number(left.includes('[Slow]')),
  );
}

function report(server: ServerName, test: string, { verdict, seconds, message }: Outcome): void {
  write(`${verdict.padEnd(9)} ${server.padEnd(8)} ${seconds.toFixed(0).padStart(4)} s  ${test}\n`);
  if (message !== '') write(`${message.replace(/^/gm, '      ')}\n`);
}

function summary(server: ServerName, results: readonly Result[]): string {
  const passed = results.filter((result) => result[server]?.verdict === 'passed').length;
  const run = results.filter((result) => result[server] !== undefined).length;
  return `${server} passes ${passed} of ${run}`;
}

function say(text: string, code: number): number {
  (code === 0 ? process.stdout : process.stderr).write(text);
  return code;
}
