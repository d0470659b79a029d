// The client: turns typed calls into requests, and answers into typed objects.

import { type ApiTransport, apiVersionOf, isApiError, resourcePath } from '@tweendeck/kube';
import { type Clock, type Logger, type Random, silentLogger } from '@tweendeck/std';
import type { Client, DeleteOptions, Patch, WriteOptions } from './client.ts';
import { listAll, objectOf, watchOnce } from './collections.ts';
import { requestsOver } from './requests.ts';

export interface CreateClientOptions {
  readonly transport: ApiTransport;
  readonly clock: Clock;
  readonly random: Random;
  readonly log?: Logger;
  /** Who asks, as `name/version`; the name owns the fields of writes that name no field manager. Default `tweendeck`. */
  readonly userAgent?: string;
  /** For each try of everything but watches and logs. Default 60,000. */
  readonly requestTimeoutMs?: number;
  /** Tries of one call, for what can be tried again. Default 5. */
  readonly attemptsMax?: number;
}

const patchTypes: Readonly<Record<Patch['type'], string>> = {
  merge: 'application/merge-patch+json',
  strategic: 'application/strategic-merge-patch+json',
  json: 'application/json-patch+json',
};

/** A client of the API behind `transport`. Holds nothing open by itself. */
export function createClient(options: CreateClientOptions): Client {
  const requests = requestsOver({
    transport: options.transport,
    clock: options.clock,
    random: options.random,
    log: options.log ?? silentLogger,
    userAgent: options.userAgent ?? 'tweendeck',
    requestTimeoutMs: options.requestTimeoutMs ?? 60_000,
    attemptsMax: options.attemptsMax ?? 5,
  });
  return {
    get(resource, ref, signal) {
      const path = resourcePath(resource, ref);
      return unlessMissing(async () =>
        objectOf(resource, await requests.json({ method: 'GET', path }, signal)),
      );
    },
    list: (resource, selection, signal) => listAll(requests, resource, selection, signal),
    watch: (resource, watchOptions, signal) => watchOnce(requests, resource, watchOptions, signal),
    async create(resource, object, writeOptions, signal) {
      const { name, namespace } = object.metadata;
      const about = writeOptions.subresource ? { namespace, name } : { namespace };
      const path = resourcePath(resource, about, writeOptions.subresource);
      const body = { ...object, apiVersion: apiVersionOf(resource), kind: resource.kind };
      const query = writeQuery(writeOptions);
      return objectOf(resource, await requests.json({ method: 'POST', path, query, body }, signal));
    },
    async update(resource, object, writeOptions, signal) {
      const path = resourcePath(resource, object.metadata, writeOptions.subresource);
      const body = { ...object, apiVersion: apiVersionOf(resource), kind: resource.kind };
      const query = writeQuery(writeOptions);
      return objectOf(resource, await requests.json({ method: 'PUT', path, query, body }, signal));
    },
    async patch(resource, ref, patch, writeOptions, signal) {
      const path = resourcePath(resource, ref, writeOptions.subresource);
      const call = {
        method: 'PATCH',
        path,
        query: writeQuery(writeOptions),
        contentType: patchTypes[patch.type],
        body: patch.body,
      } as const;
      return objectOf(resource, await requests.json(call, signal));
    },
    async apply(resource, object, applyOptions, signal) {
      const path = resourcePath(resource, object.metadata, applyOptions.subresource);
      const call = {
        method: 'PATCH',
        path,
        query: { ...writeQuery(applyOptions), force: String(applyOptions.force === true) },
        contentType: 'application/apply-patch+yaml',
        body: { ...object, apiVersion: apiVersionOf(resource), kind: resource.kind },
      } as const;
      return objectOf(resource, await requests.json(call, signal));
    },
    async delete(resource, ref, deleteOptions, signal) {
      const path = resourcePath(resource, ref);
      const body = deleteBody(deleteOptions);
      const deleted = await unlessMissing(async () => {
        await requests.json({ method: 'DELETE', path, body }, signal);
        return true;
      });
      return deleted ?? false;
    },
    async *logs(pod, logOptions, signal) {
      const path = `/api/v1/namespaces/${encodeURIComponent(pod.namespace ?? 'default')}/pods/${encodeURIComponent(pod.name)}/log`;
      const { container, follow, previous, tailLines, sinceSeconds, timestamps } = logOptions;
      const query = {
        container,
        follow: follow ? 'true' : undefined,
        previous: previous ? 'true' : undefined,
        tailLines: tailLines?.toString(),
        sinceSeconds: sinceSeconds?.toString(),
        timestamps: timestamps ? 'true' : undefined,
      };
      const response = await requests.open({ method: 'GET', path, query, accept: '*/*' }, signal);
      yield* response.body;
    },
    request: (method, path, raw, signal) => requests.json({ ...raw, method, path }, signal),
  };
}

/** Undefined when the object is missing; a kind that the server does not know is a failure like any other. */
async function unlessMissing<Value>(call: () => Promise<Value>): Promise<Value | undefined> {
  try {
    return await call();
  } catch (error) {
    if (isApiError(error, 'NotFound') && error.details?.name) return undefined;
    throw error;
  }
}

function writeQuery(options: WriteOptions): Readonly<Record<string, string | undefined>> {
  return {
    fieldManager: options.fieldManager,
    fieldValidation: options.fieldValidation,
    dryRun: options.dryRun ? 'All' : undefined,
  };
}

function deleteBody(options: DeleteOptions): Readonly<Record<string, unknown>> {
  return {
    kind: 'DeleteOptions',
    apiVersion: 'v1',
    propagationPolicy: options.propagation,
    gracePeriodSeconds: options.graceSeconds,
    preconditions: options.preconditions,
    dryRun: options.dryRun ? ['All'] : undefined,
  };
}
