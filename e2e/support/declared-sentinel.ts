// A RedisSentinel of a test's home, as its user declares it and as its servers and Sentinels really are.

import type { Client } from '@tweendeck/client';
import {
  type Condition,
  eventResource,
  type Pod,
  persistentVolumeClaimResource,
  podResource,
  secretResource,
  serviceResource,
} from '@tweendeck/kube';
import { redisSentinelKind } from '@tweendeck/redis';
import type { RespValue } from '@tweendeck/wire';
import type { DeclaredStatus } from './declared-redis.ts';
import { until } from './home.ts';
import { RedisCaller } from './redis-caller.ts';

export const redisPort = 6_379;
export const sentinelPort = 26_379;
const namespace = 'default';
const patienceMs = 120_000;

/** The pod of a member. */
export interface SentinelSetPod {
  readonly member: string;
  readonly group: string;
  readonly pod: string;
  readonly uid: string;
  readonly ip: string;
  /** As its label has it. */
  readonly role: string;
}

export class DeclaredSentinel {
  readonly name: string;
  readonly client: Client;
  readonly signal: AbortSignal;
  /** Where clients look; asked for anew by {@link lookForSentinels} where all have other addresses. */
  sentinels: readonly string[] = [];
  /** As it was read last: it may be asked for while the home is away. */
  word: string = '';

  constructor(name: string, client: Client, signal: AbortSignal) {
    this.name = name;
    this.client = client;
    this.signal = signal;
  }

  get masterName(): string {
    return `${namespace}.${this.name}`;
  }

  // ---- what its user says and reads ----

  async patch(spec: object): Promise<void> {
    await this.#merge({ spec });
  }

  /** Has the platform look now, not in its own time. */
  async nudge(): Promise<void> {
    await this.#merge({ metadata: { annotations: { nudged: String(performance.now()) } } });
  }

  /** Says that what may lose data is to be done. */
  async approve(step: string): Promise<void> {
    await this.#merge({ metadata: { annotations: { 'tweendeck.io/approve': step } } });
  }

  /** Undefined until it is about the present spec. */
  async status(): Promise<DeclaredStatus | undefined> {
    const found = await this.client.get(redisSentinelKind, this.#ref(this.name), this.signal);
    const { metadata, status } = found ?? {};
    return status?.observedGeneration === metadata?.generation ? status : undefined;
  }

  async condition(type: string): Promise<Condition | undefined> {
    return (await this.status())?.conditions?.find((one) => one.type === type);
  }

  /** Waits until so many members take part as the spec is now. */
  settled(ready: string = '6/6'): Promise<DeclaredStatus> {
    return this.until(`${ready} take part`, async () => {
      const status = await this.status();
      return status?.phase === 'Ready' && status.ready === ready && status;
    });
  }

  /** Waits until it is told what is wrong, and gives the message. */
  told(reason: string, message: RegExp = /./): Promise<string> {
    return this.until(`${reason} ${message} is told`, async () => {
      const degraded = await this.condition('Degraded');
      if (degraded?.status !== 'True') return false;
      if (degraded.reason !== reason) throw new Error(`${degraded.reason}: ${degraded.message}`);
      return message.test(degraded.message) && degraded.message;
    });
  }

  async events(): Promise<readonly string[]> {
    const fieldSelector = `involvedObject.kind=RedisSentinel,involvedObject.name=${this.name}`;
    const selection = { namespace, fieldSelector };
    const { items } = await this.client.list(eventResource, selection, this.signal);
    return items.map(({ message = '' }) => message);
  }

  async secret(key: string): Promise<string> {
    const found = await this.client.get(
      secretResource,
      this.#ref(`${this.name}-auth`),
      this.signal,
    );
    return Buffer.from(found?.data?.[key] ?? '', 'base64').toString();
  }

  async password(): Promise<string> {
    this.word = await this.secret('password').catch(() => this.word);
    return this.word;
  }

  /** Of the Service `NAME-SUFFIX`. */
  async clusterIp(suffix: string): Promise<string> {
    const ref = this.#ref(`${this.name}-${suffix}`);
    const found = await this.client.get(serviceResource, ref, this.signal);
    return found?.spec?.clusterIP ?? '';
  }

  /** The uid of a pod's claim. */
  async claimOf({ pod }: SentinelSetPod): Promise<string | undefined> {
    const ref = this.#ref(`data-${pod}`);
    const found = await this.client.get(persistentVolumeClaimResource, ref, this.signal);
    return found?.metadata.uid;
  }

  // ---- what there really is ----

  get podSelection(): { readonly namespace: string; readonly labelSelector: string } {
    return { namespace, labelSelector: `app.kubernetes.io/instance=${this.name}` };
  }

  /** Those that have an address and are not about to end. */
  async pods(group?: 'data' | 'sentinels'): Promise<readonly SentinelSetPod[]> {
    const { items } = await this.client.list(podResource, this.podSelection, this.signal);
    return items.flatMap(setPod).filter((one) => group === undefined || one.group === group);
  }

  async podCount(): Promise<number> {
    return (await this.client.list(podResource, this.podSelection, this.signal)).items.length;
  }

  async lookForSentinels(): Promise<void> {
    this.sentinels = (await this.pods('sentinels')).map(({ ip }) => ip);
  }

  /** Answers that are errors are thrown. */
  async ask(host: string, port: number, ...command: readonly string[]): Promise<RespValue> {
    const caller = new RedisCaller(host, port);
    caller.logIn(this.word || (await this.password()));
    try {
      return await caller.call(...command);
    } finally {
      caller.close();
    }
  }

  /** What a Sentinel says of the set, and of who it is beside. */
  async tell(sentinel: string, ...command: readonly string[]): Promise<RespValue> {
    return this.ask(sentinel, sentinelPort, 'SENTINEL', ...command);
  }

  /** The address of the leader, by one Sentinel; empty where it names nobody. */
  async namedBy(sentinel: string): Promise<string> {
    const named = await this.tell(sentinel, 'GET-MASTER-ADDR-BY-NAME', this.masterName);
    return Array.isArray(named) ? String(named[0]) : '';
  }

  leader(): Promise<string> {
    const [first = ''] = this.sentinels;
    return this.namedBy(first);
  }

  /** `master` or `slave`, as it says itself. */
  async roleOf(host: string): Promise<string> {
    return String([await this.ask(host, redisPort, 'ROLE')].flat()[0]);
  }

  /** The epoch of the failover that made the leader one. */
  async epoch(): Promise<string> {
    const [first = ''] = this.sentinels;
    const words = [await this.tell(first, 'MASTER', this.masterName)].flat().map(String);
    return words[words.indexOf('config-epoch') + 1] ?? '';
  }

  /** Waits until each replica has all that the leader acknowledged so far. */
  async confirm(): Promise<void> {
    const caller = new RedisCaller(await this.leader(), redisPort);
    caller.logIn(this.word);
    try {
      // A write of its own, behind all others; it leaves no key.
      await caller.call('SET', 'sure', '1', 'PX', '1');
      const replicas = Number(await caller.call('WAIT', '2', '1500'));
      if (replicas < 2) throw new Error(`${replicas} replicas have what their leader has`);
    } finally {
      caller.close();
    }
  }

  until<Value>(what: string, probe: () => Promise<Value | undefined | false>): Promise<Value> {
    return until(`${this.name}: ${what}`, probe, patienceMs);
  }

  #ref(name: string) {
    return { namespace, name };
  }

  async #merge(body: object): Promise<void> {
    const patch = { type: 'merge', body } as const;
    await this.client.patch(redisSentinelKind, this.#ref(this.name), patch, {}, this.signal);
  }
}

/** Of a pod that has an address. */
export function setPod({ metadata, status }: Pod): readonly SentinelSetPod[] {
  const { name, uid, labels = {}, deletionTimestamp } = metadata;
  if (!status?.podIP || deletionTimestamp !== undefined) return [];
  return [
    {
      ...{ member: labels['tweendeck.io/member'] ?? '', pod: name, uid, ip: status.podIP },
      group: labels['tweendeck.io/group'] ?? '',
      role: labels['tweendeck.io/role'] ?? '',
    },
  ];
}
