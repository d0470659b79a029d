// What only unserved APIs need is left out of a document; what served ones need is not.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { withoutUnserved } from './document.ts';

const operation = (name: string): object => ({
  get: { responses: { 200: { schema: { $ref: `#/components/schemas/${name}` } } } },
});
const document = (paths: object, schemas: object): Record<string, unknown> => ({
  openapi: '3.0.0',
  paths,
  components: { schemas },
});

test('paths that are not served are named by their resource, and take their own schemas along', () => {
  const reference = document(
    {
      '/api/v1/namespaces/{namespace}/pods': operation('Pod'),
      '/api/v1/namespaces/{namespace}/quotas/{name}/status': operation('Quota'),
      '/api/v1/watch/quotas': operation('Quota'),
      '/logs/': operation('Text'),
    },
    {
      Pod: { properties: { a: { $ref: '#/components/schemas/Inner' } } },
      Quota: { properties: { a: { $ref: '#/components/schemas/Deep' } } },
      ...{ Inner: {}, Deep: {}, Text: {} },
    },
  );
  const subject = document({ '/api/v1/namespaces/{namespace}/pods': operation('Pod') }, {});
  const pruned = withoutUnserved(reference, subject);
  assert.deepEqual(pruned.absent, [
    { group: '', resource: 'quotas/status' },
    { group: '', resource: 'quotas' },
    { group: '', resource: 'OpenAPI path /logs/' },
  ]);
  assert.deepEqual(pruned.document, {
    ...reference,
    paths: { '/api/v1/namespaces/{namespace}/pods': operation('Pod') },
    components: {
      schemas: { Pod: { properties: { a: { $ref: '#/components/schemas/Inner' } } }, Inner: {} },
    },
  });
});

test('a schema that the subject has is compared, whoever needs it', () => {
  const reference = document({}, { Kept: { type: 'object' }, Gone: {} });
  const { document: pruned } = withoutUnserved(reference, document({}, { Kept: {} }));
  assert.deepEqual(pruned['components'], { schemas: { Kept: { type: 'object' } } });
});

test('shared parameters that only unserved paths need go with them', () => {
  const path = (name: string): object => ({ parameters: [{ $ref: `#/parameters/${name}` }] });
  const reference = {
    swagger: '2.0',
    paths: { '/api/v1/pods': path('limit-1'), '/api/v1/nodes/{name}/proxy': path('path-1') },
    definitions: {},
    parameters: { 'limit-1': { name: 'limit' }, 'path-1': { name: 'path' } },
  };
  const subject = { ...reference, paths: { '/api/v1/pods': path('limit-1') }, parameters: {} };
  const { document: pruned } = withoutUnserved(reference, subject);
  assert.deepEqual(pruned['parameters'], { 'limit-1': { name: 'limit' } });
});
