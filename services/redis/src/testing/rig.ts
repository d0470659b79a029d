// Fresh redis-servers for an observation, pretended or real, and what observations ask of them again and again.

import { type ClusterNode, parseClusterNodes } from '../cluster/cluster-nodes.ts';
import { evenShares } from '../cluster/slots.ts';
import { clockMsIn, clockQuestion, expiring } from '../expiring.ts';
import { parseInfo } from '../info.ts';

/** A server that does not answer throws. */
export interface Rig {
  readonly port: number;
  /** Answers of one connection to commands behind one another; of an error its words. */
  ask(
    server: number,
    ...commands: readonly (readonly (string | number)[])[]
  ): Promise<readonly string[]>;
  /** Commands behind one another over a connection of their own, which goes away without an answer. */
  tell(server: number, ...commands: readonly (readonly (string | number)[])[]): Promise<void>;
  /** At once, as when its machine dies. */
  kill(server: number): Promise<void>;
  /** It stays there and says nothing. */
  freeze(server: number): void;
  thaw(server: number): void;
  start(
    server: number,
    how?: { readonly address?: 'another'; readonly volume?: 'lost' },
  ): Promise<void>;
  host(server: number): string;
  until(what: string, check: () => Promise<boolean>): Promise<void>;
  /** Lets so much time go by. */
  pass(milliseconds: number): Promise<void>;
}

export const nodeTimeoutMs = 1_000;

/** Puts questions to the servers of a rig, and knows them by their numbers. */
export class Observer {
  readonly rig: Rig;
  readonly servers: number;
  /** Server by node id. */
  readonly #numbers = new Map<string, number>();

  constructor(rig: Rig, servers: number) {
    this.rig = rig;
    this.servers = servers;
  }

  get all(): readonly number[] {
    return Array.from({ length: this.servers }, (_, server) => server);
  }

  /** Its answer in one line; ids and addresses of servers are `#0`. */
  async ask(server: number, ...command: readonly (string | number)[]): Promise<string> {
    const [answer = ''] = await this.rig.ask(server, command);
    return this.plain(answer);
  }

  /** As {@link ask}, a command that expires: so many milliseconds after what its own clock shows now. */
  async askWithin(
    server: number,
    lifeMs: number,
    ...command: readonly (string | number)[]
  ): Promise<string> {
    return this.ask(
      server,
      ...expiring(command, { untilMs: (await this.clockMs(server)) + lifeMs }),
    );
  }

  async clockMs(server: number): Promise<number> {
    const [answer = ''] = await this.rig.ask(server, clockQuestion);
    return clockMsIn(answer.split(' '));
  }

  plain(text: string): string {
    let plain = text;
    for (const [id, server] of this.#numbers) plain = plain.replaceAll(id, `#${server}`);
    for (const server of this.all) {
      plain = plain.replaceAll(`${this.rig.host(server)}:${this.rig.port}`, `#${server}`);
    }
    return plain;
  }

  /** Remembered, also when the server has another one later. */
  async id(server: number): Promise<string> {
    const [id = ''] = await this.rig.ask(server, ['CLUSTER', 'MYID']);
    if (!this.#numbers.has(id)) this.#numbers.set(id, server);
    return id;
  }

  async nodes(server: number): Promise<readonly ClusterNode[]> {
    const [text = ''] = await this.rig.ask(server, ['CLUSTER', 'NODES']);
    return parseClusterNodes(text);
  }

  async info(server: number, name: string): Promise<string> {
    const answers = await this.rig.ask(server, ['INFO'], ['CLUSTER', 'INFO']);
    return (
      answers.map((text) => parseInfo(text).get(name)).find((value) => value !== undefined) ?? ''
    );
  }

  /** How one server sees another: `master,fail 0-100 epoch`, without its epoch. */
  async sees(server: number, other: number | string): Promise<string> {
    const id = typeof other === 'string' ? other : await this.idOf(other);
    const node = (await this.nodes(server)).find((one) => one.id === id);
    if (!node) return 'unknown';
    const flags = [...node.flags].filter((flag) => flag !== 'myself').join(',');
    const slots = node.slots.map(([a, b]) => (a === b ? `${a}` : `${a}-${b}`)).join(',');
    const master = node.masterId === undefined ? '' : ` of ${this.plain(node.masterId)}`;
    return `${flags}${master}${slots && ` ${slots}`}`;
  }

  /** As it was heard last. */
  async idOf(server: number): Promise<string> {
    for (const [id, number] of this.#numbers) if (number === server) return id;
    return this.id(server);
  }

  until(what: string, check: () => Promise<boolean>): Promise<void> {
    return this.rig.until(what, check);
  }

  /** Until a server sees another so. */
  untilSees(server: number, other: number | string, seen: string): Promise<void> {
    return this.until(
      `server ${server} sees ${other} as ${seen}`,
      async () => (await this.sees(server, other)) === seen,
    );
  }

  /** All know all, by their ids and at their addresses. */
  async meet(servers: readonly number[] = this.all): Promise<void> {
    const [first = 0, ...others] = servers;
    for (const other of others)
      await this.ask(first, 'CLUSTER', 'MEET', this.rig.host(other), this.rig.port);
    await this.untilKnown(servers);
  }

  async untilKnown(servers: readonly number[] = this.all): Promise<void> {
    const ids = await Promise.all(servers.map((server) => this.id(server)));
    await this.until('all know all', async () => {
      const seen = await Promise.all(servers.map((server) => this.nodes(server)));
      return seen.every((nodes) =>
        ids.every((id, at) =>
          nodes.some((node) => node.id === id && node.host === this.rig.host(servers[at] ?? 0)),
        ),
      );
    });
  }

  /** Masters with even shares and, behind them, replicas: `[3, 0]` is server 3 that follows 0. */
  async make(
    masters: number,
    replicas: readonly (readonly [number, number])[] = [],
  ): Promise<void> {
    await this.meet();
    const shares = evenShares(masters);
    for (const [server, share] of shares.entries()) {
      await this.ask(server, 'CLUSTER', 'ADDSLOTSRANGE', ...share);
    }
    for (const [replica, master] of replicas) {
      const id = await this.idOf(master);
      await this.until(
        `${replica} follows ${master}`,
        async () => (await this.ask(replica, 'CLUSTER', 'REPLICATE', id)) === 'OK',
      );
    }
    await this.untilServing(this.all);
    for (const [replica] of replicas) await this.untilSynced(replica);
    await this.until('all know who owns what, and who follows whom', async () => {
      const seen = await Promise.all(this.all.map((server) => this.nodes(server)));
      return seen.every(
        (nodes) =>
          nodes.filter(({ slots }) => slots.length > 0).length === masters &&
          nodes.filter(({ masterId }) => masterId !== undefined).length === replicas.length,
      );
    });
  }

  async untilServing(servers: readonly number[]): Promise<void> {
    for (const server of servers) {
      await this.until(
        `server ${server} serves`,
        async () => (await this.info(server, 'cluster_state')) === 'ok',
      );
    }
  }

  async untilSynced(replica: number): Promise<void> {
    await this.until(`${replica} is in step`, async () => {
      const status = await this.info(replica, 'master_link_status');
      return status === 'up' && (await this.info(replica, 'master_sync_in_progress')) === '0';
    });
  }

  async untilLeads(server: number): Promise<void> {
    await this.until(`server ${server} leads`, async () =>
      (await this.nodes(server)).some(
        ({ flags, slots }) => flags.has('myself') && flags.has('master') && slots.length > 0,
      ),
    );
  }
}
