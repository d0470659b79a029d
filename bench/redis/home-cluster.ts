// A RedisCluster or RedisSentinel of an embedded home of its own, and what is done to it.

import { availableParallelism } from 'node:os';
import { TestHome } from '../../e2e/support/home.ts';
import type { Reachable } from './cluster-client.ts';
import { eventually } from './eventually.ts';

const kubectl = '1.35';

interface Seen {
  readonly metadata: {
    readonly name: string;
    readonly uid: string;
    readonly generation: number;
    readonly labels?: Readonly<Record<string, string>>;
  };
  readonly status?: {
    readonly phase?: string;
    readonly ready?: string;
    readonly observedGeneration?: number;
    readonly podIP?: string;
  };
}

interface Declared {
  readonly kind: string;
  /** In the words of kubectl. */
  readonly resource: string;
  readonly spec: object;
  readonly nodes: number;
}

export class HomeCluster implements Reachable, AsyncDisposable {
  readonly #home: TestHome;
  readonly #resource: string;

  private constructor(home: TestHome, resource: string) {
    this.#home = home;
    this.#resource = resource;
  }

  /** Each of `members` may use the whole machine, as bare servers do: there are as many nodes, which share it. */
  static async open(
    { memory, members }: { readonly memory: string; readonly members: number },
    signal: AbortSignal,
  ): Promise<HomeCluster> {
    const resources = { limits: { cpu: String(availableParallelism()), memory } };
    const groups = { data: { shards: 3, members: 2, resources } };
    const spec = { groups, options: { nodeTimeoutMs: 2_000 } };
    const declared = { kind: 'RedisCluster', resource: 'rc', nodes: members, spec };
    return HomeCluster.#declare(declared, signal);
  }

  /** Three servers and three Sentinels. */
  static async openSentinel(downAfterMs: number, signal: AbortSignal): Promise<HomeCluster> {
    const spec = { groups: {}, options: { downAfterMs } };
    const declared = { kind: 'RedisSentinel', resource: 'rsen', nodes: 3, spec };
    return HomeCluster.#declare(declared, signal);
  }

  static async #declare(
    { kind, resource, spec, nodes }: Declared,
    signal: AbortSignal,
  ): Promise<HomeCluster> {
    const args = [`--nodes=${nodes}`];
    const home = await TestHome.open({ quickstart: 'none', args });
    const cluster = new HomeCluster(home, resource);
    try {
      const object = { apiVersion: 'tweendeck.io/v1alpha1', kind };
      // The bare servers beside it have no password.
      const whole = { ...spec, auth: { mode: 'none' } };
      const text = JSON.stringify({ ...object, metadata: { name: 'shop' }, spec: whole });
      await cluster.#kubectl(['apply', '-f', '-'], text);
      await cluster.settled(signal);
    } catch (error) {
      await cluster[Symbol.asyncDispose]();
      throw error;
    }
    return cluster;
  }

  readonly members = (): Promise<readonly string[]> => this.addressesOf('data');

  /** Of those that have one. */
  async addressesOf(group: 'data' | 'sentinels'): Promise<readonly string[]> {
    const pods = (await this.pods()).filter(
      ({ metadata: { labels = {} } }) => labels['tweendeck.io/group'] === group,
    );
    return pods.flatMap(({ status }) => (status?.podIP ? [status.podIP] : []));
  }

  async pods(): Promise<readonly Seen[]> {
    const selector = ['-l', 'app.kubernetes.io/instance=shop'];
    const text = await this.#kubectl(['get', 'pods', ...selector, '-o', 'json']);
    return (JSON.parse(text) as { readonly items: readonly Seen[] }).items; // kubectl's own list
  }

  async patch(spec: object): Promise<void> {
    const patch = JSON.stringify({ spec });
    await this.#kubectl(['patch', this.#resource, 'shop', '--type=merge', '-p', patch]);
  }

  /** Loses the pod at an address with all it has. */
  async losePod(address: string): Promise<void> {
    const pod = (await this.pods()).find(({ status }) => status?.podIP === address);
    if (pod === undefined) throw new Error(`no pod has ${address}`);
    await this.#kubectl(['delete', 'pod', pod.metadata.name, '--grace-period=0', '--force']);
  }

  /** Waits until its status says that all that was asked for is so. */
  async settled(signal: AbortSignal, maxSeconds = 900): Promise<void> {
    const isReady = async (): Promise<boolean> => {
      const { metadata } = await this.#get(this.#resource, 'shop');
      // One kubectl that watches: many that ask would take the processor from what is measured.
      for (const [path, value] of [
        ['observedGeneration', metadata.generation],
        ['phase', 'Ready'],
      ]) {
        const until = `--for=jsonpath={.status.${path}}=${value}`;
        const args = ['wait', `${this.#resource}/shop`, '--timeout=50s', until];
        if ((await this.#home.kubectl(kubectl, args)).code !== 0) return false;
      }
      const { status } = await this.#get(this.#resource, 'shop');
      const [ready, all] = (status?.ready ?? '').split('/');
      return status?.phase === 'Ready' && ready === all;
    };
    await eventually('the RedisCluster is settled', isReady, signal, maxSeconds);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#home[Symbol.asyncDispose]();
  }

  async #get(...what: readonly string[]): Promise<Seen> {
    return JSON.parse(await this.#kubectl(['get', ...what, '-o', 'json'])) as Seen; // as above
  }

  async #kubectl(args: readonly string[], input?: string): Promise<string> {
    const { code, stdout, stderr } = await this.#home.kubectl(kubectl, args, input);
    if (code !== 0) throw new Error(`kubectl ${args.join(' ')}: ${stderr}`);
    return stdout;
  }
}
