// The home of the tests of RedisSentinels, and one of them with a client that writes all the time.

import assert from 'node:assert/strict';
import type { TestContext } from 'node:test';
import { DeclaredSentinel } from '../support/declared-sentinel.ts';
import { freePort, TestHome, until } from '../support/home.ts';
import { homeClient } from '../support/home-client.ts';
import type { Outcome } from '../support/kubectl.ts';
import { SentinelWriter } from '../support/redis-sentinel-writer.ts';

const patienceMs = 120_000;

export class SentinelHome implements AsyncDisposable {
  /** Has volumes. */
  readonly sessions: DeclaredSentinel;
  readonly writer: SentinelWriter;
  readonly #home: TestHome;
  readonly #port: number;
  readonly #opened: AsyncDisposableStack;

  private constructor(
    opened: AsyncDisposableStack,
    parts: { readonly home: TestHome; readonly port: number; readonly sessions: DeclaredSentinel },
  ) {
    this.#opened = opened;
    this.#home = parts.home;
    this.#port = parts.port;
    const { sessions } = parts;
    this.sessions = sessions;
    this.writer = opened.use(
      new SentinelWriter({
        masterName: sessions.masterName,
        password: () => sessions.password(),
        sentinels: async () => sessions.sentinels,
      }),
    );
  }

  static async open(): Promise<SentinelHome> {
    await using opened = new AsyncDisposableStack();
    const port = await freePort();
    const home = opened.use(await TestHome.open({ port }));
    const { client, transport } = await homeClient(home.kubeconfig);
    opened.use(transport);
    const sessions = new DeclaredSentinel('sessions', client, new AbortController().signal);
    return new SentinelHome(opened.move(), { home, port, sessions });
  }

  /** Another one that nobody writes to. */
  other(name: string): DeclaredSentinel {
    return new DeclaredSentinel(name, this.sessions.client, this.sessions.signal);
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
    const object = { apiVersion: 'tweendeck.io/v1alpha1', kind: 'RedisSentinel' };
    const text = JSON.stringify({ ...object, metadata: { name }, spec });
    await this.kubectl(['apply', '-f', '-'], text);
  }

  /** Ends the home at once, and starts it again when `meanwhile` is done. */
  async killedWhile(meanwhile: () => Promise<void>): Promise<void> {
    await this.#home.stop('SIGKILL');
    try {
      await meanwhile();
    } finally {
      await this.#home.start({ port: this.#port }); // which also ends what the killed one left
    }
  }

  /** Nobody looks until `meanwhile` is done. */
  async frozenWhile(meanwhile: () => Promise<void>): Promise<void> {
    const { pid } = this.#home;
    process.kill(pid, 'SIGSTOP');
    try {
      await meanwhile();
    } finally {
      process.kill(pid, 'SIGCONT');
    }
  }

  /** What the platform did to a set, in order, as the log of this home since its start has it. */
  steps({ name }: DeclaredSentinel): readonly string[] {
    return this.#home.stderr.split('\n').flatMap((line) => {
      if (!line.includes('"message":"step"')) return [];
      const { cluster, step } = JSON.parse(line);
      return cluster === name ? [String(step)] : [];
    });
  }

  stepsLike(set: DeclaredSentinel, words: string): number {
    return this.steps(set).filter((step) => step.startsWith(words)).length;
  }

  /** The client goes on with `sessions`, and all is there that was acknowledged. */
  async nothingLost(context: TestContext, what: string): Promise<void> {
    const { writer } = this;
    const before = writer.writes;
    await until('writes go on', async () => writer.writes > before + 50, patienceMs);
    assert.deepEqual(await writer.lost(), []);
    const gap = Math.round(writer.longestGapMs);
    context.diagnostic(`${what}: ${gap} ms without writes, ${writer.failures.length} failed`);
    writer.measure();
  }

  /** Waits until all servers of `sessions` but one follow that one, and all Sentinels name it. */
  async hasOneLeader(ready: string = '6/6'): Promise<string> {
    const { sessions } = this;
    await sessions.settled(ready);
    await sessions.lookForSentinels();
    return sessions.until('all agree who leads', async () => {
      const named = new Set(
        await Promise.all(sessions.sentinels.map((at) => sessions.namedBy(at))),
      );
      const [leader = '', ...others] = named;
      const data = await sessions.pods('data');
      const roles = await Promise.all(
        data.map(async ({ ip }) => `${await sessions.roleOf(ip)} ${ip === leader}`),
      );
      const expected = data.map(({ ip }) => (ip === leader ? 'master true' : 'slave false'));
      return others.length === 0 && String(roles) === String(expected) && leader;
    });
  }

  /** `meanwhile` with a client that does not write, and nothing on its way to replicas. */
  async quietWhile(meanwhile: () => Promise<void>): Promise<void> {
    await this.writer.stop();
    await this.sessions.confirm();
    await meanwhile();
    this.writer.start(keyCount);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#opened.disposeAsync();
  }
}

export const keyCount = 500;
