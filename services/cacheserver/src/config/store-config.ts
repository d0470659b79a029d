// What the document says of a store that is not on the own disk: a Redis-protocol server that several planes share.

import { resolve } from 'node:path';
import type { FarTls } from '../client/far-cache.ts';
import type { ListenAddress } from '../dataplane/listen.ts';
import {
  defaultRedisConnection,
  defaultRedisKeeping,
  type RedisConnectionSettings,
  type RedisKeepingSettings,
} from '../redis/redis-settings.ts';
import type { ConfigFields } from './config-reader.ts';
import { readFarTls } from './far-config.ts';
import { readAddress } from './listener-config.ts';

/** Files are read again at each connect. */
export interface RedisStoreConfig {
  readonly connection: Omit<RedisConnectionSettings, 'password' | 'tls'>;
  readonly passwordFile: string | undefined;
  readonly tls: FarTls | undefined;
  readonly keeping: RedisKeepingSettings;
}

/** What other sections of a namespace say of a store on the own disk. */
const ownDiskFields = ['storage', 'memory', 'durability', 'keys', 'cleaner', 'scrub'] as const;

/** Where the values of a namespace are, when `store` says so. */
export function readStore(
  namespace: ConfigFields,
  directory: string,
): RedisStoreConfig | undefined {
  const redis = namespace.section('store', (store) => {
    const section = store.section('redis', (fields) => readRedis(fields, directory));
    if (section === undefined) {
      store.node.fail(
        'names no store',
        'Write "redis", or leave "store" out to keep values on the own disk.',
      );
    }
    return section;
  });
  if (redis === undefined) return undefined;
  for (const field of ownDiskFields) {
    namespace
      .get(field)
      ?.fail(
        'belongs to a store on the own disk',
        'Say it to the Redis server: maxmemory, or "ttl" of store.redis.',
      );
  }
  return redis;
}

function readRedis(fields: ConfigFields, directory: string): RedisStoreConfig {
  const address: ListenAddress = readAddress(
    fields.get('address') ?? fields.node.child('address', undefined),
    6_379,
  );
  const user = fields.text('user');
  const passwordFile = fields.text('passwordFile');
  if (user !== undefined && passwordFile === undefined) {
    fields.node
      .child('passwordFile', undefined)
      .fail('is missing', 'Name the file with the password of the user.');
  }
  const inDirectory = (file: string | undefined): string | undefined =>
    file === undefined ? undefined : resolve(directory, file);
  const { connectTimeoutMs, timeoutMs, retryBaseMs, retryMaxMs, ...connection } =
    defaultRedisConnection;
  return {
    connection: {
      commandsMax: connection.commandsMax,
      queuedBytesMax: connection.queuedBytesMax,
      address,
      user,
      database: fields.integer('database', { min: 0, max: 65_535 }) ?? connection.database,
      connectTimeoutMs: fields.duration('connectTimeout', { min: 10 }) ?? connectTimeoutMs,
      timeoutMs: fields.duration('timeout', { min: 10 }) ?? timeoutMs,
      retryBaseMs: fields.duration('retry', { min: 10 }) ?? retryBaseMs,
      retryMaxMs: fields.duration('retryMax', { min: 10 }) ?? retryMaxMs,
    },
    passwordFile: inDirectory(passwordFile),
    tls: fields.section('tls', (section) => readFarTls(section, directory)),
    keeping: readKeeping(fields),
  };
}

function readKeeping(fields: ConfigFields): RedisKeepingSettings {
  const defaults = defaultRedisKeeping;
  return {
    prefix: fields.needed(
      'prefix',
      'Say how its keys begin: planes with the same prefix share their values.',
      {
        pattern: /^[\x21-\x7e]{1,128}$/,
        what: 'prefix of keys',
        hint: 'Use 1 to 128 printable ASCII characters without blanks, such as cache:main:',
      },
    ),
    ttlMs: fields.duration('ttl', { min: 1_000, max: 100 * 365 * 86_400_000 }) ?? defaults.ttlMs,
    renewOnHit: fields.flag('renewOnHit') ?? defaults.renewOnHit,
    graceMs: fields.duration('grace', { min: 1_000 }) ?? defaults.graceMs,
    uploadMs: defaults.uploadMs,
    censusMs: fields.duration('census', { min: 0 }) ?? defaults.censusMs,
    valueBytesMax: defaults.valueBytesMax,
  };
}
