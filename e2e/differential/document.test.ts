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
