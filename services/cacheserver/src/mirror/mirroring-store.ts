// Mirroring: a store that brings what is stored in it to other servers, and does not lose what they have not got yet.

import { type Clock, type Logger, type Random, TaskGroup } from '@tweendeck/std';
import type { UnityCacheFileType } from '@tweendeck/wire';
import type { FarCache } from '../client/far-cache.ts';
import type { CacheDisk } from '../dataplane/cache-disk.ts';
import { CommitSync } from '../dataplane/commit-sync.ts';
import { addressText } from '../dataplane/listen.ts';
import { StoreClock } from '../dataplane/store-clock.ts';
import { StoreDecorator } from '../dataplane/store-decorator.ts';
import type {
  PutClient,
  PutOutcome,
  PutTransaction,
  Soon,
  StoredEntry,
  ValueStore,
} from '../dataplane/value-store.ts';
import {
  defaultMirrorTiming,
  type MirrorHost,
  MirrorLink,
  type MirrorStats,
  type MirrorTiming,
} from './mirror-link.ts';
import { markedNode, type NodeId, wordEntry } from './mirror-mark.ts';
import { type MirrorPlace, MirrorPlaces } from './mirror-places.ts';
import { MirrorQueue, type QueuePlace } from './mirror-queue.ts';

/** What can be changed while it serves. */
export interface MirrorSettings {
  /** Where to; none: this namespace only says who it is, to mirrors that send to it. */
  readonly targets: readonly FarCache[];
  /** Whether a mirror that is new is asked for everything that is stored. */
  readonly backfill: boolean;
  readonly timing: MirrorTiming;
}

export const defaultMirrorSettings: MirrorSettings = {
  targets: [],
  backfill: true,
  timing: defaultMirrorTiming,
};

export interface MirroringStoreOptions {
  /** Where the queue is kept: a directory of its own, locked. */
  readonly disk: CacheDisk;
  /** Bound of the queue, 72 bytes a transaction. Mirrors that fall behind it are asked for everything later. */
  readonly queueBytesMax: number;
  readonly settings: MirrorSettings;
  /** `commit`: a transaction is on the disk of the queue before it is stored. */
  readonly durability?: 'none' | 'commit';
  readonly clock: Clock;
  readonly random: Random;
  readonly log: Logger;
}

export interface MirroringStats {
  readonly queueBytes: number;
  readonly queueBytesMax: number;
  /** Transactions that went from the queue before every mirror had them. */
  readonly queueDropped: number;
  /** Transactions that the queue's disk did not take. */
  readonly queueFailures: number;
  readonly mirrors: readonly MirrorStats[];
}

interface RunningLink {
  readonly link: MirrorLink;
  readonly group: TaskGroup;
}

export class MirroringStore extends StoreDecorator implements MirrorHost {
  readonly node: NodeId;
  readonly queue: MirrorQueue;
  readonly clock: Clock;
  readonly random: Random;
  readonly log: Logger;
  readonly #places: MirrorPlaces;
  readonly #time: StoreClock;
  readonly #queueBytesMax: number;
  /** Who told that it mirrors to us, by connection. */
  readonly #senders = new WeakMap<PutClient, NodeId>();
  /** Transactions in the queue whose commit waits for the disk. */
  readonly #open = new Set<number>();
  readonly #sync: CommitSync | undefined;
  #syncFailures = 0;
  #settings: MirrorSettings;
  #links: readonly RunningLink[] = [];
  #waking = false;

  /** Throws what the disk throws. */
  constructor(inner: ValueStore, options: MirroringStoreOptions) {
    super(inner);
    const { disk, queueBytesMax, settings, clock, random, log } = options;
    this.clock = clock;
    this.random = random;
    this.log = log;
    this.#time = new StoreClock(clock);
    this.#queueBytesMax = queueBytesMax;
    this.#settings = settings;
    this.#sync = options.durability === 'commit' ? new CommitSync() : undefined;
    using stack = new DisposableStack();
    this.#places = stack.use(new MirrorPlaces(disk, random));
    this.node = this.#places.node;
    this.queue = stack.use(
      new MirrorQueue({ disk, bytesMax: queueBytesMax }, this.#places.furthest()),
    );
    this.#places.keepOnly(settings.targets.map(addressText));
    this.#start(settings.targets);
    stack.move();
  }

  get store(): ValueStore {
    return this.inner;
  }

  get timing(): MirrorTiming {
    return this.#settings.timing;
  }

  /** Goes on with these mirrors; those that are no more are let go, in the middle of a file if need be. */
  async change(settings: MirrorSettings): Promise<void> {
    this.#settings = settings;
    const names = settings.targets.map(addressText);
    const gone = this.#links.filter(({ link }) => !names.includes(link.name));
    const kept = this.#links.filter((running) => !gone.includes(running));
    this.#links = kept;
    for (const target of settings.targets) {
      kept.find(({ link }) => link.name === addressText(target))?.link.change(target);
    }
    this.#places.keepOnly(kept.map(({ link }) => link.name));
    await Promise.all(gone.map(({ group }) => group[Symbol.asyncDispose]()));
    this.#start(
      settings.targets.filter(
        (target) => !kept.some(({ link }) => link.name === addressText(target)),
      ),
    );
  }

  override find(bytes: Uint8Array, at: number): Soon<StoredEntry | undefined> {
    return markedNode(bytes, at) === undefined ? this.inner.find(bytes, at) : wordEntry(this.node);
  }

  override begin(bytes: Uint8Array, at: number, client?: PutClient): PutTransaction {
    const upload = this.inner.begin(bytes, at, client);
    const sender = markedNode(bytes, at);
    if (sender !== undefined) {
      if (client !== undefined) this.#senders.set(client, sender);
      return upload; // dropped by every store, for its hash
    }
    if (this.#links.length === 0) return upload;
    const origin = client === undefined ? undefined : this.#senders.get(client);
    const id = Buffer.from(bytes.subarray(at, at + 32));
    return new MirroredUpload(upload, (commit, sizeBytes) =>
      this.#commit(commit, { id, sizeBytes, origin }),
    );
  }

  mirroring(): MirroringStats {
    return {
      queueBytes: this.queue.sizeBytes,
      queueBytesMax: this.#queueBytesMax,
      queueDropped: this.queue.dropped,
      queueFailures: this.queue.failures + this.#syncFailures,
      mirrors: this.#links.map(({ link }) => link.stats()),
    };
  }

  override async [Symbol.asyncDispose](): Promise<void> {
    const links = this.#links;
    this.#links = [];
    await Promise.all(links.map(({ group }) => group[Symbol.asyncDispose]()));
    await super[Symbol.asyncDispose]();
    this.queue[Symbol.dispose]();
    this.#places[Symbol.dispose]();
  }

  // What links need.

  committed(): QueuePlace {
    const { end } = this.queue;
    const sequence = Math.min(end.sequence, ...[...this.#open].map((open) => open - 1));
    return { sequence, totalBytes: end.totalBytes };
  }

  moved(target: string, place: MirrorPlace): void {
    this.#places.set(target, place);
    this.queue.trim(this.#done());
  }

  nowMs(): number {
    return this.#time.nowMs();
  }

  /** In the queue first: a death between the two leaves a word too much, which does no harm. */
  #commit(upload: MirroredCommit, noted: NotedTransaction): Soon<PutOutcome> {
    const sequence = this.queue.append({ ...noted, storedMs: this.#time.nowMs() }, this.#done());
    if (sequence === undefined) {
      this.#missed();
      return upload.commit();
    }
    this.#open.add(sequence);
    if (this.#sync !== undefined) {
      return this.#synced(this.#sync)
        .then(() => upload.commit())
        .finally(() => this.#ended(sequence));
    }
    const outcome = upload.commit();
    if (outcome instanceof Promise) return outcome.finally(() => this.#ended(sequence));
    this.#ended(sequence);
    return outcome;
  }

  /** Waits until what is queued would survive a loss of power; what cannot be synced is left to a backfill. */
  async #synced(sync: CommitSync): Promise<void> {
    const { files, synced } = this.#places.unsynced;
    const failure = await sync.sync([...this.queue.files, ...files]);
    if (failure === undefined) {
      synced();
      return;
    }
    this.#syncFailures++;
    this.#missed();
  }

  #missed(): void {
    for (const { link } of this.#links) link.miss();
  }

  #ended(sequence: number): void {
    this.#open.delete(sequence);
    if (this.#waking) return;
    this.#waking = true;
    setImmediate(() => {
      this.#waking = false;
      for (const { link } of this.#links) link.wake();
    });
  }

  #done(): number {
    return Math.min(...this.#links.map(({ link }) => link.done));
  }

  #start(targets: readonly FarCache[]): void {
    const started = targets.map((target) => {
      const { end } = this.queue;
      const fresh = { ...end, backfill: this.#settings.backfill };
      const name = addressText(target);
      const place = this.#places.get(name) ?? fresh;
      if (place === fresh) this.#places.set(name, fresh);
      const link = new MirrorLink(target, this, place);
      const group = new TaskGroup();
      group.start((signal) => link.run(signal));
      return { link, group };
    });
    this.#links = [...this.#links, ...started];
  }
}

interface NotedTransaction {
  readonly id: Buffer;
  readonly sizeBytes: number;
  readonly origin: NodeId | undefined;
}

/** The commit of an upload, which may be given up before it begins. */
interface MirroredCommit {
  commit(): Soon<PutOutcome>;
}

/** Counts the bytes of an upload. */
class MirroredUpload implements PutTransaction {
  readonly #upload: PutTransaction;
  readonly #end: (upload: MirroredCommit, sizeBytes: number) => Soon<PutOutcome>;
  readonly #sizes = { a: 0, i: 0, r: 0 };
  #abandoned = false;

  constructor(
    upload: PutTransaction,
    end: (upload: MirroredCommit, sizeBytes: number) => Soon<PutOutcome>,
  ) {
    this.#upload = upload;
    this.#end = end;
  }

  startFile(type: UnityCacheFileType, sizeBytes: number): void {
    this.#sizes[type] = sizeBytes;
    this.#upload.startFile(type, sizeBytes);
  }

  write(part: Buffer): Promise<void> | undefined {
    return this.#upload.write(part);
  }

  endFile(): void {
    this.#upload.endFile();
  }

  commit(): Soon<PutOutcome> {
    const sizeBytes = this.#sizes.a + this.#sizes.i + this.#sizes.r;
    if (sizeBytes === 0) return this.#upload.commit();
    const commit = (): Soon<PutOutcome> =>
      this.#abandoned ? { outcome: 'dropped', reason: 'empty' } : this.#upload.commit();
    return this.#end({ commit }, sizeBytes);
  }

  abandon(): void {
    this.#abandoned = true;
    this.#upload.abandon();
  }
}
