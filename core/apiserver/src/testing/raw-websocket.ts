// A WebSocket client that can say anything, right or wrong: it frames by hand. For tests only.

import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { type ConnectionOptions, connect, type TLSSocket } from 'node:tls';

export interface RawMessage {
  /** 1 text, 2 binary, 8 close, 9 ping, 10 pong. */
  readonly opcode: number;
  readonly data: Buffer;
}

export interface RawOptions extends ConnectionOptions {
  readonly path: string;
  /** For `Sec-WebSocket-Protocol`; none when omitted. */
  readonly protocols?: string;
  readonly method?: string;
  readonly headers?: Readonly<Record<string, string>>;
}

const heldBytesMax = 1024 * 1024;

export class RawWebSocket implements Disposable {
  readonly socket: TLSSocket;
  /** Status line and headers of the answer. */
  head = '';
  #bytes: Buffer = Buffer.alloc(0);
  #ended = false;
  #wake: (() => void) | undefined;

  private constructor(socket: TLSSocket) {
    this.socket = socket;
    const notify = (): void => this.#wake?.();
    socket.on('data', (chunk: Buffer) => {
      this.#bytes = Buffer.concat([this.#bytes, chunk]);
      if (this.#bytes.length > heldBytesMax) socket.pause(); // until somebody wants more
      notify();
    });
    socket.on('error', notify);
    socket.on('close', () => {
      this.#ended = true;
      notify();
    });
  }

  /** Connects and reads the head of the answer, whatever it is. */
  static async open(options: RawOptions): Promise<RawWebSocket> {
    const { path, protocols, method = 'GET', headers = {}, ...where } = options;
    const socket = connect(where);
    await once(socket, 'secureConnect');
    const client = new RawWebSocket(socket);
    const all = {
      host: 'localhost',
      connection: 'Upgrade',
      upgrade: 'websocket',
      'sec-websocket-version': '13',
      'sec-websocket-key': randomBytes(16).toString('base64'),
      ...(protocols === undefined ? {} : { 'sec-websocket-protocol': protocols }),
      ...headers,
    };
    const lines = Object.entries(all).map(([name, value]) => `${name}: ${value}\r\n`);
    socket.write(`${method} ${path} HTTP/1.1\r\n${lines.join('')}\r\n`);
    for (;;) {
      const end = client.#bytes.indexOf('\r\n\r\n');
      if (end >= 0) {
        client.head = client.#bytes.subarray(0, end).toString();
        client.#bytes = client.#bytes.subarray(end + 4);
        return client;
      }
      if (!(await client.#more())) return client;
    }
  }

  get status(): number {
    return Number(this.head.split(' ')[1]);
  }

  /** What follows the head until the connection ends. */
  async rest(): Promise<string> {
    while (await this.#more());
    return this.#bytes.toString();
  }

  /** Sends a masked frame that is a whole message. */
  send(data: Uint8Array, opcode = 2): void {
    const mask = randomBytes(4);
    const length = data.byteLength;
    const head =
      length < 126
        ? Buffer.from([0x80 | opcode, 0x80 | length])
        : Buffer.from([0x80 | opcode, 0x80 | 127, ...bytesOf(length)]);
    const masked = Buffer.from(data);
    for (let at = 0; at < length; at++) masked[at] = (masked[at] ?? 0) ^ (mask[at % 4] ?? 0);
    this.socket.write(Buffer.concat([head, mask, masked]));
  }

  /** The next message; undefined when the connection is over. Frames of a server are not masked, and ours not split. */
  async next(): Promise<RawMessage | undefined> {
    for (;;) {
      const [first, second = 0] = this.#bytes;
      const short = second & 0x7f;
      const start = short < 126 ? 2 : short === 126 ? 4 : 10;
      if (first !== undefined && this.#bytes.length >= start) {
        const length =
          short < 126
            ? short
            : short === 126
              ? this.#bytes.readUInt16BE(2)
              : Number(this.#bytes.readBigUInt64BE(2));
        if (this.#bytes.length >= start + length) {
          const data = this.#bytes.subarray(start, start + length);
          this.#bytes = this.#bytes.subarray(start + length);
          if ((first & 0x0f) === 8) this.send(data, 8); // good-bye
          return { opcode: first & 0x0f, data };
        }
      }
      if (!(await this.#more())) return undefined;
    }
  }

  /** All messages until the connection ends, as `<channel> <text>`; a close as `close <code>`. */
  async all(): Promise<readonly string[]> {
    const said: string[] = [];
    for (let message = await this.next(); message; message = await this.next()) {
      const { opcode, data } = message;
      if (opcode === 8) said.push(`close ${data.length >= 2 ? data.readUInt16BE(0) : ''}`);
      else if (opcode === 2) said.push(`${data[0]} ${data.subarray(1).toString()}`);
      else if (opcode === 1) said.push(data.toString());
    }
    return said;
  }

  [Symbol.dispose](): void {
    this.socket.destroy();
  }

  /** False when nothing more will come. */
  async #more(): Promise<boolean> {
    if (this.#ended) return false;
    this.socket.resume();
    const before = this.#bytes.length;
    await new Promise<void>((resolve) => {
      this.#wake = resolve;
    });
    return this.#bytes.length > before || !this.#ended;
  }
}

function bytesOf(length: number): Buffer {
  const bytes = Buffer.alloc(8);
  bytes.writeBigUInt64BE(BigInt(length));
  return bytes;
}
