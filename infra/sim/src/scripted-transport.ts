// An API that answers as a test says, one request at a time.

import type { ApiRequest, ApiResponse, ApiTransport, KubeObject } from '@tweendeck/kube';
import { BoundedQueue, onAbort } from '@tweendeck/std';

/** An answer of JSON, of text, of an event stream, or a connection that breaks. */
export type ScriptedAnswer =
  | { readonly status?: number; readonly headers?: ApiResponse['headers']; readonly json: unknown }
  | { readonly status: number; readonly headers?: ApiResponse['headers']; readonly text: string }
  | EventStream
  | Error;

export interface ScriptedTransport extends ApiTransport {
  /** Everything that was asked, as `METHOD path`. */
  readonly asked: readonly string[];
  readonly requests: readonly ApiRequest[];
}

/** `answer` is called for every request, with the number of requests before it. */
export function scriptedTransport(
  answer: (request: ApiRequest, index: number) => ScriptedAnswer | Promise<ScriptedAnswer>,
): ScriptedTransport {
  const requests: ApiRequest[] = [];
  return {
    requests,
    get asked() {
      return requests.map((request) => `${request.method} ${request.path}`);
    },
    async request(request, signal) {
      signal.throwIfAborted();
      const said = await answer(request, requests.push(request) - 1);
      if (said instanceof Error) throw said;
      if (said instanceof EventStream)
        return { status: 200, headers: {}, body: said.bodyUntil(signal) };
      const text = 'text' in said ? said.text : JSON.stringify(said.json);
      return { status: said.status ?? 200, headers: said.headers ?? {}, body: once(text) };
    },
  };
}

/** A watch whose events a test sends. One reader. */
export class EventStream {
  readonly #pieces = new BoundedQueue<Uint8Array>({ lengthMax: 10_000, whenFull: 'fail' });

  send(
    type: 'ADDED' | 'MODIFIED' | 'DELETED' | 'BOOKMARK' | 'ERROR',
    object: KubeObject | object,
  ): void {
    this.sendRaw(`${JSON.stringify({ type, object })}\n`);
  }

  /** A piece of the stream as it is, for what is cut or broken. */
  sendRaw(text: string): void {
    this.#pieces.push(new TextEncoder().encode(text));
  }

  /** The server ends the watch. */
  end(): void {
    this.#pieces.close();
  }

  /** The connection breaks. */
  reset(): void {
    this.#pieces.fail(new Error('socket hang up'));
  }

  async *bodyUntil(signal: AbortSignal): AsyncGenerator<Uint8Array, void, undefined> {
    using _ = onAbort(signal, (reason) => this.#pieces.fail(reason));
    yield* this.#pieces;
  }
}

async function* once(text: string): AsyncGenerator<Uint8Array, void, undefined> {
  if (text !== '') yield new TextEncoder().encode(text);
}
