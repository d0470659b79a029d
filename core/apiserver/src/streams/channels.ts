// Several streams over one WebSocket: which subprotocols there are, and how their messages are read and written. After
// apimachinery's wsstream and the kubelet's remotecommand.

/** The number that begins a message says to which stream it belongs. */
export const channels = { stdin: 0, stdout: 1, stderr: 2, error: 3, resize: 4 } as const;

/** From version 5 on: the byte after it names a stream that its sender has ended. */
const halfCloseMark = 255;
const channelCount = 5;
const digitZero = 0x30;

export interface ChannelProtocol {
  /** Empty when the client named none. */
  readonly name: string;
  /** Text messages: a digit, then base64. */
  readonly base64: boolean;
  /** Whether a client can end its input and still read. */
  readonly halfClose: boolean;
  /** Whether the end is told as a Status; otherwise as a line of text, and only if it is bad. */
  readonly statusObject: boolean;
}

const halfClosing = protocol('v5.channel.k8s.io', { halfClose: true, statusObject: true });
const others: readonly ChannelProtocol[] = [
  protocol('v4.channel.k8s.io', { statusObject: true }),
  protocol('v4.base64.channel.k8s.io', { base64: true, statusObject: true }),
  protocol('channel.k8s.io', {}),
  protocol('base64.channel.k8s.io', { base64: true }),
  protocol('', {}),
];

/** What a client can ask for by name. */
export const protocolNames: readonly string[] = [halfClosing, ...others]
  .map(({ name }) => name)
  .filter((name) => name !== '');

function protocol(name: string, features: Partial<Omit<ChannelProtocol, 'name'>>): ChannelProtocol {
  return { name, base64: false, halfClose: false, statusObject: false, ...features };
}

/** The one to speak, from the `Sec-WebSocket-Protocol` header; undefined when none of those offered is known. As upstream, version 5 goes before what the client likes better. */
export function negotiateProtocol(header: string | undefined): ChannelProtocol | undefined {
  const offered = (header ?? '').split(',').map((name) => name.trim());
  if (offered.includes(halfClosing.name)) return halfClosing;
  for (const name of offered) {
    const known = others.find((each) => each.name === name);
    if (known) return known;
  }
  return undefined;
}

/** What a message of a client says. */
export type ClientMessage =
  | { readonly type: 'data'; readonly channel: number; readonly data: Buffer }
  | { readonly type: 'half-close'; readonly channel: number }
  /** Means nothing, and is passed over. */
  | { readonly type: 'nothing' }
  /** Whoever says this speaks another protocol. */
  | { readonly type: 'broken'; readonly why: string };

const nothing: ClientMessage = { type: 'nothing' };

/** Reads a message. The data is a view of it, except in base64. */
export function readMessage(
  { base64, halfClose }: ChannelProtocol,
  message: Buffer,
): ClientMessage {
  const [first] = message;
  if (first === undefined) return nothing;
  if (halfClose && first === halfCloseMark) return readHalfClose(message);
  const channel = base64 ? first - digitZero : first;
  if (channel < 0 || channel >= channelCount) return nothing;
  const rest = message.subarray(1);
  if (!base64) return { type: 'data', channel, data: rest };
  const text = rest.toString('latin1');
  const valid = /^(?:[A-Za-z0-9+/]{4})*(?:[A-Za-z0-9+/]{2}==|[A-Za-z0-9+/]{3}=)?$/.test(text);
  return valid ? { type: 'data', channel, data: Buffer.from(text, 'base64') } : nothing;
}

function readHalfClose(message: Buffer): ClientMessage {
  const [, channel] = message;
  if (message.length !== 2 || channel === undefined) {
    const why = `one byte names the stream that ends, and there are ${message.length - 1}`;
    return { type: 'broken', why };
  }
  if (channel >= channelCount) return { type: 'broken', why: `no stream ${channel} can end` };
  return { type: 'half-close', channel };
}

/** The message that carries data of a stream: bytes are sent as binary messages, texts as text. */
export function writeMessage(
  { base64 }: ChannelProtocol,
  channel: number,
  data: Uint8Array,
): Buffer | string {
  if (base64) {
    const view = Buffer.from(data.buffer, data.byteOffset, data.byteLength);
    return `${channel}${view.toString('base64')}`;
  }
  const message = Buffer.allocUnsafe(data.byteLength + 1);
  message[0] = channel;
  message.set(data, 1);
  return message;
}

export interface TerminalSize {
  readonly columns: number;
  readonly rows: number;
}

/** A terminal's size as clients tell it, `{"Width":80,"Height":24}`; undefined when it is none. */
export function readTerminalSize(data: Buffer): TerminalSize | undefined {
  let said: unknown;
  try {
    said = JSON.parse(data.toString());
  } catch {
    return undefined;
  }
  if (typeof said !== 'object' || said === null) return undefined;
  const fields = new Map(Object.entries(said).map(([key, each]) => [key.toLowerCase(), each]));
  const columns = Number(fields.get('width'));
  const rows = Number(fields.get('height'));
  const fits = (size: number): boolean => Number.isInteger(size) && size >= 0 && size < 65_536;
  return fits(columns) && fits(rows) ? { columns, rows } : undefined;
}
