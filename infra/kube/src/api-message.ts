// A request to a Kubernetes API and its answer, whatever carries them: HTTPS, or a call within the process.

/** Who asks; what client certificates and tokens carry. */
export interface UserInfo {
  readonly name: string;
  readonly groups: readonly string[];
  readonly uid?: string;
  readonly extra?: Readonly<Record<string, readonly string[]>>;
}

export interface ApiRequest {
  readonly method: 'GET' | 'POST' | 'PUT' | 'PATCH' | 'DELETE' | 'HEAD' | 'OPTIONS';
  /** Path and query as on the request line, percent-encoded. */
  readonly path: string;
  /** Names in lower case. */
  readonly headers: Readonly<Record<string, string>>;
  readonly body?: Uint8Array;
}

export interface ApiResponse {
  readonly status: number;
  /** Names in lower case. */
  readonly headers: Readonly<Record<string, string>>;
  /** Whole for ordinary answers; ends only with its connection for watches and followed logs. Reading it to the end or returning the iterator frees what is behind it. */
  readonly body: AsyncIterable<Uint8Array>;
  /** Aborts when nobody waits any longer for the reader of the body: its connection is to be closed, whatever is still on its way to him. */
  readonly cut?: AbortSignal;
}

/** A body that is known from the start and short: a reader may take `bytes` at once instead of waiting for them piece by piece. */
export class WholeBody implements AsyncIterable<Uint8Array> {
  readonly bytes: Uint8Array;

  constructor(bytes: Uint8Array) {
    this.bytes = bytes;
  }

  async *[Symbol.asyncIterator](): AsyncGenerator<Uint8Array, void, undefined> {
    if (this.bytes.byteLength > 0) yield this.bytes;
  }
}

/** Carries one request; rejects when no answer came. Aborting the signal ends the request and a body that is being read. */
export interface ApiTransport {
  request(request: ApiRequest, signal: AbortSignal): Promise<ApiResponse>;
}
