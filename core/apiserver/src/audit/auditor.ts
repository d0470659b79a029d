// Writes down who asked for what and what came of it, as events of audit.k8s.io/v1.

import type { ApiError, ApiRequest, ApiResponse, UserInfo } from '@tweendeck/kube';
import { type Clock, isJsonObject, microTimestampOf, type Random } from '@tweendeck/std';
import { type AccessAttributes, attributesOf } from '../access/attributes.ts';
import { userStatus } from '../access/identity-reviews.ts';
import { decodeBody } from '../body.ts';
import { type Fields, textAt } from '../draft.ts';
import type { ParsedRequest } from '../request.ts';
import type { AuditSink } from './log-file.ts';
import { type AuditPolicy, type AuditRuling, type AuditStage, rulingOf } from './policy.ts';

export interface AuditorOptions {
  readonly policy: AuditPolicy;
  readonly sink: Pick<AuditSink, 'write'>;
  readonly clock: Pick<Clock, 'nowMs'>;
  readonly random: Pick<Random, 'uuid'>;
}

/** What is known of a request when it comes in. */
export interface Received {
  readonly http: ApiRequest;
  readonly parsed: ParsedRequest;
  readonly user: UserInfo;
  /** Of the client; undefined for requests within the process. */
  readonly address: string | undefined;
}

const idLengthMax = 64;

export class Auditor {
  readonly #options: AuditorOptions;

  constructor(options: AuditorOptions) {
    this.#options = options;
  }

  /** Begins the record of a request. */
  begin(received: Received): AuditRecord {
    const { policy } = this.#options;
    const { parsed, http, user } = received;
    const asked = attributesOf(parsed, http.method, user);
    const ruling = rulingOf(policy, asked);
    const record = new AuditRecord(this.#options, { ...received, asked, ruling });
    record.stage('RequestReceived');
    return record;
  }

  /** Somebody could not say who he is. */
  refused(received: Omit<Received, 'user'>, error: ApiError): void {
    const user: UserInfo = { name: '', groups: [] };
    const asked = attributesOf(received.parsed, received.http.method, user);
    const ruling = rulingOf(this.#options.policy, asked);
    const record = new AuditRecord(this.#options, { ...received, user, asked, ruling });
    const message = 'Authentication failed';
    record.stage('ResponseStarted', {
      responseStatus: { metadata: {}, status: 'Failure', message, code: error.code },
    });
  }
}

interface RecordFacts extends Received {
  readonly asked: AccessAttributes;
  readonly ruling: AuditRuling;
}

/** One request on its way; told of what becomes of it. */
export class AuditRecord {
  readonly id: string;
  readonly #options: AuditorOptions;
  readonly #facts: RecordFacts;
  readonly #received: string;
  readonly #annotations: Record<string, string> = {};
  #impersonated: UserInfo | undefined;
  /** The name in the object of a request that names none. */
  #named: string | undefined;

  constructor(options: AuditorOptions, facts: RecordFacts) {
    this.#options = options;
    this.#facts = facts;
    this.#received = microTimestampOf(options.clock.nowMs());
    const given = facts.http.headers['audit-id'] ?? '';
    this.id = given === '' ? options.random.uuid() : given.slice(0, idLengthMax);
  }

  readonly annotate = (key: string, value: string): void => {
    if (!(key in this.#annotations)) this.#annotations[key] = value;
  };

  impersonates(user: UserInfo): void {
    this.#impersonated = user;
  }

  /** Writes down the answer, when it is out or when it has begun to stream, and gives the answer to send. */
  async answered(response: ApiResponse): Promise<ApiResponse> {
    const { level } = this.#facts.ruling;
    if (level === 'None') return response;
    const code = response.status;
    const responseStatus = { metadata: {}, code };
    if (response.headers['content-length'] === undefined) {
      this.stage('ResponseStarted', { responseStatus });
      return { ...response, body: this.#followed(response.body, { responseStatus }) };
    }
    const said = await this.#requestObject();
    this.#named ??= isJsonObject(said) ? textAt(said['metadata'], 'name') : '';
    const requestObject = level === 'Metadata' ? undefined : said;
    if (level !== 'RequestResponse' && code < 400) {
      this.stage('ResponseComplete', { requestObject, responseStatus });
      return response;
    }
    const chunks: Uint8Array[] = [];
    for await (const chunk of response.body) chunks.push(chunk);
    const object = parsedJson(Buffer.concat(chunks).toString());
    const isStatus = isJsonObject(object) && object['kind'] === 'Status';
    this.stage('ResponseComplete', {
      requestObject,
      responseStatus: isStatus ? { ...withoutType(object), code } : responseStatus,
      responseObject: level === 'RequestResponse' ? this.#trimmed(object) : undefined,
    });
    return { ...response, body: again(chunks) };
  }

  /** Writes an event, unless the policy leaves it out. */
  stage(stage: AuditStage, more: Fields = {}): void {
    const { ruling } = this.#facts;
    if (ruling.level === 'None' || ruling.omitStages.includes(stage)) return;
    const now = microTimestampOf(this.#options.clock.nowMs());
    const hasNotes = stage !== 'RequestReceived' && Object.keys(this.#annotations).length > 0;
    const event = {
      kind: 'Event',
      apiVersion: 'audit.k8s.io/v1',
      level: ruling.level,
      auditID: this.id,
      stage,
      ...this.#request(),
      objectRef: this.#objectRef(),
      ...more,
      requestReceivedTimestamp: this.#received,
      stageTimestamp: now,
      annotations: hasNotes ? this.#annotations : undefined,
    };
    this.#options.sink.write(JSON.stringify(event));
  }

  #request(): Fields {
    const { http, user, asked, address } = this.#facts;
    return {
      requestURI: http.path,
      verb: asked.verb,
      user: user.name === '' ? {} : userStatus(user),
      impersonatedUser: this.#impersonated && userStatus(this.#impersonated),
      sourceIPs: [address ?? '127.0.0.1'],
      userAgent: http.headers['user-agent'] || undefined,
    };
  }

  #objectRef(): Fields | undefined {
    const { asked, parsed } = this.#facts;
    if (asked.type !== 'resource' || parsed.type !== 'resource') return undefined;
    const { resource, namespace, name, group, subresource } = asked;
    return {
      resource: resource || undefined,
      namespace: namespace || undefined,
      name: name || this.#named || undefined,
      apiGroup: group || undefined,
      apiVersion: parsed.resource.version || undefined,
      subresource: subresource || undefined,
    };
  }

  async #requestObject(): Promise<unknown> {
    const { http, asked, ruling } = this.#facts;
    if (ruling.level === 'Metadata' && asked.verb !== 'create') return undefined;
    if (!http.body || asked.type !== 'resource') return undefined;
    const type = http.headers['content-type'] ?? '';
    if (type.includes('patch')) return parsedJson(Buffer.from(http.body).toString());
    try {
      return this.#trimmed((await decodeBody(http)).value);
    } catch {
      return undefined; // the request was refused for it
    }
  }

  /** Without managed fields, where the policy wants none; in lists too. */
  #trimmed(object: unknown): unknown {
    if (!this.#facts.ruling.omitManagedFields || !isJsonObject(object)) return object;
    const { metadata, items } = object;
    const { managedFields: _, ...rest } = isJsonObject(metadata) ? metadata : {};
    return {
      ...object,
      ...(isJsonObject(metadata) ? { metadata: rest } : {}),
      ...(Array.isArray(items) ? { items: items.map((each) => this.#trimmed(each)) } : {}),
    };
  }

  async *#followed(
    body: AsyncIterable<Uint8Array>,
    more: Fields,
  ): AsyncGenerator<Uint8Array, void, undefined> {
    try {
      yield* body;
    } finally {
      this.stage('ResponseComplete', more);
    }
  }
}

async function* again(chunks: readonly Uint8Array[]): AsyncGenerator<Uint8Array> {
  yield* chunks;
}

/** A Status inside of an event says no kind. */
function withoutType({ kind: _, apiVersion: __, ...status }: Fields): Fields {
  return status;
}

function parsedJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return text === '' ? undefined : text;
  }
}
