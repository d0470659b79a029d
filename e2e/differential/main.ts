// `npm run differential`: holds the embedded API server against a real kube-apiserver, prints where they differ, and how often.

import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { inspect, parseArgs } from 'node:util';
import type { Conversation } from './conversation.ts';
import { conversations } from './conversations/index.ts';
import { type Lane, nameOfLane, type Result, runLane } from './lane.ts';
import { replay, serveLive } from './live.ts';
import { compareWithPage, pageOf } from './page.ts';

const { values: options } = parseArgs({
  options: {
    only: { type: 'string', default: '' },
    lane: { type: 'string', default: '' },
    all: { type: 'boolean', default: false },
    json: { type: 'string' },
    quiet: { type: 'boolean', default: false },
    write: { type: 'boolean', default: false },
    check: { type: 'boolean', default: false },
    serve: { type: 'boolean', default: false },
    record: { type: 'string' },
    replay: { type: 'string' },
    controllers: { type: 'boolean', default: false },
  },
});
const isWhole = options.only === '' && options.lane === '' && !options.all;
if (!isWhole && (options.write || options.check)) {
  throw new Error('--write and --check need a whole run: leave out --only, --lane and --all');
}
const pagePath = join(import.meta.dirname, '..', '..', 'docs', 'embedded-differences.md');
const write = (text: string): void => void process.stdout.write(text);

sweep();
const scratch = mkdtempSync(join(tmpdir(), `tweendeck-differential-${process.pid}-`));
process.once('exit', () => rmSync(scratch, { recursive: true, force: true, maxRetries: 5 }));
// Labs are taken back by their own guardians.
const interrupted = new AbortController();
for (const signal of ['SIGINT', 'SIGTERM'] as const) {
  process.once(signal, () => (options.serve ? interrupted.abort() : process.exit(130)));
}
await (options.serve || options.replay !== undefined ? live() : ownConversations());

/** Somebody else's conversation in place of our own. */
async function live(): Promise<void> {
  const servers = options.controllers ? 'controllers' : 'bare';
  const common = { servers, directory: scratch, write } as const; // the names of the sets
  if (options.replay === undefined) return serveLive(common, options.record, interrupted.signal);
  write(`differential: ${await replay(common, options.replay)} differences\n`);
}

async function ownConversations(): Promise<void> {
  const started = performance.now();
  const { results, failures } = await runLanes();
  const count = results.reduce((sum, { differences }) => sum + differences.length, 0);
  const keys = results.flatMap(({ differences }) => differences.map(({ key }) => key));
  const seconds = ((performance.now() - started) / 1_000).toFixed(0);
  const kinds = new Set(keys).size;
  write(
    `differential: ${results.length} steps, ${count} differences of ${kinds} kinds, ${seconds} s\n`,
  );
  if (options.json !== undefined) writeFileSync(options.json, JSON.stringify(results, null, 1));
  if (failures.length > 0 || results.length === 0) process.exitCode = 1;
  else if (options.write) writeFileSync(pagePath, pageOf(results));
  else if (options.check) await check(results);
}

/** What older clients print differs from what newer ones print by the client alone: left out unless all is asked for. */
function lanes(): readonly Lane[] {
  const modes = (version: string): readonly Lane['mode'][] =>
    version === '1.35' || options.all ? ['requests', 'outputs'] : ['requests'];
  return (['bare', 'controllers'] as const).flatMap((servers) =>
    (['1.35', '1.34', '1.32'] as const).flatMap((version) =>
      modes(version).map((mode) => ({
        servers,
        version,
        mode,
        isNewest: version === '1.35',
        directory: mkdtempSync(join(scratch, `${mode}-${version}-${servers}-`)),
      })),
    ),
  );
}

/** Each lane has servers of its own, so two at a time use two cores, beside one with controllers, which mostly waits for them. */
async function runLanes(
  isWanted: (lane: Lane, conversation: string) => boolean = () => true,
): Promise<{
  readonly results: readonly Result[];
  readonly failures: readonly string[];
}> {
  const pattern = new RegExp(options.only);
  const chosen = (lane: Lane): readonly Conversation[] =>
    conversations.filter(({ name }) => pattern.test(name) && isWanted(lane, name));
  const wanted = lanes().filter((lane) => nameOfLane(lane).includes(options.lane));
  const queues = Map.groupBy(wanted, ({ servers }) => servers);
  const results: Result[] = [];
  const failures: string[] = [];
  const onResult = (result: Result): void => {
    results.push(result);
    if (!options.quiet) print(result);
  };
  const work = async (servers: Lane['servers']): Promise<void> => {
    const waiting = queues.get(servers) ?? [];
    for (let lane = waiting.shift(); lane; lane = waiting.shift()) {
      const name = nameOfLane(lane);
      await runLane(lane, chosen(lane), onResult).catch((error: unknown) => {
        failures.push(name);
        process.stderr.write(`${name} broke off: ${inspect(error)}\n`);
      });
    }
  };
  await Promise.all([work('bare'), work('bare'), work('controllers')]);
  return { results, failures };
}

/**
 * A difference that the page does not list fails the run, when it is met again in a second run of its conversation: what
 * is met once was chance. One that is gone is good news, and to be written down.
 */
async function check(results: readonly Result[]): Promise<void> {
  const page = readFileSync(pagePath, 'utf8');
  const { added, gone, idle } = compareWithPage(page, results);
  for (const { reason, area, key } of idle) {
    write(`explains nothing any more: ${reason}: ${area}: ${key}\n`);
    process.exitCode = 1;
  }
  for (const name of gone) write(`gone: ${name}\n`);
  if (gone.length > 0) {
    write('Some are gone: npm run differential -- --write brings the page up to date.\n');
  }
  if (added.length === 0) return;
  for (const name of added) write(`not listed: ${name}\n`);
  const suspects = results.filter((result) => compareWithPage(page, [result]).added.length > 0);
  const again = await runLanes((lane, conversation) =>
    suspects.some((one) => one.lane === nameOfLane(lane) && one.conversation === conversation),
  );
  const lasting = compareWithPage(page, again.results).added.filter((name) => added.includes(name));
  for (const name of lasting) write(`new: ${name}\n`);
  write(`${lasting.length} of ${added.length} were met again.\n`);
  if (lasting.length > 0 || again.failures.length > 0) process.exitCode = 1;
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
  write(`${differences.length} · ${lane} · ${conversation} · ${line}${requests}\n`);
  for (const { area, key, where } of differences) write(`    [${area}] ${key}\n        ${where}\n`);
}
