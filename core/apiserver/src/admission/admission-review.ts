// What a webhook is asked, and what it may answer: AdmissionReview v1 and v1beta1. After apiserver's webhook/request.

import {
  ApiError,
  goQuote,
  type Status,
  type StatusDetails,
  type StatusReason,
  type UserInfo,
} from '@tweendeck/kube';
import { isJsonObject } from '@tweendeck/std';
import { userStatus } from '../access/identity-reviews.ts';
import { type Draft, type Fields, objectAt, textAt } from '../draft.ts';
import type { Intent } from '../writing.ts';
import type { ResourceVersion } from './webhook-match.ts';

interface GroupVersionKind {
  readonly group: string;
  readonly version: string;
  readonly kind: string;
}

/** What the request of a review says besides the objects. */
export interface ReviewFacts {
  readonly intent: Intent;
  /** As which resource the webhook is asked, and of which kind its objects are. */
  readonly as: { readonly resource: ResourceVersion; readonly kind: GroupVersionKind };
  readonly requestKind: GroupVersionKind;
  readonly namespace: string;
}

/** The request without its objects: what match conditions see. */
export function reviewRequest({ intent, as, requestKind, namespace }: ReviewFacts): Fields {
  const { writing, subresource, operation, name } = intent;
  const { resource, user, options } = writing;
  const place = ({ group, version, plural }: ResourceVersion) => ({
    group,
    version,
    resource: plural,
  });
  return {
    kind: as.kind,
    resource: place(as.resource),
    ...(subresource === '' ? {} : { subResource: subresource }),
    requestKind,
    requestResource: place(resource),
    ...(subresource === '' ? {} : { requestSubResource: subresource }),
    ...(name === '' ? {} : { name }),
    ...(namespace === '' ? {} : { namespace }),
    operation,
    userInfo: reviewUser(user),
    dryRun: options.dryRun,
    options: optionsOf(intent),
  };
}

function reviewUser(user: UserInfo): unknown {
  return userStatus(user);
}

/** The options of the operation: of an update for a patch, as upstream turns them. */
function optionsOf({ writing, operation, deleteOptions }: Intent): unknown {
  const { query } = writing.request;
  const common = {
    apiVersion: 'meta.k8s.io/v1',
    ...(writing.options.dryRun ? { dryRun: ['All'] } : {}),
  };
  if (operation === 'DELETE') return { kind: 'DeleteOptions', ...common, ...deleteOptions };
  if (operation === 'CONNECT') return null;
  const fieldManager = query.get('fieldManager');
  const fieldValidation = query.get('fieldValidation');
  return {
    kind: operation === 'CREATE' ? 'CreateOptions' : 'UpdateOptions',
    ...common,
    ...(fieldManager ? { fieldManager } : {}),
    ...(fieldValidation ? { fieldValidation } : {}),
  };
}

/** The whole question. `version` is that of AdmissionReview. */
export function reviewBody(
  request: Fields,
  objects: { readonly object: Draft | undefined; readonly previous: Draft | undefined },
  { uid, version }: { readonly uid: string; readonly version: string },
): string {
  return JSON.stringify({
    kind: 'AdmissionReview',
    apiVersion: `admission.k8s.io/${version}`,
    request: {
      uid,
      ...request,
      object: objects.object ?? null,
      oldObject: objects.previous ?? null,
    },
  });
}

export interface ReviewAnswer {
  readonly allowed: boolean;
  readonly status: Fields;
  /** Undefined: nothing is to be changed. */
  readonly patch: readonly unknown[] | undefined;
  readonly warnings: readonly string[];
  readonly annotations: Readonly<Record<string, string>>;
}

interface Expected {
  readonly uid: string;
  readonly version: string;
  readonly mutating: boolean;
}

/** Reads an answer. @throws Error in upstream's words when it is none. */
export function readReview(answer: unknown, expected: Expected): ReviewAnswer {
  const response = isJsonObject(answer) ? answer['response'] : undefined;
  if (!isJsonObject(response)) throw new Error('webhook response was absent');
  if (expected.version === 'v1') refuseStranger(answer, response, expected);
  const { patch, patchType, warnings, auditAnnotations } = response;
  const hasPatch = typeof patch === 'string' && patch !== '';
  const hasType = patchType !== undefined && patchType !== null;
  if (expected.version === 'v1') refusePatch({ hasPatch, hasType }, expected.mutating);
  if (hasPatch && hasType && patchType !== 'JSONPatch') {
    throw new Error(`unsupported patch type ${goQuote(String(patchType))}`);
  }
  return {
    allowed: response['allowed'] === true,
    status: objectAt(response, 'status'),
    patch: hasPatch && expected.mutating ? patchOf(patch) : undefined,
    warnings: Array.isArray(warnings) ? warnings.map(String) : [],
    annotations: isJsonObject(auditAnnotations)
      ? Object.fromEntries(
          Object.entries(auditAnnotations).map(([key, each]) => [key, String(each)]),
        )
      : {},
  };
}

function refuseStranger(answer: unknown, response: Fields, { uid }: Expected): void {
  const said = textAt(response, 'uid');
  if (said !== uid) throw new Error(`expected response.uid=${goQuote(uid)}, got ${goQuote(said)}`);
  const [group = '', version = ''] = textAt(answer, 'apiVersion').split('/');
  const kind = textAt(answer, 'kind');
  const got = `${group}/${version}, Kind=${kind}`;
  const wanted = 'admission.k8s.io/v1, Kind=AdmissionReview';
  if (got !== wanted) throw new Error(`expected webhook response of ${wanted}, got ${got}`);
}

function refusePatch(
  { hasPatch, hasType }: { readonly hasPatch: boolean; readonly hasType: boolean },
  mutating: boolean,
): void {
  if (!mutating && hasPatch) throw new Error('validating webhook may not return response.patch');
  if (!mutating && hasType) throw new Error('validating webhook may not return response.patchType');
  if (hasPatch && !hasType) {
    throw new Error('webhook returned response.patch but not response.patchType');
  }
  if (hasType && !hasPatch) {
    throw new Error('webhook returned response.patchType but not response.patch');
  }
}

function patchOf(encoded: string): readonly unknown[] | undefined {
  let patch: unknown;
  try {
    patch = JSON.parse(Buffer.from(encoded, 'base64').toString());
  } catch (error) {
    throw new UndecodablePatch(String(error instanceof Error ? error.message : error));
  }
  if (!Array.isArray(patch)) throw new UndecodablePatch('the patch is no list');
  return patch.length === 0 ? undefined : patch;
}

/** Told apart, because upstream words it differently. */
export class UndecodablePatch extends Error {}

/** How a webhook's no reaches the client. */
export function denial(hookName: string, status: Fields): ApiError {
  const by = `admission webhook ${goQuote(hookName)} denied the request`;
  const said = textAt(status, 'message') || textAt(status, 'reason');
  const code = Number(status['code'] ?? 0);
  const details = isJsonObject(status['details'])
    ? (status['details'] as StatusDetails)
    : undefined; // as the webhook says
  return new Denial(
    Math.max(code, 400),
    textAt(status, 'reason'),
    said === '' ? `${by} without explanation` : `${by}: ${said}`,
    details,
  );
}

class Denial extends ApiError {
  constructor(code: number, reason: string, message: string, details: StatusDetails | undefined) {
    super(code, reason as StatusReason, message, details); // a reason of the webhook's own may be anything
  }

  /** A reason that nobody gave is not there. */
  override toStatus(): Status {
    const { reason, ...rest } = super.toStatus();
    return reason === '' ? rest : { ...rest, ...(reason === undefined ? {} : { reason }) };
  }
}
