// The process that store-kill.ts kills: 64 writers on one store, every acknowledgement told on standard output.
// Arguments: the store's file, a seed, the revision to compact to. Lines: "ready", "ack <revision> <key> <digest> .",
// "watched <revision>", "fault <what>".

import { crc32 } from 'node:zlib';

import { messageOf, type Random, seededRandom, silentLogger } from '@tweendeck/std';
import { type Mutation, openSqliteStore, type Store, StoreConflict } from '@tweendeck/store';

const writerCount = 64;
const keyCount = 300;
const valueLengthMax = 2_000;

const [path = '', seed = '', compactTo = ''] = process.argv.slice(2);
const never = new AbortController().signal;
const tell = (line: string): unknown => process.stdout.write(`${line}\n`); // synchronous on a pipe

try {
  await using store = await openSqliteStore({ path, log: silentLogger }, never);
  tell('ready');
  const writers = Array.from({ length: writerCount }, (_, writer) => write(store, writer));
  await Promise.all([...writers, watch(store), compact(store)]);
} catch (error) {
  tell(`fault ${messageOf(error)}`);
}

/** Commits until killed; what it expects of keys is sometimes wrong on purpose. */
async function write(store: Store, writer: number): Promise<void> {
  const random = seededRandom(Number(seed) * writerCount + writer);
  for (let turn = 0; ; turn++) {
    const mutations = await mutationsOf(store, random, `${seed}-${writer}-${turn}`);
    try {
      const revisions = await store.commit(mutations);
      for (const [index, mutation] of mutations.entries()) {
        const digest = mutation.operation === 'put' ? crc32(mutation.value) : '-';
        const revision = revisions[index] ?? 0;
        if (revision > 0) tell(`ack ${revision} ${mutation.key} ${digest} .`);
      }
    } catch (error) {
      if (!(error instanceof StoreConflict)) throw error;
    }
  }
}

async function mutationsOf(store: Store, random: Random, name: string): Promise<Mutation[]> {
  const key = (): string => `/registry/things/${random.integer(keyCount)}`;
  if (random.next() < 0.2) return [{ operation: 'delete', key: key() }];
  const count = random.next() < 0.3 ? 1 + random.integer(5) : 1;
  const mutations: Mutation[] = [];
  for (let index = 0; index < count; index++) {
    const filling = 'x'.repeat(random.integer(valueLengthMax));
    const value = Buffer.from(`${name} ${index + 1}/${count} ${filling}`);
    mutations.push({ operation: 'put', key: key(), value });
  }
  const [first] = mutations;
  if (first === undefined || random.next() < 0.5) return mutations;
  const expectedRevision = (await store.get(first.key))?.revision ?? 0;
  return [{ ...first, expectedRevision }, ...mutations.slice(1)];
}

async function watch(store: Store): Promise<void> {
  let seen = store.revision;
  for await (const changes of store.watch('', seen, never)) {
    for (const { revision } of changes) {
      if (revision !== seen + 1) tell(`fault watched ${revision} after ${seen}`);
      seen = revision;
    }
    tell(`watched ${seen}`);
  }
}

/** In small steps, so that a kill meets a compaction often. */
async function compact(store: Store): Promise<void> {
  for (let at = store.compactedRevision; at < Number(compactTo); ) {
    at = Math.min(at + 100, Number(compactTo));
    await store.compact(at);
  }
}
