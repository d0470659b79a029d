// The server: opens the state, takes requests, and hands each to what answers it.

import {
  ApiError,
  type ApiRequest,
  type ApiResponse,
  type ApiTransport,
  type UserInfo,
} from '@tweendeck/kube';
import {
  type Clock,
  isPlatformError,
  type Logger,
  messageOf,
  type Random,
  TaskGroup,
} from '@tweendeck/std';
import type { Store } from '@tweendeck/store';
import { inTurn, namespaceAdmission } from './admission.ts';
import { ClusterState } from './cluster-state.ts';
import { definitionRules } from './crd/crd-kind.ts';
import { CustomKinds } from './crd/custom-kinds.ts';
import { expireEvents } from './event-expiry.ts';
import { forbidden, internal } from './failures.ts';
import { builtInResources } from './kinds/built-in.ts';
import { kindRules } from './kinds/kinds.ts';
import { OpenApiDocuments } from './openapi.ts';
import { answerPlain } from './plain-paths.ts';
import type { PodLogSource } from './pod-log.ts';
import { Registry } from './registry.ts';
import { type ParsedRequest, parseRequest } from './request.ts';
import type { Services } from './resource-call.ts';
import { handleResource } from './resource-handler.ts';
import { failureResponse } from './response.ts';
import { BuiltInSchemas } from './schema/built-in-schemas.ts';
import { parseRange, serviceAdmission } from './service-addresses.ts';
import { systemNamespaces } from './system-namespaces.ts';
import { isAuthorized } from './users.ts';

export interface ApiServerOptions {
  readonly store: Store;
  readonly clock: Clock;
  readonly random: Random;
  readonly log: Logger;
  /** Absent: requests for logs are answered with a failure. */
  readonly podLogs?: PodLogSource;
  /** IPv4 network that cluster addresses of services come from. Default 127.96.0.0/16. */
  readonly serviceRange?: string;
  /** How long clients can page and watch from the past, in milliseconds. Default 5 minutes. */
  readonly historyMs?: number;
  /** Changes kept in memory per resource. Default 2,000. */
  readonly historyLengthMax?: number;
  /** Bytes of changes kept in memory per resource. Default 8 MiB. */
  readonly historyBytesMax?: number;
  /** Events a watcher may fall behind before it is cut off. Default 10,000. */
  readonly watchQueueLengthMax?: number;
  /** Default 60,000. */
  readonly bookmarkMs?: number;
  /** Watches without a timeout of their own last this long to twice this long. Default 30 minutes. */
  readonly watchTimeoutMs?: number;
}

export interface ApiServer extends AsyncDisposable {
  /** Answers a request; failures too are answers. Aborting the signal ends a body that streams. */
  handle(request: ApiRequest, user: UserInfo, signal: AbortSignal): Promise<ApiResponse>;
  /** Carries requests of a client within the process, in the name of `user`. */
  transport(user: UserInfo): ApiTransport;
}

/** Reads the store and serves it. The store stays the caller's to close, after the server. */
export async function openApiServer(
  options: ApiServerOptions,
  signal: AbortSignal,
): Promise<ApiServer> {
  signal.throwIfAborted();
  const { store, clock, log, random } = options;
  const range = parseRange(options.serviceRange ?? '127.96.0.0/16');
  await using opened = new AsyncDisposableStack();
  const state = opened.use(
    await ClusterState.open({
      store,
      clock,
      log,
      historyMs: options.historyMs ?? 5 * 60_000,
      history: {
        lengthMax: options.historyLengthMax ?? 2_000,
        bytesMax: options.historyBytesMax ?? 8 * 1024 * 1024,
      },
    }),
  );
  const schemas = new BuiltInSchemas();
  const registry = builtInRegistry(schemas);
  const closing = new AbortController();
  opened.defer(() => closing.abort());
  const services: Services = {
    state,
    registry,
    openApi: new OpenApiDocuments(registry, schemas),
    clock,
    random,
    log,
    admission: inTurn(namespaceAdmission(state), serviceAdmission(state, { range, random })),
    watchLimits: {
      queueLengthMax: options.watchQueueLengthMax ?? 10_000,
      bookmarkMs: options.bookmarkMs ?? 60_000,
      timeoutMs: options.watchTimeoutMs ?? 30 * 60_000,
    },
    closed: closing.signal,
    podLogs: options.podLogs,
  };
  const customKinds = opened.use(new CustomKinds(services, schemas.metadata));
  await systemNamespaces(services, signal);
  const tasks = opened.use(new TaskGroup());
  tasks.start((taskSignal) => expireEvents({ state, clock, log }, taskSignal));
  tasks.start((taskSignal) => customKinds.clean(taskSignal));
  return new OpenApiServer(services, opened.move());
}

/** The rules of definitions need to know what is served, which is known only then. */
function builtInRegistry(schemas: BuiltInSchemas): Registry {
  let registry: Registry | undefined;
  const definitions = definitionRules(() => registry?.all ?? []);
  const rules = new Map([
    ...kindRules,
    ['apiextensions.k8s.io/CustomResourceDefinition', definitions],
  ]);
  registry = new Registry(builtInResources({ rules, schemas }));
  return registry;
}

class OpenApiServer implements ApiServer {
  readonly #services: Services;
  readonly #opened: AsyncDisposableStack;

  constructor(services: Services, opened: AsyncDisposableStack) {
    this.#services = services;
    this.#opened = opened;
  }

  async handle(request: ApiRequest, user: UserInfo, signal: AbortSignal): Promise<ApiResponse> {
    try {
      const parsed = parseRequest(request);
      if (!isAuthorized(user, parsed)) throw refusal(request, user, parsed);
      return await this.#route(request, { parsed, user }, signal);
    } catch (error) {
      if (error instanceof ApiError) return failureResponse(error);
      if (signal.aborted) throw error;
      this.#services.log.error('a request failed', {
        method: request.method,
        path: request.path,
        error,
      });
      return failureResponse(unexpected(error));
    }
  }

  transport(user: UserInfo): ApiTransport {
    return { request: (request, signal) => this.handle(request, user, signal) };
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.#opened.disposeAsync();
  }

  async #route(
    http: ApiRequest,
    { parsed, user }: { readonly parsed: ParsedRequest; readonly user: UserInfo },
    signal: AbortSignal,
  ): Promise<ApiResponse> {
    if (parsed.type === 'resource') {
      return handleResource(this.#services, { http, request: parsed.resource, user }, signal);
    }
    return answerPlain(this.#services, http, parsed.plain.path);
  }
}

/** The world's faults below us, as a client can act on them. */
function unexpected(error: unknown): ApiError {
  const message = messageOf(error);
  if (isPlatformError(error, 'STORE_OVERLOADED')) {
    return new ApiError(429, 'TooManyRequests', message, { retryAfterSeconds: 1 });
  }
  if (isPlatformError(error, 'STORE_CLOSED') || isPlatformError(error, 'APISERVER_CLOSED')) {
    return new ApiError(503, 'ServiceUnavailable', message, { retryAfterSeconds: 1 });
  }
  return internal(message);
}

function refusal(request: ApiRequest, user: UserInfo, parsed: ParsedRequest): ApiError {
  if (parsed.type === 'plain') {
    return new ApiError(
      403,
      'Forbidden',
      `forbidden: User ${JSON.stringify(user.name)} cannot ${request.method.toLowerCase()} path ${JSON.stringify(parsed.plain.path)}`,
      {},
    );
  }
  const { verb, plural, group, namespace, name } = parsed.resource;
  const scope = namespace === '' ? 'at the cluster scope' : `in the namespace "${namespace}"`;
  return forbidden(
    { group, plural },
    name,
    `User ${JSON.stringify(user.name)} cannot ${verb} resource "${plural}" in API group "${group}" ${scope}`,
  );
}
