// pods/exec and pods/attach: a client's streams joined to those of a process, by WebSockets. Rules and texts: upstream's
// ExecREST and AttachREST, and what stands behind them in a kubelet.

import { ApiError, type ApiResponse, type Pod } from '@tweendeck/kube';
import { attributesOf } from '../access/attributes.ts';
import { refusalOf } from '../access/authorizer.ts';
import { admitSubresource } from '../admission/subresource.ts';
import { type Draft, type Fields, listAt, textAt } from '../draft.ts';
import { badRequest, noKubelet, notFound } from '../failures.ts';
import { requestKey } from '../read.ts';
import { isTrue } from '../request.ts';
import { type ResourceCall, writingOf } from '../resource-call.ts';
import { type ChannelProtocol, negotiateProtocol, protocolNames } from './channels.ts';
import { type RemoteExit, type RemoteStreams, runSession, type SessionServer } from './session.ts';
import { type MessageSocket, upgradeOffered, upgradeResponse, wantsWebSocket } from './upgrade.ts';

/** What a client asks of a container besides its streams. */
export interface StreamTarget {
  readonly container: string;
  /** Whether the process is to have a terminal. */
  readonly tty: boolean;
}

export interface ExecTarget extends StreamTarget {
  /** Program and arguments; never empty. */
  readonly command: readonly string[];
}

/** Whoever runs the pods. Both end soon when the signal aborts. @throws ApiError, in a kubelet's words, when there is nothing to join; anything else when it breaks off. */
export interface PodStreamSource {
  exec(
    pod: Pod,
    target: ExecTarget,
    streams: RemoteStreams,
    signal: AbortSignal,
  ): Promise<RemoteExit>;
  /** Ends well when the container does. */
  attach(
    pod: Pod,
    target: StreamTarget,
    streams: RemoteStreams,
    signal: AbortSignal,
  ): Promise<RemoteExit>;
}

/** The source, and how many sessions it has. */
export class PodSessions {
  readonly source: PodStreamSource;
  readonly #countMax: number;
  #count = 0;

  constructor(source: PodStreamSource, { countMax }: { readonly countMax: number }) {
    this.source = source;
    this.#countMax = countMax;
  }

  /** A place among the sessions; dispose of it, once, when the session is over. @throws ApiError TooManyRequests. */
  enter(): Disposable {
    if (this.#count >= this.#countMax) {
      const message = `too many sessions: ${this.#count} are open, and no more than ${this.#countMax} may be`;
      throw new ApiError(429, 'TooManyRequests', message, { retryAfterSeconds: 5 });
    }
    this.#count++;
    return { [Symbol.dispose]: () => void this.#count-- };
  }
}

/** Answers a request for `exec` or `attach`: 101, if it is one for WebSockets. @throws ApiError. */
export async function streamPod(call: ResourceCall, kind: 'exec' | 'attach'): Promise<ApiResponse> {
  const { services, http, request, resource } = call;
  refuseWithoutCreate(call);
  if (request.query.getAll('dryRun').some((value) => value !== '')) {
    throw badRequest('dryRun is not supported');
  }
  const options = await admitOptions(call, kind);
  const found = services.state.resource(resource.storagePrefix).get(requestKey(request, resource));
  if (!found) throw notFound(resource, request.name);
  const pod = found.draft();
  const container = containerOf(options.container, pod);
  if (textAt(pod['spec'], 'nodeName') === '') {
    throw badRequest(`pod ${request.name} does not have a host assigned`);
  }
  if (kind === 'exec' && options.command.length === 0) {
    throw badRequest('you must specify at least one command for the container');
  }
  const { wants, tty, command } = options;
  if (!wants.stdin && !wants.stdout && !wants.stderr) {
    throw badRequest('you must specify at least 1 of stdin, stdout, stderr');
  }
  const { podSessions: sessions, clock, log } = services;
  if (!sessions) throw noKubelet();
  const protocol = protocolOf(http.headers);
  const serve: SessionServer = async (streams, signal) => {
    // What is stored passed the schema of pods.
    const stored = pod as unknown as Pod;
    if (kind === 'attach') {
      return sessions.source.attach(stored, { container, tty }, streams, signal);
    }
    return sessions.source.exec(stored, { container, tty, command }, streams, signal);
  };
  const failing =
    kind === 'exec' ? 'error executing command in container' : 'error attaching to container';
  const session = { protocol, wants, clock, log, serve, failing };
  const run = (socket: MessageSocket, signal: AbortSignal): Promise<void> =>
    runSession(socket, session, signal);
  return upgradeResponse({ protocol: protocol.name, run }, sessions.enter());
}

/** A WebSocket is opened by GET; who may only read must not run anything by it. As upstream from 1.35 on. */
function refuseWithoutCreate({ services, request, http, user }: ResourceCall): void {
  if (request.verb === 'create') return;
  const asked = attributesOf({ type: 'resource', resource: request }, http.method, user);
  const create = { ...asked, verb: 'create' };
  const { allowed, reason } = services.access.authorizer.decide(create);
  if (!allowed) throw refusalOf(create, reason);
}

interface StreamOptions {
  readonly container: string;
  readonly command: readonly string[];
  readonly tty: boolean;
  readonly wants: { readonly stdin: boolean; readonly stdout: boolean; readonly stderr: boolean };
}

/** The options in the query, as admission lets them pass. */
async function admitOptions(call: ResourceCall, kind: 'exec' | 'attach'): Promise<StreamOptions> {
  const { query } = call.request;
  const said: Fields = { kind: kind === 'exec' ? 'PodExecOptions' : 'PodAttachOptions' };
  said['apiVersion'] = 'v1';
  for (const name of ['stdin', 'stdout', 'stderr', 'tty']) {
    if (isTrue(query.get(name))) said[name] = true;
  }
  const container = query.get('container') ?? '';
  if (container !== '') said['container'] = container;
  const command = query.getAll('command');
  if (kind === 'exec') said['command'] = command.length > 0 ? command : null;
  const passed = await admitSubresource(writingOf(call, 'CreateOptions'), {
    operation: 'CONNECT',
    subresource: kind,
    kind: { group: '', version: 'v1', kind: String(said['kind']) },
    object: said as Draft, // options have no metadata, and nothing that admission asks of them needs any
  });
  const tty = passed['tty'] === true;
  const commandPassed = passed['command'];
  return {
    container: textAt(passed, 'container'),
    command: Array.isArray(commandPassed) ? commandPassed.map(String) : [],
    tty,
    wants: {
      stdin: passed['stdin'] === true,
      stdout: passed['stdout'] === true,
      stderr: passed['stderr'] === true && !tty, // a terminal has one output
    },
  };
}

/** The container that is meant. @throws ApiError BadRequest. */
export function containerOf(asked: string, pod: Draft): string {
  const spec = pod['spec'];
  const namesOf = (list: string) => listAt(spec, list).map((each) => textAt(each, 'name'));
  const ordinary = namesOf('containers');
  const all = [...namesOf('initContainers'), ...ordinary, ...namesOf('ephemeralContainers')];
  const name = pod.metadata.name ?? '';
  if (asked !== '') {
    if (all.includes(asked)) return asked;
    throw badRequest(`container ${asked} is not valid for pod ${name}`);
  }
  const [first, ...more] = ordinary;
  if (first !== undefined && more.length === 0) return first;
  const choice = `choose one of: [${all.join(' ')}]`;
  throw badRequest(`a container name must be specified for pod ${name}, ${choice}`);
}

/** @throws ApiError when the request is none for WebSockets, or for streams that nobody here knows. */
function protocolOf(headers: Readonly<Record<string, string>>): ChannelProtocol {
  const offered = upgradeOffered(headers);
  if (offered === '') throw badRequest('Upgrade request required');
  if (!wantsWebSocket(headers)) {
    throw badRequest(
      `unable to upgrade connection: this server streams over WebSockets (${protocolNames[0]}, ${protocolNames[1]}), not over ${offered}; kubectl does so from version 1.31 on, unless KUBECTL_REMOTE_COMMAND_WEBSOCKETS=false`,
    );
  }
  const wanted = headers['sec-websocket-protocol'];
  const protocol = negotiateProtocol(wanted);
  if (protocol) return protocol;
  const message = `unable to upgrade connection: requested protocol(s) are not supported: [${wanted}]; supports [${protocolNames.join(' ')}]`;
  throw new ApiError(403, 'Forbidden', message, {});
}
