// The status ports of cache servers: of one at a URL, or of the pods that the platform runs.

import { cacheServerKind, controlName, selectorOf, statusPort } from '@tweendeck/cacheserver';
import type { Client } from '@tweendeck/client';
import { isApiError, type Pod, podResource, secretResource } from '@tweendeck/kube';
import { type Clock, isJsonObject, linkedAbort, messageOf, PlatformError } from '@tweendeck/std';
import type { Ambient } from './ambient.ts';
import type { OptionValues } from './command-line.ts';
import { connect } from './connection.ts';
import { readText } from './text-file.ts';

export interface StatusRequest {
  readonly method: 'GET' | 'POST';
  /** Such as `/stats`. */
  readonly path: string;
  readonly query?: Readonly<Record<string, string | undefined>>;
  /** Sent as JSON. */
  readonly body?: Readonly<Record<string, unknown>>;
}

/** Seconds that an answer may take where --timeout says nothing: an order may have much to take away. */
const answerSeconds = { GET: 30, POST: 600 } as const;

/** A request with the time that it may take. */
interface TimedRequest extends StatusRequest {
  readonly seconds: number;
  readonly clock: Clock;
}

/** What each answered, by the name of its pod, or by the URL. */
export type StatusAnswers = Readonly<Record<string, Readonly<Record<string, unknown>>>>;

/**
 * Asks the cache server at `--url`, or every running pod of the CacheServer `name` (of all in the namespace without
 * one). Throws CLI_NOT_FOUND, CLI_STATUS_UNREACHABLE, CLI_STATUS_SILENT or CLI_STATUS_REFUSED.
 */
export async function askCaches(
  {
    world,
    options,
    name,
  }: { readonly world: Ambient; readonly options: OptionValues; readonly name: string | undefined },
  asked: StatusRequest,
): Promise<StatusAnswers> {
  const url = options.text('url');
  const given = options.integer('timeout', { min: 1, max: 86_400 });
  const seconds = given ?? answerSeconds[asked.method];
  const request = { ...asked, seconds, clock: world.clock };
  return url === undefined
    ? podAnswers(world, options, { name, request })
    : { [url]: await fetchAnswer(url, request, world.signal) };
}

/** The body that shows the token of `--token-file`. Throws CLI_FILE_UNREADABLE. */
export async function tokenBody(options: OptionValues): Promise<Readonly<Record<string, unknown>>> {
  const path = options.text('token-file');
  return path === undefined ? {} : { token: (await readText(path)).split('\n', 1)[0]?.trim() };
}

async function podAnswers(
  world: Ambient,
  options: OptionValues,
  { name, request }: { readonly name: string | undefined; readonly request: TimedRequest },
): Promise<StatusAnswers> {
  await using connection = await connect(world, options);
  const { client, namespace } = connection;
  if (
    name !== undefined &&
    !(await client.get(cacheServerKind, { name, namespace }, world.signal))
  ) {
    throw new PlatformError(
      'CLI_NOT_FOUND',
      `there is no CacheServer "${name}" in namespace ${namespace}`,
      {
        hint: 'See "tweendeck get cacheservers -A".',
      },
    );
  }
  const labels =
    name === undefined ? { 'app.kubernetes.io/name': 'cacheserver' } : selectorOf(name);
  const labelSelector = Object.entries(labels)
    .map((pair) => pair.join('='))
    .join(',');
  const pods = await client.list(podResource, { namespace, labelSelector }, world.signal);
  const shown = await withToken(request, { client, namespace, name }, world.signal);
  const answers: Record<string, Readonly<Record<string, unknown>>> = {};
  for (const pod of pods.items) {
    const answer = await podAnswer(pod, { client, request: shown }, world.signal);
    if (answer !== undefined) answers[pod.metadata.name] = answer;
  }
  return answers;
}

/** An order without a token shows the one of the CacheServer's Secret, if this user may read it. */
async function withToken<Request extends StatusRequest>(
  request: Request,
  {
    client,
    namespace,
    name,
  }: { readonly client: Client; readonly namespace: string; readonly name: string | undefined },
  signal: AbortSignal,
): Promise<Request> {
  const { method, body = {} } = request;
  if (method === 'GET' || name === undefined || 'token' in body) return request;
  const ref = { namespace, name: controlName(name) };
  const secret = await client.get(secretResource, ref, signal).catch((error: unknown) => {
    if (isApiError(error, 'Forbidden')) return undefined;
    throw error;
  });
  const token = secret?.data?.['token'];
  if (token === undefined) return request;
  return { ...request, body: { ...body, token: Buffer.from(token, 'base64').toString('utf8') } };
}

/** A pod of this machine is asked itself, others through the API server: only there their addresses answer. */
async function podAnswer(
  { metadata, status }: Pod,
  { client, request }: { readonly client: Client; readonly request: TimedRequest },
  signal: AbortSignal,
): Promise<Readonly<Record<string, unknown>> | undefined> {
  const { name, namespace = 'default' } = metadata;
  const address = status?.podIP;
  const runs = status?.phase === 'Running' && metadata.deletionTimestamp === undefined;
  if (address === undefined || !runs) return undefined;
  return address.startsWith('127.')
    ? fetchAnswer(`http://${address}:${statusPort}`, request, signal)
    : proxyAnswer(client, { name, namespace, request }, signal);
}

async function proxyAnswer(
  client: Client,
  {
    name,
    namespace,
    request,
  }: { readonly name: string; readonly namespace: string; readonly request: TimedRequest },
  signal: AbortSignal,
): Promise<Readonly<Record<string, unknown>>> {
  const { method, path, query = {}, body } = request;
  const proxy = `/api/v1/namespaces/${namespace}/pods/${name}:${statusPort}/proxy${path}`;
  try {
    const options = { query, ...(body ? { body } : {}) };
    const answer = await inTime(
      `pod ${name}`,
      request,
      (limited) => client.request(method, proxy, options, limited),
      signal,
    );
    return isJsonObject(answer) ? answer : { answer };
  } catch (cause) {
    if (!isApiError(cause)) throw cause;
    throw new PlatformError(
      'CLI_STATUS_UNREACHABLE',
      `the API server does not reach pod ${name}, or the pod refuses: ${cause.message}`,
      {
        hint: `It asks "${method === 'GET' ? 'get' : 'create'}" on pods/proxy of you. Else run "kubectl port-forward", and name the address with --url.`,
        cause,
      },
    );
  }
}

async function fetchAnswer(
  base: string,
  request: TimedRequest,
  signal: AbortSignal,
): Promise<Readonly<Record<string, unknown>>> {
  const { method, path, query = {}, body } = request;
  let status = 0;
  let answer: unknown;
  try {
    const address = new URL(path, base);
    for (const [key, value] of Object.entries(query)) {
      if (value !== undefined) address.searchParams.set(key, value);
    }
    const sent = body === undefined ? {} : { body: JSON.stringify(body) };
    const ask = async (limited: AbortSignal): Promise<unknown> => {
      const response = await fetch(address, { method, signal: limited, ...sent });
      status = response.status;
      return response.json();
    };
    answer = await inTime(base, request, ask, signal);
  } catch (cause) {
    if (cause instanceof PlatformError) throw cause;
    throw new PlatformError(
      'CLI_STATUS_UNREACHABLE',
      `${base} did not answer: ${messageOf(cause)}`,
      {
        hint: 'See that a data plane listens there with --status-listen.',
        cause,
      },
    );
  }
  if (status < 400 && isJsonObject(answer)) return answer;
  const said = isJsonObject(answer) ? answer['error'] : undefined;
  throw new PlatformError('CLI_STATUS_REFUSED', `${base} answered ${status}: ${String(said)}`, {
    hint:
      status === 403
        ? 'Show the token that the server was started with (--control-token-file) with --token-file.'
        : 'Look at the operands, and with --cache-namespace at the namespace inside the cache.',
  });
}

/** Throws CLI_STATUS_SILENT when the answer takes too long. */
async function inTime<Answer>(
  who: string,
  { path, seconds, clock }: TimedRequest,
  ask: (signal: AbortSignal) => Promise<Answer>,
  signal: AbortSignal,
): Promise<Answer> {
  using limit = linkedAbort(signal);
  let late = false;
  using _timer = clock.timer(seconds * 1_000, () => {
    late = true;
    limit.abort();
  });
  try {
    return await ask(limit.signal);
  } catch (cause) {
    if (!late) throw cause;
    throw new PlatformError(
      'CLI_STATUS_SILENT',
      `${who} did not answer ${path} within ${seconds} s`,
      {
        hint: 'It may be busy, or something else may listen there. Wait longer with --timeout.',
        cause,
      },
    );
  }
}
