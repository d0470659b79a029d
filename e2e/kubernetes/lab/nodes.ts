// The nodes of a cluster: which are switched on, what images they have, and through which of them services answer.

import { join } from 'node:path';
import type { Client } from '@tweendeck/client';
import { packLayout } from '@tweendeck/oci';
import { isJsonObject } from '@tweendeck/std';
import { until } from '../../support/home.ts';
import type { Claim } from './claim.ts';
import type { LabNode } from './lab.ts';
import { type AddressPlan, routeVia } from './network.ts';
import { Machine } from './node.ts';
import type { Site } from './site.ts';
import { together } from './together.ts';

const readyTimeoutMs = 180_000;

interface Member {
  readonly machine: Machine;
  readonly node: LabNode;
  on: boolean;
  /** How many of the archives it has. */
  loaded: number;
}

/** The groups of a lab bear its name, and are found by it. */
export function cgroupOf({ number }: Pick<Claim, 'number'>): string {
  return `/tweendeck-lab-${number}`;
}

export class Nodes {
  readonly #site: Site;
  readonly #plan: AddressPlan;
  readonly #members: readonly Member[];
  /** Images in the order they were loaded, as archives; a node that was off gets them when it is on again. */
  readonly #archives: string[] = [];
  #client: Client | undefined;

  constructor(site: Site, plan: AddressPlan, count: number) {
    this.#site = site;
    this.#plan = plan;
    this.#members = Array.from({ length: count }, (_, index) => this.#member(index, count));
  }

  get all(): readonly LabNode[] {
    return this.#members.map(({ node }) => node);
  }

  /** Boots them all. Needs no API server. */
  async switchOn(): Promise<void> {
    await together(this.#members.map((member) => this.#switchOn(member)));
    await this.#routeServices();
  }

  /** Starts their kubelets; resolves when every node takes pods. */
  async join(client: Client): Promise<void> {
    this.#client = client;
    await together(this.#members.map((member) => this.#join(member, { since: 0 })));
  }

  async loadImages(layout: string): Promise<void> {
    const { directory } = this.#site.claim;
    const file = join(directory, `images-${this.#archives.length + 1}.tar`);
    this.#archives.push(file);
    await packLayout({ directory: layout, file }, new AbortController().signal);
    await together(this.#members.filter(({ on }) => on).map((member) => this.#load(member)));
  }

  #member(index: number, count: number): Member {
    const { claim } = this.#site;
    const name = `node-${index + 1}`;
    const { bridge, gateway, podRange: podRangeOfAll } = this.#plan;
    const others = Array.from({ length: count }, (_, other) => other).filter((i) => i !== index);
    const own = this.#plan.node(index);
    const machine = new Machine(this.#site, {
      ...{ name, bridge, gateway, podRangeOfAll, ...own },
      disk: join(claim.directory, 'nodes', name),
      cgroup: `${cgroupOf(claim)}/${name}`,
      neighbours: others.map((other) => {
        const { podRange, address } = this.#plan.node(other);
        return [podRange, address];
      }),
    });
    const node: LabNode = {
      ...{ name, address: own.address, podRange: own.podRange },
      lose: () => this.#lose(member),
      restore: () => this.#restore(member),
    };
    const member: Member = { machine, node, on: false, loaded: 0 };
    return member;
  }

  async #switchOn(member: Member): Promise<void> {
    const { address, podRange } = member.node;
    await member.machine.switchOn();
    await routeVia(this.#site.claim, this.#plan, { range: podRange, address });
    member.on = true;
  }

  async #load(member: Member): Promise<void> {
    for (const archive of this.#archives.slice(member.loaded)) {
      await member.machine.containers(['images', 'import', archive]);
      member.loaded++;
    }
  }

  async #lose(member: Member): Promise<void> {
    if (!member.on) throw new Error(`${member.node.name} is lost already`);
    member.on = false;
    await member.machine.switchOff();
    await this.#routeServices();
  }

  async #restore(member: Member): Promise<void> {
    if (member.on) throw new Error(`${member.node.name} is not lost`);
    const since = Math.floor(Date.now() / 1_000) * 1_000;
    await this.#switchOn(member);
    await this.#routeServices();
    await this.#load(member);
    await this.#join(member, { since });
  }

  /** Service addresses answer through the first node that is on: its kube-proxy knows the pods behind them. */
  async #routeServices(): Promise<void> {
    const first = this.#members.find(({ on }) => on);
    if (!first) return;
    const { address } = first.node;
    await routeVia(this.#site.claim, this.#plan, { range: this.#plan.serviceRange, address });
  }

  /** `since`: in milliseconds; what the node said before does not count. */
  async #join({ machine, node }: Member, { since }: { readonly since: number }): Promise<void> {
    const client = this.#client;
    if (!client) throw new Error('there is no API server yet');
    await machine.join();
    const signal = new AbortController().signal;
    await until(
      `${node.name} takes pods`,
      async () =>
        takesPods(await client.request('GET', `/api/v1/nodes/${node.name}`, {}, signal), since),
      readyTimeoutMs,
    );
  }
}

/** Whether a node has said since then that it is ready, and nothing keeps pods away from it. */
function takesPods(node: unknown, since: number): boolean {
  if (!isJsonObject(node) || !isJsonObject(node['status']) || !isJsonObject(node['spec'])) {
    return false;
  }
  const { conditions } = node['status'];
  const ready = (Array.isArray(conditions) ? conditions : [])
    .filter(isJsonObject)
    .find(({ type }) => type === 'Ready');
  const saidMs = Date.parse(String(ready?.['lastHeartbeatTime']));
  return ready?.['status'] === 'True' && saidMs >= since && node['spec']['taints'] === undefined;
}
