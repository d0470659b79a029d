// A lane: all conversations of one set with one generation of clients, against servers of its own, in one of the two ways.

import { join } from 'node:path';
import { isJsonObject } from '@tweendeck/std';
import { until } from '../support/home.ts';
import type { KubectlVersion } from '../support/kubectl.ts';
import { type Difference, distinct } from './answers.ts';
import { Clients } from './clients.ts';
import { type BareRequest, type Command, type Conversation, stepOf } from './conversation.ts';
import { startFakeNode } from './fake-node.ts';
import { compareOutcomes } from './outputs.ts';
import { Pair } from './pair.ts';
import { ComparingProxy, isEndless } from './proxy.ts';
import { type Servers, startServers } from './servers.ts';
import { type Sent, Translation } from './translation.ts';

export interface Lane {
  readonly servers: Conversation['servers'];
  readonly version: KubectlVersion;
  /** `requests`: through the proxy, which compares answers. `outputs`: with each server directly, comparing what is printed. */
  readonly mode: 'requests' | 'outputs';
  /** Whether its clients are the newest: bare requests, and what is held once, are left to them. */
  readonly isNewest: boolean;
  /** For everything the lane writes; whoever made it removes it. */
  readonly directory: string;
}

/** What one step brought. */
export interface Result {
  readonly lane: string;
  readonly conversation: string;
  readonly line: string;
  readonly requestCount: number;
  readonly differences: readonly Difference[];
}

export const nameOfLane = ({ mode, version, servers }: Lane): string =>
  `${mode} ${version}${servers === 'controllers' ? ' with controllers' : ''}`;

/** Runs them one after another; `onResult` hears of each step as it is done. */
export async function runLane(
  lane: Lane,
  conversations: readonly Conversation[],
  onResult: (result: Result) => void,
): Promise<void> {
  const wanted = conversations.filter((conversation) => isHeldIn(conversation, lane));
  if (wanted.length === 0) return;
  await using opened = new AsyncDisposableStack();
  const servers = opened.use(await startServers(lane.servers, join(lane.directory, 'subject')));
  if (lane.servers === 'controllers') {
    for (const side of [servers.reference, servers.subject]) opened.use(await startFakeNode(side));
  }
  const runner =
    lane.mode === 'requests'
      ? opened.use(await RequestsRunner.open(lane, servers))
      : new OutputsRunner(lane, servers);
  for (const conversation of wanted) {
    await prepareNamespace(conversation, servers);
    const report = (line: string, outcome: Stepped): void =>
      onResult({
        lane: nameOfLane(lane),
        conversation: conversation.name,
        line,
        requestCount: outcome.requestCount,
        differences: distinct(outcome.differences),
      });
    await runner.run(conversation, report);
  }
}

function isHeldIn({ servers, held = 'everywhere', steps }: Conversation, lane: Lane): boolean {
  if (servers !== lane.servers) return false;
  if (lane.isNewest && lane.mode === 'requests') return true;
  if (held === 'once' || (held === 'newest' && !lane.isNewest)) return false;
  return steps.some((step) => 'run' in stepOf(step));
}

interface Stepped {
  readonly requestCount: number;
  readonly differences: readonly Difference[];
}

type Report = (line: string, stepped: Stepped) => void;

const unhurried = new AbortController().signal;

/** Each conversation has a namespace with an account for its pods, on both sides. */
async function prepareNamespace({ name }: Conversation, servers: Servers): Promise<void> {
  for (const side of [servers.reference, servers.subject]) {
    const create = (path: string, object: object): Promise<unknown> =>
      side.ask(jsonRequest('POST', path, object), unhurried);
    await create('/api/v1/namespaces', { metadata: { name } });
    const accounts = `/api/v1/namespaces/${name}/serviceaccounts`;
    await create(accounts, { metadata: { name: 'default' } });
    await until(`namespace ${name} has its account`, async () => {
      const { status } = await side.ask(jsonRequest('GET', `${accounts}/default`), unhurried);
      return status === 200;
    });
  }
}

function jsonRequest(method: string, path: string, body?: unknown): Sent {
  const text = typeof body === 'string' ? body : JSON.stringify(body);
  return {
    method,
    path,
    headers: {
      accept: 'application/json',
      'user-agent': 'differential',
      ...(body === undefined ? {} : { 'content-type': 'application/json' }),
    },
    body: Buffer.from(body === undefined ? '' : (text ?? '')),
  };
}

/**
 * Commands that wait for controllers. Both come to the same end, but not at the same moment: what such a command sees on
 * its way is timing. Its end is compared by the reads that follow, and by what it prints.
 */
const definitionWaits = /kubectl (delete|wait) crd/; // their controllers are part of every API server
const waits = /rollout status|kubectl wait|kubectl delete|kubectl drain|helm .*--wait/;

/** Commands speak to the proxy; bare requests are sent as they are. */
class RequestsRunner implements AsyncDisposable {
  readonly #lane: Lane;
  readonly #pair: Pair;
  readonly #proxy: ComparingProxy;

  private constructor(lane: Lane, { pair, proxy }: { pair: Pair; proxy: ComparingProxy }) {
    this.#lane = lane;
    this.#pair = pair;
    this.#proxy = proxy;
  }

  static async open(lane: Lane, servers: Servers): Promise<RequestsRunner> {
    const controllers = lane.servers === 'controllers';
    const translation = new Translation({ followsVersions: !controllers });
    const pair = new Pair({ ...servers, translation, controllers });
    const proxy = await ComparingProxy.open(pair, join(lane.directory, 'proxy'));
    return new RequestsRunner(lane, { pair, proxy });
  }

  async run(conversation: Conversation, report: Report): Promise<void> {
    const { version, isNewest, directory } = this.#lane;
    const { kubeconfig } = this.#proxy;
    const clients = new Clients({ version, conversation, kubeconfig, directory });
    const saved = new Map<string, string>([['ns', conversation.name]]);
    for (const step of conversation.steps.map(stepOf)) {
      if ('request' in step) {
        if (isNewest) report(step.request, await this.#send(step, saved));
      } else report(step.run, await this.#command(clients, step));
    }
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.#proxy[Symbol.asyncDispose]();
  }

  async #command(clients: Clients, command: Command): Promise<Stepped> {
    await clients.run(command);
    const { requests, differences } = await this.#proxy.take();
    const isTiming =
      definitionWaits.test(command.run) ||
      (this.#lane.servers === 'controllers' && waits.test(command.run));
    return { requestCount: requests.length, differences: isTiming ? [] : differences };
  }

  async #send(step: BareRequest, saved: Map<string, string>): Promise<Stepped> {
    const sent = written(step, saved);
    const ignored = { onHead: () => undefined, onChunk: () => undefined };
    const exchange = isEndless(sent)
      ? await this.#pair.stream(sent, ignored, unhurried)
      : await this.#pair.exchange(sent, unhurried);
    const answer: unknown = step.save ? JSON.parse(exchange.reference.body.toString()) : undefined;
    for (const [name, path] of Object.entries(step.save ?? {})) saved.set(name, at(answer, path));
    return { requestCount: 1, differences: exchange.differences };
  }
}

/** A bare request with saved values in it. */
function written(
  { request, headers, body }: BareRequest,
  saved: ReadonlyMap<string, string>,
): Sent {
  const filled = (text: string): string =>
    text.replace(/\{(\w+)\}/g, (whole, name: string) => saved.get(name) ?? whole);
  const [method = 'GET', path = '/'] = request.split(' ', 2);
  const text = body === undefined || typeof body === 'string' ? body : JSON.stringify(body);
  const sent = jsonRequest(method, filled(path), text === undefined ? undefined : filled(text));
  return { ...sent, headers: { ...sent.headers, ...headers } };
}

function at(value: unknown, path: string): string {
  let current = value;
  for (const step of path.split('.')) current = isJsonObject(current) ? current[step] : undefined;
  if (typeof current !== 'string') throw new Error(`the reference's answer has no ${path}`);
  return current;
}

/** Commands run against each server; what they print is compared. */
class OutputsRunner {
  readonly #lane: Lane;
  readonly #servers: Servers;
  readonly #translation: Translation;

  constructor(lane: Lane, servers: Servers) {
    this.#lane = lane;
    this.#servers = servers;
    this.#translation = new Translation({ followsVersions: lane.servers === 'bare' });
  }

  async run(conversation: Conversation, report: Report): Promise<void> {
    const { version } = this.#lane;
    const [reference, subject] = (['reference', 'subject'] as const).map((side) => {
      const directory = join(this.#lane.directory, side);
      const { kubeconfig } = this.#servers[side];
      return new Clients({ version, conversation, kubeconfig, directory });
    });
    for (const step of conversation.steps.map(stepOf)) {
      if ('request' in step || !reference || !subject) continue;
      const [expected, actual] = await Promise.all([reference.run(step), subject.run(step)]);
      const differences = compareOutcomes(expected, actual, {
        line: step.run,
        translation: this.#translation,
      });
      report(step.run, { requestCount: 0, differences });
    }
  }
}
