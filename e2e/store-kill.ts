// Kills a process that writes to a store, again and again, and holds what is found afterwards against what was said.

import { deepEqual, equal, ok } from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { DatabaseSync } from 'node:sqlite';
import { fileURLToPath } from 'node:url';
import { crc32 } from 'node:zlib';

import { clockOf, type Random, seededRandom, silentLogger } from '@tweendeck/std';
import { type Change, openSqliteStore, type Store } from '@tweendeck/store';

export interface KillOptions {
  readonly kills: number;
  readonly seed: number;
  /** An empty directory. */
  readonly directory: string;
}

export interface KillReport {
  readonly kills: number;
  /** Mutations that were acknowledged, all of which were found again. */
  readonly acknowledged: number;
  /** Changes that were durable but whose acknowledgement the kill swallowed. */
  readonly unacknowledged: number;
  /** Kills before the store was open, while it recovered. */
  readonly duringOpening: number;
  readonly lastRevision: number;
}

/** What a killed process had said. */
interface Said {
  /** Key and digest of the value by revision. */
  readonly acknowledged: ReadonlyMap<number, string>;
  readonly watchedRevision: number;
  readonly ready: boolean;
}

interface Known {
  readonly revision: number;
  readonly digest: string;
}

/** Runs rounds of write, kill, reopen, compare. Throws an AssertionError on the first broken promise of the store. */
export async function killStore(options: KillOptions, signal: AbortSignal): Promise<KillReport> {
  const { kills, seed, directory } = options;
  const path = join(directory, 'store.db');
  const random = seededRandom(seed);
  const witness = new Witness();
  for (let round = 1; round <= kills; round++) {
    signal.throwIfAborted();
    const where = `seed ${seed}, round ${round}`;
    const args = [path, String(seed * 10_000 + round), String(witness.revision)];
    const said = await sayUntilKilled(args, join(directory, 'compiled'), random);
    await using store = await openSqliteStore({ path, log: silentLogger }, signal);
    await witness.check(store, said, where);
    await store[Symbol.asyncDispose]();
    equal(integrityOf(path), 'ok', where);
  }
  return { kills, ...witness.counts, lastRevision: witness.revision };
}

/** Knows what the store has to hold, by having watched it from its beginning, always from where it stopped. */
class Witness {
  readonly #state = new Map<string, Known>();
  revision = 0;
  readonly counts = { acknowledged: 0, unacknowledged: 0, duringOpening: 0 };

  async check(store: Store, said: Said, where: string): Promise<void> {
    const before = this.revision;
    const changes = await this.#resume(store, where);
    const found = new Map(changes.map((change) => [change.revision, wordsOf(change)]));
    for (const [revision, words] of said.acknowledged) {
      ok(revision > before, `${where}: revision ${revision} was given again`);
      equal(found.get(revision), words, `${where}: acknowledged revision ${revision}`);
    }
    ok(said.watchedRevision <= store.revision, `${where}: watched a change that is gone`);
    checkWholeCommits(changes, where);
    const { items } = await store.list('');
    deepEqual(
      new Map(
        items.map(({ key, revision, value }) => [key, { revision, digest: digestOf(value) }]),
      ),
      this.#state,
      where,
    );
    this.counts.acknowledged += said.acknowledged.size;
    this.counts.unacknowledged += changes.length - said.acknowledged.size;
    if (!said.ready) this.counts.duringOpening++;
  }

  /** Everything since the last check, which must follow on without gap or repeat. */
  async #resume(store: Store, where: string): Promise<Change[]> {
    const seen: Change[] = [];
    ok(store.revision >= this.revision, `${where}: went back to ${store.revision}`);
    if (store.revision === this.revision) return seen;
    for await (const batch of store.watch('', this.revision, new AbortController().signal)) {
      for (const change of batch) this.#follow(change, where);
      seen.push(...batch);
      if (this.revision === store.revision) break;
    }
    return seen;
  }

  #follow(change: Change, where: string): void {
    const { key, revision, value, previous } = change;
    equal(revision, this.revision + 1, `${where}: a gap or a repeat`);
    equal(previous?.revision, this.#state.get(key)?.revision, `${where}: before ${revision}`);
    if (previous) equal(digestOf(previous.value), this.#state.get(key)?.digest, where);
    this.revision = revision;
    if (value === undefined) this.#state.delete(key);
    else this.#state.set(key, { revision, digest: digestOf(value) });
  }
}

/** Starts a writer and kills it: after so many acknowledgements, some time after it is ready, or while it opens. */
async function sayUntilKilled(
  args: readonly string[],
  compileCache: string,
  random: Random,
): Promise<Said> {
  const program = fileURLToPath(new URL('./store-kill-worker.ts', import.meta.url));
  const child = spawn(process.execPath, [program, ...args], {
    stdio: ['ignore', 'pipe', 'inherit'],
    env: { ...process.env, NODE_COMPILE_CACHE: compileCache },
  });
  const plan = planOf(random);
  const clock = clockOf(globalThis);
  const kill = (): unknown => child.kill('SIGKILL');
  const acknowledged = new Map<number, string>();
  const faults: string[] = [];
  let watchedRevision = 0;
  let ready = false;
  const ended = once(child, 'close');
  using timers = new DisposableStack();
  timers.use(clock.timer(plan.afterStartMs, kill));
  for await (const line of createInterface({ input: child.stdout })) {
    const [word = '', number, key, digest, end] = line.split(' ');
    if (word === 'ready') {
      ready = true;
      timers.use(clock.timer(plan.afterReadyMs, kill));
    } else if (word === 'ack' && end === '.') {
      if (acknowledged.has(Number(number))) faults.push(`revision ${number} given twice`);
      acknowledged.set(Number(number), `${key} ${digest}`);
      if (acknowledged.size >= plan.afterAcknowledged) kill();
    } else if (word === 'watched') watchedRevision = Number(number);
    else if (word === 'fault') faults.push(line);
  }
  const [, endedBy] = await ended;
  deepEqual(faults, []);
  equal(endedBy, 'SIGKILL');
  return { acknowledged, watchedRevision, ready };
}

interface KillPlan {
  readonly afterStartMs: number;
  readonly afterReadyMs: number;
  readonly afterAcknowledged: number;
}

function planOf(random: Random): KillPlan {
  const plan = { afterStartMs: 30_000, afterReadyMs: 30_000, afterAcknowledged: 100_000 };
  const choice = random.next();
  if (choice < 0.1) return { ...plan, afterStartMs: 40 + random.integer(200) };
  if (choice < 0.5) return { ...plan, afterReadyMs: random.integer(150) };
  return { ...plan, afterAcknowledged: 1 + random.integer(1_500) };
}

/** The mutations of one commit are named "<commit> <number>/<count>", and stand together or not at all. */
function checkWholeCommits(changes: readonly Change[], where: string): void {
  const names = changes.map(({ value }) => (value ? nameOf(value) : undefined));
  for (const [index, name] of names.entries()) {
    if (name === undefined) continue;
    const first = index - name.number + 1;
    for (let number = 1; number <= name.count; number++) {
      const peer = names[first + number - 1];
      const whole = peer?.commit === name.commit && peer.number === number;
      ok(whole, `${where}: part ${number}/${name.count} of commit ${name.commit} is missing`);
    }
  }
}

function nameOf(value: Uint8Array): { commit: string; number: number; count: number } {
  const [commit = '', part = ''] = Buffer.from(value).toString().split(' ', 2);
  const [number, count] = part.split('/').map(Number);
  return { commit, number: number ?? 0, count: count ?? 0 };
}

function wordsOf({ key, value }: Change): string {
  return `${key} ${value ? digestOf(value) : '-'}`;
}

function digestOf(value: Uint8Array): string {
  return String(crc32(value));
}

function integrityOf(path: string): unknown {
  using database = new DatabaseSync(path);
  return database.prepare('PRAGMA integrity_check').get()?.['integrity_check'];
}
