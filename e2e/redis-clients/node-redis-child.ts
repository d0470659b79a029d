// node-redis, with its own defaults. Arguments: where the cluster's Service is; the password is in the environment.

import { createCluster } from 'redis';
import { writeWithoutEnd } from './writing.ts';

const [host = '', port = ''] = process.argv.slice(2);
const { REDIS_PASSWORD: password = '' } = process.env;
const cluster = createCluster({
  rootNodes: [{ socket: { host, port: Number(port) } }],
  defaults: { password },
});
cluster.on('error', () => undefined); // who writes is told
await cluster.connect();
await writeWithoutEnd('node-redis', {
  set: (key, value) => cluster.set(key, value),
  get: (key) => cluster.get(key),
  close: () => cluster.close(),
});
