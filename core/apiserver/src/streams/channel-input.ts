// What a client sends to one stream, until it is read: a queue of bytes with a limit, beyond which the client waits.

export interface InputFlow {
  /** Bytes kept before the client is stopped. */
  readonly bytesMax: number;
  readonly stop: () => void;
  readonly go: () => void;
}

/** Bytes for one reader, in order. Never drops any before it is closed. */
export class ChannelInput implements AsyncIterable<Uint8Array> {
  readonly #flow: InputFlow;
  #chunks: Uint8Array[] = [];
  #size = 0;
  #ended = false;
  #stopped = false;
  #wake: (() => void) | undefined;

  constructor(flow: InputFlow) {
    this.#flow = flow;
  }

  push(chunk: Uint8Array): void {
    if (this.#ended || chunk.byteLength === 0) return;
    this.#chunks.push(chunk);
    this.#size += chunk.byteLength;
    if (this.#size > this.#flow.bytesMax && !this.#stopped) {
      this.#stopped = true;
      this.#flow.stop();
    }
    this.#notify();
  }

  /** The client says no more; what it said can still be read. */
  end(): void {
    this.#ended = true;
    this.#notify();
  }

  /** Nobody reads any more, or nobody shall: what is left is dropped, and so is what comes. */
  close(): void {
    this.#chunks = [];
    this.#taken(this.#size);
    this.end();
  }

  async *[Symbol.asyncIterator](): AsyncGenerator<Uint8Array, void, undefined> {
    try {
      for (;;) {
        for (let chunk = this.#chunks.shift(); chunk; chunk = this.#chunks.shift()) {
          yield chunk;
          this.#taken(chunk.byteLength);
        }
        if (this.#ended) return;
        const { promise, resolve } = Promise.withResolvers<void>();
        this.#wake = resolve;
        await promise;
      }
    } finally {
      this.close();
    }
  }

  /** A chunk counts until its reader asks for the next one. */
  #taken(bytes: number): void {
    this.#size = Math.max(0, this.#size - bytes);
    if (!this.#stopped || this.#size > this.#flow.bytesMax) return;
    this.#stopped = false;
    this.#flow.go();
  }

  #notify(): void {
    const wake = this.#wake;
    this.#wake = undefined;
    wake?.();
  }
}
