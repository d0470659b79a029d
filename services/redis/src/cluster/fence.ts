// How a member without a log of writes starts: on the bus, so that it hears who leads, and where neither replicas nor clients
// look for it. Nobody elects it either, until it is let in. All of it can be taken back while it runs.

import type { Cluster } from '@tweendeck/engine';
import { ownDefaults } from '../settings.ts';
import { listenSetting } from '../tls.ts';
import { busPort, fencedPort, redisPort } from './seen.ts';

type Declared = Pick<Cluster<unknown>, 'spec' | 'confirmed'>;

/**
 * Whether members that start now have a log of writes to start from. One that was just switched on has to be written first: a
 * server that finds none then begins without data, whatever its snapshot has.
 */
export function isLogged({ spec: { config = {} }, confirmed = {} }: Declared): boolean {
  const wanted = config['appendonly'] ?? ownDefaults['appendonly'];
  return wanted === 'yes' && (confirmed['appendonly'] ?? wanted) === 'yes';
}

/** In the file that it starts with: a log that is switched while members run restarts nobody. */
export function startSettings(cluster: Declared): Readonly<Record<string, string | number>> {
  const listens = listenSetting(cluster);
  const hasLog = isLogged(cluster);
  return {
    [listens]: hasLog ? redisPort : fencedPort,
    // Told to others, wherever it listens at present.
    ...{ [`cluster-announce-${listens}`]: redisPort, 'cluster-port': busPort },
    ...(hasLog ? {} : { 'cluster-replica-no-failover': 'yes' }),
  };
}

/** With which it takes part. */
export function openSettings(cluster: Declared): Readonly<Record<string, string>> {
  return { [listenSetting(cluster)]: String(redisPort), 'cluster-replica-no-failover': 'no' };
}

/** Whether what a server has is in its log, if it keeps one: also of before one was switched on. */
export function isLogWritten(info: ReadonlyMap<string, string>): boolean {
  if (info.get('aof_enabled') !== '1') return true;
  const isDue = ['aof_rewrite_in_progress', 'aof_rewrite_scheduled'].some(
    (name) => info.get(name) === '1',
  );
  return !isDue && info.get('aof_last_bgrewrite_status') === 'ok';
}
