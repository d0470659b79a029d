// Both servers behind one door: sends a request to each in its own words, and holds the answers against each other.

import type { IncomingMessage } from 'node:http';
import { decodeProtobuf, isProtobuf, loadProtobufTables } from '@tweendeck/kube';
import { compareAnswers, type Difference } from './answers.ts';
import { type Answer, type Endpoint, headOf } from './endpoint.ts';
import type { Sent, Translation } from './translation.ts';

export interface PairOptions {
  readonly reference: Endpoint;
  readonly subject: Endpoint;
  readonly translation: Translation;
  /** Whether controllers act on both sides: reads are then asked again until both are quiet. */
  readonly controllers: boolean;
}

export interface Exchange {
  readonly reference: Answer;
  readonly subject: Answer;
  readonly differences: readonly Difference[];
}

const tables = await loadProtobufTables();
/** How often, and how long in all, a read is asked again while controllers may still be at work, in milliseconds. */
const settleStepMs = 150;
const settleMs = 3_000;
/** How long a watch of the subject may lag behind the reference's. */
const watchLagMs = 1_500;

const pause = (delayMs: number): Promise<void> =>
  new Promise((resolve) => setTimeout(resolve, delayMs));

export class Pair {
  readonly #options: PairOptions;
  readonly #knownInDocuments = new Set<string>();
  #turn: Promise<unknown> = Promise.resolve();

  constructor(options: PairOptions) {
    this.#options = options;
  }

  /** Asks both. The body of either may not be a stream without end. */
  async exchange(sent: Sent, signal: AbortSignal): Promise<Exchange> {
    let last = await this.#ask(sent, signal);
    if (!this.#options.controllers || sent.method !== 'GET') return last;
    const endsMs = performance.now() + settleMs;
    let quiet = 0;
    while (last.differences.length > 0 && quiet < 3 && performance.now() < endsMs) {
      await pause(settleStepMs);
      const next = await this.#ask(sent, signal);
      quiet =
        sameBody(next.reference, last.reference) && sameBody(next.subject, last.subject)
          ? quiet + 1
          : 0;
      last = next;
    }
    return last;
  }

  /**
   * One after another: of what several clients ask at once each server makes an order of its own, and what the reference
   * made up is to be learned before it is said to the subject.
   */
  async #inTurn<Result>(run: () => Promise<Result>): Promise<Result> {
    const before = this.#turn;
    const { promise, resolve } = Promise.withResolvers<void>();
    this.#turn = promise;
    await before;
    try {
      return await run();
    } finally {
      resolve();
    }
  }

  #ask(sent: Sent, signal: AbortSignal): Promise<Exchange> {
    return this.#inTurn(() => this.#askBoth(sent, signal));
  }

  async #askBoth(sent: Sent, signal: AbortSignal): Promise<Exchange> {
    const { reference, subject, translation, controllers } = this.#options;
    const asked = askForJson(sent);
    const [expected, actual] = await Promise.all([
      reference.ask(asked, signal),
      subject.ask(this.#inSubjectsWords(asked), signal),
    ]);
    const found = compareAnswers(expected, actual, { sent: asked, translation, controllers });
    const differences = isDocument(sent.path) ? this.#unknown(found) : found;
    return { reference: expected, subject: actual, differences };
  }

  /** Clients ask for the same OpenAPI and discovery documents again and again: what differs in them counts once. */
  #unknown(found: readonly Difference[]): readonly Difference[] {
    const fresh = found.filter(({ key }) => !this.#knownInDocuments.has(key));
    for (const { key } of fresh) this.#knownInDocuments.add(key);
    return fresh;
  }

  /**
   * Opens a watch or a followed log on both. `onReference` gets what the reference says as it comes; the exchange is
   * complete when the client has left (`gone`) or the reference has ended, and the subject has caught up.
   */
  async stream(
    sent: Sent,
    client: {
      readonly onHead: (head: Omit<Answer, 'body'>) => void;
      readonly onChunk: (chunk: Buffer) => void;
    },
    gone: AbortSignal,
  ): Promise<Exchange> {
    const { translation, controllers } = this.#options;
    const asked = askForJson(sent);
    const ending = new AbortController();
    const [there, here] = await this.#openBoth(asked, ending.signal);
    const expected = headOf(there);
    client.onHead(expected);
    const [leading, following] = [collect(there, client.onChunk), collect(here)];
    await Promise.race([leading.ended, aborted(gone)]);
    await this.#catchUp(leading, following);
    ending.abort();
    const answers = {
      reference: { ...expected, body: leading.body() },
      subject: { ...headOf(here), body: following.body() },
    };
    const comparing = { sent: asked, translation, controllers, isCut: !leading.isEnded() };
    return {
      ...answers,
      differences: compareAnswers(answers.reference, answers.subject, comparing),
    };
  }

  /** Nothing is written meanwhile: both begin in the same state. A stream that says nothing at first keeps nobody waiting. */
  async #openBoth(
    asked: Sent,
    signal: AbortSignal,
  ): Promise<readonly [IncomingMessage, IncomingMessage]> {
    const { reference, subject } = this.#options;
    const opening = await this.#inTurn(async () => {
      const both = Promise.all([
        reference.open(asked, signal),
        subject.open(this.#inSubjectsWords(asked), signal),
      ]);
      await Promise.race([both.catch(() => undefined), pause(watchLagMs)]);
      return { both };
    });
    return opening.both;
  }

  async #catchUp(leading: Collected, following: Collected): Promise<void> {
    const endsMs = performance.now() + watchLagMs;
    const lines = (collected: Collected): number => collected.body().toString().split('\n').length;
    while (!following.isEnded() && performance.now() < endsMs) {
      if (!leading.isEnded() && lines(following) >= lines(leading)) break;
      await pause(25);
    }
    await pause(50); // one event too many would come now
  }

  #inSubjectsWords(sent: Sent): Sent {
    const { translation } = this.#options;
    if (!isProtobuf(sent.body)) return translation.request(sent);
    const bare = translation.request({ ...sent, body: Buffer.alloc(0) });
    try {
      const text = JSON.stringify(decodeProtobuf(sent.body, tables));
      const translated = translation.body(text);
      if (translated === text) return { ...bare, body: sent.body };
      const headers = { ...sent.headers, 'content-type': 'application/json' };
      return { ...bare, headers, body: Buffer.from(translated) };
    } catch {
      return { ...bare, body: sent.body }; // of a kind that the subject does not know
    }
  }
}

function isDocument(path: string): boolean {
  return /^\/openapi\/|^\/(api|apis|apis\/[^/]+(\/[^/]+)?)(\?|$)/.test(path);
}

/** Answers are compared as JSON: where a client would take that too, it is all we ask for. */
function askForJson(sent: Sent): Sent {
  const {
    'accept-encoding': _,
    connection: _connection,
    host: _host,
    // Both shall answer in full.
    'if-none-match': _tag,
    'if-modified-since': _since,
    'content-length': _length,
    ...headers
  } = sent.headers;
  const accept = headers['accept'];
  const upgrade = headers['upgrade'] === undefined ? {} : { connection: 'Upgrade' };
  if (accept === undefined) return { ...sent, headers: { ...headers, ...upgrade } };
  const kept = accept.split(',').filter((type) => !/vnd\.kubernetes\.protobuf|\/cbor/.test(type));
  const asked = kept.length > 0 ? kept.join(',') : 'application/json';
  return { ...sent, headers: { ...headers, ...upgrade, accept: asked } };
}

interface Collected {
  readonly ended: Promise<void>;
  isEnded(): boolean;
  body(): Buffer;
}

function collect(
  incoming: IncomingMessage,
  onChunk: (chunk: Buffer) => void = () => {},
): Collected {
  const chunks: Buffer[] = [];
  let isEnded = false;
  const ended = new Promise<void>((resolve) => {
    incoming.on('data', (chunk: Buffer) => {
      chunks.push(chunk);
      onChunk(chunk);
    });
    incoming.on('error', () => undefined); // we abort it ourselves
    incoming.on('close', () => {
      isEnded = true;
      resolve();
    });
  });
  return { ended, isEnded: () => isEnded, body: () => Buffer.concat(chunks) };
}

function aborted(signal: AbortSignal): Promise<void> {
  if (signal.aborted) return Promise.resolve();
  return new Promise((resolve) =>
    signal.addEventListener('abort', () => resolve(), { once: true }),
  );
}

function sameBody(left: Answer, right: Answer): boolean {
  return left.status === right.status && left.body.equals(right.body);
}
