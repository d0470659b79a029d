import assert from 'node:assert/strict';
import { test } from 'node:test';
import { denial, readReview } from './admission-review.ts';

const encoded = (patch: unknown): string => Buffer.from(JSON.stringify(patch)).toString('base64');
const review = (response: unknown, apiVersion = 'admission.k8s.io/v1') => ({
  apiVersion,
  kind: 'AdmissionReview',
  response,
});
const expected = { uid: 'u', version: 'v1', mutating: true };
const patch = encoded([{ op: 'remove', path: '/a' }]);

for (const { name, answer, mutating = true, problem } of [
  { name: 'nothing', answer: {}, problem: 'webhook response was absent' },
  {
    name: 'the answer to another question',
    answer: review({ uid: 'v', allowed: true }),
    problem: 'expected response.uid="u", got "v"',
  },
  {
    name: 'another version',
    answer: review({ uid: 'u', allowed: true }, 'admission.k8s.io/v1beta1'),
    problem:
      'expected webhook response of admission.k8s.io/v1, Kind=AdmissionReview, got admission.k8s.io/v1beta1, Kind=AdmissionReview',
  },
  {
    name: 'a patch without its type',
    answer: review({ uid: 'u', allowed: true, patch }),
    problem: 'webhook returned response.patch but not response.patchType',
  },
  {
    name: 'a type without a patch',
    answer: review({ uid: 'u', allowed: true, patchType: 'JSONPatch' }),
    problem: 'webhook returned response.patchType but not response.patch',
  },
  {
    name: 'a patch of an unknown type',
    answer: review({ uid: 'u', allowed: true, patch, patchType: 'Merge' }),
    problem: 'unsupported patch type "Merge"',
  },
  {
    name: 'a patch from who may only check',
    answer: review({ uid: 'u', allowed: true, patch, patchType: 'JSONPatch' }),
    mutating: false,
    problem: 'validating webhook may not return response.patch',
  },
  {
    name: 'a patch that is none',
    answer: review({ uid: 'u', allowed: true, patch: encoded({}), patchType: 'JSONPatch' }),
    problem: 'the patch is no list',
  },
]) {
  test(`no answer: ${name}`, () => {
    assert.throws(() => readReview(answer, { ...expected, mutating }), {
      message: problem,
    });
  });
}

test('an answer says what to change, to warn of, and to note', () => {
  const answer = review({
    uid: 'u',
    allowed: true,
    patch,
    patchType: 'JSONPatch',
    warnings: ['mind'],
    auditAnnotations: { key: 'value' },
  });
  assert.deepEqual(readReview(answer, expected), {
    allowed: true,
    status: {},
    patch: [{ op: 'remove', path: '/a' }],
    warnings: ['mind'],
    annotations: { key: 'value' },
  });
});

for (const { status, code, message, reason } of [
  {
    status: { message: 'not today', code: 403, reason: 'Forbidden' },
    code: 403,
    message: 'admission webhook "a.b.c" denied the request: not today',
    reason: 'Forbidden',
  },
  {
    status: { reason: 'Invalid' },
    code: 400,
    message: 'admission webhook "a.b.c" denied the request: Invalid',
    reason: 'Invalid',
  },
  {
    status: { code: 200 },
    code: 400,
    message: 'admission webhook "a.b.c" denied the request without explanation',
    reason: undefined,
  },
]) {
  test(`a webhook says no: ${message}`, () => {
    const told = denial('a.b.c', status).toStatus();
    assert.deepEqual([told.code, told.message, told.reason], [code, message, reason]);
  });
}
