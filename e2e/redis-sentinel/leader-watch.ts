// Hears from all Sentinels of a set that they have another leader, and from the API which pod has the leader's label: both
// in this process, so that the times of both are of one clock.

import { connect, type Socket } from 'node:net';
import { podResource } from '@tweendeck/kube';
import { RespCommandWriter, RespParser, type RespValue } from '@tweendeck/wire';
import { type DeclaredSentinel, sentinelPort, setPod } from '../support/declared-sentinel.ts';

interface Heard {
  /** Of the leader that is one from now on. */
  readonly ip: string;
  /** Of `performance.now()`. */
  readonly atMs: number;
}

export class LeaderWatch implements AsyncDisposable {
  /** What Sentinels said, each of them once. */
  readonly #switches: Heard[] = [];
  /** Each time that one pod alone had the label, and it was another one than before. */
  readonly #labels: Heard[] = [];
  readonly #set: DeclaredSentinel;
  readonly #stop: AbortController = new AbortController();
  readonly #sockets: readonly Socket[];
  #watching: Promise<void> = Promise.resolve();

  private constructor(set: DeclaredSentinel, sockets: readonly Socket[]) {
    this.#set = set;
    this.#sockets = sockets;
  }

  static async open(set: DeclaredSentinel): Promise<LeaderWatch> {
    const word = await set.password();
    const sockets = set.sentinels.map((host) => connect({ host, port: sentinelPort }));
    const watch = new LeaderWatch(set, sockets);
    try {
      await Promise.all(sockets.map((socket) => watch.#hear(socket, word)));
      await watch.#watchLabels();
    } catch (error) {
      await watch[Symbol.asyncDispose]();
      throw error;
    }
    return watch;
  }

  /** Waits until the label is that of another one than this. Milliseconds since a Sentinel was the first to say who it is. */
  labelDelayMs(old: string): Promise<number> {
    return this.#set.until('the label of the leader says who it is', async () => {
      const label = this.#labels.at(-1);
      const first = this.#switches.find(({ ip }) => ip === label?.ip);
      return label !== undefined && label.ip !== old && first && label.atMs - first.atMs;
    });
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const socket of this.#sockets) socket.destroy();
    this.#stop.abort();
    await this.#watching.catch((error: unknown) => {
      if (!this.#stop.signal.aborted) throw error;
    });
  }

  /** Until it has subscribed. */
  #hear(socket: Socket, word: string): Promise<void> {
    const { promise, resolve, reject } = Promise.withResolvers<void>();
    const parser = new RespParser({
      value: (value) => {
        const [kind, , words] = textsOf(value);
        if (kind === 'subscribe') resolve();
        if (kind !== 'message' || words === undefined) return;
        // Name, address and port before, address and port now.
        const [, , , ip = ''] = words.split(' ');
        this.#switches.push({ ip, atMs: performance.now() });
      },
      push: () => undefined,
      fault: (fault) => reject(new Error(fault)),
    });
    socket.on('data', (chunk: Buffer) => parser.push(chunk));
    socket.on('error', reject);
    const writer = new RespCommandWriter();
    writer.write(['AUTH', word]);
    writer.write(['SUBSCRIBE', '+switch-master']);
    for (const part of writer.take()) socket.write(part);
    return promise;
  }

  async #watchLabels(): Promise<void> {
    const { client, podSelection, signal } = this.#set;
    const leaders = new Map<string, string>();
    const { items, resourceVersion } = await client.list(podResource, podSelection, signal);
    for (const { uid, ip, role } of items.flatMap(setPod)) {
      if (role === 'leader') leaders.set(uid, ip);
    }
    const selection = { ...podSelection, resourceVersion };
    this.#watching = (async () => {
      for await (const event of client.watch(podResource, selection, this.#stop.signal)) {
        if (event.type === 'BOOKMARK') continue;
        const [pod] = event.type === 'DELETED' ? [] : setPod(event.object);
        if (pod?.role === 'leader') leaders.set(pod.uid, pod.ip);
        else leaders.delete(event.object.metadata.uid);
        const [ip, ...others] = leaders.values();
        if (ip === undefined || others.length > 0 || this.#labels.at(-1)?.ip === ip) continue;
        this.#labels.push({ ip, atMs: performance.now() });
      }
    })();
    this.#watching.catch(() => undefined); // looked at when it is disposed
  }
}

function textsOf(value: RespValue): readonly string[] {
  return Array.isArray(value) ? value.map(String) : [String(value)];
}
