// Every code this package can raise, and what it means to the reader.

export const cacheserverErrors: Readonly<Record<string, string>> = {
  CACHE_IN_USE:
    'Another process serves this cache directory. Stop it, or give this one a directory of its own.',
  CACHE_STORAGE_TOO_SMALL: 'A cache needs at least 1 MiB of storage. Raise the storage bound.',
  CACHE_DIRECTORY_UNUSABLE:
    'The cache directory could not be made or read. The cause names the system call; check path and permissions.',
  CACHE_CLEANER_RULES:
    'A rule of the cleaner is not a whole number in its range. The message names it; the rules of before stay.',
  CACHE_VALUE_DAMAGED:
    'A stored value failed its checksum or could not be read. It is given up and counts as missing.',
  CACHE_LISTEN_FAILED:
    'A listening address could not be bound. The cause names why; another program may hold the port.',
  CACHE_TLS_UNUSABLE:
    'A certificate, its key or the CA of clients could not be read or used. The message names the file or the cause.',
  CACHE_CONFIG_INVALID:
    'The configuration of the cache says something that cannot be. The message names each place, what stands there and what may.',
  CACHE_CONNECT_FAILED: 'The cache server could not be reached at the address that was given.',
  CACHE_SERVER_UNTRUSTED:
    'The certificate of the other server is not trusted: it expired, names somebody else, or nobody vouches for it. The message says which. Nothing was said to it.',
  CACHE_NOT_ADMITTED:
    'The other server does not let us in: it ended the connection before its first word, or refused the certificate. Look at the certificate and the token that are shown to it.',
  CACHE_CONNECTION_LOST:
    'The cache server closed the connection before all answers came. What was not read back may not be stored.',
  CACHE_VERSION_REFUSED: 'What answers at this address does not speak version 254 of the protocol.',
  CACHE_REPLY_MALFORMED:
    'The server sent something that is not a reply, or not the reply to what was asked; the connection was closed.',
  CACHE_TIMEOUT: 'The cache server did not answer within the time that was set.',
  CACHE_REPLAY_UNREADABLE:
    'A recording to replay could not be read. The cause names the system call.',
  CACHE_MIRROR_REFUSED:
    'A mirror takes transactions and keeps none of them. Look whether it lets this server put, has room, and is not in high reliability mode; it is tried again.',
  CACHE_IMPORT_UNREADABLE:
    'The file to import, or the directory to export, could not be read. The cause names the system call.',
  CACHE_IMPORT_MALFORMED:
    'The file to import is not what the Unity exporter writes. The message names the first wrong field.',
  CACHE_ENTRY_ENDED:
    'The nginx in front of cache servers ended by itself. What it said last stands in the message; it or its stream module may be missing.',
  CACHE_REDIS_AWAY:
    'The Redis-protocol server that keeps the values could not be reached, or the connection ended before it answered. Meanwhile gets are misses and puts are drained; it is tried again by itself.',
  CACHE_REDIS_TIMEOUT:
    'The Redis-protocol server did not let us in or did not answer within the time that was set; the connection was given up.',
  CACHE_REDIS_BUSY:
    'More commands wait for the Redis-protocol server than may. The server, or the way to it, is too slow for what is asked of it.',
  CACHE_REDIS_REFUSED:
    'The Redis-protocol server does not let this cache in. Its own words stand in the message: look at user, password and database.',
  CACHE_REDIS_MALFORMED:
    'What answers at the address of the Redis store does not speak its protocol, or answers what nobody asked; the connection was given up.',
};
