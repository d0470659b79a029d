// The home of the cases of Redis clusters: three nodes that can be lost, and two clusters with clients that write all the time.

import assert from 'node:assert/strict';
import { holds } from '../../services/redis/src/cluster/slots.ts';
import { slotOfKey } from '../../services/redis/src/testing/slot-set.ts';
import { DeclaredRedis, type SeenServer, type Server } from './declared-redis.ts';
import { freePort, TestHome, until } from './home.ts';
import { homeClient } from './home-client.ts';
import type { Outcome } from './kubectl.ts';
import { TestNode } from './node.ts';
import { ClusterWriter } from './redis-cluster-writer.ts';
import { signalRedisAt } from './redis-processes.ts';
import { stepsIn } from './redis-steps.ts';

const patienceMs = 120_000;
const lease = '--lease-seconds=8';
/** Keys of each cluster. */
export const caseKeys = 3_000;
/** Of each member. */
export const smallMember: { readonly limits: { readonly cpu: string; readonly memory: string } } = {
  limits: { cpu: '100m', memory: '96Mi' },
};

export class RedisCaseHome implements AsyncDisposable {
  /** Those that can be lost. */
  readonly nodes: readonly TestNode[];
  /** Has volumes. */
  readonly shop: DeclaredRedis;
  readonly shopWriter: ClusterWriter;
  readonly shopSpec: CaseSpec = {
    groups: { data: { resources: smallMember, storage: { size: '1Gi' } } },
  };
  /** Loses its data with its pods, and keeps no log. */
  readonly cart: DeclaredRedis;
  readonly cartWriter: ClusterWriter;
  readonly cartSpec: CaseSpec = {
    groups: { data: { resources: smallMember } },
    config: { appendonly: 'no' },
  };
  readonly #home: TestHome;
  readonly #opened: AsyncDisposableStack;

  private constructor(opened: AsyncDisposableStack, parts: Parts) {
    this.#opened = opened;
    this.#home = parts.home;
    this.nodes = parts.nodes;
    [this.shop, this.cart] = [parts.shop, parts.cart];
    const [shopWriter, cartWriter] = [parts.shop, parts.cart].map((cluster) =>
      opened.use(
        new ClusterWriter(
          () => cluster.addresses(),
          () => cluster.password(),
        ),
      ),
    );
    assert.ok(shopWriter && cartWriter);
    [this.shopWriter, this.cartWriter] = [shopWriter, cartWriter];
  }

  static async open(): Promise<RedisCaseHome> {
    await using opened = new AsyncDisposableStack();
    const args = ['--node-monitor-grace-period=8', '--default-unreachable-toleration-seconds=2'];
    const home = opened.use(
      await TestHome.open({ port: await freePort(), args: [lease, ...args] }),
    );
    const two = opened.use(await TestNode.open(home, 'two', [lease]));
    const three = opened.use(await TestNode.open(home, 'three', [lease]));
    const { client, transport } = await homeClient(home.kubeconfig);
    opened.use(transport);
    const { signal } = new AbortController();
    const shop = new DeclaredRedis('shop', client, signal);
    const cart = new DeclaredRedis('cart', client, signal);
    return new RedisCaseHome(opened.move(), { home, nodes: [two, three], shop, cart });
  }

  /** Another one that nobody writes to. */
  other(name: string): DeclaredRedis {
    return this.shop.named(name);
  }

  /** It must succeed. */
  async kubectl(args: readonly string[], input?: string): Promise<string> {
    const { code, stdout, stderr } = await this.tryKubectl(args, input);
    assert.equal(code, 0, `kubectl ${args.join(' ')}: ${stderr}`);
    return stdout;
  }

  tryKubectl(args: readonly string[], input?: string): Promise<Outcome> {
    return this.#home.kubectl('1.35', args, input);
  }

  async declare(name: string, spec: object): Promise<void> {
    const object = { apiVersion: 'tweendeck.io/v1alpha1', kind: 'RedisCluster' };
    const options = { nodeTimeoutMs: 2_000 };
    const text = JSON.stringify({ ...object, metadata: { name }, spec: { options, ...spec } });
    await this.kubectl(['apply', '-f', '-'], text);
  }

  /** The clients go on, and all is there that was acknowledged. */
  async nothingLost(writer: ClusterWriter): Promise<void> {
    await this.#writesGoOn(writer);
    assert.deepEqual(await writer.lost(), []);
  }

  /** What more than the leader has of all that was acknowledged until now: Redis acknowledges before it copies. */
  async promisedOf(
    cluster: DeclaredRedis,
    writer: ClusterWriter,
  ): Promise<ReadonlyMap<string, string>> {
    const promised = new Map(writer.acknowledged);
    await cluster.confirm();
    return promised;
  }

  /**
   * All that was promised is there, and all else but what these leaders took along, who were lost, or went on after they were
   * silent: that is asked for no more. Gives how many keys it is.
   */
  async promisesKept(
    writer: ClusterWriter,
    promised: ReadonlyMap<string, string>,
    leaders: readonly SeenServer[],
  ): Promise<number> {
    await this.#writesGoOn(writer);
    assert.deepEqual(await writer.lost(promised), []);
    const excused = await writer.excuse();
    const theirs = leaders.flatMap(({ self }) => self.slots);
    const others = excused.filter((text) => !holds(theirs, slotOfKey(text.split(':')[0] ?? '')));
    assert.deepEqual(others, []);
    return excused.length;
  }

  async someLeader(cluster: DeclaredRedis): Promise<SeenServer> {
    const [leader] = await cluster.leaders();
    assert.ok(leader);
    return leader;
  }

  async someFollower(cluster: DeclaredRedis): Promise<SeenServer> {
    const follower = (await cluster.seen()).find(({ self }) => self.masterId !== undefined);
    assert.ok(follower);
    return follower;
  }

  async remove(pods: readonly Server[], ...how: readonly string[]): Promise<void> {
    await this.kubectl(['delete', 'pod', '--wait=false', ...how, ...pods.map(({ pod }) => pod)]);
  }

  replaced(cluster: DeclaredRedis, { pod, uid }: Server): Promise<Server> {
    return cluster.until(`there is another ${pod}`, async () =>
      (await cluster.servers()).find((one) => one.pod === pod && one.uid !== uid),
    );
  }

  /** At once, with what it had in it: one that were only killed would be started again in its pod. */
  async lose(cluster: DeclaredRedis, lost: readonly Server[]): Promise<void> {
    for (const { ip } of lost) signalRedisAt(ip, 'SIGSTOP');
    await this.remove(lost, '--grace-period=0', '--force');
    await Promise.all(lost.map((server) => this.replaced(cluster, server)));
  }

  /** What the operator did to a cluster, in order, as its log has it. */
  steps({ name }: DeclaredRedis): readonly string[] {
    return stepsIn(this.#home.stderr, name);
  }

  stepsLike(cluster: DeclaredRedis, words: string): number {
    return this.steps(cluster).filter((step) => step.startsWith(words)).length;
  }

  /** Each shard has its share, all know the same members and nobody else, and slots were given out once. */
  async isWhole(cluster: DeclaredRedis, shards = 3): Promise<void> {
    await cluster.settled(`${shards * 2}/${shards * 2}`);
    await cluster.isClean();
    const shares = await cluster.shares();
    assert.equal(shares.length, shards);
    for (const share of shares) assert.ok(Math.abs(share * shards - 16_384) < 400, `${shares}`);
    assert.equal(this.stepsLike(cluster, 'take slots'), 3);
    await cluster.until('all know all, and nobody else', async () => {
      const seen = await cluster.seen();
      const addresses = new Set(seen.map(({ ip }) => ip));
      return seen.every(
        ({ nodes }) =>
          nodes.length === shards * 2 && nodes.every(({ host }) => addresses.has(host)),
      );
    });
  }

  async #writesGoOn(writer: ClusterWriter): Promise<void> {
    const before = writer.writes;
    await until('writes go on', async () => writer.writes > before + 100, patienceMs);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#opened.disposeAsync();
  }
}

interface CaseSpec {
  readonly groups: { readonly data: object };
  readonly config?: object;
}

interface Parts {
  readonly home: TestHome;
  readonly nodes: readonly TestNode[];
  readonly shop: DeclaredRedis;
  readonly cart: DeclaredRedis;
}

/** Whether no two of a shard are on one node. */
export function isApart(servers: readonly Server[]): boolean {
  return new Set(servers.map(({ shard, host }) => `${shard} ${host}`)).size === servers.length;
}
