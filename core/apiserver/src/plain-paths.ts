// Paths that are no resources: discovery, version, health.

import type { ApiRequest, ApiResponse } from '@tweendeck/kube';
import { answerOpenId } from './access/openid.ts';
import { discover } from './discovery.ts';
import { noSuchPath } from './failures.ts';
import type { Services } from './resource-call.ts';
import { jsonResponse, textResponse } from './response.ts';
import { versionInfo } from './version.ts';

/** @throws ApiError NotFound for paths that are served by nothing. */
export function answerPlain(
  { access, registry, openApi }: Services,
  http: ApiRequest,
  path: string,
): ApiResponse {
  if (http.method !== 'GET' && http.method !== 'HEAD') throw noSuchPath();
  const trimmed = path.length > 1 ? path.replace(/\/+$/, '') : path;
  if (trimmed === '/version') return jsonResponse(200, versionInfo);
  if (/^\/(healthz|livez|readyz)(\/ping)?$/.test(trimmed)) return textResponse(200, 'ok');
  const keys = answerOpenId(access.trust, trimmed, http.headers['host'] ?? 'localhost');
  if (keys) return keys;
  const discovered = discover(registry, trimmed, http.headers['accept']);
  if (discovered) return discovered;
  const described = openApi.answer(trimmed);
  if (described) return described;
  if (trimmed === '/') return jsonResponse(200, { paths: rootPaths });
  throw noSuchPath();
}

const rootPaths: readonly string[] = [
  '/.well-known/openid-configuration',
  '/api',
  '/api/v1',
  '/apis',
  '/healthz',
  '/livez',
  '/openapi/v3',
  '/openid/v1/jwks',
  '/readyz',
  '/version',
];
