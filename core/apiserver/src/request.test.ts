import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { ApiRequest } from '@tweendeck/kube';
import { parseRequest } from './request.ts';

const rows: readonly (readonly [string, ApiRequest['method'], string, string])[] = [
  ['a core collection', 'GET', '/api/v1/pods', 'list /v1 pods'],
  ['a namespaced collection', 'GET', '/api/v1/namespaces/a/pods', 'list /v1 a/pods'],
  ['an object', 'GET', '/apis/apps/v1/namespaces/a/deployments/b', 'get apps/v1 a/deployments/b'],
  ['a subresource', 'PUT', '/api/v1/namespaces/a/pods/b/status', 'update /v1 a/pods/b#status'],
  ['a namespace itself', 'GET', '/api/v1/namespaces/a', 'get /v1 namespaces/a'],
  [
    'a namespace’s own subresource',
    'PUT',
    '/api/v1/namespaces/a/finalize',
    'update /v1 namespaces/a#finalize',
  ],
  ['a watch', 'GET', '/api/v1/pods?watch=1', 'watch /v1 pods'],
  ['a watch switched off', 'GET', '/api/v1/pods?watch=false', 'list /v1 pods'],
  ['a watch of the old form', 'GET', '/api/v1/watch/namespaces/a/pods', 'watch /v1 a/pods'],
  ['a collection delete', 'DELETE', '/api/v1/namespaces/a/pods', 'deletecollection /v1 a/pods'],
  ['an encoded name', 'GET', '/api/v1/namespaces/a/pods/b%3Ac', 'get /v1 a/pods/b:c'],
  ['discovery', 'GET', '/apis/apps/v1', 'plain /apis/apps/v1'],
  [
    'a path too deep',
    'GET',
    '/api/v1/namespaces/a/pods/b/log/more',
    'plain /api/v1/namespaces/a/pods/b/log/more',
  ],
];

for (const [name, method, path, want] of rows) {
  test(`parseRequest reads ${name}`, () => {
    const parsed = parseRequest({ method, path });
    assert.equal(
      parsed.type === 'plain' ? `plain ${parsed.plain.path}` : shortOf(parsed.resource),
      want,
    );
  });
}

function shortOf(
  request: Extract<ReturnType<typeof parseRequest>, { type: 'resource' }>['resource'],
): string {
  const { verb, group, version, namespace, plural, name, subresource } = request;
  const place = [namespace, plural, name].filter((part) => part !== '').join('/');
  return `${verb} ${group}/${version} ${place}${subresource && `#${subresource}`}`;
}

test('parseRequest refuses a path that is no percent-encoding', () => {
  assert.throws(() => parseRequest({ method: 'GET', path: '/api/v1/pods/%zz' }), { code: 400 });
});
