// A whole home in one process on simulated time: API server over memory, all built-in controllers, and a node.

import { type ApiServer, openApiServer, systemUser } from '@tweendeck/apiserver';
import { type Client, createClient, openInformerSet } from '@tweendeck/client';
import { runManager } from '@tweendeck/controller';
import type { ApiTransport } from '@tweendeck/kube';
import { SimClock, settle } from '@tweendeck/sim';
import { type Logger, type Random, seededRandom, silentLogger, TaskGroup } from '@tweendeck/std';
import { openMemoryStore } from '@tweendeck/store';
import { builtInControllers, builtInTasks } from '../built-in.ts';
import { type NodeAgentOptions, runNodeAgent } from './node-agent.ts';

export interface TestHomeOptions {
  readonly log?: Logger;
  readonly node?: Partial<NodeAgentOptions> | 'none';
  /** One node, `local`, unless told otherwise. */
  readonly nodeNames?: readonly string[];
}

export interface TestHome extends AsyncDisposable {
  readonly clock: SimClock;
  readonly client: Client;
  readonly signal: AbortSignal;
  readonly server: ApiServer;
  /** A node falls silent: nobody ends its pods. */
  loseNode(name: string): void;
  /** It comes back, and looks at its pods anew. */
  returnNode(name: string): void;
  /** Lets the home go on until `holds`; fails after `limitMs` (a minute unless said otherwise) of simulated time. */
  eventually(
    what: string,
    holds: () => Promise<boolean | undefined> | boolean,
    limitMs?: number,
  ): Promise<void>;
  /** Lets everything that can be done without time passing be done. */
  rest(): Promise<void>;
}

/** Turns of the event loop after which a home without timers has nothing left to do. */
const restTurns = 60;

export async function openTestHome(options: TestHomeOptions = {}): Promise<TestHome> {
  const random = seededRandom(7);
  const clock = new SimClock({ random });
  const log = options.log ?? silentLogger;
  const stop = new AbortController();
  const { signal } = stop;
  const opened = new AsyncDisposableStack();
  const store = opened.use(openMemoryStore());
  const server = opened.use(await openApiServer({ store, clock, random, log }, signal));
  const failures: unknown[] = [];
  const tasks = new TaskGroup({ onFailure: (error) => void failures.push(error) });
  const nodes = new NodeSwitches();
  tasks.start((ended) =>
    runHome(server.transport(systemUser('test')), { clock, random, log, options, nodes }, ended),
  );
  const rest = async (): Promise<void> => {
    for (let turn = 0; turn < restTurns; turn++) await settle();
    if (failures.length > 0) throw failures[0];
  };
  const client = createClient({ transport: server.transport(systemUser('admin')), clock, random });
  return {
    clock,
    client,
    signal,
    server,
    rest,
    loseNode: (name) => nodes.lose(name),
    returnNode: (name) => nodes.start(name),
    async eventually(what, holds, limitMs = 60_000) {
      const untilMs = clock.monotonicMs() + limitMs;
      do {
        await rest();
        if (await holds()) return;
      } while (clock.monotonicMs() < untilMs && ((await clock.step(untilMs)) || true));
      throw new Error(`not within ${limitMs / 1_000} simulated seconds: ${what}`);
    },
    async [Symbol.asyncDispose]() {
      await clock.until(tasks[Symbol.asyncDispose]());
      stop.abort();
      await opened.disposeAsync();
    },
  };
}

async function runHome(
  transport: ApiTransport,
  home: {
    readonly clock: SimClock;
    readonly random: Random;
    readonly log: Logger;
    readonly options: TestHomeOptions;
    readonly nodes: NodeSwitches;
  },
  signal: AbortSignal,
): Promise<void> {
  const { clock, random, log, options, nodes } = home;
  const client = createClient({ transport, clock, random, log });
  await using informers = openInformerSet(client, { clock, random, log }, signal);
  await using tasks = new TaskGroup();
  const { node: given } = options;
  if (given !== 'none') {
    nodes.run = (name, running) => {
      const node = { name, client, informers, clock, ...given };
      tasks.start(() => runNodeAgent(node, AbortSignal.any([signal, running])));
    };
    for (const name of options.nodeNames ?? ['local']) nodes.start(name);
  }
  const controllers = builtInControllers({ rootCertificate: 'PEM' });
  const manager = { client, clock, random, log, controllers, tasks: builtInTasks() };
  await runManager(manager, signal);
}

/** Which nodes run. */
class NodeSwitches {
  run: (name: string, running: AbortSignal) => void = () => undefined;
  readonly #running = new Map<string, AbortController>();

  start(name: string): void {
    const life = new AbortController();
    this.#running.set(name, life);
    this.run(name, life.signal);
  }

  lose(name: string): void {
    this.#running.get(name)?.abort();
  }
}
