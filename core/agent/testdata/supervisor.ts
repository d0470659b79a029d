// Runs one pod until it is killed: the supervising process of the orphan test. Arguments: directory, instance, pod as JSON.
import { clockOf, randomOf, silentLogger } from '@tweendeck/std';
import { AddressBook } from '../src/addresses.ts';
import { standardCatalogue } from '../src/catalogue.ts';
import { noCgroups } from '../src/cgroups.ts';
import { PodSet } from '../src/pod-set.ts';

const [, , directory = '', instance = '', pod = '{}'] = process.argv;
const path = '/usr/local/bin:/usr/bin:/bin';
const pods = new PodSet(
  {
    host: {
      writeStatus: async (_pod, status) => {
        console.log(JSON.stringify(status));
      },
      deletePod: async () => undefined,
      event: () => undefined,
      configMap: async () => undefined,
      secret: async () => undefined,
      services: () => [],
    },
    catalogue: standardCatalogue({ path }),
    clock: clockOf(globalThis),
    random: randomOf(globalThis.crypto),
    log: silentLogger,
    directory,
    instance,
    environment: { PATH: path },
    addresses: await AddressBook.open(directory, '127.73.6.0/24'),
    cgroups: noCgroups('not wanted here'),
    hostIP: '127.0.0.1',
    allocatable: {},
    logLimits: { bytesMax: 1_000_000, filesMax: 2 },
    user: { uid: 0, gid: 0 },
  },
  { stopMsMax: 1_000 },
);
pods.apply(JSON.parse(pod));
