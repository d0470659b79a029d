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
  tasks.start((ended) =>
    runHome(server.transport(systemUser('test')), { clock, random, log, options }, ended),
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
  },
  signal: AbortSignal,
): Promise<void> {
  const { clock, random, log, options } = home;
  const client = createClient({ transport, clock, random, log });
  await using informers = openInformerSet(client, { clock, random, log }, signal);
  await using tasks = new TaskGroup();
  if (options.node !== 'none') {
    for (const name of options.nodeNames ?? ['local']) {
      const node = { name, client, informers, clock, ...options.node };
      tasks.start(() => runNodeAgent(node, signal));
    }
  }
  const controllers = builtInControllers({ rootCertificate: 'PEM' });
  const manager = { client, clock, random, log, controllers, tasks: builtInTasks() };
  await runManager(manager, signal);
}
