// Resources whose objects are questions or orders: a create is answered and nothing stored.

import type { ApiResponse } from '@tweendeck/kube';
import { createBinding } from '../binding.ts';
import type { Draft } from '../draft.ts';
import { noSuchPath } from '../failures.ts';
import type { ResourceCall } from '../resource-call.ts';
import {
  localSubjectAccessReview,
  selfSubjectAccessReview,
  selfSubjectRulesReview,
  subjectAccessReview,
} from './access-reviews.ts';
import { selfSubjectReview, tokenReview } from './identity-reviews.ts';

type Answer = (call: ResourceCall, question: Draft) => ApiResponse | Promise<ApiResponse>;

const answers: ReadonlyMap<string, Answer> = new Map<string, Answer>([
  ['/Binding', createBinding],
  ['authentication.k8s.io/SelfSubjectReview', selfSubjectReview],
  ['authentication.k8s.io/TokenReview', tokenReview],
  ['authorization.k8s.io/LocalSubjectAccessReview', localSubjectAccessReview],
  ['authorization.k8s.io/SelfSubjectAccessReview', selfSubjectAccessReview],
  ['authorization.k8s.io/SelfSubjectRulesReview', selfSubjectRulesReview],
  ['authorization.k8s.io/SubjectAccessReview', subjectAccessReview],
]);

/** By `group/kind`. */
export const answeredKinds: ReadonlySet<string> = new Set(answers.keys());

/** @throws ApiError Invalid, BadRequest; Conflict from bindings. */
export function answerQuestion(
  call: ResourceCall,
  question: Draft,
): ApiResponse | Promise<ApiResponse> {
  const answer = answers.get(`${call.resource.group}/${call.resource.kind}`);
  if (!answer) throw noSuchPath();
  return answer(call, question);
}
