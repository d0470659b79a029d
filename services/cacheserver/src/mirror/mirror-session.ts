// One connection to a mirror: asks what it has, sends what it lacks, and looks whether that arrived.

import { type Clock, isPlatformError, linkedAbort, PlatformError } from '@tweendeck/std';
import { type UnityCacheFileType, unityCacheFileTypes } from '@tweendeck/wire';
import { CacheClient, type CacheFileSource } from '../client/cache-client.ts';
import type { FarCache } from '../client/far-cache.ts';
import type { StoredEntry, ValueStore } from '../dataplane/value-store.ts';
import { announcementKey, type NodeId, nodeIdBytes, whoKey } from './mirror-mark.ts';

/** A key that a mirror should have. */
export interface MirrorItem {
  readonly id: Buffer;
  readonly sizeBytes: number;
  /** The node it came from; it is not sent there. */
  readonly origin: Buffer | undefined;
  /** Whether the mirror is asked before it is sent, whoever the mirror is. */
  readonly ask: boolean;
}

/** What became of items. */
export interface Delivery {
  /** Sent, and found there where that was looked for. */
  sent: number;
  sentBytes: number;
  /** Sent, and not there. */
  refused: number;
  /** Sent, looked for and found. */
  confirmed: number;
  /** Not sent: it was there, or came from there. */
  present: number;
  /** Not sent: not stored here any more. */
  gone: number;
  /** Not sent: cannot be read here. */
  damaged: number;
}

export interface MirrorSessionOptions {
  readonly target: FarCache;
  /** Read with `peek`. */
  readonly store: ValueStore;
  /** Who we are. */
  readonly node: NodeId;
  /** Longest silence while the mirror has to answer or to take bytes. */
  readonly timeoutMs: number;
  readonly clock: Clock;
}

/** Files up to this size are asked for many at once. */
const smallBytesMax = 64 * 1_024;
/** Files up to this size are read back. */
const readBackBytesMax = 8 * 1_024;
/** The body of a larger file is not waited for: its head tells that it is there. */
const awaitedBytesMax = 2 ** 20;

interface Sending {
  readonly item: MirrorItem;
  readonly entry: StoredEntry;
  /** Smallest first. */
  readonly files: readonly { readonly type: UnityCacheFileType; readonly sizeBytes: number }[];
}

export class MirrorSession implements Disposable {
  readonly #options: MirrorSessionOptions;
  #client: CacheClient;
  /** The node id of a mirror that knows marks. */
  readonly peer: NodeId | undefined;

  private constructor(
    options: MirrorSessionOptions,
    client: CacheClient,
    peer: NodeId | undefined,
  ) {
    this.#options = options;
    this.#client = client;
    this.peer = peer;
  }

  /** Throws what `CacheClient` throws. */
  static async open(options: MirrorSessionOptions, signal: AbortSignal): Promise<MirrorSession> {
    const client = await connect(options, signal);
    try {
      const word = await client.get({ id: whoKey, type: 'i' }, signal);
      const peer = word?.length === nodeIdBytes ? word : undefined;
      // Others would log an error for a hash of zeros.
      if (peer !== undefined) await client.put(announcementKey(options.node), [], signal);
      return new MirrorSession(options, client, peer);
    } catch (error) {
      client[Symbol.dispose]();
      throw error;
    }
  }

  /** Resolves when the mirror has processed everything. Throws what `CacheClient` throws: nothing is known then. */
  async deliver(items: readonly MirrorItem[], signal: AbortSignal): Promise<Delivery> {
    const delivery = {
      sent: 0,
      sentBytes: 0,
      refused: 0,
      confirmed: 0,
      present: 0,
      gone: 0,
      damaged: 0,
    };
    const found = await this.#find(items, delivery);
    try {
      const wanted = await this.#lacking(found, delivery, signal);
      const sent = await this.#send(wanted, delivery, signal);
      await this.#confirm(sent, delivery, signal);
      return delivery;
    } finally {
      for (const { entry } of found) entry.release();
    }
  }

  [Symbol.dispose](): void {
    this.#client.quit();
  }

  /** What is stored here now of each key, once, and is not the mirror's own. */
  async #find(items: readonly MirrorItem[], delivery: Delivery): Promise<Sending[]> {
    const { store } = this.#options;
    const last = new Map(items.map((item) => [item.id.toString('latin1'), item]));
    const found: Sending[] = [];
    for (const item of last.values()) {
      if (this.peer !== undefined && item.origin?.equals(this.peer)) {
        delivery.present++;
        continue;
      }
      const entry = await store.peek(item.id, 0);
      const files = entry === undefined ? [] : filesOf(entry);
      if (entry !== undefined && files.length > 0) found.push({ item, entry, files });
      else {
        entry?.release();
        delivery.gone++;
      }
    }
    return found;
  }

  /** Those of which the mirror lacks a file, as far as it has to be asked. */
  async #lacking(
    found: readonly Sending[],
    delivery: Delivery,
    signal: AbortSignal,
  ): Promise<Sending[]> {
    const asked = found.filter(({ item }) => this.peer === undefined || item.ask || item.origin);
    const lacking = await this.#missingOf(
      asked.flatMap((sending) => smallFiles(sending).map(({ type }) => ({ sending, type }))),
      signal,
    );
    for (const sending of asked) {
      for (const { type, sizeBytes } of sending.files) {
        if (lacking.has(sending)) break;
        if (sizeBytes <= smallBytesMax) continue;
        if (!(await this.#has(sending.item.id, type, signal))) lacking.add(sending);
      }
      if (!lacking.has(sending)) delivery.present++;
    }
    return found.filter((sending) => !asked.includes(sending) || lacking.has(sending));
  }

  /** Sends all; one that cannot be read is left out, and the others are sent anew. */
  async #send(
    wanted: readonly Sending[],
    delivery: Delivery,
    signal: AbortSignal,
  ): Promise<Sending[]> {
    const rest = [...wanted];
    for (let at = 0; at < rest.length; ) {
      const sending = rest[at];
      if (sending === undefined) break;
      try {
        await this.#client.put(sending.item.id, sourcesOf(sending), signal);
        at++;
      } catch (error) {
        if (!isPlatformError(error) || error.code !== 'CACHE_VALUE_DAMAGED') throw error;
        delivery.damaged++;
        rest.splice(at, 1);
        await this.#reconnect(signal);
        at = 0;
      }
    }
    return rest;
  }

  /**
   * Looks for what was sent; large files are not read back, unless there is nothing else to look for. Any answer tells
   * that everything before it was processed.
   */
  async #confirm(sent: readonly Sending[], delivery: Delivery, signal: AbortSignal): Promise<void> {
    const looked = sent.flatMap((sending) =>
      sending.files
        .slice(0, 1)
        .filter(({ sizeBytes }) => sizeBytes <= readBackBytesMax)
        .map(({ type }) => ({ sending, type })),
    );
    const missing = await this.#missingOf(looked, signal);
    const [first] = sent;
    const [file] = first?.files ?? [];
    if (looked.length === 0 && first !== undefined && file !== undefined) {
      if (await this.#has(first.item.id, file.type, signal)) delivery.confirmed++;
      else missing.add(first);
    }
    delivery.refused += missing.size;
    delivery.confirmed += looked.filter(({ sending }) => !missing.has(sending)).length;
    for (const sending of sent) {
      if (missing.has(sending)) continue;
      delivery.sent++;
      delivery.sentBytes += bytesOf(sending);
    }
  }

  /** Asks for many small files at once; those of which one is not there. */
  async #missingOf(
    asked: readonly { readonly sending: Sending; readonly type: UnityCacheFileType }[],
    signal: AbortSignal,
  ): Promise<Set<Sending>> {
    const missing = new Set<Sending>();
    const requests = asked.map(({ sending, type }) => ({ id: sending.item.id, type, sending }));
    await this.#client.getAll(
      requests,
      ({ sending }) => ({
        start: () => undefined,
        part: () => undefined,
        end: (outcome) => {
          if (outcome === 'miss') missing.add(sending);
        },
      }),
      signal,
    );
    return missing;
  }

  /** Whether a file is there; a large one is not waited for: the connection is made anew. */
  async #has(id: Buffer, type: UnityCacheFileType, signal: AbortSignal): Promise<boolean> {
    let has = false;
    let cut = false;
    using asking = linkedAbort(signal);
    const target = {
      start: (sizeBytes: number): void => {
        has = true;
        if (sizeBytes <= awaitedBytesMax) return;
        cut = true;
        asking.abort();
      },
      part: () => undefined,
      end: () => undefined,
    };
    try {
      await this.#client.getAll([{ id, type }], () => target, asking.signal);
    } catch (error) {
      if (!cut) throw error;
      await this.#reconnect(signal);
    }
    return has;
  }

  async #reconnect(signal: AbortSignal): Promise<void> {
    this.#client[Symbol.dispose]();
    this.#client = await connect(this.#options, signal);
    const { node } = this.#options;
    if (this.peer !== undefined) await this.#client.put(announcementKey(node), [], signal);
  }
}

function connect(
  { target, timeoutMs, clock }: MirrorSessionOptions,
  signal: AbortSignal,
): Promise<CacheClient> {
  return CacheClient.connect({ ...target, timeoutMs, clock }, signal);
}

function filesOf(entry: StoredEntry): Sending['files'] {
  return unityCacheFileTypes
    .map((type) => ({ type, sizeBytes: entry.sizeOf(type) }))
    .filter(({ sizeBytes }) => sizeBytes > 0)
    .sort((left, right) => left.sizeBytes - right.sizeBytes);
}

function smallFiles({ files }: Sending): Sending['files'] {
  return files.filter(({ sizeBytes }) => sizeBytes <= smallBytesMax);
}

function bytesOf({ files }: Sending): number {
  return files.reduce((sum, { sizeBytes }) => sum + sizeBytes, 0);
}

function sourcesOf({ entry, files }: Sending): CacheFileSource[] {
  return files.map(({ type, sizeBytes }) => {
    const isSmall = sizeBytes <= smallBytesMax;
    const parts = isSmall ? copyOf(entry, type, sizeBytes) : partsOf(entry, type);
    return { type, sizeBytes, parts };
  });
}

/** A small file at once: as quick as a connection answers it. */
function* copyOf(
  entry: StoredEntry,
  type: UnityCacheFileType,
  sizeBytes: number,
): Generator<Buffer> {
  const bytes = Buffer.allocUnsafe(sizeBytes);
  if (!entry.copy(type, bytes, 0)) {
    throw new PlatformError('CACHE_VALUE_DAMAGED', `file ${type} of ${sizeBytes} bytes`);
  }
  yield bytes;
}

async function* partsOf(entry: StoredEntry, type: UnityCacheFileType): AsyncGenerator<Buffer> {
  const body = entry.open(type);
  try {
    for (let part = await body.next(); part !== undefined; part = await body.next()) yield part;
  } finally {
    body.close();
  }
}
