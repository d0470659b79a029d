// ioredis, with its own defaults. Arguments: where the cluster's Service is; the password is in the environment.

import { Cluster } from 'ioredis';
import { writeWithoutEnd } from './writing.ts';

const [host = '', port = ''] = process.argv.slice(2);
const { REDIS_PASSWORD: password = '' } = process.env;
const cluster = new Cluster([{ host, port: Number(port) }], { redisOptions: { password } });
cluster.on('error', () => undefined); // who writes is told
await writeWithoutEnd('ioredis', {
  set: (key, value) => cluster.set(key, value),
  get: (key) => cluster.get(key),
  close: () => cluster.quit(),
});
