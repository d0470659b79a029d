// What a home does for a simulated cluster: workloads that make pods, pods that come and go at other addresses, and volumes
// that stay. Everything is late, by chance.

import type { Member, MemberPod, Place } from '@tweendeck/engine';
import type { Random } from '@tweendeck/std';
import type { RedisFacts } from '../cluster/facts.ts';
import type { SimRedis } from './sim-redis.ts';
import type { SimRedisNetwork } from './sim-redis-network.ts';
import { emptyVolume, type SimVolume } from './sim-volume.ts';

/** Whose doing it is that a pod ends. */
export type EndedBy = 'operator' | 'environment';

interface Workload {
  readonly name: string;
  readonly place: Place;
  revision: string;
  pod: Pod | undefined;
}

interface Pod {
  readonly uid: string;
  readonly revision: string;
  ip: string | undefined;
  ready: boolean;
  terminating: boolean;
  server: SimRedis | undefined;
}

export interface SimHomeOptions {
  readonly network: SimRedisNetwork;
  readonly random: Random;
  readonly nodeTimeoutMs: number;
  /** Without, data live and go with the pod. */
  readonly hasVolumes: boolean;
  /** How often a pod gets an address that another one had. */
  readonly reusedAddresses: number;
  readonly note: (line: string) => void;
  /** Before the data of a member go for good. */
  readonly onVolumeLost: (name: string, values: ReadonlyMap<string, string>) => void;
  readonly onStart: (server: SimRedis) => void;
}

export class SimHome {
  readonly #options: SimHomeOptions;
  readonly #workloads = new Map<string, Workload>();
  readonly #volumes = new Map<string, SimVolume>();
  /** Of members that do not run, whose doing it was. */
  readonly endedBy: Map<string, EndedBy> = new Map();
  readonly #freeAddresses: string[] = [];
  #addresses = 0;
  #uids = 0;

  constructor(options: SimHomeOptions) {
    this.#options = options;
  }

  get names(): readonly string[] {
    return [...this.#workloads.keys()];
  }

  get servers(): readonly SimRedis[] {
    return [...this.#workloads.values()].flatMap(({ pod }) =>
      pod?.server?.isRunning ? [pod.server] : [],
    );
  }

  server(name: string): SimRedis | undefined {
    const server = this.#workloads.get(name)?.pod?.server;
    return server?.isRunning ? server : undefined;
  }

  place(name: string): Place | undefined {
    return this.#workloads.get(name)?.place;
  }

  /** What each member keeps, whether it runs or not. */
  *copies(): Iterable<{ readonly name: string; readonly values: ReadonlyMap<string, string> }> {
    for (const [name, volume] of this.#volumes) {
      if (!this.#workloads.has(name)) continue;
      yield { name, values: this.server(name)?.data.values ?? volume.values };
    }
  }

  // As the operator sees and changes it

  /** `wanted` are names of places that the spec asks for. */
  members(
    wanted: readonly { readonly name: string; readonly place: Place; readonly revision: string }[],
  ): readonly Member<RedisFacts>[] {
    const names = new Set(wanted.map(({ name }) => name));
    const member = (
      { name, place, revision }: (typeof wanted)[number],
      isWanted: boolean,
    ): Member<RedisFacts> => ({
      ...{ name, place, revision, wanted: isWanted, view: undefined, silence: undefined },
      pod: this.#podOf(name),
    });
    const leavers = [...this.#workloads.values()].filter(({ name }) => !names.has(name));
    return [...wanted.map((one) => member(one, true)), ...leavers.map((one) => member(one, false))];
  }

  #podOf(name: string): MemberPod | undefined {
    const pod = this.#workloads.get(name)?.pod;
    if (pod === undefined) return undefined;
    const { uid, ip, ready, terminating, revision } = pod;
    return {
      ...{ name: `${name}-0`, uid, ip, ready, terminating, revision },
      ...{ host: 'host', trouble: undefined },
    };
  }

  apply(name: string, place: Place, revision: string): void {
    const there = this.#workloads.get(name);
    if (there) {
      there.revision = revision;
      return;
    }
    const workload: Workload = { name, place, revision, pod: undefined };
    this.#workloads.set(name, workload);
    this.#makePod(workload);
  }

  prune(kept: ReadonlySet<string>): void {
    for (const [name, { pod }] of this.#workloads) {
      if (kept.has(name)) continue;
      this.#options.note(`${name} leaves`);
      const workload = this.#workloads.get(name);
      this.#workloads.delete(name);
      if (workload && pod) this.#end(workload, pod, 'operator');
    }
  }

  /** As a deletion with a precondition. */
  removePod(name: string, uid: string): void {
    const workload = this.#workloads.get(name);
    if (workload?.pod?.uid !== uid || workload.pod.terminating) return;
    this.#end(workload, workload.pod, 'operator');
  }

  // What happens to it

  /** The process dies and is started again in its pod. */
  crash(name: string): void {
    const workload = this.#workloads.get(name);
    const { pod } = workload ?? {};
    if (!workload || !pod?.server?.isRunning) return;
    this.#stop(workload, pod, 'environment');
    this.#later(500, 4_000, () => {
      if (workload.pod === pod && !pod.terminating) this.#run(workload, pod);
    });
  }

  /** The pod is gone at once, with or without its volume. */
  losePod(name: string, volume: 'kept' | 'lost'): void {
    const workload = this.#workloads.get(name);
    const { pod } = workload ?? {};
    if (!workload || !pod) return;
    this.#stop(workload, pod, 'environment');
    this.#gone(workload, pod, volume);
  }

  #end(workload: Workload, pod: Pod, by: EndedBy): void {
    pod.terminating = true;
    pod.ready = false;
    this.#later(50, 400, () => {
      if (workload.pod !== pod) return;
      this.#stop(workload, pod, by);
      this.#gone(workload, pod, 'kept');
    });
  }

  #stop(workload: Workload, pod: Pod, by: EndedBy): void {
    pod.ready = false;
    if (!pod.server?.isRunning) return;
    this.endedBy.set(workload.name, by);
    pod.server.kill();
  }

  #gone(workload: Workload, pod: Pod, volume: 'kept' | 'lost'): void {
    workload.pod = undefined;
    if (pod.ip) this.#freeAddresses.push(pod.ip);
    if (volume === 'lost' || !this.#options.hasVolumes) {
      const { values } = this.#volumes.get(workload.name) ?? emptyVolume();
      this.#volumes.set(workload.name, emptyVolume());
      if (values.size > 0) this.#options.onVolumeLost(workload.name, values);
    }
    if (this.#workloads.get(workload.name) === workload) this.#makePod(workload);
  }

  #makePod(workload: Workload): void {
    this.#later(100, 1_000, () => {
      if (this.#workloads.get(workload.name) !== workload || workload.pod) return;
      const uid = String(++this.#uids);
      const pod: Pod = {
        ...{ uid, revision: workload.revision, ip: undefined, server: undefined },
        ...{ ready: false, terminating: false },
      };
      workload.pod = pod;
      this.#later(100, 1_000, () => {
        if (workload.pod !== pod || pod.terminating) return;
        pod.ip = this.#address();
        this.#run(workload, pod);
      });
    });
  }

  #run(workload: Workload, pod: Pod): void {
    const { network, nodeTimeoutMs, onStart } = this.#options;
    const { name } = workload;
    const volume = this.#volumes.get(name) ?? emptyVolume();
    this.#volumes.set(name, volume);
    pod.server = network.start({ name, host: pod.ip ?? '', nodeTimeoutMs, volume });
    this.endedBy.delete(name);
    onStart(pod.server);
    this.#later(100, 2_000, () => {
      if (workload.pod === pod && pod.server?.isRunning && !pod.terminating) pod.ready = true;
    });
  }

  #address(): string {
    const { random, reusedAddresses } = this.#options;
    if (this.#freeAddresses.length > 0 && random.next() < reusedAddresses) {
      const [address] = this.#freeAddresses.splice(random.integer(this.#freeAddresses.length), 1);
      if (address) return address;
    }
    const number = ++this.#addresses;
    return `10.0.${number >> 8}.${number & 255}`;
  }

  #later(leastMs: number, mostMs: number, run: () => void): void {
    const { network, random } = this.#options;
    network.after(leastMs + random.integer(mostMs - leastMs), run);
  }
}
