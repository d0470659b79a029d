// A disk in memory for tests: it runs full, fails and loses its process where a test says so.

import { PlatformError } from '@tweendeck/std';
import type { CacheDisk, CacheFile } from './cache-disk.ts';

/** What a call is about to do to a file. */
export interface DiskCall {
  readonly operation: 'create' | 'open' | 'remove' | 'read' | 'write' | 'truncate' | 'sync';
  readonly name: string;
  /** Bytes of a write. */
  readonly length: number;
}

/** A failing call throws the error; a write first does as many bytes as are named. */
export interface DiskFault {
  readonly error: Error;
  readonly writtenBytes?: number;
}

interface Inode {
  bytes: Buffer;
  sizeBytes: number;
  /** Its content at the last sync; undefined before the first, or when the disk keeps no account of it. */
  synced?: Buffer;
}

export class MemoryDisk implements CacheDisk {
  readonly files: Map<string, Inode> = new Map();
  /** Asked before each call. */
  fault: (call: DiskCall) => DiskFault | undefined = () => undefined;
  openFiles = 0;
  /** Bytes that fit; beyond, writes fail with ENOSPC half-way. */
  capacityBytes: number = Number.POSITIVE_INFINITY;
  /** Whether `afterPowerLoss` is going to be asked: syncs are accounted for. */
  losesUnsynced = false;
  #locked = false;

  /**
   * What is left when the machine loses its power: each file as it was when it was last synced, and none that never was.
   * Files that were removed are gone.
   */
  afterPowerLoss(): MemoryDisk {
    const disk = new MemoryDisk();
    disk.losesUnsynced = true;
    for (const [name, { synced }] of this.files) {
      if (synced === undefined) continue;
      const bytes = Buffer.from(synced);
      disk.files.set(name, { bytes, sizeBytes: bytes.length, synced });
    }
    return disk;
  }

  /** What a new process finds after this one died: the files as they are, unlocked. */
  afterCrash(): MemoryDisk {
    const disk = new MemoryDisk();
    for (const [name, { bytes, sizeBytes }] of this.files) {
      disk.files.set(name, { bytes: Buffer.from(bytes), sizeBytes });
    }
    return disk;
  }

  get usedBytes(): number {
    let used = 0;
    for (const { sizeBytes } of this.files.values()) used += sizeBytes;
    return used;
  }

  list(): string[] {
    return [...this.files.keys()];
  }

  create(name: string): CacheFile {
    this.#call({ operation: 'create', name, length: 0 });
    if (this.files.has(name)) throw systemError('EEXIST');
    const inode = { bytes: Buffer.alloc(0), sizeBytes: 0 };
    this.files.set(name, inode);
    return this.#file(name, inode);
  }

  open(name: string): CacheFile {
    this.#call({ operation: 'open', name, length: 0 });
    const inode = this.files.get(name);
    if (inode === undefined) throw systemError('ENOENT');
    return this.#file(name, inode);
  }

  remove(name: string): void {
    this.#call({ operation: 'remove', name, length: 0 });
    this.files.delete(name);
  }

  async freeBytes(): Promise<number> {
    return Math.max(0, this.capacityBytes - this.usedBytes);
  }

  lock(): Disposable {
    if (this.#locked) throw new PlatformError('CACHE_IN_USE', 'the memory disk is taken');
    this.#locked = true;
    return {
      [Symbol.dispose]: () => {
        this.#locked = false;
      },
    };
  }

  #call(call: DiskCall): void {
    const fault = this.fault(call);
    if (fault) throw fault.error;
  }

  #file(name: string, inode: Inode): CacheFile {
    this.openFiles++;
    const readNow = (target: Buffer, at: number, length: number, position: number): number => {
      this.#call({ operation: 'read', name, length });
      const end = Math.min(inode.sizeBytes, position + length);
      return position < end ? inode.bytes.copy(target, at, position, end) : 0;
    };
    const writeNow = (source: Buffer, length: number, position: number): void => {
      const fault = this.fault({ operation: 'write', name, length });
      const room = this.capacityBytes - this.usedBytes;
      const growth = Math.max(0, position + length - inode.sizeBytes);
      if (fault) {
        put(inode, source, Math.min(length, fault.writtenBytes ?? 0), position);
        throw fault.error;
      }
      if (growth > room) {
        put(inode, source, Math.max(0, length - (growth - room)), position);
        throw systemError('ENOSPC');
      }
      put(inode, source, length, position);
    };
    const writePartsNow = (parts: readonly Buffer[], position: number): void => {
      const source = Buffer.concat(parts);
      writeNow(source, source.length, position);
    };
    return {
      readNow,
      writeNow,
      read: async (target, at, length, position) => {
        await Promise.resolve();
        return readNow(target, at, length, position);
      },
      writePartsNow,
      writeParts: async (parts, position) => {
        await Promise.resolve();
        writePartsNow(parts, position);
      },
      truncateNow: (sizeBytes) => {
        this.#call({ operation: 'truncate', name, length: 0 });
        inode.sizeBytes = Math.min(inode.sizeBytes, sizeBytes);
      },
      sync: async () => {
        this.#call({ operation: 'sync', name, length: 0 });
        if (!this.losesUnsynced) return;
        const content = Buffer.from(inode.bytes.subarray(0, inode.sizeBytes));
        await Promise.resolve(); // what is written meanwhile need not be there
        inode.synced = content;
      },
      sizeNow: () => inode.sizeBytes,
      close: () => {
        this.openFiles--;
      },
      closeSoon: () => {
        this.openFiles--;
      },
    };
  }
}

/** What Node throws for a failed system call. */
export function systemError(code: string): Error {
  return Object.assign(new Error(`${code}: injected`), { code });
}

function put(inode: Inode, source: Buffer, length: number, position: number): void {
  const end = position + length;
  if (end > inode.bytes.length) {
    const grown = Buffer.alloc(Math.max(end, inode.bytes.length * 2));
    inode.bytes.copy(grown, 0, 0, inode.sizeBytes);
    inode.bytes = grown;
  } else if (position > inode.sizeBytes) inode.bytes.fill(0, inode.sizeBytes, position);
  source.copy(inode.bytes, position, 0, length);
  inode.sizeBytes = Math.max(inode.sizeBytes, end);
}
