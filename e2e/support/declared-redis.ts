// A RedisCluster of a test's home, as its user declares it and as its servers really are.

import type { Client } from '@tweendeck/client';
import {
  type Condition,
  eventResource,
  type Pod,
  podResource,
  secretResource,
} from '@tweendeck/kube';
import { redisClusterKind } from '@tweendeck/redis';
import {
  type ClusterNode,
  parseClusterNodes,
} from '../../services/redis/src/cluster/cluster-nodes.ts';
import {
  holds,
  type SlotRange,
  slotCount,
  slotsHeld,
} from '../../services/redis/src/cluster/slots.ts';
import { slotOfKey } from '../../services/redis/src/testing/slot-set.ts';
import { until } from './home.ts';
import { runProgram } from './kubectl.ts';
import { RedisCaller } from './redis-caller.ts';

const port = 6_379;
const namespace = 'default';
const patienceMs = 120_000;

/** The pod of a member. */
export interface Server {
  readonly member: string;
  readonly shard: string;
  readonly pod: string;
  readonly uid: string;
  readonly ip: string;
  readonly host: string;
}

/** One that answered. */
export interface SeenServer extends Server {
  readonly self: ClusterNode;
  readonly nodes: readonly ClusterNode[];
}

/** What tests read of the status. */
export interface DeclaredStatus {
  readonly phase?: string;
  readonly ready?: string;
  readonly step?: { readonly id: string; readonly why: string } | null;
  readonly members?: readonly { readonly name: string; readonly role: string }[];
  readonly spentApprovals?: readonly string[];
  readonly conditions?: readonly Condition[];
}

export class DeclaredRedis {
  readonly name: string;
  readonly #client: Client;
  readonly #signal: AbortSignal;
  #password = '';

  constructor(name: string, client: Client, signal: AbortSignal) {
    this.name = name;
    this.#client = client;
    this.#signal = signal;
  }

  /** Another one of the same home. */
  named(name: string): DeclaredRedis {
    return new DeclaredRedis(name, this.#client, this.#signal);
  }

  // ---- what its user says and reads ----

  async patch(spec: object): Promise<void> {
    await this.#merge({ spec });
  }

  /** Says that what may lose data is to be done. */
  async approve(step: string): Promise<void> {
    await this.#merge({ metadata: { annotations: { 'tweendeck.io/approve': step } } });
  }

  /** Undefined until it is about the present spec. */
  async status(): Promise<DeclaredStatus | undefined> {
    const found = await this.#client.get(redisClusterKind, this.#ref, this.#signal);
    const { metadata, status } = found ?? {};
    return status?.observedGeneration === metadata?.generation ? status : undefined;
  }

  /** Has the platform look now, not in its own time. */
  async nudge(): Promise<void> {
    await this.#merge({ metadata: { annotations: { nudged: String(performance.now()) } } });
  }

  async condition(type: string): Promise<Condition | undefined> {
    return (await this.status())?.conditions?.find((one) => one.type === type);
  }

  /** Waits until so many members take part as the spec is now. */
  settled(ready: string): Promise<DeclaredStatus> {
    return this.until(`${ready} take part`, async () => {
      const status = await this.status();
      return status?.phase === 'Ready' && status.ready === ready && status;
    });
  }

  /** Waits until it is told what is wrong, and gives the message. */
  told(reason: string, message: RegExp = /./): Promise<string> {
    return this.until(`${reason} ${message} is told`, async () => {
      const degraded = await this.condition('Degraded');
      if (degraded?.status !== 'True' || degraded.reason !== reason) return false;
      return message.test(degraded.message) && degraded.message;
    });
  }

  async events(): Promise<readonly string[]> {
    const fieldSelector = `involvedObject.kind=RedisCluster,involvedObject.name=${this.name}`;
    const selection = { namespace, fieldSelector };
    const { items } = await this.#client.list(eventResource, selection, this.#signal);
    return items.map(({ message = '' }) => message);
  }

  async password(): Promise<string> {
    const ref = { namespace, name: `${this.name}-auth` };
    const found = await this.#client.get(secretResource, ref, this.#signal);
    this.#password = Buffer.from(found?.data?.['password'] ?? '', 'base64').toString();
    return this.#password;
  }

  // ---- what there really is ----

  async pods(): Promise<readonly Pod[]> {
    const labelSelector = `app.kubernetes.io/instance=${this.name}`;
    return (await this.#client.list(podResource, { namespace, labelSelector }, this.#signal)).items;
  }

  /** Pods that have an address and are not about to end. */
  async servers(): Promise<readonly Server[]> {
    return (await this.pods()).flatMap(({ metadata, spec, status }): readonly Server[] => {
      const { name, uid, labels = {}, deletionTimestamp } = metadata;
      if (!status?.podIP || deletionTimestamp !== undefined) return [];
      const member = labels['tweendeck.io/member'] ?? '';
      const shard = labels['tweendeck.io/shard'] ?? '';
      return [{ member, shard, pod: name, uid, ip: status.podIP, host: spec.nodeName ?? '' }];
    });
  }

  async addresses(): Promise<readonly string[]> {
    return (await this.servers()).map(({ ip }) => ip);
  }

  /** Those that answer. */
  async seen(): Promise<readonly SeenServer[]> {
    const answers = (await this.servers()).map(async (server): Promise<readonly SeenServer[]> => {
      try {
        const nodes = parseClusterNodes(await this.ask(server, 'CLUSTER', 'NODES'));
        const self = nodes.find(({ flags }) => flags.has('myself'));
        return self ? [{ ...server, nodes, self }] : [];
      } catch {
        return [];
      }
    });
    return (await Promise.all(answers)).flat();
  }

  /** Owners of slots as they see it themselves, by shard. */
  async leaders(): Promise<readonly SeenServer[]> {
    return (await this.seen())
      .filter(({ self }) => self.slots.length > 0)
      .toSorted((a, b) => Number(a.shard) - Number(b.shard));
  }

  /** Slots of each shard. */
  async shares(): Promise<readonly number[]> {
    return (await this.leaders()).map(({ self }) => slotsHeld(self.slots));
  }

  /** Answers that are errors are thrown. */
  async ask({ ip }: Pick<Server, 'ip'>, ...command: readonly string[]): Promise<string> {
    const caller = new RedisCaller(ip, port);
    try {
      await this.#logIn(caller);
      return textOf(await caller.call(...command));
    } finally {
      caller.close();
    }
  }

  /** Waits until each leader has a replica with all that it acknowledged so far. */
  async confirm(): Promise<void> {
    for (const { ip, self } of await this.leaders()) {
      const caller = new RedisCaller(ip, port);
      try {
        await this.#logIn(caller);
        // A write of its own, behind all others; it leaves no key.
        const key = keyIn(self.slots);
        await caller.call('SET', key, '1', 'PX', '1');
        const replicas = await caller.call('WAIT', '1', '1500');
        if (Number(replicas) < 1) throw new Error(`no replica has what ${ip} has`);
      } finally {
        caller.close();
      }
    }
  }

  /** Keys of all leaders. */
  async keys(): Promise<number> {
    const sizes = (await this.leaders()).map((leader) => this.ask(leader, 'DBSIZE'));
    return (await Promise.all(sizes)).reduce((sum, size) => sum + Number(size), 0);
  }

  /** Waits until the tool of Redis itself finds nothing wrong. */
  isClean(): Promise<true> {
    return this.until('redis-cli finds nothing wrong', async () => {
      const [host = ''] = await this.addresses();
      const logIn = ['--no-auth-warning', '-a', await this.password()];
      const check = ['--cluster', 'check', `${host}:${port}`];
      const { code, stdout } = await runProgram('redis-cli', [...logIn, ...check]);
      const isClean = code === 0 && stdout.includes(`All ${slotCount} slots covered`);
      if (!isClean) throw new Error(stdout);
      return isClean;
    });
  }

  until<Value>(what: string, probe: () => Promise<Value | undefined | false>): Promise<Value> {
    return until(`${this.name}: ${what}`, probe, patienceMs);
  }

  get #ref() {
    return { namespace, name: this.name };
  }

  async #logIn(caller: RedisCaller): Promise<void> {
    const password = this.#password || (await this.password());
    caller.call('AUTH', password).catch(() => undefined); // whoever refuses it refuses the rest
  }

  async #merge(body: object): Promise<void> {
    const patch = { type: 'merge', body } as const;
    await this.#client.patch(redisClusterKind, this.#ref, patch, {}, this.#signal);
  }
}

/** A key of one of these slots. */
function keyIn(slots: readonly SlotRange[]): string {
  for (let number = 0; ; number++) {
    const key = `sure-${number}`;
    if (holds(slots, slotOfKey(key))) return key;
  }
}

function textOf(answer: unknown): string {
  if (answer instanceof Uint8Array) return Buffer.from(answer).toString();
  return Array.isArray(answer) ? answer.map(textOf).join(' ') : String(answer);
}
