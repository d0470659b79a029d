// How a Redis-protocol server is reached, and how values are kept there.

import type { ConnectionOptions } from 'node:tls';
import type { ListenAddress } from '../dataplane/listen.ts';

/** How a server is reached. */
export interface RedisConnectionSettings {
  readonly address: ListenAddress;
  /** User of the server's access list; undefined: its default user. */
  readonly user: string | undefined;
  /** Asked for at each connection; undefined: none is shown. */
  readonly password: () => string | undefined;
  readonly database: number;
  /** Asked for at each connection; undefined: the connection is in the clear. */
  readonly tls: (() => ConnectionOptions) | undefined;
  /** From the attempt until the server let us in. */
  readonly connectTimeoutMs: number;
  /** Longest silence while answers are due; then the connection is given up. */
  readonly timeoutMs: number;
  /** Pause after a first failure; it doubles up to `retryMaxMs`, with jitter. Nothing waits for the server meanwhile. */
  readonly retryBaseMs: number;
  readonly retryMaxMs: number;
  /** Commands and bytes that may wait; beyond, they are refused. */
  readonly commandsMax: number;
  readonly queuedBytesMax: number;
}

export const defaultRedisConnection: Omit<RedisConnectionSettings, 'address'> = {
  user: undefined,
  password: () => undefined,
  database: 0,
  tls: undefined,
  connectTimeoutMs: 2_000,
  timeoutMs: 2_000,
  retryBaseMs: 100,
  retryMaxMs: 5_000,
  commandsMax: 16_384,
  queuedBytesMax: 64 * 2 ** 20,
};

/** How values are kept. All data planes of a namespace say the same. */
export interface RedisKeepingSettings {
  /** All keys begin so: who shares it, shares the values. */
  readonly prefix: string;
  /** The server drops a key after so long; undefined: it stays until the server evicts it. */
  readonly ttlMs: number | undefined;
  /** Whether a hit starts that time anew. */
  readonly renewOnHit: boolean;
  /** For so long a version that was replaced can still be read. */
  readonly graceMs: number;
  /** An upload that nobody goes on with vanishes after so long. */
  readonly uploadMs: number;
  /** Between counts of all keys; 0: only at the start. */
  readonly censusMs: number;
  /** Largest file. */
  readonly valueBytesMax: number;
}

export const defaultRedisKeeping: Omit<RedisKeepingSettings, 'prefix'> = {
  ttlMs: undefined,
  renewOnHit: true,
  graceMs: 10 * 60_000,
  uploadMs: 60 * 60_000,
  censusMs: 10 * 60_000,
  valueBytesMax: 2 ** 31 - 1,
};
