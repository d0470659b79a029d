// Opens the store that a document names, with the files that it names.

import { readFileSync } from 'node:fs';
import type { ConnectionOptions } from 'node:tls';
import type { Clock, Logger, Random } from '@tweendeck/std';
import { tlsOptions } from '../client/far-cache.ts';
import type { RedisStoreConfig } from '../config/store-config.ts';
import { RedisValueStore } from './redis-store.ts';

/** Ready to serve, also while the server is away. */
export function openRedisStore(
  { connection, passwordFile, tls, keeping }: RedisStoreConfig,
  ambience: { readonly clock: Clock; readonly random: Random; readonly log: Logger },
): Promise<RedisValueStore> {
  const password = (): string | undefined =>
    passwordFile === undefined ? undefined : readFileSync(passwordFile, 'utf8').trimEnd();
  const options =
    tls === undefined
      ? undefined
      : (): ConnectionOptions => tlsOptions(tls, connection.address.host);
  return RedisValueStore.open({
    connection: { ...connection, password, tls: options },
    keeping,
    ...ambience,
  });
}
