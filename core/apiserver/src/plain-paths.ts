// Paths that are no resources: discovery, version, health.

import type { ApiRequest, ApiResponse } from '@tweendeck/kube';
import { answerOpenId } from './access/openid.ts';
import { discover } from './discovery.ts';
import { methodNotKnown, noSuchPath } from './failures.ts';
import { answerHealth } from './health.ts';
import { refuseForeign } from './negotiation.ts';
import type { Registry } from './registry.ts';
import type { Services } from './resource-call.ts';
import { jsonResponse, textResponse } from './response.ts';
import { versionInfo } from './version.ts';

/** @throws ApiError NotFound for paths that are served by nothing. */
export function answerPlain(
  { access, registry, openApi, openApiV2, guards, state }: Services,
  http: ApiRequest,
  path: string,
): ApiResponse {
  const isRouted = /^\/(version|api|apis)(\/|$)/.test(path);
  if (isRouted && http.method !== 'GET') throw methodNotKnown();
  if (isRouted) refuseForeign(http.headers['accept']);
  if (http.method !== 'GET' && http.method !== 'HEAD') throw noSuchPath();
  const trimmed = path.length > 1 ? path.replace(/\/+$/, '') : path;
  if (trimmed === '/version') return jsonResponse(200, versionInfo);
  const health = answerHealth(
    trimmed,
    new URLSearchParams(http.path.split('?', 2)[1]),
    state.storeHealth,
  );
  if (health) return health;
  if (trimmed === '/metrics') return textResponse(200, guards.metrics.text());
  const keys = answerOpenId(access.trust, trimmed, http.headers['host'] ?? 'localhost');
  if (keys) return keys;
  const discovered = discover(registry, trimmed, {
    accept: http.headers['accept'],
    host: http.headers['host'] ?? 'localhost',
    ifNoneMatch: http.headers['if-none-match'],
  });
  if (discovered) return discovered;
  const described = openApi.answer(trimmed, {
    hash: new URLSearchParams(http.path.split('?', 2)[1]).get('hash'),
    ifNoneMatch: http.headers['if-none-match'],
  });
  if (described) return described;
  const older = openApiV2.answer(path, {
    accept: http.headers['accept'],
    acceptEncoding: http.headers['accept-encoding'],
    ifNoneMatch: http.headers['if-none-match'],
  });
  if (older) return older;
  if (trimmed === '/') return jsonResponse(200, { paths: rootPaths(registry) });
  throw noSuchPath();
}

/** Every path that is served short of resources, sorted. */
function rootPaths(registry: Registry): readonly string[] {
  const groups = registry.all.filter(({ group }) => group !== '');
  return [
    ...new Set([
      ...['/.well-known/openid-configuration', '/api', '/api/v1', '/apis', '/apis/'],
      ...groups.flatMap(({ group, version }) => [`/apis/${group}`, `/apis/${group}/${version}`]),
      ...['healthz', 'livez', 'readyz'].flatMap((check) => [
        `/${check}`,
        `/${check}/ping`,
        `/${check}/store`,
      ]),
      ...['/metrics', '/openapi/v2', '/openapi/v3', '/openapi/v3/', '/openid/v1/jwks', '/version'],
    ]),
  ].sort();
}
