// One request for a resource, all that is known about it, and the first steps every verb takes.

import type { ApiError, ApiRequest, ApiResponse, UserInfo } from '@tweendeck/kube';
import type { Clock, Logger, Random } from '@tweendeck/std';
import type { Access } from './access/access.ts';
import type { BackupSource } from './backup.ts';
import { decodeObject, draftOf, yamlFailure } from './body.ts';
import type { ClusterState } from './cluster-state.ts';
import type { Draft } from './draft.ts';
import { badRequest } from './failures.ts';
import type { Guards } from './guards/guards.ts';
import { fieldProblems, unknownField } from './json-duplicates.ts';
import { negotiate } from './negotiation.ts';
import type { OpenApiV2 } from './openapi/open-api-v2.ts';
import type { OpenApiDocuments } from './openapi.ts';
import type { PodLogSource } from './pod-log.ts';
import type { Reading } from './read.ts';
import type { Registry, ServedResource } from './registry.ts';
import type { ResourceRequest } from './request.ts';
import type { PodSessions } from './streams/pod-streams.ts';
import { refuseOtherKind } from './undecodable.ts';
import type { WatchLimits } from './watch.ts';
import { type WriteOptions, writeOptionsOf } from './write-options.ts';
import type { Admission, Writing } from './writing.ts';

export interface Services {
  readonly state: ClusterState;
  readonly registry: Registry;
  readonly openApi: OpenApiDocuments;
  readonly openApiV2: OpenApiV2;
  readonly clock: Clock;
  readonly random: Random;
  readonly log: Logger;
  readonly access: Access;
  readonly admission: Admission;
  readonly watchLimits: WatchLimits;
  readonly guards: Guards;
  readonly backups: BackupSource | undefined;
  readonly closed: AbortSignal;
  readonly podLogs: PodLogSource | undefined;
  readonly podSessions: PodSessions | undefined;
}

/** One request for a resource, all that is known about it. */
export interface ResourceCall {
  readonly services: Services;
  readonly http: ApiRequest;
  readonly request: ResourceRequest;
  readonly resource: ServedResource;
  readonly user: UserInfo;
  /** Takes notes for the audit log. */
  readonly annotate?: (key: string, value: string) => void;
  /** Warnings for the client, collected on the way; told with a failure, too. */
  readonly warnings?: string[];
}

export function readingOf(call: ResourceCall): Reading {
  const { services, http, request, resource } = call;
  const tables = resource.answered !== true;
  const { form, encoding } = negotiate(http.headers['accept'], { query: request.query, tables });
  const { state, clock } = services;
  return { state, clock, resource, request, form, encoding };
}

export function writingOf(call: ResourceCall, kind: string): Writing {
  const { services, http, user } = call;
  const { random, log, access, admission } = services;
  const { annotate = () => undefined, warnings = [] } = call;
  const userAgent = http.headers['user-agent'];
  const options: WriteOptions = writeOptionsOf(call.request.query, { kind, userAgent });
  return {
    ...readingOf(call),
    random,
    log,
    user,
    access,
    options,
    admission,
    annotate,
    warnings,
  };
}

/** The body of a create or update, ready to be stored. */
export async function bodyDraft(call: ResourceCall, writing: Writing): Promise<Draft> {
  const strict = writing.options.fieldValidation !== 'Ignore';
  const { http, resource, services } = call;
  const { value, duplicates, json } = await decodeObject(http, resource.kind, { strict });
  if (!resource.custom) refuseOtherKind(value, { resource, registry: services.registry });
  const sent = json === undefined || call.resource.custom ? {} : { json };
  const isYaml = json === undefined && duplicates.length > 0;
  const isStrict = writing.options.fieldValidation === 'Strict';
  const told = isYaml && isStrict ? [yamlFailure(duplicates)] : duplicates; // one failure of its library
  return admitted(writing, draftOf(value, call.resource), { duplicates: told, ...sent });
}

export interface Admitting {
  /** Keys written twice, as strict decoding words them. */
  readonly duplicates?: readonly string[];
  /** What was sent, where problems are told of in its order. */
  readonly json?: string;
  /** The failure that tells of a problem; that of a whole object's decoding when not given. */
  readonly failure?: (problem: string) => ApiError;
  /** Nulls in it are values. */
  readonly keepNulls?: boolean;
  /** Gets the paths of what was pruned; then nobody is told of it. */
  readonly takePruned?: (paths: readonly string[]) => void;
}

/** So many unknown and repeated fields are told of, as by upstream's decoder. */
export const problemsMax: number = 100;

/** Checks types, prunes and defaults what came in; speaks of unknown and repeated fields as the client wishes. @throws ApiError, the failure given or BadRequest. */
export function admitted(
  writing: Writing,
  draft: Draft,
  { duplicates = [], json, failure, keepNulls = false, takePruned }: Admitting = {},
): Draft {
  const { resource, options, warnings } = writing;
  const { body, strategy, kind, version } = resource;
  const refuse = (problem: string): never => {
    if (failure) throw failure(problem);
    throw badRequest(`${kind} in version "${version}" cannot be handled as a ${kind}: ${problem}`);
  };
  const problem = body.decodeProblem(draft);
  if (problem !== undefined) refuse(problem);
  const pruned = body.prune(draft);
  takePruned?.(pruned);
  const unknown = takePruned ? [] : pruned;
  const isMixed = json !== undefined && duplicates.length + unknown.length > 1;
  const all = isMixed
    ? fieldProblems(json, unknown)
    : [...duplicates, ...unknown.map(unknownField)];
  const problems = all.slice(0, problemsMax);
  if (problems.length > 0 && options.fieldValidation === 'Strict') {
    refuse(`strict decoding error: ${problems.join(', ')}`);
  }
  if (options.fieldValidation === 'Warn') {
    for (const each of problems) if (!warnings.includes(each)) warnings.push(each);
  }
  body.fillDefaults(draft, { keepNulls });
  strategy.defaults?.(draft);
  return draft;
}

/** Adds the warnings collected while writing. */
export function withWarnings(
  response: ApiResponse,
  { warnings }: Pick<Writing, 'warnings'>,
): ApiResponse {
  if (warnings.length === 0) return response;
  const text = warnings.map((warning) => `299 - ${JSON.stringify(warning)}`).join(', ');
  return { ...response, headers: { ...response.headers, warning: text } };
}
