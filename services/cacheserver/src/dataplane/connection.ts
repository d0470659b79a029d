// One client: its requests in, its replies out in the same order, and what it may cost.

import type { Socket } from 'node:net';
import { assert, type Clock, isPlatformError, type Logger } from '@tweendeck/std';
import {
  type UnityCacheFault,
  type UnityCacheFileType,
  UnityCacheRequestParser,
  type UnityCacheRequestSink,
  unityCacheHitBytes,
  unityCacheMissBytes,
  unityCacheVersionAccepted,
  unityCacheVersionRefused,
  writeUnityCacheHit,
  writeUnityCacheMiss,
} from '@tweendeck/wire';
import { type ClientIdentity, type ListenerPolicy, mayPut } from './access/policy.ts';
import { refusedPut } from './access/refused-put.ts';
import type { ClosingReason, Counters } from './counters.ts';
import type { Latencies } from './latencies.ts';
import type { CacheLimits } from './limits.ts';
import type { Recording } from './recorder.ts';
import type { ReplyBatch } from './reply-batch.ts';
import type { PutOutcome, PutTransaction, StoredEntry, ValueStore } from './value-store.ts';

/** What a connection shares with its listener. */
export interface ConnectionHost {
  readonly store: ValueStore;
  /** Replaced whole when it changes. */
  readonly policy: ListenerPolicy;
  readonly limits: CacheLimits;
  readonly counters: Counters;
  readonly clock: Pick<Clock, 'monotonicMs'>;
  readonly log: Logger;
  readonly latencies: Latencies;
  readonly batch: ReplyBatch;
  /** What this client sends is kept there; undefined: nowhere. */
  record(client: string): Recording | undefined;
  /** Told now and then, and at the end, what a client did since. */
  used(client: string, use: { readonly bytes: number; readonly requests: number }): void;
  ended(connection: Connection, summary: ConnectionSummary): void;
}

/** A connection that ended, as logs tell it. */
export interface ConnectionSummary {
  /** Its address, behind a trusted proxy the one the proxy tells; empty when it was gone at once. */
  readonly client: string;
  /** The name of the token it showed. */
  readonly token: string | undefined;
  readonly reason: ClosingReason;
  readonly seconds: number;
  readonly receivedBytes: number;
  readonly sentBytes: number;
  readonly gets: number;
  readonly hits: number;
  /** Transactions it began. */
  readonly puts: number;
}

/** A reply that cannot leave yet: bytes, or a body that is read when its turn comes. */
type Queued = { readonly bytes: Buffer } | QueuedBody;

interface QueuedBody {
  /** What goes in front of it, in the same write. */
  readonly head: Buffer;
  readonly entry: StoredEntry;
  readonly type: UnityCacheFileType;
  /** When it was asked for. */
  readonly sinceMs: number;
}

/** Files up to this size are copied into the batch; larger ones are sent in parts. */
const copiedBytesMax = 64 * 1_024;
/** What comes in faster is looked at in turns: without a rest, Node reads 2 MiB of one socket before it looks at others. */
const turnBytesMax = 128 * 1_024;
/** Small answers that wait for the body behind them, to leave in one write with it. */
const headBytesMax = 4_096;
const nothing = Buffer.alloc(0);
/** Files of one key asked for within this time come from one version. */
const sameVersionMs = 1_000;
const idBytes = 32;
const types = ['a', 'i', 'r'] as const;

export class Connection implements UnityCacheRequestSink {
  readonly openedMs: number;
  readonly #socket: Socket;
  readonly #host: ConnectionHost;
  readonly #parser: UnityCacheRequestParser;
  /** Received, but behind a command that has to wait. */
  #rest: Buffer | undefined;
  /** The store is busy with a command of ours: later ones wait. */
  #waiting = false;
  #yielding = false;
  /** Received since others had their turn. */
  #sinceYieldBytes = 0;
  /** Inside `#advance`: what it calls may end at once and come back. */
  #advancing = false;
  #queue: Queued[] = [];
  #queuedBytes = 0;
  #sending = false;
  #upload: PutTransaction | undefined;
  /** The store may have commits of ours that wait to be written. */
  #committedSome = false;
  /** The version of a key that was last read, with the types asked of it. */
  #recent: { readonly entry: StoredEntry; asked: string; readonly untilMs: number } | undefined;
  readonly #recentId = Buffer.alloc(idBytes);
  /** The client has said all it will say. */
  #finished = false;
  #ending = false;
  #closed = false;
  #draining = false;
  /** Since when nothing is under way, as far as a draining server looked. */
  #quietMs: number | undefined;
  // Progress, looked at by tick().
  #received = 0;
  #windowMs: number;
  #windowReceived = 0;
  #lastReceivedMs: number;
  #lastSentMs: number;
  #sentBytes = 0;
  // Who it is, what it may, and what it did.
  readonly #client: ClientIdentity;
  readonly #secured: boolean;
  readonly #clientText: string;
  readonly #recording: Recording | undefined;
  #policy: ListenerPolicy | undefined;
  #mayPut = false;
  #gets = 0;
  #hits = 0;
  #puts = 0;
  #toldBytes = 0;
  #toldRequests = 0;

  constructor(socket: Socket, host: ConnectionHost, client: ClientIdentity) {
    this.#socket = socket;
    this.#host = host;
    this.#client = client;
    this.#secured = 'encrypted' in socket;
    this.#clientText = client.address?.text ?? '';
    this.#recording = host.record(this.#clientText);
    this.#parser = new UnityCacheRequestParser(this, host.limits);
    this.openedMs = host.clock.monotonicMs();
    this.#windowMs = this.openedMs;
    this.#lastReceivedMs = this.openedMs;
    this.#lastSentMs = this.openedMs;
    socket.setNoDelay(true);
    socket.on('data', (chunk: Buffer) => this.#receive(chunk));
    socket.on('drain', () => this.#advance());
    socket.on('end', () => this.#clientFinished());
    socket.on('error', () => this.close('client-reset'));
    socket.on('close', () => this.close('client-reset'));
  }

  /** Whether nothing of this client is under way. */
  get idle(): boolean {
    return !this.#busy && !this.#parser.midCommand && !this.#parser.inTransaction;
  }

  /** Ends the connection at once: open uploads vanish, queued replies are dropped. The first reason counts. */
  close(reason: ClosingReason): void {
    if (this.#closed) return;
    this.#closed = true;
    this.#host.batch.clear(); // only the connection whose turn it is can have something in it
    this.#host.counters.closed(reason);
    if (this.#upload !== undefined) {
      this.#upload.abandon();
      this.#upload = undefined;
      this.#host.counters.transactionEnded('abandoned');
    }
    this.#forgetRecent();
    for (const queued of this.#queue) if ('entry' in queued) queued.entry.release();
    this.#queue = [];
    this.#rest = undefined;
    this.#recording?.end();
    this.#tellUse();
    const summary = this.#summary(reason);
    if (!this.#socket.destroyed) this.#socket.destroy();
    this.#host.ended(this, summary);
  }

  /** Closes once nothing is under way for a while; to be called again and again until then. */
  drain(): void {
    this.#draining = true;
    this.#closeWhenDone();
  }

  /** Looks at the time limits; called about once a second. */
  tick(nowMs: number): void {
    const { limits } = this.#host;
    this.#tellUse();
    if (this.#recent !== undefined && nowMs > this.#recent.untilMs) this.#forgetRecent();
    if (!this.#parser.greeted) {
      if (nowMs - this.openedMs > limits.handshakeTimeoutMs) this.close('handshake-timeout');
      return;
    }
    const sentBytes = this.#socket.bytesWritten - this.#socket.writableLength;
    const waiting = this.#sending || this.#queue.length > 0 || this.#socket.writableLength > 0;
    if (!waiting || sentBytes > this.#sentBytes) this.#lastSentMs = nowMs;
    this.#sentBytes = sentBytes;
    if (nowMs - this.#lastSentMs > limits.readerTimeoutMs) {
      this.close('stalled-reader');
      return;
    }
    if (this.#busy || this.#rest !== undefined)
      this.#restartWindow(nowMs); // it is we who make it wait
    else if (this.#parser.midCommand) this.#checkUpload(nowMs);
    else this.#checkTransaction(nowMs);
  }

  // The requests, in order.

  version(): void {
    this.#reply(Buffer.from(unityCacheVersionAccepted, 'latin1'));
    this.#flush(); // before a `q` in the same packet drops it
  }

  get(type: UnityCacheFileType, bytes: Uint8Array, at: number): void {
    this.#gets++;
    const recent = this.#recentEntry(type, bytes, at);
    if (recent !== undefined) {
      this.#answer(recent, type, bytes, at);
      return;
    }
    const found = this.#host.store.find(bytes, at);
    if (!(found instanceof Promise)) {
      this.#remember(found, type, bytes, at);
      this.#answer(found, type, bytes, at);
      return;
    }
    const id = Buffer.from(bytes.subarray(at, at + idBytes));
    this.#wait(
      found.then((entry) => {
        if (this.#closed) return entry?.release();
        this.#remember(entry, type, id, 0);
        this.#answer(entry, type, id, 0);
        this.#flush(); // the batch is anybody's once this turn ends
      }),
    );
  }

  begin(bytes: Uint8Array, at: number): void {
    this.#forgetRecent();
    this.#giveUpTransaction();
    this.#puts++;
    this.#upload = this.#isPutAllowed()
      ? this.#host.store.begin(bytes, at, this.#client)
      : refusedPut;
  }

  putStart(type: UnityCacheFileType, sizeBytes: number): void {
    this.#transaction.startFile(type, sizeBytes);
  }

  putBody(part: Buffer): void {
    const room = this.#transaction.write(part);
    if (room !== undefined) this.#wait(room);
  }

  putEnd(): void {
    this.#transaction.endFile();
  }

  commit(): void {
    const upload = this.#transaction;
    const outcome = upload.commit(this.#host.counters.takenBack);
    this.#committedSome = true;
    if (!(outcome instanceof Promise)) {
      this.#upload = undefined;
      this.#committed(outcome);
      return;
    }
    this.#wait(
      outcome.then((late) => {
        if (this.#upload !== upload) return; // closed meanwhile, and counted so
        this.#upload = undefined;
        this.#committed(late);
      }),
    );
  }

  quit(): void {
    this.close('quit');
  }

  fault(fault: UnityCacheFault): void {
    if (fault === 'version-refused') this.#socket.write(unityCacheVersionRefused, 'latin1');
    this.close(fault);
  }

  // Reading.

  #receive(chunk: Buffer): void {
    this.#host.counters.receivedBytes += chunk.length;
    this.#received += chunk.length;
    this.#recording?.write(chunk);
    this.#lastReceivedMs = this.#host.clock.monotonicMs();
    this.#rest = this.#rest === undefined ? chunk : Buffer.concat([this.#rest, chunk]);
    this.#sinceYieldBytes += chunk.length;
    if (this.#sinceYieldBytes < turnBytesMax || this.#yielding) this.#advance();
    else {
      this.#yield();
      this.#steerReading();
    }
  }

  /** Goes on with what was received as far as the bounds allow. */
  #advance(): void {
    if (this.#closed || this.#yielding || this.#advancing) return;
    this.#advancing = true;
    this.#pump();
    if (this.#rest !== undefined && !this.#waiting && !this.#full) this.#parse(this.#rest);
    this.#advancing = false;
    this.#steerReading();
    this.#closeWhenDone();
  }

  #parse(chunk: Buffer): void {
    this.#parser.resume();
    const used = this.#parser.push(chunk);
    this.#settle();
    if (this.#closed) return;
    this.#flush();
    this.#pump();
    this.#rest = used < chunk.length ? chunk.subarray(used) : undefined;
    if (this.#rest !== undefined && !this.#waiting && !this.#full) this.#yield();
  }

  /** Lets other connections have their turn in between. */
  #yield(): void {
    this.#yielding = true;
    this.#sinceYieldBytes = 0;
    setImmediate(() => {
      this.#yielding = false;
      this.#advance();
    });
  }

  #steerReading(): void {
    if (this.#closed || this.#finished) return;
    const stop = this.#rest !== undefined || this.#waiting || this.#full;
    if (stop && !this.#socket.isPaused()) this.#socket.pause();
    else if (!stop && this.#socket.isPaused()) this.#socket.resume();
  }

  /** Stops the parser until `work` is done. */
  #wait(work: Promise<unknown>): void {
    this.#waiting = true;
    this.#parser.pause();
    const go = (): void => {
      this.#waiting = false;
      if (this.#closed) return;
      this.#flush();
      this.#advance();
    };
    work.then(go, (error: unknown) => {
      this.#host.log.error('cache store failed', { error });
      this.#waiting = false;
      this.close('store-failed');
    });
  }

  #clientFinished(): void {
    this.#finished = true;
    this.#closeWhenDone();
  }

  #closeWhenDone(): void {
    if (this.#closed || this.#ending || this.#busy || this.#rest !== undefined) return;
    const reason = this.#finished ? 'client-closed' : 'drained';
    if (!this.#finished && !(this.#draining && this.#isQuiet())) return;
    this.#ending = true;
    this.#socket.end(() => this.close(reason));
  }

  #isQuiet(): boolean {
    const nowMs = this.#host.clock.monotonicMs();
    this.#quietMs = this.idle ? (this.#quietMs ?? nowMs) : undefined;
    const since = Math.max(this.#quietMs ?? nowMs, this.#lastReceivedMs);
    return nowMs - since >= this.#host.limits.drainQuietMs;
  }

  get #busy(): boolean {
    return this.#waiting || this.#sending || this.#yielding || this.#queue.length > 0;
  }

  /** Whether the kernel has all that was written; TLS keeps what it was given for longer. */
  get #isSent(): boolean {
    return !this.#closed && !this.#secured && this.#socket.writableLength === 0;
  }

  get #full(): boolean {
    const { queuedBytesMax, queuedBodiesMax } = this.#host.limits;
    return (
      this.#socket.writableLength + this.#queuedBytes > queuedBytesMax ||
      this.#queue.length > queuedBodiesMax
    );
  }

  // Answering.

  #answer(
    entry: StoredEntry | undefined,
    type: UnityCacheFileType,
    bytes: Uint8Array,
    at: number,
  ): void {
    const sizeBytes = entry?.sizeOf(type) ?? 0;
    if (entry === undefined || sizeBytes === 0) {
      this.#miss(type, bytes, at);
      return;
    }
    if (sizeBytes > copiedBytesMax) {
      this.#hit(type);
      this.#header(type, sizeBytes, bytes, at);
      const head = this.#takeHead();
      entry.retain();
      this.#queue.push({ head, entry, type, sinceMs: this.#lastReceivedMs });
      this.#queuedBytes += head.length;
      this.#host.counters.sentBytes += sizeBytes;
      if (this.#full) this.#parser.pause();
      return;
    }
    this.#makeRoom(unityCacheHitBytes + sizeBytes);
    const { batch } = this.#host;
    const copied = entry.copy(type, batch.buffer, batch.used + unityCacheHitBytes);
    if (!copied) {
      this.#miss(type, bytes, at);
      return;
    }
    this.#hit(type);
    batch.hits[type]++;
    this.#header(type, sizeBytes, bytes, at);
    batch.used += sizeBytes;
  }

  #hit(type: UnityCacheFileType): void {
    this.#hits++;
    this.#host.counters.hits[type]++;
  }

  #header(type: UnityCacheFileType, sizeBytes: number, id: Uint8Array, idAt: number): void {
    this.#makeRoom(unityCacheHitBytes);
    const { batch } = this.#host;
    writeUnityCacheHit(batch.buffer, batch.used, { type, sizeBytes, id, idAt });
    batch.used += unityCacheHitBytes;
  }

  #miss(type: UnityCacheFileType, id: Uint8Array, idAt: number): void {
    this.#host.counters.misses[type]++;
    this.#makeRoom(unityCacheMissBytes);
    const { batch } = this.#host;
    batch.misses[type]++;
    writeUnityCacheMiss(batch.buffer, batch.used, { type, id, idAt });
    batch.used += unityCacheMissBytes;
  }

  #reply(bytes: Buffer): void {
    this.#makeRoom(bytes.length);
    const { batch } = this.#host;
    bytes.copy(batch.buffer, batch.used);
    batch.used += bytes.length;
  }

  /** Sends the batch when `bytes` do not fit behind it; then the parser rests, so that memory stays bounded. */
  #makeRoom(bytes: number): void {
    if (this.#host.batch.free >= bytes) return;
    this.#flush();
    this.#parser.pause();
  }

  /** Has the store write what was committed: before anything leaves that may tell of it. */
  #settle(): void {
    if (!this.#committedSome) return;
    this.#committedSome = false;
    this.#host.store.flush?.();
  }

  /** Hands over everything in the batch: to the socket, or behind what waits already. */
  #flush(): void {
    const { batch, counters } = this.#host;
    if (batch.used === 0) return;
    this.#settle();
    counters.sentBytes += batch.used;
    const bytes = batch.take();
    if (batch.answers > 0) this.#observe();
    if (this.#closed) return;
    if (this.#queue.length > 0 || this.#sending) {
      this.#queue.push({ bytes: Buffer.from(bytes) });
      this.#queuedBytes += bytes.length;
    } else {
      this.#socket.write(this.#secured ? Buffer.from(bytes) : bytes); // TLS never takes it at once
      if (this.#socket.writableLength > 0 && !this.#secured) batch.replace(); // nor did the kernel
    }
    if (this.#full) this.#parser.pause();
  }

  /** The batch as what goes in front of a body; one that is large leaves at once. */
  #takeHead(): Buffer {
    const { batch, counters } = this.#host;
    if (batch.used > headBytesMax) this.#flush();
    counters.sentBytes += batch.used;
    const head = Buffer.from(batch.take());
    if (batch.answers > 0) this.#observe();
    return head;
  }

  /** Sends what is queued while the socket takes it. */
  #pump(): void {
    while (!this.#sending && !this.#closed && this.#queue.length > 0) {
      if (this.#socket.writableNeedDrain) return;
      const next = this.#queue[0];
      assert(next !== undefined, 'the queue has a head');
      this.#queue.shift();
      if ('bytes' in next) {
        this.#queuedBytes -= next.bytes.length;
        this.#socket.write(next.bytes);
      } else {
        this.#queuedBytes -= next.head.length;
        this.#sending = true;
        void this.#sendBody(next);
      }
    }
  }

  async #sendBody({ head, entry, type, sinceMs }: QueuedBody): Promise<void> {
    const body = entry.open(type);
    let front = head;
    try {
      for (;;) {
        const part = body.next();
        const bytes = part instanceof Promise ? await part : part;
        if (bytes === undefined || this.#closed) break;
        const goesOn = this.#writeBehind(front, bytes);
        front = nothing;
        if (!goesOn) await this.#drained();
        if (this.#isSent) body.recycle?.(bytes);
      }
      if (!this.#closed) this.#host.latencies.hit[type].observe(this.#sinceMs(sinceMs));
    } catch (error) {
      if (!isPlatformError(error)) this.#host.log.error('cache store failed', { error });
      this.close('value-damaged'); // the header is out: cutting is the only way to say it
    } finally {
      body.close();
      entry.release();
      this.#sending = false;
    }
    this.#advance();
  }

  /** Writes a part, and what goes in front of it, at once; false asks to wait until it drained. */
  #writeBehind(front: Buffer, part: Buffer): boolean {
    if (front.length === 0) return this.#socket.write(part);
    this.#socket.cork();
    this.#socket.write(front);
    const goesOn = this.#socket.write(part);
    this.#socket.uncork();
    return goesOn;
  }

  #drained(): Promise<void> {
    return new Promise((resolve) => {
      const done = (): void => {
        this.#socket.off('drain', done);
        this.#socket.off('close', done);
        resolve();
      };
      this.#socket.on('drain', done);
      this.#socket.on('close', done);
    });
  }

  // Transactions and versions.

  get #transaction(): PutTransaction {
    assert(this.#upload !== undefined, 'the parser lets no put through without a transaction');
    return this.#upload;
  }

  #giveUpTransaction(): void {
    if (this.#upload === undefined) return;
    this.#upload.abandon();
    this.#upload = undefined;
    this.#host.counters.transactionEnded('abandoned');
  }

  #committed(outcome: PutOutcome): void {
    this.#forgetRecent();
    this.#host.counters.put(outcome);
    if (outcome.outcome === 'stored') {
      this.#host.latencies.commit.observe(this.#sinceMs(this.#lastReceivedMs));
    }
  }

  /** What the listener lets it do, looked at again when that changed. */
  #isPutAllowed(): boolean {
    const { policy } = this.#host;
    if (policy !== this.#policy) {
      this.#policy = policy;
      this.#mayPut = mayPut(policy, this.#client);
    }
    return this.#mayPut;
  }

  /** The version this client already reads from, unless it asks for the same file again. */
  #recentEntry(type: UnityCacheFileType, bytes: Uint8Array, at: number): StoredEntry | undefined {
    const recent = this.#recent;
    if (recent === undefined) return undefined;
    const same = this.#recentId.compare(bytes, at, at + idBytes) === 0;
    if (!same || recent.asked.includes(type) || this.#lastReceivedMs > recent.untilMs) {
      this.#forgetRecent();
      return undefined;
    }
    recent.asked += type;
    return recent.entry;
  }

  /** Keeps a hit's version for the other files of the key; takes the reference over. */
  #remember(
    entry: StoredEntry | undefined,
    type: UnityCacheFileType,
    bytes: Uint8Array,
    at: number,
  ): void {
    this.#forgetRecent();
    if (entry === undefined) return;
    this.#recentId.set(bytes.subarray(at, at + idBytes));
    this.#recent = { entry, asked: type, untilMs: this.#lastReceivedMs + sameVersionMs };
  }

  #forgetRecent(): void {
    this.#recent?.entry.release();
    this.#recent = undefined;
  }

  // Figures.

  #sinceMs(startMs: number): number {
    return this.#host.clock.monotonicMs() - startMs;
  }

  /** Notes how long the answers of the batch took. */
  #observe(): void {
    const { batch, latencies } = this.#host;
    const tookMs = this.#sinceMs(this.#lastReceivedMs);
    for (const type of types) {
      if (batch.hits[type] > 0) latencies.hit[type].observe(tookMs, batch.hits[type]);
      if (batch.misses[type] > 0) latencies.miss[type].observe(tookMs, batch.misses[type]);
    }
    batch.forgetAnswers();
  }

  #tellUse(): void {
    const bytes = this.#received + this.#socket.bytesWritten;
    const requests = this.#gets + this.#puts;
    if (bytes === this.#toldBytes) return;
    const use = { bytes: bytes - this.#toldBytes, requests: requests - this.#toldRequests };
    this.#toldBytes = bytes;
    this.#toldRequests = requests;
    this.#host.used(this.#clientText, use);
  }

  #summary(reason: ClosingReason): ConnectionSummary {
    return {
      client: this.#clientText,
      token: this.#client.token,
      reason,
      seconds: Math.round(this.#sinceMs(this.openedMs)) / 1_000,
      receivedBytes: this.#received,
      sentBytes: this.#socket.bytesWritten,
      gets: this.#gets,
      hits: this.#hits,
      puts: this.#puts,
    };
  }

  // Time limits.

  #restartWindow(nowMs: number): void {
    this.#windowMs = nowMs;
    this.#windowReceived = this.#received;
    this.#lastReceivedMs = nowMs;
  }

  #checkUpload(nowMs: number): void {
    const { uploadTimeoutMs, uploadBytesMin } = this.#host.limits;
    if (nowMs - this.#windowMs <= uploadTimeoutMs) return;
    if (this.#received - this.#windowReceived < uploadBytesMin) this.close('slow-upload');
    else this.#restartWindow(nowMs);
  }

  #checkTransaction(nowMs: number): void {
    this.#windowMs = nowMs;
    this.#windowReceived = this.#received;
    const silentMs = nowMs - this.#lastReceivedMs;
    if (this.#parser.inTransaction && silentMs > this.#host.limits.transactionTimeoutMs) {
      this.close('idle-transaction');
    }
  }
}
