// The API server over HTTPS from another process, against a bare HTTPS server and a loop of append and fdatasync on the same disk in the same run.

import { fork } from 'node:child_process';
import { once } from 'node:events';
import { closeSync, fdatasyncSync, mkdtempSync, openSync, rmSync, writeSync } from 'node:fs';
import { Agent, request } from 'node:https';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

import { openApiServer, systemUser } from '@tweendeck/apiserver';
import { createClient } from '@tweendeck/client';
import { defineController, runManager } from '@tweendeck/controller';
import { configMapResource } from '@tweendeck/kube';
import { clockOf, randomOf, silentLogger } from '@tweendeck/std';
import { openMemoryStore } from '@tweendeck/store';

import type { Listening } from './support/api-server-process.ts';

const clock = clockOf(globalThis);
const connections = 64;
const roundMs = 2_000;
const rounds = 3;
const payload = 'x'.repeat(900);
const maps = '/api/v1/namespaces/default/configmaps';

type Write = (line: string) => void;

/** Prints its tables line by line; takes about half a minute. */
export async function run(
  { write }: { readonly args: readonly string[]; readonly write: Write },
  signal: AbortSignal,
): Promise<void> {
  const directory = mkdtempSync(join(tmpdir(), 'apiserver-bench-'));
  const child = fork(join(import.meta.dirname, 'support/api-server-process.ts'), [directory]);
  const exited = once(child, 'exit');
  try {
    const [listening] = await once(child, 'message', { signal });
    const peer = new Peer(listening as Listening, signal); // what that process sends
    try {
      await requests(peer, write, directory);
      await fanOut(peer, write);
      await lists(peer, write);
    } finally {
      peer.close();
    }
  } finally {
    if (child.connected) child.disconnect();
    await exited;
    rmSync(directory, { recursive: true });
  }
  await reconciles(write, signal);
}

/** Talks to both servers of the other process. */
class Peer {
  readonly #listening: Listening;
  readonly #signal: AbortSignal;
  readonly #agent: Agent;
  readonly #watchAgent: Agent;

  constructor(listening: Listening, signal: AbortSignal) {
    const { ca, cert, key } = listening;
    this.#listening = listening;
    this.#signal = signal;
    this.#agent = new Agent({ ca, cert, key, keepAlive: true, maxSockets: connections });
    this.#watchAgent = new Agent({ ca, cert, key });
  }

  close(): void {
    this.#agent.destroy();
    this.#watchAgent.destroy();
  }

  /** Sends one request and reads its answer. Fails unless that is a success. */
  async ask(method: string, path: string, body?: string, to: 'server' | 'echo' = 'server') {
    const { address, echo } = this.#listening;
    const outgoing = request(`${to === 'echo' ? echo : address}${path}`, {
      method,
      agent: this.#agent,
      signal: this.#signal,
      headers: body === undefined ? {} : { 'content-type': 'application/json' },
    });
    outgoing.end(body);
    const [incoming] = await once(outgoing, 'response');
    let bytes = 0;
    for await (const chunk of incoming) bytes += chunk.length;
    if (incoming.statusCode >= 300) throw new Error(`${method} ${path}: ${incoming.statusCode}`);
    return bytes;
  }

  /** Watches until `count` events came; both promises settle in that order. */
  watch(path: string, count: number): { began: Promise<void>; done: Promise<void> } {
    const began = Promise.withResolvers<void>();
    const follow = async (): Promise<void> => {
      const outgoing = request(`${this.#listening.address}${path}`, {
        agent: this.#watchAgent,
        signal: this.#signal,
      });
      outgoing.end();
      const [incoming] = await once(outgoing, 'response');
      began.resolve();
      let seen = 0;
      for await (const chunk of incoming) {
        for (let at = chunk.indexOf(10); at >= 0; at = chunk.indexOf(10, at + 1)) seen++;
        if (seen >= count) break;
      }
      if (seen !== count) throw new Error(`a watcher saw ${seen} of ${count} events`);
    };
    return { began: began.promise, done: follow() };
  }
}

interface Measured {
  readonly perSecond: number;
  readonly latenciesMs: readonly number[];
}

/** Keeps `connections` requests under way for one round. */
async function load(ask: (turn: number) => Promise<unknown>): Promise<Measured> {
  const latenciesMs: number[] = [];
  const startMs = clock.monotonicMs();
  let turn = 0;
  const client = async (): Promise<void> => {
    while (clock.monotonicMs() - startMs < roundMs) {
      const beginMs = clock.monotonicMs();
      await ask(turn++);
      latenciesMs.push(clock.monotonicMs() - beginMs);
    }
  };
  await Promise.all(Array.from({ length: connections }, client));
  return { perSecond: perSecond(latenciesMs.length, startMs), latenciesMs };
}

function perSecond(count: number, startMs: number): number {
  return Math.round((count * 1_000) / (clock.monotonicMs() - startMs));
}

const mapText = (name: string): string =>
  JSON.stringify({
    apiVersion: 'v1',
    kind: 'ConfigMap',
    metadata: { name, labels: { bench: 'apiserver' } },
    data: { payload },
  });

/** Best of a few rounds each, all taking turns, so that what else the machine does meets all. */
async function requests(peer: Peer, write: Write, directory: string): Promise<void> {
  await peer.ask('POST', maps, mapText('one'));
  let made = 0;
  const kinds: readonly { name: string; ask: (turn: number) => Promise<unknown> }[] = [
    { name: 'bare https GET', ask: () => peer.ask('GET', '/', undefined, 'echo') },
    { name: 'GET', ask: () => peer.ask('GET', `${maps}/one`) },
    { name: 'bare https POST', ask: () => peer.ask('POST', '/', mapText('one'), 'echo') },
    { name: 'create', ask: () => peer.ask('POST', maps, mapText(`m${made++}`)) },
  ];
  const best = new Map<string, Measured>();
  let plain = 0;
  for (let round = 0; round < rounds; round++) {
    plain = Math.max(plain, appendLoop(join(directory, 'plain')));
    for (const { name, ask } of kinds) {
      const measured = await load(ask);
      if (measured.perSecond > (best.get(name)?.perSecond ?? 0)) best.set(name, measured);
    }
  }
  write(`requests of about 1 KB over ${connections} connections, best of ${rounds} rounds`);
  write('                  per second   p50 ms   p99 ms');
  for (const [name, { perSecond: rate, latenciesMs }] of best) {
    const sorted = latenciesMs.toSorted((a, b) => a - b);
    const quantile = (part: number) => (sorted[Math.floor(sorted.length * part)] ?? 0).toFixed(1);
    write(
      `${name.padEnd(16)}${String(rate).padStart(12)}${quantile(0.5).padStart(9)}${quantile(0.99).padStart(9)}`,
    );
  }
  write(`append + fdatasync by one: ${plain}/s`);
}

function appendLoop(path: string): number {
  const file = openSync(path, 'a');
  const bytes = new Uint8Array(1_100).fill(1);
  const startMs = clock.monotonicMs();
  let count = 0;
  for (; clock.monotonicMs() - startMs < 500; count++) {
    writeSync(file, bytes);
    fdatasyncSync(file);
  }
  closeSync(file);
  return perSecond(count, startMs);
}

async function fanOut(peer: Peer, write: Write): Promise<void> {
  const watchers = 50;
  const total = 2_000;
  const secrets = '/api/v1/namespaces/default/secrets';
  const watches = Array.from({ length: watchers }, () =>
    peer.watch(`${secrets}?watch=1&labelSelector=bench`, total),
  );
  await Promise.all(watches.map(({ began }) => began));
  const startMs = clock.monotonicMs();
  let turn = 0;
  const writer = async (): Promise<void> => {
    for (let own = turn++; own < total; own = turn++) {
      const body = {
        metadata: { name: `s${own}`, labels: { bench: '' } },
        stringData: { payload },
      };
      await peer.ask('POST', secrets, JSON.stringify(body));
    }
  };
  await Promise.all(Array.from({ length: connections }, writer));
  await Promise.all(watches.map(({ done }) => done));
  write(`watch fan-out to ${watchers}: ${perSecond(total * watchers, startMs)} events/s`);
}

async function lists(peer: Peer, write: Write): Promise<void> {
  const count = 10_000;
  await peer.ask('POST', '/api/v1/namespaces', '{"metadata":{"name":"full"}}');
  const full = '/api/v1/namespaces/full/configmaps';
  let turn = 0;
  const writer = async (): Promise<void> => {
    for (let own = turn++; own < count; own = turn++) {
      await peer.ask('POST', full, mapText(`l${own}`));
    }
  };
  await Promise.all(Array.from({ length: connections }, writer));
  for (const [name, path] of [
    ['whole', full],
    ['by a label that all have', `${full}?labelSelector=bench`],
    ['a page of 500', `${full}?limit=500`],
  ] as const) {
    const durations: number[] = [];
    let bytes = 0;
    for (let round = 0; round < 5; round++) {
      const startMs = clock.monotonicMs();
      bytes = await peer.ask('GET', path);
      durations.push(clock.monotonicMs() - startMs);
    }
    const median = durations.toSorted((a, b) => a - b)[2] ?? 0;
    write(`list of ${count}, ${name}: ${median.toFixed(0)} ms, ${(bytes / 1e6).toFixed(1)} MB`);
  }
}

/** Passes that find everything as it should be: cache read, and an apply that the server finds to change nothing. */
async function reconciles(write: Write, signal: AbortSignal): Promise<void> {
  const count = 1_000;
  const tools = { clock, random: randomOf(globalThis.crypto), log: silentLogger };
  await using store = openMemoryStore();
  await using server = await openApiServer({ ...tools, store }, signal);
  const client = createClient({ ...tools, transport: server.transport(systemUser('bench')) });
  const labels = { bench: 'parent' };
  for (let index = 0; index < count; index++) {
    const metadata = { name: `p${index}`, namespace: 'default', labels };
    await client.create(
      configMapResource,
      { apiVersion: 'v1', kind: 'ConfigMap', metadata },
      {},
      signal,
    );
  }
  for (const name of ['first passes', 'no-op passes']) {
    const stop = new AbortController();
    const ended = Promise.withResolvers<void>();
    let passes = 0;
    const startMs = clock.monotonicMs();
    const controller = defineController({
      name: 'bench',
      resource: configMapResource,
      async reconcile({ metadata }, { apply }) {
        if (metadata.labels?.['bench'] !== 'parent') return;
        await apply(configMapResource, {
          apiVersion: 'v1',
          kind: 'ConfigMap',
          metadata: { name: `${metadata.name}-child`, namespace: 'default' },
          data: { payload },
        });
        if (++passes === count) ended.resolve();
      },
    });
    const running = runManager(
      { ...tools, client, controllers: [controller] },
      AbortSignal.any([signal, stop.signal]),
    );
    await Promise.race([ended.promise, running]);
    write(`${name}, each with an apply, in process: ${perSecond(count, startMs)}/s`);
    stop.abort();
    await running;
  }
}
