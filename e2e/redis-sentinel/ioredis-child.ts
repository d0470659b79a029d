// ioredis with its own defaults, by Sentinels. Arguments: the name of the set, and where Sentinels are; the password is in the
// environment.

import { Redis } from 'ioredis';
import { writeWithoutEnd } from '../redis-clients/writing.ts';

const [name = '', host = ''] = process.argv.slice(2);
const { REDIS_PASSWORD: password = '' } = process.env;
const sentinels = [{ host, port: 26_379 }];
const redis = new Redis({ sentinels, name, password, sentinelPassword: password });
redis.on('error', () => undefined); // who writes is told
await writeWithoutEnd('ioredis', {
  set: (key, value) => redis.set(key, value),
  get: (key) => redis.get(key),
  close: () => redis.quit(),
});
