// A cache data plane in a process of its own, to be killed: prints its port when it serves.

import { serveCache } from '@tweendeck/cacheserver';
import { clockOf, randomOf, silentLogger } from '@tweendeck/std';

await serveCache(
  {
    directory: process.argv[2] ?? '',
    listen: [{ host: '127.0.0.1', port: 0 }],
    storageBytes: 256 * 1_048_576,
    memoryBytes: 8 * 1_048_576,
    onReady: (server) => process.stdout.write(`${server.addresses[0]?.port}\n`),
    clock: clockOf(globalThis),
    random: randomOf(globalThis.crypto),
    log: silentLogger,
  },
  new AbortController().signal,
);
