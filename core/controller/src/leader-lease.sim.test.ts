// Candidates for one lease, behind a bad network: never two act at once, and soon somebody does.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { openApiServer, systemUser } from '@tweendeck/apiserver';
import { createClient } from '@tweendeck/client';
import { type ApiTransport, leaseResource } from '@tweendeck/kube';
import {
  type Faults,
  faultyTransport,
  noFaults,
  SimClock,
  seedsFrom,
  simulate,
  startLives,
  type World,
} from '@tweendeck/sim';
import {
  aborted,
  type Clock,
  isPlatformError,
  type Random,
  seededRandom,
  silentLogger,
} from '@tweendeck/std';
import { openMemoryStore } from '@tweendeck/store';
import { whileLeading } from './leader-lease.ts';
import { createMetrics } from './metrics.ts';

const never = new AbortController().signal;
const lease = { name: 'leader', namespace: 'kube-system' };

const bad: Faults = {
  ...noFaults,
  cutBefore: 0.2,
  cutAfter: 0.1,
  slowMs: 3_000,
  refuse: 0.1,
  conflict: 0.1,
};

/** Cuts one candidate off for up to 40 s at a time. */
function partitionNowAndThen(world: World, faults: Faults, trouble: () => boolean): void {
  const { clock, random } = world;
  world.start('partitions', async (signal) => {
    while (trouble()) {
      await clock.sleep(random.integer(60_000), signal);
      faults.cutBefore = 1;
      await clock.sleep(random.integer(40_000), signal);
      faults.cutBefore = bad.cutBefore;
    }
    faults.active = false;
  });
}

interface Ground {
  readonly clock: Clock;
  readonly random: Random;
}

function lead(
  { clock, random }: Ground,
  { transport, identity }: { readonly transport: ApiTransport; readonly identity: string },
  act: (leading: AbortSignal) => Promise<void>,
  signal: AbortSignal,
): Promise<void> {
  const client = createClient({ transport, clock, random });
  const metrics = createMetrics();
  return whileLeading(
    { client, clock, random, log: silentLogger, metrics, lease, identity },
    act,
    signal,
  );
}

async function openServer(ground: Ground, signal: AbortSignal) {
  const options = { ...ground, store: openMemoryStore(), log: silentLogger };
  const server = await openApiServer(options, signal);
  return Object.assign(server.transport(systemUser('leader')), {
    [Symbol.asyncDispose]: () => server[Symbol.asyncDispose](),
  });
}

simulate(
  'one candidate acts at most, and one does when the network is well again',
  { seeds: seedsFrom(process.env, 3), simulatedMs: 6 * 60_000 },
  async (world) => {
    const { clock, random, signal } = world;
    const direct = await openServer(world, signal);
    let trouble = true;
    let acting = 0;
    let terms = 0;
    for (const name of ['a', 'b', 'c']) {
      const faults = { ...bad };
      partitionNowAndThen(world, faults, () => trouble);
      startLives(world, name, {
        transport: faultyTransport(direct, faults, world),
        callsMax: 120,
        crashesMax: 4,
        mayCrash: () => trouble,
        restartMs: 2_000,
        run: async (transport, life, number) => {
          const act = async (leading: AbortSignal): Promise<void> => {
            acting++;
            terms++;
            world.note(`${name}${number} acts`);
            await Promise.race([aborted(leading), aborted(life)]);
            acting--;
            world.note(`${name}${number} acts no more`);
          };
          try {
            await lead(world, { transport, identity: `${name}${number}` }, act, life);
          } catch (error) {
            if (!isPlatformError(error, 'CONTROLLER_LEASE_LOST')) throw error;
          }
        },
      });
    }
    world.start('end of trouble', async (ended) => {
      await clock.sleep(3 * 60_000, ended);
      trouble = false;
    });
    world.start('wall clock', async (ended) => {
      for (;;) {
        await clock.sleep(20_000, ended);
        clock.jumpWall(random.integer(120_000) - 60_000);
      }
    });
    world.always('one acts at most', () => acting <= 1);
    world.finally('one acts', () => acting === 1);
    world.finally('the lease changed hands', () => terms > 1);
    world.start('server', async (ended) => {
      await aborted(ended);
      await direct[Symbol.asyncDispose]();
    });
  },
);

test('a lease that was given back is taken at once, one that was not after its time', async () => {
  const clock = new SimClock({ random: seededRandom(1) });
  const ground = { clock, random: seededRandom(2) };
  await using direct = await openServer(ground, never);
  const terms: string[] = [];
  const begin = (identity: string, wire: ApiTransport, stop: AbortSignal): Promise<void> =>
    lead(
      ground,
      { transport: wire, identity },
      async (leading) => {
        terms.push(`${identity} at ${Math.round(clock.monotonicMs() / 1_000)}`);
        await Promise.race([aborted(leading), aborted(stop)]);
      },
      stop,
    ).catch(() => undefined);
  const [first, second, third] = [
    new AbortController(),
    new AbortController(),
    new AbortController(),
  ];
  let cut = false;
  const mortal: ApiTransport = {
    request: (request, signal) =>
      cut ? Promise.reject(new Error('cut')) : direct.request(request, signal),
  };
  const lives = [begin('first', direct, first.signal)];
  await clock.advance(1_000);
  lives.push(begin('second', mortal, second.signal));
  await clock.advance(30_000);
  first.abort();
  await clock.advance(9_000);
  lives.push(begin('third', direct, third.signal));
  await clock.advance(10_000);
  cut = true;
  await clock.advance(30_000);
  const client = createClient({ transport: direct, ...ground });
  const held = await client.get(leaseResource, lease, never);
  assert.equal(held?.spec.holderIdentity, 'third');
  assert.equal(held?.spec.leaseTransitions, 2);
  third.abort();
  second.abort();
  await clock.until(Promise.all(lives));
  const released = await client.get(leaseResource, lease, never);
  assert.equal(released?.spec.holderIdentity, '');
  const secondsOf = terms.map((term) => Number(term.split(' ').at(-1)));
  assert.deepEqual(
    terms.map((term) => term.split(' ')[0]),
    ['first', 'second', 'third'],
  );
  assert.ok((secondsOf[1] ?? 0) <= 34, `${terms}`);
  assert.ok((secondsOf[2] ?? 0) >= 50 + 13 && (secondsOf[2] ?? 0) <= 50 + 18, `${terms}`);
});
