// Fills a cache from an export, and believes only what it could read back.

import { resolve } from 'node:path';
import { crc32 } from 'node:zlib';
import { type Clock, PlatformError } from '@tweendeck/std';
import { parseUnityCacheId, type UnityCacheFileType } from '@tweendeck/wire';
import { CacheClient, type CacheReplyTarget, type CacheRequest } from '../client/cache-client.ts';
import { type ExportedTransaction, type ExportFile, readExportFile } from './export-file.ts';
import { type FileFault, SourceFile } from './source-file.ts';

export interface ImportOptions {
  /** The export: a path, or what `makeExport` returned. */
  readonly file: string | ExportFile;
  readonly host: string;
  readonly port: number;
  /** Take files whatever their modification time; default false. */
  readonly ignoreTimestamps?: boolean;
  /** Transactions to leave out from the start of the file; default 0. */
  readonly skip?: number;
  /** `presence` (default) reads the smallest file of each transaction back, `content` all of them; both compare size and checksum. */
  readonly verify?: 'presence' | 'content';
  /** `false` sends nothing and only compares what the cache holds with the files; default true. */
  readonly send?: boolean;
  /** Called after each batch. */
  readonly onProgress?: (progress: ImportProgress) => void;
  readonly timeoutMs?: number;
  readonly clock: Clock;
}

export interface ImportProgress {
  readonly transactions: number;
  readonly doneTransactions: number;
  readonly storedTransactions: number;
  readonly sentFiles: number;
  readonly sentBytes: number;
  readonly lostTransactions: number;
}

/** A transaction that is not in the cache, and why. */
export interface ImportLoss {
  readonly assetPath: string;
  readonly guid: string;
  readonly hash: string;
  /** The file that stood in the way, when it was one. */
  readonly path?: string;
  readonly reason: FileFault | 'no-files' | 'not-stored' | 'differs' | 'connection';
}

/** Complete when `losses` is empty. */
export interface ImportResult extends ImportProgress {
  readonly losses: readonly ImportLoss[];
}

interface Sent {
  readonly transaction: ExportedTransaction;
  readonly id: Buffer;
  readonly files: readonly SentFile[];
}

interface SentFile {
  readonly type: UnityCacheFileType;
  readonly sizeBytes: number;
  readonly crc: number;
  readonly path: string;
}

interface Check extends CacheRequest {
  readonly sent: Sent;
  readonly file: SentFile;
}

const batchTransactions = 64;

/**
 * Sends every transaction of an export and reads it back. A transaction goes as a whole or not at all; what failed is
 * in `losses`. A broken connection is made anew once for each batch; when that fails, the rest is lost as `connection`.
 * Throws CACHE_IMPORT_UNREADABLE, CACHE_IMPORT_MALFORMED, and what the first connecting throws.
 */
export async function importTransactions(
  options: ImportOptions,
  signal: AbortSignal,
): Promise<ImportResult> {
  const { file } = options;
  const exported = typeof file === 'string' ? await readExportFile(file, signal) : file;
  using importer = new Importer(exported, options);
  return await importer.run(signal);
}

class Importer implements Disposable {
  readonly #options: ImportOptions;
  readonly #root: string;
  readonly #transactions: readonly ExportedTransaction[];
  readonly #losses: ImportLoss[] = [];
  #client: CacheClient | undefined;
  #done = 0;
  #stored = 0;
  #sentFiles = 0;
  #sentBytes = 0;

  constructor(exported: ExportFile, options: ImportOptions) {
    this.#options = options;
    this.#root = exported.projectRoot;
    this.#transactions = exported.transactions.slice(options.skip ?? 0);
  }

  async run(signal: AbortSignal): Promise<ImportResult> {
    this.#client = await CacheClient.connect(this.#options, signal);
    while (this.#done < this.#transactions.length) {
      const batch = this.#transactions.slice(this.#done, this.#done + batchTransactions);
      const losses = await this.#batchTwice(batch, signal);
      this.#losses.push(...losses);
      this.#done += batch.length;
      this.#stored += batch.length - losses.length;
      this.#options.onProgress?.(this.#progress());
    }
    this.#client?.quit();
    return { ...this.#progress(), losses: this.#losses };
  }

  [Symbol.dispose](): void {
    this.#client?.[Symbol.dispose]();
  }

  #progress(): ImportProgress {
    return {
      transactions: this.#transactions.length,
      doneTransactions: this.#done,
      storedTransactions: this.#stored,
      sentFiles: this.#sentFiles,
      sentBytes: this.#sentBytes,
      lostTransactions: this.#losses.length,
    };
  }

  /** A batch, and once more over a new connection when the first broke. */
  async #batchTwice(
    batch: readonly ExportedTransaction[],
    signal: AbortSignal,
  ): Promise<ImportLoss[]> {
    for (let attempt = 0; attempt < 2; attempt++) {
      try {
        this.#client ??= await CacheClient.connect(this.#options, signal);
        return await this.#batch(this.#client, batch, signal);
      } catch (error) {
        signal.throwIfAborted();
        if (!(error instanceof PlatformError)) throw error;
        this.#client?.[Symbol.dispose]();
        this.#client = undefined;
      }
    }
    return batch.map((transaction) => lossOf(transaction, 'connection'));
  }

  async #batch(
    client: CacheClient,
    batch: readonly ExportedTransaction[],
    signal: AbortSignal,
  ): Promise<ImportLoss[]> {
    const losses: ImportLoss[] = [];
    const sent: Sent[] = [];
    for (const transaction of batch) {
      signal.throwIfAborted();
      const result = await this.#send(client, transaction, signal);
      if ('reason' in result) losses.push(result);
      else sent.push(result);
    }
    await client.fence(signal);
    losses.push(...(await this.#verify(client, sent, signal)));
    return losses;
  }

  async #send(
    client: CacheClient,
    transaction: ExportedTransaction,
    signal: AbortSignal,
  ): Promise<Sent | ImportLoss> {
    await using stack = new AsyncDisposableStack();
    const files: SourceFile[] = [];
    for (const { type, path: relative, ts } of transaction.files) {
      const path = resolve(this.#root, relative);
      const modifiedSeconds = this.#options.ignoreTimestamps === true ? undefined : ts;
      const file = await SourceFile.open({ type, path, modifiedSeconds });
      if (typeof file === 'string') return lossOf(transaction, file, path);
      files.push(stack.use(file));
    }
    if (files.length === 0) return lossOf(transaction, 'no-files');
    const id = parseUnityCacheId(transaction.guid, transaction.hash);
    if (id === undefined) return lossOf(transaction, 'not-stored');
    let changed: SourceFile | undefined;
    const check = async (): Promise<boolean> => {
      for (const file of files) if (!(await file.unchanged())) changed = file;
      return changed === undefined;
    };
    const whole =
      this.#options.send === false
        ? await readThrough(files, check, signal)
        : await client.put(id, files, signal, check);
    if (!whole) return lossOf(transaction, 'changed-while-reading', (changed ?? files[0])?.path);
    this.#sentFiles += files.length;
    for (const { sizeBytes } of files) this.#sentBytes += sizeBytes;
    return {
      transaction,
      id,
      files: files.map(({ type, sizeBytes, crc, path }) => ({ type, sizeBytes, crc, path })),
    };
  }

  /** Reads back; of the same file sent twice in a batch, the last is expected. */
  async #verify(
    client: CacheClient,
    batch: readonly Sent[],
    signal: AbortSignal,
  ): Promise<ImportLoss[]> {
    const latest = new Map<string, Sent>();
    for (const sent of batch) {
      for (const { type } of sent.files) latest.set(`${type}${sent.id.toString('hex')}`, sent);
    }
    const lost = new Map<Sent, ImportLoss>();
    const checks: Check[] = [];
    for (const sent of batch) {
      const own = sent.files.filter(
        ({ type }) => latest.get(`${type}${sent.id.toString('hex')}`) === sent,
      );
      own.sort((left, right) => left.sizeBytes - right.sizeBytes);
      const chosen = this.#options.verify === 'content' ? own : own.slice(0, 1);
      for (const file of chosen) checks.push({ id: sent.id, type: file.type, sent, file });
    }
    const targetOf = ({ sent, file }: Check): CacheReplyTarget =>
      comparing(file, (reason) => {
        if (!lost.has(sent)) lost.set(sent, lossOf(sent.transaction, reason, file.path));
      });
    await client.getAll(checks, targetOf, signal);
    return [...lost.values()];
  }
}

/** Reads the files for their checksums alone. */
async function readThrough(
  files: readonly SourceFile[],
  check: () => Promise<boolean>,
  signal: AbortSignal,
): Promise<boolean> {
  for (const file of files) for await (const _part of file.parts) signal.throwIfAborted();
  return check();
}

/** Compares an answer with what was sent. */
function comparing(
  expected: SentFile,
  lose: (reason: 'not-stored' | 'differs') => void,
): CacheReplyTarget {
  let size = 0;
  let crc = 0;
  return {
    start: (sizeBytes) => {
      size = sizeBytes;
    },
    part: (bytes) => {
      crc = crc32(bytes, crc);
    },
    end: (outcome) => {
      if (outcome === 'miss') lose('not-stored');
      else if (size !== expected.sizeBytes || crc !== expected.crc) lose('differs');
    },
  };
}

function lossOf(
  { assetPath, guid, hash }: ExportedTransaction,
  reason: ImportLoss['reason'],
  path?: string,
): ImportLoss {
  return { assetPath, guid, hash, reason, ...(path === undefined ? {} : { path }) };
}
