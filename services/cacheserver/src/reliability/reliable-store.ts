// High reliability: a store that keeps a version of a key only when it was uploaded the same several times.

import { crc32 } from 'node:zlib';
import type { Clock, Logger } from '@tweendeck/std';
import { unityCacheFileTypes, unityCacheIdText } from '@tweendeck/wire';
import type { CacheDisk } from '../dataplane/cache-disk.ts';
import { StoreClock } from '../dataplane/store-clock.ts';
import { StoreDecorator } from '../dataplane/store-decorator.ts';
import type {
  PutClient,
  PutOutcome,
  PutTransaction,
  RemoveOutcome,
  Soon,
  StoredKey,
  ValueStore,
} from '../dataplane/value-store.ts';
import { CheckedUpload, type JudgedUpload, type UploadedVersion } from './checked-upload.ts';
import { type Decision, decide, type KnownKey, type ReliabilityRules } from './decide.ts';
import { KnownKeys, type KnownKeysStats } from './known-keys.ts';

export interface ReliableStoreOptions {
  /** Where what is known is kept: a directory of its own, locked. */
  readonly disk: CacheDisk;
  readonly rules: ReliabilityRules;
  /** `commit`: what was decided is on the disk before it is told. */
  readonly durability?: 'none' | 'commit';
  /** Keys that are remembered at most; default 1 million. */
  readonly keysMax?: number;
  readonly clock: Clock;
  readonly log: Logger;
}

/** An asset that did not come out the same twice. */
export interface UnstableAsset {
  /** GUID and hash as Unity writes them. */
  readonly key: string;
  /** Whether a version of it is stored all the same: it was found reliable before. */
  readonly stored: boolean;
  /** The address that last uploaded something else. */
  readonly client: string;
  readonly atMs: number;
}

export interface ReliabilityStats extends KnownKeysStats {
  /** Uploads by what was decided. */
  readonly uploads: Readonly<Record<Decision['verdict'], number>>;
  /** The last assets found to be unstable, newest last; 100 at most. */
  readonly unstableAssets: readonly UnstableAsset[];
}

const reportLengthMax = 100;
const idBytes = 32;

/** Takes the inner store over and disposes it. */
export class ReliableStore extends StoreDecorator {
  readonly #known: KnownKeys;
  readonly #time: StoreClock;
  readonly #log: Logger;
  readonly #isDurable: boolean;
  readonly #uploads = { keep: 0, unconfirmed: 0, settled: 0, unstable: 0 };
  /** Keys whose commit waits for the disk: later uploads of them are judged behind it. */
  readonly #busy = new Map<string, Promise<unknown>>();
  #report: UnstableAsset[] = [];
  /** Replaced whole at a reload: uploads that have begun keep theirs. */
  rules: ReliabilityRules;

  /** Throws what the disk throws. */
  constructor(inner: ValueStore, options: ReliableStoreOptions) {
    super(inner);
    this.#known = new KnownKeys(options.disk, options.keysMax ?? 1_000_000);
    this.#time = new StoreClock(options.clock);
    this.#log = options.log;
    this.#isDurable = options.durability === 'commit';
    this.rules = options.rules;
  }

  override begin(bytes: Uint8Array, at: number, client?: PutClient): PutTransaction {
    const upload = this.inner.begin(bytes, at, client);
    const id = Buffer.from(bytes.subarray(at, at + idBytes));
    if (isZero(id.subarray(16))) return upload; // never stored
    const { rules } = this;
    const address = client?.address?.text ?? '';
    return new CheckedUpload(upload, rules, (whole, version) =>
      this.#inTurn(id, () => this.#judge(whole, version, { id, address, rules })),
    );
  }

  /** What is known of the key goes too: an unstable one has a new chance. */
  override remove(bytes: Uint8Array, at: number): Soon<RemoveOutcome> {
    const id = Buffer.from(bytes.subarray(at, at + idBytes));
    const forget = (removed: RemoveOutcome): Soon<RemoveOutcome> => {
      if (removed.outcome === 'refused') return removed;
      this.#known.set(id, undefined);
      return this.#synced(removed);
    };
    const removed = this.inner.remove(bytes, at);
    return removed instanceof Promise ? removed.then(forget) : forget(removed);
  }

  override clear(): Soon<number> {
    this.#known.clear();
    this.#report = [];
    const cleared = this.inner.clear();
    return cleared instanceof Promise
      ? cleared.then((keys) => this.#synced(keys))
      : this.#synced(cleared);
  }

  reliability(): ReliabilityStats {
    const uploads = { ...this.#uploads };
    return { ...this.#known.stats(), uploads, unstableAssets: [...this.#report] };
  }

  override async [Symbol.asyncDispose](): Promise<void> {
    await Promise.allSettled(this.#busy.values());
    await super[Symbol.asyncDispose]();
    this.#known[Symbol.dispose]();
  }

  /** Runs at once, or behind a commit of the same key that is under way. */
  #inTurn(id: Buffer, run: () => Soon<PutOutcome>): Soon<PutOutcome> {
    const key = id.toString('latin1');
    const before = this.#busy.get(key);
    const outcome = before === undefined ? run() : before.then(run, run);
    if (!(outcome instanceof Promise)) return outcome;
    this.#busy.set(key, outcome);
    const done = (): void => {
      if (this.#busy.get(key) === outcome) this.#busy.delete(key);
    };
    outcome.then(done, done);
    return outcome;
  }

  #judge(upload: JudgedUpload, version: UploadedVersion, from: Origin): Soon<PutOutcome> {
    const there = this.inner.describe(from.id, 0);
    const go = (key: StoredKey | undefined): Soon<PutOutcome> =>
      this.#decide(upload, { ...version, presentTypes: typesOf(key) }, from);
    return there instanceof Promise ? there.then(go) : go(there);
  }

  #decide(
    upload: JudgedUpload,
    facts: UploadedVersion & { readonly presentTypes: number },
    { id, address, rules }: Origin,
  ): Soon<PutOutcome> {
    if (upload.abandoned) return { outcome: 'dropped', reason: 'empty' };
    const before = this.#known.get(id);
    const nowSeconds = this.#time.nowSeconds();
    const decision = decide(before, { ...facts, client: clientOf(address), nowSeconds }, rules);
    const { verdict, known } = decision;
    this.#uploads[verdict]++;
    if (decision.differs) this.#tell(id, address, facts.presentTypes !== 0);
    if (verdict !== 'keep') {
      upload.drop();
      return this.#note(id, { before, next: known }, { outcome: 'dropped', reason: verdict });
    }
    // Until it is stored one upload is missing: a commit that fails is not counted as one that was kept.
    const keep = (outcome: PutOutcome): Soon<PutOutcome> =>
      outcome.outcome === 'stored' ? this.#note(id, { before, next: known }, outcome) : outcome;
    const outcome = upload.keep();
    return outcome instanceof Promise ? outcome.then(keep) : keep(outcome);
  }

  /** A stable or unstable key that is uploaded again and again is written down once an hour. */
  #note(
    id: Buffer,
    {
      before,
      next,
    }: { readonly before: KnownKey | undefined; readonly next: KnownKey | undefined },
    outcome: PutOutcome,
  ): Soon<PutOutcome> {
    const quiet =
      before !== undefined &&
      next !== undefined &&
      before.state === next.state &&
      before.state !== 'pending' &&
      next.lastSeconds - before.lastSeconds < 3_600;
    if (quiet) return outcome;
    this.#known.set(id, next);
    return this.#synced(outcome);
  }

  /** Tells the outcome once what was noted is as durable as it has to be. */
  #synced<Outcome>(outcome: Outcome): Soon<Outcome> {
    return this.#isDurable ? this.#known.sync().then(() => outcome) : outcome;
  }

  #tell(id: Buffer, client: string, stored: boolean): void {
    const key = unityCacheIdText(id);
    const known = this.#report.some((asset) => asset.key === key);
    if (!known) this.#log.warn('cache asset unstable', { key, client, stored });
    const others = this.#report.filter((asset) => asset.key !== key);
    const asset = { key, client, stored, atMs: this.#time.nowMs() };
    this.#report = [...others, asset].slice(-reportLengthMax);
  }
}

interface Origin {
  readonly id: Buffer;
  readonly address: string;
  readonly rules: ReliabilityRules;
}

/** Bits of the files that there are. */
function typesOf(key: StoredKey | undefined): number {
  if (key === undefined) return 0;
  return unityCacheFileTypes.reduce(
    (types, type, index) => ((key.sizes[type] ?? 0) > 0 ? types | (1 << index) : types),
    0,
  );
}

/** Stands for an address; never 0, which stands for none. */
function clientOf(address: string): number {
  return address === '' ? 0 : crc32(address) || 1;
}

function isZero(bytes: Uint8Array): boolean {
  return bytes.every((byte) => byte === 0);
}
