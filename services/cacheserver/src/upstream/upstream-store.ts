// Read-through: a store that asks another cache for what it does not have, and keeps what it gets.

import { isDeepStrictEqual } from 'node:util';
import { type Clock, type Logger, linkedAbort, messageOf, type Random } from '@tweendeck/std';
import { unityCacheFileTypes } from '@tweendeck/wire';
import { CacheClient, type CacheReplyTarget } from '../client/cache-client.ts';
import type { FarCache } from '../client/far-cache.ts';
import { addressText } from '../dataplane/listen.ts';
import { StoreDecorator } from '../dataplane/store-decorator.ts';
import type { Soon, StoredEntry, ValueStore } from '../dataplane/value-store.ts';
import { isMistrust } from '../mirror/mirror-link.ts';
import { wordEntry } from '../mirror/mirror-mark.ts';
import { AbsentKeys } from './absent-keys.ts';
import { FillUpload } from './fill-upload.ts';
import { UpstreamBreaker } from './upstream-breaker.ts';
import { UpstreamPool } from './upstream-pool.ts';

/** What can be changed while it serves. */
export interface UpstreamSettings {
  readonly address: FarCache;
  readonly connectionsMax: number;
  /** Keys that are asked for at once; further misses are not asked for. */
  readonly requestsMax: number;
  /** How long a client waits; after that it gets a miss, and what comes late is kept all the same. */
  readonly waitMs: number;
  /** Longest silence of the upstream while an answer is due. */
  readonly timeoutMs: number;
  /** For so long a key that the upstream did not have is not asked for again. */
  readonly absentMs: number;
  readonly idleMs: number;
  /** Pause after a first failure; it doubles up to `pauseMaxMs`, with jitter. Misses are not asked for meanwhile. */
  readonly pauseBaseMs: number;
  readonly pauseMaxMs: number;
}

export const defaultUpstreamSettings: Omit<UpstreamSettings, 'address'> = {
  connectionsMax: 4,
  requestsMax: 64,
  waitMs: 5_000,
  timeoutMs: 30_000,
  absentMs: 10_000,
  idleMs: 30_000,
  pauseBaseMs: 1_000,
  pauseMaxMs: 60_000,
};

export interface UpstreamStoreOptions {
  /** Where what was got is put: a store below `inner`, which finds it there. */
  readonly fill: ValueStore;
  readonly settings: UpstreamSettings;
  readonly clock: Clock;
  readonly random: Random;
  readonly log: Logger;
}

/** What became of misses. */
export interface UpstreamCounts {
  /** Got and kept. */
  filled: number;
  filledBytes: number;
  /** The upstream did not have it. */
  absent: number;
  /** Not asked for: it did not have it a moment ago; too many were asked for; it fails. */
  absentBefore: number;
  busy: number;
  paused: number;
  /** Answered as a miss since it took too long. */
  late: number;
  /** Asked for in vain. */
  failed: number;
  /** Got, and not taken by the store. */
  refused: number;
}

export interface UpstreamStats extends Readonly<UpstreamCounts> {
  readonly address: string;
  /**
   * `loop`: it asks us in turn, and is not asked any more. `untrusted`: its certificate is not trusted here, or ours or the
   * token is not there.
   */
  readonly state: 'ready' | 'failing' | 'untrusted' | 'loop';
  readonly requests: number;
  readonly connections: number;
  readonly lastFailure: string;
}

type Fetched = 'filled' | 'absent' | 'refused' | 'failed';

interface Flight {
  readonly done: Promise<Fetched>;
  /** Whether the upstream has said anything of it. */
  answered: boolean;
}

const absentKeysMax = 100_000;
/** Looks of others for loops that are handed on at once. */
const handedOnMax = 8;
const valueBytesMax = 2 ** 31 - 1;
const loopMagic = Buffer.from('twndloop', 'latin1');
const loopWord = Buffer.from('loop', 'latin1');

/** Upstreams that are one's own are found by a key that is handed on from upstream to upstream: it must not come back. */
function loopKey(nonce: Uint8Array): Buffer {
  return Buffer.concat([loopMagic, nonce, Buffer.alloc(16)]);
}

export class UpstreamStore extends StoreDecorator {
  readonly #fill: ValueStore;
  readonly #clock: Clock;
  readonly #random: Random;
  readonly #log: Logger;
  readonly #loopKey: Buffer;
  readonly #flights = new Map<string, Flight>();
  readonly #absent = new AbsentKeys(absentKeysMax);
  readonly #counts: UpstreamCounts = {
    filled: 0,
    filledBytes: 0,
    absent: 0,
    absentBefore: 0,
    busy: 0,
    paused: 0,
    late: 0,
    failed: 0,
    refused: 0,
  };
  #settings: UpstreamSettings;
  #pool: UpstreamPool;
  #breaker: UpstreamBreaker;
  #isLoop = false;
  #handedOn = 0;
  readonly #closing = new AbortController();
  #lastFailure: unknown;

  constructor(inner: ValueStore, { fill, settings, clock, random, log }: UpstreamStoreOptions) {
    super(inner);
    this.#fill = fill;
    this.#clock = clock;
    this.#random = random;
    this.#log = log;
    this.#loopKey = loopKey(random.bytes(8));
    this.#settings = settings;
    this.#pool = this.#openPool(settings);
    this.#breaker = new UpstreamBreaker(settings, random);
  }

  /** Asks there from now on; what is the same changes nothing, but one that failed is asked again at once. */
  async change(settings: UpstreamSettings): Promise<void> {
    if (isDeepStrictEqual(settings, this.#settings)) {
      if (!this.#breaker.isClosed) this.#breaker = new UpstreamBreaker(settings, this.#random);
      return;
    }
    const old = this.#pool;
    this.#settings = settings;
    this.#pool = this.#openPool(settings);
    this.#breaker = new UpstreamBreaker(settings, this.#random);
    this.#absent.clear();
    this.#isLoop = false;
    await old[Symbol.asyncDispose]();
  }

  override find(bytes: Uint8Array, at: number): Soon<StoredEntry | undefined> {
    const found = this.inner.find(bytes, at);
    if (!(found instanceof Promise)) return found ?? this.#ask(bytes, at);
    const id = Buffer.from(bytes.subarray(at, at + 32));
    return found.then((entry) => entry ?? this.#ask(id, 0));
  }

  upstream(): UpstreamStats {
    const failing = isMistrust(this.#lastFailure) ? 'untrusted' : 'failing';
    const state = this.#breaker.isClosed ? 'ready' : failing;
    return {
      ...this.#counts,
      address: addressText(this.#settings.address),
      state: this.#isLoop ? 'loop' : state,
      requests: this.#flights.size,
      connections: this.#pool.connections,
      lastFailure: this.#lastFailure === undefined ? '' : messageOf(this.#lastFailure),
    };
  }

  override async [Symbol.asyncDispose](): Promise<void> {
    this.#isLoop = true; // nothing is asked any more
    this.#closing.abort();
    await this.#pool[Symbol.asyncDispose]();
    await Promise.all([...this.#flights.values()].map(({ done }) => done));
    await super[Symbol.asyncDispose]();
  }

  /** A miss. Costs next to nothing while the upstream is not asked. */
  #ask(bytes: Uint8Array, at: number): Soon<StoredEntry | undefined> {
    if (bytes[at] === loopMagic[0] && this.#loopKey.compare(bytes, at, at + 32) === 0) {
      return wordEntry(loopWord);
    }
    if (this.#isLoop) return undefined;
    const nowMs = this.#clock.monotonicMs();
    if (!this.#breaker.allows(nowMs, this.#flights.size)) {
      this.#counts.paused++;
      return undefined;
    }
    const id = Buffer.from(bytes.subarray(at, at + 32));
    if (isZero(id.subarray(16))) return isProbe(id) ? this.#handOn(id) : undefined;
    const key = id.toString('latin1');
    if (this.#absent.has(key, nowMs)) {
      this.#counts.absentBefore++;
      return undefined;
    }
    const known = this.#flights.get(key);
    if (known === undefined && this.#flights.size >= this.#settings.requestsMax) {
      this.#counts.busy++;
      return undefined;
    }
    return this.#answer(known ?? this.#start(id, key), id);
  }

  async #answer(flight: Flight, id: Buffer): Promise<StoredEntry | undefined> {
    const late = Promise.withResolvers<'late'>();
    using _limit = this.#clock.timer(this.#settings.waitMs, () => late.resolve('late'));
    const outcome = await Promise.race([flight.done, late.promise]);
    if (outcome === 'filled') return await this.inner.find(id, 0);
    if (outcome === 'late') {
      this.#counts.late++;
      if (!flight.answered) this.#failed(new Error('no answer in time'));
    }
    return undefined;
  }

  #start(id: Buffer, key: string): Flight {
    const breaker = this.#breaker;
    const flight: { done: Promise<Fetched>; answered: boolean } = {
      done: Promise.resolve('failed'),
      answered: false,
    };
    const fetched = this.#pool.with((client, signal) =>
      this.#fetch(client, { id, flight }, signal),
    );
    flight.done = fetched
      .catch((error: unknown): Fetched => {
        if (breaker === this.#breaker) this.#failed(error);
        return 'failed';
      })
      .then((outcome) => {
        this.#flights.delete(key);
        this.#counts[outcome]++;
        if (outcome !== 'failed') breaker.succeeded();
        if (outcome === 'absent') {
          this.#absent.add(key, this.#clock.monotonicMs() + this.#settings.absentMs);
        }
        return outcome;
      });
    this.#flights.set(key, flight);
    return flight;
  }

  /** All files of a key into one transaction, kept when all answers came whole. */
  async #fetch(
    client: CacheClient,
    { id, flight }: { readonly id: Buffer; readonly flight: Flight },
    signal: AbortSignal,
  ): Promise<Fetched> {
    const upload = new FillUpload(this.#fill.begin(id, 0));
    using fetching = linkedAbort(signal);
    let bytes = 0;
    const targetOf = ({ type }: { readonly type: 'a' | 'i' | 'r' }): CacheReplyTarget => ({
      start(sizeBytes) {
        flight.answered = true;
        if (sizeBytes > valueBytesMax) fetching.abort(new Error(`a file of ${sizeBytes} bytes`));
        bytes += sizeBytes;
        upload.startFile(type, sizeBytes);
      },
      part: (part) => upload.write(part),
      end: (outcome) => {
        flight.answered = true;
        if (outcome === 'hit') upload.endFile();
      },
    });
    try {
      await client.getAll(
        unityCacheFileTypes.map((type) => ({ id, type })),
        targetOf,
        fetching.signal,
      );
    } catch (error) {
      upload.abandon();
      throw error;
    }
    if (bytes === 0) {
      upload.abandon();
      return 'absent';
    }
    const { outcome } = await upload.commit();
    if (outcome !== 'stored') return 'refused';
    this.#counts.filledBytes += bytes;
    return 'filled';
  }

  #failed(error: unknown): void {
    if (this.#isLoop) return;
    this.#lastFailure = error;
    if (this.#breaker.isClosed) {
      this.#log.warn('cache upstream fails', {
        upstream: addressText(this.#settings.address),
        error,
      });
    }
    this.#breaker.failed(this.#clock.monotonicMs());
  }

  #openPool({ address, connectionsMax, timeoutMs, idleMs }: UpstreamSettings): UpstreamPool {
    return new UpstreamPool({
      address,
      connectionsMax,
      timeoutMs,
      idleMs,
      clock: this.#clock,
      check: (client, signal) => this.#lookForLoop(client, signal),
    });
  }

  /** Throws when what is asked at this connection comes back to us. */
  async #lookForLoop(client: CacheClient, signal: AbortSignal): Promise<void> {
    const word = await client.get({ id: this.#loopKey, type: 'i' }, signal);
    if (word === undefined) return;
    const upstream = addressText(this.#settings.address);
    this.#log.error('cache upstream asks us in turn', { upstream });
    this.#lastFailure = new Error('it asks us in turn');
    this.#isLoop = true;
    throw this.#lastFailure;
  }

  /** Somebody's look for loops goes on upwards. */
  async #handOn(id: Buffer): Promise<StoredEntry | undefined> {
    if (this.#handedOn >= handedOnMax) return undefined;
    const { address, waitMs } = this.#settings;
    const asking = linkedAbort(this.#closing.signal);
    using _limit = this.#clock.timer(waitMs, () => asking[Symbol.dispose]());
    this.#handedOn++;
    try {
      // A connection of its own: others may wait for the very answer that is looked for.
      const options = { host: address.host, port: address.port, clock: this.#clock };
      using client = await CacheClient.connect(options, asking.signal);
      const word = await client.get({ id, type: 'i' }, asking.signal);
      return word === undefined ? undefined : wordEntry(loopWord);
    } catch {
      return undefined; // whoever looks finds nothing
    } finally {
      this.#handedOn--;
      asking[Symbol.dispose]();
    }
  }
}

function isProbe(id: Buffer): boolean {
  return loopMagic.compare(id, 0, loopMagic.length) === 0;
}

function isZero(bytes: Uint8Array): boolean {
  return bytes.every((byte) => byte === 0);
}
