// What uploads, entries and scans need of the store they belong to.

import type { Logger } from '@tweendeck/std';
import type { UnityCacheFileType } from '@tweendeck/wire';
import type { PutRefusal } from '../dataplane/value-store.ts';
import type { RedisClient } from './redis-client.ts';
import type { FileHead, RedisNames } from './redis-record.ts';
import type { RedisKeepingSettings } from './redis-settings.ts';

/** A file of a key, by its head. */
export interface KeptFile {
  readonly id: Buffer;
  readonly type: UnityCacheFileType;
  readonly head: FileHead;
}

export interface RedisHost {
  readonly client: RedisClient;
  readonly names: RedisNames;
  readonly keeping: RedisKeepingSettings;
  readonly log: Logger;
  nowMs(): number;
  newVersion(): string;
  /** The file turned out not to be what was stored. */
  damaged(file: KeptFile): void;
  countUpload(bytesChange: number): void;
  countKeys(change: number): void;
  /** Why the server does not take something; counts it. */
  refusal(error: unknown): PutRefusal;
  /** Sends what nobody waits for. */
  later(work: Promise<unknown>): void;
}
