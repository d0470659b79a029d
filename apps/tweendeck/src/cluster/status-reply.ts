// What the side doors of the controllers answer: liveness, readiness with its checks, and figures. Pure.

import type { CheckResult, Health, Metrics } from '@tweendeck/controller';
import {
  familiesText,
  type MetricFamily,
  type MetricsForm,
  metricsEnd,
  metricsForm,
  metricsType,
} from '@tweendeck/std';

export interface StatusReply {
  readonly status: number;
  readonly type: string;
  readonly body: string;
}

/** Answers a path and query; undefined when it is not one of this door's. `accept` is the header of that name. */
export type StatusRoute = (url: URL, accept: string) => StatusReply | undefined;

/**
 * `/livez` (and `/healthz`): the process answers, which is all that a restart could mend. `/readyz`: every check, with
 * `?verbose` one by one, `?exclude=NAME` without some; `/readyz/NAME`: one. As Kubernetes' own programs do, but failed
 * checks say why.
 */
export function healthRoute(health: Health): StatusRoute {
  return ({ pathname, searchParams }) => {
    if (['/livez', '/healthz', '/livez/ping'].includes(pathname)) {
      const checks = searchParams.has('verbose') ? [{ name: 'ping', problem: undefined }] : [];
      return listing('livez', checks, searchParams);
    }
    if (pathname === '/readyz')
      return listing('readyz', without(health, searchParams), searchParams);
    if (!pathname.startsWith('/readyz/')) return undefined;
    const check = health.report().find(({ name }) => pathname === `/readyz/${name}`);
    return check && listing('readyz', [check], searchParams);
  };
}

/** `/metrics` of controllers and of what they look after, as OpenMetrics where the reader asks for it. */
export function metricsRoute(
  metrics: Metrics,
  families: () => readonly MetricFamily[],
): StatusRoute {
  return ({ pathname }, accept) => {
    if (pathname !== '/metrics') return undefined;
    const form = metricsForm(accept);
    const own = inForm(metrics.exposition(), form);
    const body = `${own}${familiesText(families(), form)}${metricsEnd(form)}`;
    return { status: 200, type: metricsType(form), body };
  };
}

/** OpenMetrics names a counter by its family, and writes bounds with a point. */
function inForm(text: string, form: MetricsForm): string {
  if (form === 'text') return text;
  return text
    .replaceAll(/^# TYPE (\S+)_total counter$/gm, '# TYPE $1 counter')
    .replaceAll(/([{,]le="\d+)"/g, '$1.0"');
}

/** What the first of the routes answers that knows the path. Only GET and HEAD are known. */
export function statusReply(
  routes: readonly StatusRoute[],
  request: { readonly method: string; readonly url: string; readonly accept?: string | undefined },
): StatusReply {
  if (request.method !== 'GET' && request.method !== 'HEAD') return plain(405, 'only GET\n');
  const url = URL.parse(request.url, 'http://localhost');
  for (const route of routes) {
    const reply = url && route(url, request.accept ?? '');
    if (reply) return reply;
  }
  return plain(404, 'not found\n');
}

function without(health: Health, query: URLSearchParams): readonly CheckResult[] {
  const excluded = new Set(query.getAll('exclude').flatMap((names) => names.split(',')));
  return health.report().filter(({ name }) => !excluded.has(name));
}

function listing(
  what: string,
  checks: readonly CheckResult[],
  query: URLSearchParams,
): StatusReply {
  const failed = checks.some(({ problem }) => problem !== undefined);
  if (!failed && !query.has('verbose')) return plain(200, 'ok');
  const lines = checks.map(({ name, problem }) =>
    problem === undefined ? `[+]${name} ok` : `[-]${name} failed: ${problem.replaceAll('\n', ' ')}`,
  );
  const verdict = failed ? `${what} check failed` : `${what} check passed`;
  return plain(failed ? 503 : 200, `${[...lines, verdict].join('\n')}\n`);
}

function plain(status: number, body: string): StatusReply {
  return { status, type: 'text/plain; charset=utf-8', body };
}
