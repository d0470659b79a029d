// A server over a memory store and simulated time, and short ways to ask it things; for tests only.

import type { ApiRequest, UserInfo } from '@tweendeck/kube';
import { SimClock } from '@tweendeck/sim';
import { seededRandom, silentLogger } from '@tweendeck/std';
import { openMemoryStore, type Store } from '@tweendeck/store';
import { type ApiServer, type ApiServerOptions, openApiServer } from '../api-server.ts';
import { adminUser } from '../users.ts';

export interface Answer {
  readonly status: number;
  readonly headers: Readonly<Record<string, string>>;
  readonly text: string;
  /** The parsed body; undefined when it is no JSON. Of any shape: tests say what they expect. */
  // biome-ignore lint/suspicious/noExplicitAny: a test reads what it expects and fails where it is not there.
  readonly json: any;
}

export interface AskOptions {
  readonly body?: unknown;
  readonly headers?: Readonly<Record<string, string>>;
  readonly user?: UserInfo;
}

export class TestServer implements AsyncDisposable {
  readonly clock: SimClock;
  readonly store: Store;
  readonly server: ApiServer;
  readonly #closing = new AbortController();

  private constructor(clock: SimClock, store: Store, server: ApiServer) {
    this.clock = clock;
    this.store = store;
    this.server = server;
  }

  static async open(
    options: Partial<ApiServerOptions> = {},
    parts: { readonly store?: Store; readonly clock?: SimClock } = {},
  ): Promise<TestServer> {
    const { store = openMemoryStore(), clock = new SimClock({ random: seededRandom(1) }) } = parts;
    const random = seededRandom(2);
    const server = await openApiServer(
      { store, clock, random, log: silentLogger, ...options },
      new AbortController().signal,
    );
    return new TestServer(clock, store, server);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#closing.abort();
    await this.server[Symbol.asyncDispose]();
    await this.store[Symbol.asyncDispose]();
  }

  /** Asks, and reads the whole answer. Objects are sent as JSON; texts and bytes as they are. */
  async ask(method: ApiRequest['method'], path: string, options: AskOptions = {}): Promise<Answer> {
    const { body, headers = {}, user = adminUser } = options;
    const bytes = body === undefined ? undefined : bytesOf(body);
    const request: ApiRequest = { method, path, headers, ...(bytes ? { body: bytes } : {}) };
    const response = await this.server.handle(request, user, this.#closing.signal);
    const chunks: Uint8Array[] = [];
    for await (const chunk of response.body) chunks.push(chunk);
    const text = Buffer.concat(chunks).toString();
    return { status: response.status, headers: response.headers, text, json: parsed(text) };
  }

  get(path: string, headers: Readonly<Record<string, string>> = {}): Promise<Answer> {
    return this.ask('GET', path, { headers });
  }

  create(path: string, body: unknown): Promise<Answer> {
    return this.ask('POST', path, { body });
  }

  patch(path: string, body: unknown, type = 'merge-patch+json'): Promise<Answer> {
    return this.ask('PATCH', path, { body, headers: { 'content-type': `application/${type}` } });
  }

  apply(path: string, body: unknown): Promise<Answer> {
    return this.patch(path, body, 'apply-patch+yaml');
  }

  /** Opens a watch; `next` gives its events one by one. */
  async watch(path: string, headers: Readonly<Record<string, string>> = {}): Promise<TestWatch> {
    const request: ApiRequest = { method: 'GET', path, headers };
    const response = await this.server.handle(request, adminUser, this.#closing.signal);
    return new TestWatch(response.status, response.body);
  }
}

export class TestWatch {
  readonly status: number;
  readonly #chunks: AsyncIterator<Uint8Array>;
  /** Events that came with one that was read. */
  #lines: string[] = [];

  constructor(status: number, body: AsyncIterable<Uint8Array>) {
    this.status = status;
    this.#chunks = body[Symbol.asyncIterator]();
  }

  /** The next event; undefined when the watch is over. */
  // biome-ignore lint/suspicious/noExplicitAny: as in Answer.
  async next(): Promise<any> {
    if (this.#lines.length === 0) {
      const { done, value } = await this.#chunks.next();
      if (done) return undefined;
      this.#lines = Buffer.from(value).toString().trimEnd().split('\n');
    }
    return JSON.parse(this.#lines.shift() ?? '');
  }

  /** The next events in short: `ADDED name@resourceVersion`. */
  async shorts(count: number): Promise<readonly string[]> {
    const found: string[] = [];
    while (found.length < count) {
      const event = await this.next();
      if (event === undefined) return [...found, 'END'];
      const { name = '', resourceVersion } = event.object.metadata;
      found.push(`${event.type} ${name}@${resourceVersion ?? event.object.code}`);
    }
    return found;
  }

  async close(): Promise<void> {
    await this.#chunks.return?.();
  }
}

function bytesOf(body: unknown): Uint8Array {
  if (body instanceof Uint8Array) return body;
  return Buffer.from(typeof body === 'string' ? body : JSON.stringify(body));
}

function parsed(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}
