// Speaks to agents in other processes, by the address that their nodes tell: the other end of agent-front.ts.

import type { IncomingMessage } from 'node:http';
import { type RequestOptions, request } from 'node:https';
import type { Duplex } from 'node:stream';
import { ApiError, type Node, type Pod } from '@tweendeck/kube';
import { isJsonObject, linkedAbort, onAbort } from '@tweendeck/std';
import type { RemoteExit, RemoteStreams } from '../container-exec.ts';
import {
  exitOf,
  failureOf,
  frameChannels,
  framesProtocol,
  readFrames,
  writeFrame,
} from './frames.ts';
import type { PodAccess } from './pod-access.ts';

export interface RemoteAgentsOptions {
  /** PEM: the home's authority, and what is shown to agents. */
  readonly authority: string;
  readonly certificate: string;
  readonly key: string;
  readonly node: (name: string, signal: AbortSignal) => Promise<Node | undefined>;
}

/** Finds the agent of each pod's node. A node has to show a certificate of its own name. */
export function remoteAgents(options: RemoteAgentsOptions): PodAccess {
  return {
    async logs(pod, { container = '', ...asked }, signal) {
      const query = new URLSearchParams({ uid: pod.metadata.uid });
      for (const [name, value] of Object.entries(asked)) {
        if (value !== undefined && value !== false) query.set(name, String(value));
      }
      const path = pathOf('containerLogs', pod, { container, query });
      const incoming = await open(await doorOf(options, pod, signal), path, signal);
      return incoming;
    },
    async exec(pod, { command, ...target }, streams, signal) {
      const query = queryOf(pod, target, streams);
      for (const word of command) query.append('command', word);
      const path = pathOf('exec', pod, { ...target, query });
      return join(await doorOf(options, pod, signal), { path, streams }, signal);
    },
    async attach(pod, target, streams, signal) {
      const query = queryOf(pod, target, streams);
      const path = pathOf('attach', pod, { ...target, query });
      return join(await doorOf(options, pod, signal), { path, streams }, signal);
    },
  };
}

function queryOf(
  pod: Pod,
  { tty }: { readonly tty: boolean },
  { stdin }: RemoteStreams,
): URLSearchParams {
  return new URLSearchParams({
    uid: pod.metadata.uid,
    tty: String(tty),
    stdin: String(stdin !== undefined),
  });
}

function pathOf(
  kind: string,
  { metadata }: Pod,
  { container, query }: { readonly container: string; readonly query: URLSearchParams },
): string {
  const words = [kind, metadata.namespace ?? '', metadata.name, container];
  return `/${words.map(encodeURIComponent).join('/')}?${query}`;
}

/** How a node is reached. @throws ApiError when it does not say. */
async function doorOf(
  { authority, certificate, key, node }: RemoteAgentsOptions,
  { spec }: Pod,
  signal: AbortSignal,
): Promise<RequestOptions> {
  const { nodeName = '' } = spec;
  const found = await node(nodeName, signal);
  if (!found) throw new ApiError(404, 'NotFound', `nodes "${nodeName}" not found`);
  const { addresses = [], daemonEndpoints } = found.status ?? {};
  const host = addresses.find(({ type }) => type === 'InternalIP')?.address;
  const port = daemonEndpoints?.kubeletEndpoint?.Port ?? 0;
  if (!host || port === 0) {
    throw new ApiError(503, 'ServiceUnavailable', `node "${nodeName}" does not say where it is`);
  }
  return { host, port, ca: authority, cert: certificate, key, servername: nodeName, agent: false };
}

async function open(
  door: RequestOptions,
  path: string,
  signal: AbortSignal,
): Promise<AsyncIterable<Uint8Array>> {
  const outgoing = request({ ...door, path, signal });
  const answered: Promise<[IncomingMessage]> = new Promise((resolve, reject) => {
    outgoing.once('response', (incoming) => resolve([incoming]));
    outgoing.once('error', (cause) =>
      reject(signal.aborted ? signal.reason : away(door, { path, cause })),
    );
  });
  outgoing.end();
  const [incoming] = await answered;
  outgoing.on('error', () => undefined); // told by the body
  if (incoming.statusCode === 200) return incoming;
  throw await refusalOf(incoming);
}

/** In the words of Go's client, which people know. */
function away(
  { host, port }: RequestOptions,
  { path, cause }: { readonly path: string; readonly cause: Error },
): ApiError {
  const refused = 'code' in cause && cause.code === 'ECONNREFUSED';
  const why = refused ? 'connect: connection refused' : cause.message;
  const message = `Get "https://${host}:${port}${path}": dial tcp ${host}:${port}: ${why}`;
  return new ApiError(500, 'InternalError', message);
}

async function refusalOf(incoming: IncomingMessage): Promise<Error> {
  const chunks: Uint8Array[] = [];
  for await (const chunk of incoming) chunks.push(chunk);
  const text = Buffer.concat(chunks).toString();
  try {
    const status: unknown = JSON.parse(text);
    if (isJsonObject(status)) return failureOf(status);
  } catch {
    // no Status
  }
  return new ApiError(500, 'InternalError', text || `the agent answered ${incoming.statusCode}`);
}

async function join(
  door: RequestOptions,
  { path, streams }: { readonly path: string; readonly streams: RemoteStreams },
  signal: AbortSignal,
): Promise<RemoteExit> {
  const headers = { connection: 'Upgrade', upgrade: framesProtocol };
  const outgoing = request({ ...door, path, headers, signal });
  const upgraded = new Promise<Duplex>((resolve, reject) => {
    outgoing.once('upgrade', (_, socket, head) => {
      if (head.length > 0) socket.unshift(head);
      resolve(socket);
    });
    outgoing.once('response', (incoming) => void refusalOf(incoming).then(reject));
    outgoing.once('error', (cause) =>
      reject(signal.aborted ? signal.reason : away(door, { path, cause })),
    );
  });
  outgoing.end();
  const socket = await upgraded;
  outgoing.on('error', () => undefined);
  socket.on('error', () => undefined); // a close follows
  using over = linkedAbort(signal);
  using _cut = onAbort(signal, () => socket.destroy());
  try {
    void sendInput(socket, streams, over.signal);
    return await receive(socket, streams);
  } finally {
    socket.destroy();
  }
}

async function receive(socket: Duplex, { stdout, stderr }: RemoteStreams): Promise<RemoteExit> {
  for await (const { channel, data } of readFrames(socket)) {
    if (channel === frameChannels.stdout) await stdout(data);
    else if (channel === frameChannels.stderr) await stderr(data);
    else if (channel === frameChannels.end) return exitOf(data);
  }
  throw new Error('the connection to the agent broke off');
}

/** Never rejects: when the connection is gone, the other direction says so. */
async function sendInput(
  socket: Duplex,
  { stdin, sizes }: RemoteStreams,
  signal: AbortSignal,
): Promise<void> {
  const { stdin: input, size } = frameChannels;
  const pass = async (): Promise<void> => {
    for await (const chunk of stdin ?? []) {
      if (signal.aborted) return;
      await writeFrame(socket, input, chunk);
    }
    await writeFrame(socket, input, new Uint8Array());
  };
  const resize = async (): Promise<void> => {
    for await (const each of sizes) {
      if (signal.aborted) return;
      await writeFrame(socket, size, Buffer.from(JSON.stringify(each)));
    }
  };
  await Promise.allSettled([pass(), resize()]);
}
