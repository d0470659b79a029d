// The value store on a Redis-protocol server whose values lie in RocksDB: Infinispan's endpoint, from Maven artifacts.
// Not a part of `npm run e2e`, since it wants Maven and a JDK: node --test e2e/engines/redis-protocol-on-rocksdb.test.ts

import { execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, mkdirSync, mkdtempSync, renameSync, rmSync } from 'node:fs';
import { homedir, tmpdir } from 'node:os';
import { join } from 'node:path';
import { after } from 'node:test';
import { clockOf, randomOf, silentLogger } from '@tweendeck/std';
import { testValueStore } from '../../services/cacheserver/src/dataplane/value-store-conformance.ts';
import {
  defaultRedisConnection,
  defaultRedisKeeping,
} from '../../services/cacheserver/src/redis/redis-settings.ts';
import { RedisValueStore } from '../../services/cacheserver/src/redis/redis-store.ts';
import { freePort, until } from '../support/home.ts';

const source = join(import.meta.dirname, 'infinispan');

/** The jars and our main, fetched and built once. */
function build(): string {
  const home = join(homedir(), '.cache', 'tweendeck', 'infinispan-15.0.21');
  if (existsSync(home)) return home;
  const making = `${home}.${process.pid}`;
  mkdirSync(making, { recursive: true });
  const copy = ['dependency:copy-dependencies', `-DoutputDirectory=${join(making, 'lib')}`];
  execFileSync('mvn', ['-q', '-B', '-f', join(source, 'pom.xml'), ...copy], { stdio: 'pipe' });
  const classes = join(making, 'classes');
  const java = join(source, 'RespMain.java');
  execFileSync('javac', ['-nowarn', '-cp', join(making, 'lib', '*'), '-d', classes, java], {
    stdio: 'pipe',
  });
  renameSync(making, home);
  return home;
}

const home = build();
const data = mkdtempSync(join(tmpdir(), 'infinispan-'));
const port = await freePort();
const classPath = `${join(home, 'classes')}:${join(home, 'lib', '*')}`;
const server = spawn('java', ['-Xmx384m', '-cp', classPath, 'RespMain', data, String(port)], {
  stdio: ['ignore', 'pipe', 'pipe'],
});
let said = '';
for (const stream of [server.stdout, server.stderr]) {
  stream.on('data', (text: Buffer) => {
    said += text.toString();
  });
}
after(async () => {
  const ended = once(server, 'exit');
  server.kill('SIGKILL');
  await ended;
  rmSync(data, { recursive: true, force: true });
});
await until('Infinispan listens', async () => /^ready$/m.test(said), 60_000);

let prefixes = 0;
testValueStore('a store on RocksDB behind the Redis protocol', () =>
  RedisValueStore.open({
    connection: {
      ...defaultRedisConnection,
      timeoutMs: 10_000,
      address: { host: '127.0.0.1', port },
    },
    keeping: { ...defaultRedisKeeping, prefix: `test-${prefixes++}:` },
    clock: clockOf(globalThis),
    random: randomOf(globalThis.crypto),
    log: silentLogger,
  }),
);
