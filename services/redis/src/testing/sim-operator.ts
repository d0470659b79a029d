// The operator of a simulated cluster, as `core/engine` runs an engine: observe, plan, write down, act. It dies between any two
// of its calls, and remembers only what it wrote down.

import {
  type Action,
  type Cluster,
  type ClusterSpec,
  type Engine,
  observe,
  placesOf,
  planCluster,
  type StepStatus,
  type Trouble,
} from '@tweendeck/engine';
import { type Clock, linkedAbort, type Random, timestampOf } from '@tweendeck/std';
import type { RedisFacts } from '../cluster/facts.ts';
import type { RedisClusterOptions } from '../cluster/redis-cluster.ts';
import { expiringIn } from '../expiring.ts';
import type { Command, OpenLink } from '../redis-link.ts';
import type { SimHome } from './sim-home.ts';
import { away, type LinkFaults } from './sim-link.ts';
import type { SimRedis } from './sim-redis.ts';
import type { SimRedisNetwork } from './sim-redis-network.ts';

/** What an API server keeps of the cluster. */
export interface Kept {
  spec: ClusterSpec<RedisClusterOptions>;
  /** What members are rendered from, but for counts. */
  revision: string;
  step: StepStatus | undefined;
  approved: ReadonlySet<string>;
  troubles: readonly Trouble[];
  /** Whom or what the last pass waited for; undefined: nothing is left to do. */
  waits: string | undefined;
}

export interface SimOperatorOptions {
  readonly engine: (open: OpenLink) => Engine<RedisClusterOptions, RedisFacts>;
  readonly kept: Kept;
  readonly home: SimHome;
  readonly network: SimRedisNetwork;
  readonly clock: Clock;
  readonly random: Random;
  /** What befalls its calls; nothing does when false. */
  readonly faults: { active: boolean; readonly cut: number; readonly slowMs: number };
  /** A life ends at a call chosen from 1 to this, or at a moment, while faults are active. */
  readonly callsMax: number;
  readonly note: (line: string) => void;
  /** Before it tells a member to do something, while faults are active. */
  readonly onTelling: (member: SimRedis) => void;
  /** Before it does what may disturb. */
  readonly onDisruption: (action: Action) => void;
}

class Crash extends Error {
  override name = 'Crash';
}

const passesMs = { busy: 1_000, settled: 5_000, again: 100, restart: 500, longest: 20_000 };
const livesMs = 60_000;
/** After failures behind one another, doubled each time. */
const failedMs = { least: 200, most: 10_000 };

export class SimOperator {
  readonly #options: SimOperatorOptions;

  constructor(options: SimOperatorOptions) {
    this.#options = options;
  }

  /** Lives behind one another, until aborted. */
  async run(signal: AbortSignal): Promise<void> {
    const { clock, note } = this.#options;
    while (!signal.aborted) {
      try {
        await this.#live(signal);
      } catch (error) {
        if (!(error instanceof Crash)) throw error;
        note(`operator ${error.message}`);
        await clock.sleep(passesMs.restart, signal);
      }
    }
  }

  async #live(signal: AbortSignal): Promise<void> {
    const { clock, network, random, faults, callsMax, engine: engineOver } = this.#options;
    const { note, onTelling } = this.#options;
    let callsLeft = 1 + random.integer(callsMax);
    const dies = random.next() < 0.5 ? 'before' : 'after';
    let dead: Crash | undefined;
    using life = linkedAbort(signal);
    const call = (when: 'before' | 'after', what: string): void => {
      if (dead) throw dead;
      if (!faults.active || when !== dies || --callsLeft > 0) return;
      dead = new Crash(`dies ${when} ${what}`);
      life.abort(dead);
      throw dead;
    };
    const links: LinkFaults = {
      sending: (member, [command = []]) => {
        if (faults.active && isTelling(command)) onTelling(member);
      },
      before: (command) => {
        call('before', wordsOf(command));
        if (faults.active && random.next() < faults.cut) throw away('member', 'cut before');
      },
      after: (command) => {
        call('after', wordsOf(command));
        if (faults.active && random.next() < faults.cut) throw away('member', 'cut after');
      },
      delayMs: () => {
        if (random.next() > 0.02) return 0;
        return 20 + (faults.active ? random.integer(faults.slowMs) : 0);
      },
    };
    const engine = engineOver(network.opener('operator', links));
    using _end = clock.timer(random.integer(livesMs), () => {
      if (!faults.active) return;
      dead ??= new Crash('dies while it waits');
      life.abort(dead);
    });
    const passMs = random.integer(passesMs.longest);
    for (let failures = 0; ; ) {
      let waitMs = Math.min(failedMs.least * 2 ** failures, failedMs.most);
      using limit = linkedAbort(life.signal);
      const late = new Error('it takes too long');
      using _timer = clock.timer(passMs, () => faults.active && limit.abort(late));
      try {
        waitMs = await this.#pass(engine, call, limit.signal);
        failures = 0;
      } catch (error) {
        if (dead) throw dead;
        signal.throwIfAborted();
        failures++;
        note(`pass failed: ${error instanceof Error ? error.message : String(error)}`);
      }
      await clock.sleep(waitMs, signal);
    }
  }

  async #pass(
    engine: Engine<RedisClusterOptions, RedisFacts>,
    call: (when: 'before' | 'after', what: string) => void,
    signal: AbortSignal,
  ): Promise<number> {
    const { kept, home, clock, network } = this.#options;
    const { spec, revision, approved } = kept;
    const cluster: Cluster<RedisClusterOptions> = { name: 'c', namespace: 'n', spec };
    const wanted = placesOf(engine, spec).map((place) => ({
      ...{ place, revision, name: `c-data-${place.shard}-${place.ordinal}` },
    }));
    network.look();
    const members = home.members(wanted);
    const observed = await observe(engine, { cluster, members, clock }, signal);
    const plan = planCluster({
      ...{ engine, cluster, observed, underWay: kept.step, approved, nowMs: clock.nowMs() },
    });
    const did = (what: string, run: () => void): void => {
      call('before', what);
      network.look();
      run();
      call('after', what);
    };
    for (const { name, place } of wanted)
      did(`apply ${name}`, () => home.apply(name, place, revision));
    const staying = members.filter((one) => !one.wanted && !plan.leaving.includes(one.name));
    did('prune', () => home.prune(new Set([...wanted, ...staying].map(({ name }) => name))));
    const written = (): void => {
      kept.step = stepOf(plan.ahead, kept.step, clock.nowMs());
      kept.troubles = plan.troubles;
      kept.waits = plan.waits;
    };
    for (const action of plan.actions) {
      if (action.risk !== 'safe') did('status', written);
      await this.#act(action, { wanted, seen: members, did }, signal);
    }
    did('status', written);
    const goesOn = plan.actions.some((action) => 'run' in action && action.repeats === true);
    if (goesOn) return passesMs.again;
    return plan.waits === undefined ? passesMs.settled : passesMs.busy;
  }

  async #act(
    action: Action,
    {
      wanted,
      seen,
      did,
    }: {
      readonly wanted: Parameters<SimHome['members']>[0];
      readonly seen: ReturnType<SimHome['members']>;
      readonly did: (what: string, run: () => void) => void;
    },
    signal: AbortSignal,
  ): Promise<void> {
    const { home, note, onDisruption } = this.#options;
    const look = (): string =>
      JSON.stringify(
        home.members(wanted).map(({ name, pod }) => [name, pod?.uid, pod?.ready, pod?.terminating]),
      );
    const before = JSON.stringify(
      seen.map(({ name, pod }) => [name, pod?.uid, pod?.ready, pod?.terminating]),
    );
    note(`step ${action.id}: ${action.why}`);
    if ('run' in action) {
      if (action.risk !== 'safe') onDisruption(action);
      return action.run(signal);
    }
    if (look() !== before) return;
    onDisruption(action);
    const { uid } = action.removes;
    did(action.id, () => home.removePod(action.on, uid));
  }
}

function wordsOf(command: Command): string {
  return (expiringIn(command)?.command ?? command).slice(0, 4).join(' ');
}

function isTelling(command: Command): boolean {
  const [name, what] = expiringIn(command)?.command ?? command;
  return name === 'MIGRATE' || (name === 'CLUSTER' && !questions.has(String(what)));
}

const questions: ReadonlySet<string> = new Set(['NODES', 'INFO', 'MYID', 'GETKEYSINSLOT']);

/** As the status tells it. */
function stepOf(
  ahead: readonly Action[],
  underWay: StepStatus | undefined,
  nowMs: number,
): StepStatus | undefined {
  const risky = ahead.filter(({ risk }) => risk !== 'safe');
  const next = risky.find(({ id }) => id === underWay?.id) ?? risky[0] ?? ahead[0];
  if (next === undefined) return undefined;
  const since = underWay?.id === next.id ? underWay.since : timestampOf(nowMs);
  return { id: next.id, why: next.why, since };
}
