// `npm run differential`: holds the embedded API server against a real kube-apiserver, prints where they differ, and how often.

import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { inspect, parseArgs } from 'node:util';
import { conversations } from './conversations/index.ts';
import { type Lane, nameOfLane, type Result, runLane } from './lane.ts';
import { compareWithPage, pageOf } from './page.ts';

const { values: options } = parseArgs({
  options: {
    only: { type: 'string', default: '' },
    lane: { type: 'string', default: '' },
    json: { type: 'string' },
    write: { type: 'boolean', default: false },
    check: { type: 'boolean', default: false },
    quiet: { type: 'boolean', default: false },
    all: { type: 'boolean', default: false },
  },
});

const isWhole = options.only === '' && options.lane === '' && !options.all;
if (!isWhole && (options.write || options.check)) {
  throw new Error('--write and --check need a whole run: leave out --only, --lane and --all');
}
const pagePath = join(import.meta.dirname, '..', '..', 'docs', 'embedded-differences.md');
const started = performance.now();
sweep();
const scratch = mkdtempSync(join(tmpdir(), `tweendeck-differential-${process.pid}-`));
process.once('exit', () => rmSync(scratch, { recursive: true, force: true, maxRetries: 5 }));
// Labs are taken back by their own guardians.
for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, () => process.exit(130));

const pattern = new RegExp(options.only);
const chosen = conversations.filter(({ name }) => pattern.test(name));

/** What older clients print differs from what newer ones print by the client alone: left out unless all is asked for. */
const modes = (version: string): readonly Lane['mode'][] =>
  version === '1.35' || options.all ? ['requests', 'outputs'] : ['requests'];
const lanes: readonly Lane[] = (['bare', 'controllers'] as const).flatMap((servers) =>
  (['1.35', '1.32'] as const).flatMap((version) =>
    modes(version).map((mode) => ({
      servers,
      version,
      mode,
      isNewest: version === '1.35',
      directory: join(scratch, `${mode}-${version}-${servers}`),
    })),
  ),
);

const results: Result[] = [];
const failures: string[] = [];
const waiting = lanes.filter((lane) => nameOfLane(lane).includes(options.lane));
/** Each lane has servers of its own, so two at a time use both cores. */
await Promise.all(
  [0, 1].map(async () => {
    for (let lane = waiting.shift(); lane; lane = waiting.shift()) {
      await runLane(lane, chosen, (result) => {
        results.push(result);
        if (!options.quiet) print(result);
      }).catch((error: unknown) => {
        failures.push(nameOfLane(lane));
        process.stderr.write(`${nameOfLane(lane)} broke off: ${inspect(error)}\n`);
      });
    }
  }),
);

const count = results.reduce((sum, { differences }) => sum + differences.length, 0);
const kinds = new Set(results.flatMap(({ differences }) => differences.map(({ key }) => key))).size;
const seconds = ((performance.now() - started) / 1_000).toFixed(0);
process.stdout.write(
  `differential: ${results.length} steps, ${count} differences of ${kinds} kinds, ${seconds} s\n`,
);
if (options.json !== undefined) writeFileSync(options.json, JSON.stringify(results, undefined, 1));

if (failures.length > 0) process.exitCode = 1;
else if (options.write) writeFileSync(pagePath, pageOf(results));
else if (options.check) check();

/** A difference that the page does not list fails the run; one that is gone is good news, and to be written down. */
function check(): void {
  const { added, gone } = compareWithPage(readFileSync(pagePath, 'utf8'), results);
  for (const name of added) process.stdout.write(`new: ${name}\n`);
  for (const name of gone) process.stdout.write(`gone: ${name}\n`);
  if (gone.length > 0) {
    process.stdout.write(
      'Some are gone: npm run differential -- --write brings the page up to date.\n',
    );
  }
  if (added.length > 0) process.exitCode = 1;
}

/** Takes back what runs left that were ended while their clients still wrote. */
function sweep(): void {
  for (const name of readdirSync(tmpdir())) {
    const pid = /^tweendeck-differential-(\d+)-/.exec(name)?.[1];
    if (pid === undefined || existsSync(`/proc/${pid}`)) continue;
    rmSync(join(tmpdir(), name), { recursive: true, force: true });
  }
}

function print({ lane, conversation, line, requestCount, differences }: Result): void {
  const requests = requestCount > 0 ? `, ${requestCount} requests` : '';
  process.stdout.write(`${differences.length} · ${lane} · ${conversation} · ${line}${requests}\n`);
  for (const { area, key, where } of differences) {
    process.stdout.write(`    [${area}] ${key}\n        ${where}\n`);
  }
}
