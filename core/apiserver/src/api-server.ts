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
import { openAccess } from './access/access.ts';
import { attributesOf } from './access/attributes.ts';
import { authenticate, type Caller } from './access/authenticator.ts';
import { refusalOf } from './access/authorizer.ts';
import { reconcilePolicy } from './access/bootstrap.ts';
import { impersonated } from './access/impersonation.ts';
import { keepTokenSecrets } from './access/legacy-tokens.ts';
import { answeredKinds } from './access/questions.ts';
import type { SigningKeys } from './access/signing-keys.ts';
import { nodeAdmission } from './admission/node-restriction.ts';
import { podAdmission, type TroubleTolerance } from './admission/pod-admission.ts';
import { serviceAccountAdmission } from './admission/service-account.ts';
import { serviceResolver } from './admission/service-resolver.ts';
import { volumeAdmission } from './admission/volume-admission.ts';
import { WebhookClients } from './admission/webhook-client.ts';
import { WebhookSet } from './admission/webhook-set.ts';
import { webhookAdmission } from './admission/webhooks.ts';
import { inTurn, namespaceAdmission } from './admission.ts';
import { Auditor, type AuditRecord, type Received } from './audit/auditor.ts';
import type { AuditSink } from './audit/log-file.ts';
import type { AuditPolicy } from './audit/policy.ts';
import { answerBackup, type BackupSource, backupPath } from './backup.ts';
import { ClusterState } from './cluster-state.ts';
import { definitionRules } from './crd/crd-kind.ts';
import { CustomKinds } from './crd/custom-kinds.ts';
import { expireEvents } from './event-expiry.ts';
import { internal, storeFull } from './failures.ts';
import { Guards } from './guards/guards.ts';
import { defaultLimits, type GuardLimits } from './guards/limits.ts';
import type { BodyReader } from './guards/request-body.ts';
import { builtInResources } from './kinds/built-in.ts';
import { kindRules } from './kinds/kinds.ts';
import { OpenApiV2 } from './openapi/open-api-v2.ts';
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
import { PodSessions, type PodStreamSource } from './streams/pod-streams.ts';
import { systemNamespaces } from './system-namespaces.ts';
import { systemPriorityClasses } from './system-priority-classes.ts';
import type { Admission } from './writing.ts';

export interface ApiServerOptions {
  readonly store: Store;
  readonly clock: Clock;
  readonly random: Random;
  readonly log: Logger;
  /** Whether roles and bindings of the system are made and kept. Without them only members of system:masters may do anything. Default false. */
  readonly systemPolicy?: boolean;
  /** Given: pods run as service accounts and find their tokens, which takes controllers that make the accounts. Absent: tokens end with the server. */
  readonly serviceAccounts?: {
    readonly keys: SigningKeys;
    /** PEM of the certificate that clients are to trust, for secrets that hold tokens. */
    readonly authority: string;
  };
  /** Which requests are written down, and where. Absent: none. */
  readonly audit?: { readonly policy: AuditPolicy; readonly sink: Pick<AuditSink, 'write'> };
  /** Absent: requests for logs are answered with a failure. */
  readonly podLogs?: PodLogSource;
  /** Absent: nothing can be run in a container or attached to it. */
  readonly podStreams?: PodStreamSource;
  /** Sessions in containers at one time. Default 1,000. */
  readonly podSessionsMax?: number;
  /** Makes backups; who may `get` the path `/tweendeck/backup` may have them. Absent: there are none. */
  readonly backups?: BackupSource;
  /** How long pods stay on nodes in trouble where they do not say so. Default 300 s each. */
  readonly troubleTolerance?: Partial<TroubleTolerance>;
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
  /** Bytes of events a watcher may fall behind before it is cut off. Default 16 MiB. */
  readonly watchQueueBytesMax?: number;
  /** What clients from outside may take, where it differs from the defaults. */
  readonly limits?: Partial<GuardLimits>;
  /** Default 60,000. */
  readonly bookmarkMs?: number;
  /** Watches without a timeout of their own last this long to twice this long. Default 30 minutes. */
  readonly watchTimeoutMs?: number;
}

/** A request whose body may still be on its way. */
export interface UnreadRequest extends Omit<ApiRequest, 'body'> {
  readonly readBody?: BodyReader;
}

export interface ApiServer extends AsyncDisposable {
  readonly guards: Guards;
  /** Answers a request; failures too are answers. Aborting the signal ends a body that streams. */
  handle(request: ApiRequest, user: UserInfo, signal: AbortSignal): Promise<ApiResponse>;
  /** As `handle`, for a request from outside whose sender its headers may tell; it waits for its turn, and has limits. */
  serve(request: UnreadRequest, caller: Caller, signal: AbortSignal): Promise<ApiResponse>;
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
  const own = inTurn(
    namespaceAdmission(state),
    options.serviceAccounts
      ? serviceAccountAdmission(state, { clock, random, closed: closing.signal })
      : {},
    nodeAdmission(state),
    podAdmission(state, {
      notReadySeconds: 300,
      unreachableSeconds: 300,
      ...options.troubleTolerance,
    }),
    volumeAdmission(state),
    serviceAdmission(state, { range, random }),
  );
  const webhooks = {
    state,
    registry: () => registry,
    hooks: opened.use(new WebhookSet(state)),
    clients: opened.use(new WebhookClients(clock, serviceResolver(state))),
    log,
    closed: closing.signal,
  };
  const admission: Admission = { ...own, ...webhookAdmission(webhooks, own) };
  const services: Services = {
    state,
    registry,
    openApi: new OpenApiDocuments(registry, schemas),
    openApiV2: new OpenApiV2(registry, schemas),
    access: opened.use(openAccess(state, { clock, keys: options.serviceAccounts?.keys })),
    clock,
    random,
    log,
    admission,
    watchLimits: {
      queueLengthMax: options.watchQueueLengthMax ?? 10_000,
      queueBytesMax: options.watchQueueBytesMax ?? 16 * 1024 * 1024,
      bookmarkMs: options.bookmarkMs ?? 60_000,
      timeoutMs: options.watchTimeoutMs ?? 30 * 60_000,
    },
    guards: new Guards({
      limits: { ...defaultLimits, ...options.limits },
      clock,
      defer: setImmediate,
    }),
    backups: options.backups,
    closed: closing.signal,
    podLogs: options.podLogs,
    podSessions:
      options.podStreams &&
      new PodSessions(options.podStreams, { countMax: options.podSessionsMax ?? 1_000 }),
  };
  const customKinds = opened.use(new CustomKinds(services, schemas.metadata));
  await systemNamespaces(services, signal);
  await systemPriorityClasses(services, signal);
  if (options.systemPolicy) await reconcilePolicy(services, signal);
  const tasks = opened.use(new TaskGroup());
  tasks.start((taskSignal) => expireEvents({ state, clock, log }, taskSignal));
  tasks.start((taskSignal) => customKinds.clean(taskSignal));
  const { serviceAccounts } = options;
  if (serviceAccounts) {
    const { authority } = serviceAccounts;
    tasks.start((taskSignal) => keepTokenSecrets(services, authority, taskSignal));
  }
  const { audit } = options;
  const auditor = audit && new Auditor({ ...audit, clock, random });
  return new OpenApiServer(services, auditor, opened.move());
}

function builtInRegistry(schemas: BuiltInSchemas): Registry {
  const rules = new Map([
    ...kindRules,
    ['apiextensions.k8s.io/CustomResourceDefinition', definitionRules],
  ]);
  return new Registry(builtInResources({ rules, answered: answeredKinds, schemas }));
}

class OpenApiServer implements ApiServer {
  readonly #services: Services;
  readonly #auditor: Auditor | undefined;
  readonly #opened: AsyncDisposableStack;

  constructor(services: Services, auditor: Auditor | undefined, opened: AsyncDisposableStack) {
    this.#services = services;
    this.#auditor = auditor;
    this.#opened = opened;
  }

  handle(http: ApiRequest, user: UserInfo, signal: AbortSignal): Promise<ApiResponse> {
    return this.#respond({ http, user, address: undefined }, signal);
  }

  get guards(): Guards {
    return this.#services.guards;
  }

  async serve(
    { readBody, ...http }: UnreadRequest,
    caller: Caller,
    signal: AbortSignal,
  ): Promise<ApiResponse> {
    const { address } = caller;
    try {
      const parsed = parseRequest(http);
      try {
        const user = authenticate(caller, http.headers, this.#services.access.tokens);
        return await this.#guarded({ http, user, address, parsed }, readBody, signal);
      } catch (error) {
        if (error instanceof ApiError) this.#auditor?.refused({ http, parsed, address }, error);
        throw error;
      }
    } catch (error) {
      if (!(error instanceof ApiError)) throw error;
      return failureResponse(error, readBody ? { connection: 'close' } : {});
    }
  }

  /** Waits for the body and for its turn. @throws ApiError for a request that is sent away before anybody worked on it. */
  async #guarded(
    { http, user, address, parsed }: Received,
    readBody: BodyReader | undefined,
    signal: AbortSignal,
  ): Promise<ApiResponse> {
    const { guards } = this.#services;
    using held = guards.heldBody(user);
    const body = await readBody?.(held.take);
    const sent = { http: body && body.byteLength > 0 ? { ...http, body } : http, user, address };
    const asked = { parsed, user, bodyBytes: held.bytes, objects: this.#objectsOf(parsed) };
    const response = await guards.run(asked, () => this.#respond(sent, signal));
    return http.method === 'HEAD' ? response : guards.answered(user, response, signal);
  }

  /** How many objects a list may have to look at. */
  #objectsOf(parsed: ParsedRequest): number {
    if (parsed.type === 'plain') return 0;
    const { group, version, plural, verb, query } = parsed.resource;
    if (verb !== 'list' && verb !== 'watch' && verb !== 'deletecollection') return 0;
    const resource = this.#services.registry.find(group, version, plural);
    const size = resource ? this.#services.state.resource(resource.storagePrefix).size : 0;
    const limit = Number(query.get('limit') ?? 0);
    return limit > 0 ? Math.min(limit, size) : size;
  }

  transport(user: UserInfo): ApiTransport {
    return { request: (request, signal) => this.handle(request, user, signal) };
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.#opened.disposeAsync();
  }

  async #respond(sent: Omit<Received, 'parsed'>, signal: AbortSignal): Promise<ApiResponse> {
    const { http } = sent;
    let record: AuditRecord | undefined;
    let response: ApiResponse;
    try {
      const parsed = parseRequest(http);
      record = this.#auditor?.begin({ ...sent, parsed });
      response = await this.#answer({ ...sent, parsed }, record, signal);
    } catch (error) {
      if (!(error instanceof ApiError) && signal.aborted) throw error;
      response = failureResponse(error instanceof ApiError ? error : this.#unforeseen(error, http));
    }
    return record ? record.answered(response) : response;
  }

  #unforeseen(error: unknown, { method, path }: ApiRequest): ApiError {
    this.#services.log.error('a request failed', { method, path, error });
    return unexpected(error);
  }

  async #answer(
    { http, parsed, user: caller }: Received,
    record: AuditRecord | undefined,
    signal: AbortSignal,
  ): Promise<ApiResponse> {
    const { authorizer } = this.#services.access;
    const user = impersonated(caller, http.headers, authorizer);
    if (user !== caller) record?.impersonates(user);
    const asked = attributesOf(parsed, http.method, user);
    const { allowed, reason } = authorizer.decide(asked);
    record?.annotate('authorization.k8s.io/decision', allowed ? 'allow' : 'forbid');
    record?.annotate('authorization.k8s.io/reason', reason);
    if (!allowed) {
      return failureResponse(refusalOf(asked, reason), { 'x-content-type-options': 'nosniff' });
    }
    if (parsed.type === 'plain') {
      const { path } = parsed.plain;
      if (path === backupPath) return answerBackup(this.#services.backups, http, signal);
      return answerPlain(this.#services, http, path);
    }
    const { resource: request } = parsed;
    const notes = record ? { annotate: record.annotate } : {};
    return handleResource(this.#services, { http, request, user, ...notes }, signal);
  }
}

/** The world's faults below us, as a client can act on them. */
function unexpected(error: unknown): ApiError {
  const message = messageOf(error);
  if (isPlatformError(error, 'STORE_OVERLOADED')) {
    return new ApiError(429, 'TooManyRequests', message, { retryAfterSeconds: 1 });
  }
  if (isPlatformError(error, 'STORE_FULL')) return storeFull(message);
  if (isPlatformError(error, 'STORE_CLOSED') || isPlatformError(error, 'APISERVER_CLOSED')) {
    return new ApiError(503, 'ServiceUnavailable', message, { retryAfterSeconds: 1 });
  }
  return internal(message);
}
