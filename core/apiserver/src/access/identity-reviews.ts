// Questions about identity: who am I, and whose token is this. After k8s.io/kubernetes/pkg/registry/authentication.

import type { ApiResponse, UserInfo } from '@tweendeck/kube';
import { timestampOf } from '@tweendeck/std';
import { type Draft, objectAt, textAt } from '../draft.ts';
import { badRequest } from '../failures.ts';
import type { ResourceCall } from '../resource-call.ts';
import { jsonResponse } from '../response.ts';
import type { TokenVerdict } from './token-authenticator.ts';

export function selfSubjectReview({ services, user }: ResourceCall, draft: Draft): ApiResponse {
  return jsonResponse(201, {
    kind: draft.kind,
    apiVersion: draft.apiVersion,
    metadata: { creationTimestamp: timestampOf(services.clock.nowMs()) },
    status: { userInfo: userStatus(user) },
  });
}

export function tokenReview({ services }: ResourceCall, draft: Draft): ApiResponse {
  const spec = objectAt(draft, 'spec');
  const token = textAt(spec, 'token');
  if (token === '') throw badRequest('token is required for TokenReview in authentication');
  const { audiences } = spec;
  const { tokens, trust } = services.access;
  const wanted =
    Array.isArray(audiences) && audiences.length > 0 ? audiences.map(String) : trust.audiences;
  const status = statusOf(tokens.judge(token, wanted));
  return jsonResponse(201, { ...draft, status });
}

function statusOf(verdict: TokenVerdict): unknown {
  switch (verdict.type) {
    case 'user':
      return {
        authenticated: true,
        user: userStatus(verdict.user),
        audiences: verdict.audiences,
      };
    case 'refused':
      return { user: {}, error: `[invalid bearer token, ${verdict.message}]` }; // as several who were asked say it
    case 'unknown':
      return { user: {}, error: 'invalid bearer token' };
  }
}

/** As reviews write a user. */
export function userStatus({ name, uid, groups, extra }: UserInfo): unknown {
  return {
    username: name,
    ...(uid ? { uid } : {}),
    groups,
    ...(extra && Object.keys(extra).length > 0 ? { extra } : {}),
  };
}
