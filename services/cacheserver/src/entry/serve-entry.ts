// The entry as a process's whole job: follow the replicas, keep nginx in step with them, and stop in good order.

import { createServer, type Server } from 'node:http';
import { type Client, type Informer, openInformer } from '@tweendeck/client';
import { type EndpointSlice, endpointSliceResource } from '@tweendeck/kube';
import { abortable, aborted, type Clock, isAbort, type Logger, type Random } from '@tweendeck/std';
import { type ListenAddress, listenOn } from '../dataplane/listen.ts';
import { membersAfter, membersOf } from './members.ts';
import { Nginx } from './nginx.ts';
import { type EntryPlan, type HostPort, nginxConfig } from './nginx-config.ts';

export interface ServeEntryOptions {
  readonly client: Client;
  /** The Service whose ready endpoints are the replicas. */
  readonly service: { readonly namespace: string; readonly name: string };
  readonly listen: readonly HostPort[];
  /** Addresses shared with other programs, as they are now. */
  readonly sharedListen: () => Promise<readonly HostPort[]>;
  readonly health: ListenAddress;
  readonly program: string;
  readonly streamModule: string | undefined;
  /** For nginx's own files. */
  readonly directory: string;
  readonly connectionsMax: number;
  /** How long new clients are still served after the signal. */
  readonly lingerMs: number;
  /** How long clients may take to finish after that. */
  readonly drainMs: number;
  /** Given what is to be called when the shared addresses may have changed. */
  readonly onHangup: (reread: () => void) => void;
  readonly clock: Clock;
  readonly random: Random;
  readonly log: Logger;
}

/** Changes of replicas come in bursts: one reload for each. */
const gatherMs = 150;
/** How long addresses that are to be left are still served: whoever takes them over may need a moment. */
const addressLingerMs = 2_000;

/** What an entry says about itself. */
interface EntryState {
  state: 'starting' | 'serving' | 'leaving';
  members: readonly HostPort[];
  /** Ready replicas at the moment; nginx keeps the last ones when there are none. */
  readyMembers: number;
  reloads: number;
}

/** Serves until the signal aborts, lingers, drains and resolves. Throws CACHE_ENTRY_ENDED when nginx ends by itself. */
export async function serveEntry(options: ServeEntryOptions, signal: AbortSignal): Promise<void> {
  const { clock, log } = options;
  const facts: EntryState = { state: 'starting', members: [], readyMembers: 0, reloads: 0 };
  // What serves outlives the signal by the drain.
  const cut = new AbortController();
  await using opened = new AsyncDisposableStack();
  opened.use(await startStatus(options.health, facts));
  const changes = opened.use(new EntryChanges(options, facts, cut.signal));
  opened.defer(() => cut.abort(new Error('the entry has ended')));
  const first = await changes.next(signal);
  if (first === undefined) return; // stopped before there was a replica
  const nginx = new Nginx(options, nginxConfig(first));
  opened.defer(() => nginx.killAll());
  facts.state = 'serving';
  log.info('entry serving', { listen: first.listen, members: first.members });
  const keeping = keepInStep(nginx, { first, changes, facts, log }, cut.signal);
  if ((await Promise.race([aborted(signal), nginx.ended])) === 'ended') throw nginx.failure();
  facts.state = 'leaving';
  await Promise.race([clock.sleep(options.lingerMs, cut.signal), nginx.ended]);
  await nginx.stop(options.drainMs);
  cut.abort(new Error('the entry has stopped'));
  await keeping;
  log.info('entry stopped', { reloads: facts.reloads });
}

async function keepInStep(
  nginx: Nginx,
  {
    first,
    changes,
    facts,
    log,
  }: {
    readonly first: EntryPlan;
    readonly changes: EntryChanges;
    readonly facts: EntryState;
    readonly log: Logger;
  },
  signal: AbortSignal,
): Promise<void> {
  let current = nginxConfig(first);
  for (let plan = await changes.next(signal); plan; plan = await changes.next(signal)) {
    const wanted = nginxConfig(plan);
    if (wanted === current) continue;
    nginx.reload(wanted);
    current = wanted;
    facts.reloads++;
    log.info('entry follows', { shared: plan.sharedListen, members: plan.members });
  }
}

/** What nginx is to be told, whenever that may have changed. */
class EntryChanges implements AsyncDisposable {
  readonly #options: ServeEntryOptions;
  readonly #facts: EntryState;
  readonly #informer: Informer<EndpointSlice>;
  #wake: PromiseWithResolvers<void> = Promise.withResolvers<void>();
  #shared: readonly HostPort[] = [];
  /** Shared addresses that are no longer ours, and are still served. */
  #leaving: readonly HostPort[] = [];

  constructor(options: ServeEntryOptions, facts: EntryState, signal: AbortSignal) {
    this.#options = options;
    this.#facts = facts;
    const { client, service } = options;
    const which = {
      namespace: service.namespace,
      labelSelector: `kubernetes.io/service-name=${service.name}`,
    };
    this.#informer = openInformer(client, endpointSliceResource, which, options, signal);
    this.#informer.synced.catch(() => undefined); // closed before
    const changed = (): void => this.#wake.resolve();
    this.#informer.subscribe({ updated: changed, deleted: changed }); // ends with the informer
    options.onHangup(changed);
  }

  /** Waits for a change; undefined when the signal aborts. */
  async next(signal: AbortSignal): Promise<EntryPlan | undefined> {
    try {
      for (;;) {
        await abortable(this.#wake.promise, signal);
        await this.#options.clock.sleep(gatherMs, signal);
        this.#wake = Promise.withResolvers<void>();
        const plan = await this.#plan();
        if (plan.members.length > 0) return plan;
      }
    } catch (error) {
      if (isAbort(error, signal)) return undefined;
      throw error;
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#informer[Symbol.asyncDispose]();
  }

  async #plan(): Promise<EntryPlan> {
    const { service, listen, streamModule, connectionsMax } = this.#options;
    const facts = this.#facts;
    const now = membersOf(this.#informer.list({ namespace: service.namespace }), 'proxied');
    facts.readyMembers = now.length;
    facts.members = membersAfter(facts.members, now);
    await this.#readShared();
    const sharedListen = [...new Set([...this.#shared, ...this.#leaving])].sort();
    return { listen, sharedListen, members: facts.members, streamModule, connectionsMax };
  }

  async #readShared(): Promise<void> {
    const { clock, log, sharedListen } = this.#options;
    const before = this.#shared;
    try {
      this.#shared = await sharedListen();
    } catch (error) {
      log.warn('shared addresses not read, keeping those there were', { error });
      return;
    }
    const gone = before.filter((address) => !this.#shared.includes(address));
    if (gone.length === 0) return;
    this.#leaving = gone;
    const left = (): void => {
      this.#leaving = [];
      this.#wake.resolve();
    };
    clock.timer(addressLingerMs, left, { keepAlive: false });
  }
}

async function startStatus(address: ListenAddress, facts: EntryState): Promise<AsyncDisposable> {
  const server: Server = createServer({ requestTimeout: 10_000 }, (request, response) => {
    request.resume();
    const { status, body } = reply(request.url ?? '/', facts);
    response.writeHead(status, { 'content-type': body.startsWith('{') ? json : text });
    response.end(body);
  });
  await listenOn(server, address);
  return {
    [Symbol.asyncDispose]: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        server.closeAllConnections();
      }),
  };
}

const json = 'application/json';
const text = 'text/plain; charset=utf-8';

function reply(
  path: string,
  facts: EntryState,
): { readonly status: number; readonly body: string } {
  switch (path) {
    case '/livez':
      return { status: 200, body: 'ok\n' };
    case '/readyz': {
      const serves = facts.state === 'serving' && facts.readyMembers > 0;
      const why = facts.state === 'serving' ? 'no replica is ready' : facts.state;
      return serves ? { status: 200, body: 'ok\n' } : { status: 503, body: `${why}\n` };
    }
    case '/metrics':
      return { status: 200, body: metrics(facts) };
    case '/stats':
      return { status: 200, body: `${JSON.stringify(facts)}\n` };
    default:
      return { status: 404, body: 'not found\n' };
  }
}

function metrics({ members, readyMembers, reloads }: EntryState): string {
  const lines = [
    ['entry_members', 'gauge', 'Replicas that nginx leads to.', members.length],
    ['entry_members_ready', 'gauge', 'Replicas that are ready.', readyMembers],
    ['entry_reloads_total', 'counter', 'Configurations that nginx took over.', reloads],
  ] as const;
  return lines
    .map(([name, type, help, value]) => {
      const full = `tweendeck_cache_${name}`;
      return `# HELP ${full} ${help}\n# TYPE ${full} ${type}\n${full} ${value}\n`;
    })
    .join('');
}
