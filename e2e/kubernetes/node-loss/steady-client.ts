// A client that asks a cache for one asset over and over, as an editor does, and tells whenever the answer is another.

import { EditorClient, type UnityEntry } from '../../unity-clients.ts';

/** What became of one question. */
export type Answer = 'hit' | 'miss' | 'cut' | 'timed out' | 'refused' | 'wrong';

const timeoutMs = 3_000;
const pauseMs = 100;
const entry: UnityEntry = { guid: Buffer.alloc(16, 7), hash: Buffer.alloc(16, 8) };
const asset = Buffer.alloc(20_000, 9);

export class SteadyClient implements AsyncDisposable {
  /** Each answer that was not the one before. */
  readonly seen: Answer[] = [];
  readonly #address: { readonly host: string; readonly port: number };
  readonly #tell: (what: Answer) => void;
  readonly #work: Promise<void>;
  #line: Line | undefined;
  #storing = false;
  #ended = false;

  constructor(
    address: { readonly host: string; readonly port: number },
    tell: (what: Answer) => void,
  ) {
    this.#address = address;
    this.#tell = tell;
    this.#work = this.#ask();
  }

  get last(): Answer | undefined {
    return this.seen.at(-1);
  }

  /** Uploads the asset before the next question. */
  async store(): Promise<void> {
    this.#storing = true;
    while (this.#storing) await pause();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#ended = true;
    await this.#work;
    this.#drop();
  }

  async #ask(): Promise<void> {
    while (!this.#ended) {
      const answer = await this.#once();
      if (answer !== this.last) {
        this.seen.push(answer);
        this.#tell(answer);
      }
      await pause();
    }
  }

  async #once(): Promise<Answer> {
    const late = Promise.withResolvers<'timed out'>();
    const timer = setTimeout(() => late.resolve('timed out'), timeoutMs);
    const connected = this.#line !== undefined;
    const line = this.#line ?? new Line(this.#address);
    this.#line = line;
    const asking = this.#question(line);
    asking.catch(() => undefined); // nobody waits for it after the time-out
    try {
      const answer = await Promise.race([asking, late.promise]);
      if (answer === 'timed out') this.#drop();
      return answer;
    } catch {
      this.#drop();
      return connected ? 'cut' : 'refused';
    } finally {
      clearTimeout(timer);
    }
  }

  async #question(line: Line): Promise<Answer> {
    const client = await line.client;
    if (this.#storing) {
      await client.store(entry, { a: asset });
      this.#storing = false;
    }
    const { a } = await client.find(entry);
    if (a === undefined) return 'miss';
    return a.equals(asset) ? 'hit' : 'wrong';
  }

  #drop(): void {
    this.#line?.cut();
    this.#line = undefined;
  }
}

/** One connection, from the first try to reach the server. */
class Line {
  readonly client: Promise<EditorClient>;
  readonly #cut = new AbortController();

  constructor({ host, port }: { readonly host: string; readonly port: number }) {
    this.client = EditorClient.connect(host, port, { signal: this.#cut.signal });
    this.client.catch(() => undefined); // told by who asks
  }

  cut(): void {
    this.#cut.abort();
  }
}

function pause(): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, pauseMs));
}
