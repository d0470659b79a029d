// serviceaccounts/token: makes a token for a while, bound to an object if asked. After k8s.io/kubernetes/pkg/registry/core/serviceaccount/storage.

import {
  type ApiResponse,
  customObjectSchema,
  type FieldError,
  fieldInvalid,
  goQuote,
  invalidError,
  updateManagedFields,
} from '@tweendeck/kube';
import { isJsonObject, timestampOf } from '@tweendeck/std';
import { admitSubresource } from '../admission/subresource.ts';
import { decodeObject } from '../body.ts';
import { type Draft, type Fields, numberAt, objectAt, objectIn, textAt } from '../draft.ts';
import { badRequest, conflict, notFound } from '../failures.ts';
import { requestKey } from '../read.ts';
import { type ResourceCall, writingOf } from '../resource-call.ts';
import { jsonResponse } from '../response.ts';
import { storagePrefix } from '../storage-key.ts';
import type { Writing } from '../writing.ts';
import { signToken } from './jwt.ts';

const kind = 'TokenRequest';
const group = 'authentication.k8s.io';
const defaultSeconds = 3_600;
const secondsMin = 600;
const secondsMax = 2 ** 32;
/** What kubelets ask for when a pod does not say: such tokens of pods last a year, and are stale after this. */
const podTokenSeconds = 3_607;
const extendedSeconds = 365 * 24 * 60 * 60;

/** Answers POST of a TokenRequest. @throws ApiError NotFound, Invalid, Conflict, BadRequest. */
export async function requestToken(call: ResourceCall): Promise<ApiResponse> {
  const { resource, request, services } = call;
  const { value } = await decodeObject(call.http, kind);
  const asked = requestOf(value);
  const { name, namespace } = request;
  refuseOtherPlace(asked, { name, namespace });
  const account = services.state
    .resource(resource.storagePrefix)
    .get(requestKey(request, resource));
  if (!account) throw notFound(resource, name);
  const owner = account.peek();
  const { uid } = owner.metadata;
  if (asked.metadata.uid && asked.metadata.uid !== uid) {
    throw conflict(
      { group, plural: kind },
      name,
      `the UID in the token request (${asked.metadata.uid}) does not match the UID of the service account (${uid})`,
    );
  }
  const spec = objectIn(asked, 'spec');
  const writing = writingOf(call, 'CreateOptions');
  const { trust } = services.access;
  spec['expirationSeconds'] ??= defaultSeconds;
  const managedFields = ownedIn(asked, writing);
  if (!Array.isArray(spec['audiences']) || spec['audiences'].length === 0) {
    spec['audiences'] = trust.audiences;
  }
  refuseSeconds(numberAt(spec, 'expirationSeconds') ?? 0);
  await admitSubresource(writing, {
    operation: 'CREATE',
    subresource: 'token',
    kind: { group, version: 'v1', kind },
    object: asked,
  });
  const bound = boundOf(call, spec);
  const nowMs = services.clock.nowMs();
  const token = signed(call, { spec, owner, bound, nowMs });
  return jsonResponse(201, {
    ...asked,
    metadata: {
      ...asked.metadata,
      name,
      namespace,
      uid,
      creationTimestamp: timestampOf(nowMs),
      ...(managedFields === undefined ? {} : { managedFields }),
    },
    spec: { ...spec, boundObjectRef: spec['boundObjectRef'] ?? null },
    status: {
      token,
      expirationTimestamp: timestampOf(nowMs + Number(spec['expirationSeconds']) * 1_000),
    },
  });
}

const text = { type: 'string' } as const;
const ofRequest = customObjectSchema({
  type: 'object',
  properties: {
    spec: {
      type: 'object',
      properties: {
        audiences: { type: 'array', items: text, 'x-kubernetes-list-type': 'atomic' },
        expirationSeconds: { type: 'integer' },
        boundObjectRef: {
          type: 'object',
          properties: { apiVersion: text, kind: text, name: text, uid: text },
        },
      },
    },
  },
});

const schema = { ...ofRequest, empty: { spec: {} } };

/** Who asks owns what he asks for. */
function ownedIn(asked: Draft, { options, clock }: Writing): unknown {
  const { metadata } = updateManagedFields({
    before: undefined,
    after: asked,
    manager: options.fieldManager,
    operation: 'Update',
    apiVersion: `${group}/v1`,
    subresource: 'token',
    time: timestampOf(clock.nowMs()),
    schema,
  });
  return objectAt({ metadata }, 'metadata')['managedFields'];
}

/** @throws ApiError BadRequest. */
function requestOf(value: unknown): Draft {
  if (value !== undefined && !isJsonObject(value)) {
    throw badRequest('the body of the request is no TokenRequest');
  }
  const { metadata, spec } = value ?? {};
  return {
    kind,
    apiVersion: `${group}/v1`,
    metadata: isJsonObject(metadata) ? { ...metadata } : {},
    spec: isJsonObject(spec) ? { ...spec } : {},
  };
}

function refuseOtherPlace(
  { metadata }: Draft,
  place: { readonly name: string; readonly namespace: string },
): void {
  for (const key of ['name', 'namespace'] as const) {
    const said = metadata[key];
    if (!said || said === place[key]) continue;
    const detail = `must match the service account ${key} if specified`;
    throw invalidError({ group, kind }, place.name, [
      fieldInvalid(`metadata.${key}`, said, detail),
    ]);
  }
}

function refuseSeconds(seconds: number): void {
  const problems: FieldError[] = [];
  const at = 'spec.expirationSeconds';
  if (seconds < secondsMin) {
    problems.push(fieldInvalid(at, seconds, 'may not specify a duration less than 10 minutes'));
  }
  if (seconds > secondsMax) {
    problems.push(fieldInvalid(at, seconds, 'may not specify a duration larger than 2^32 seconds'));
  }
  if (problems.length > 0) throw invalidError({ group, kind }, '', problems);
}

interface Ref {
  readonly name: string;
  readonly uid: string;
}

interface Bound {
  readonly pod?: Ref;
  readonly secret?: Ref;
  readonly node?: Ref;
}

/** What the token dies with. @throws ApiError NotFound, Conflict, BadRequest. */
function boundOf({ services, request }: ResourceCall, spec: Fields): Bound {
  const ref = spec['boundObjectRef'];
  if (!isJsonObject(ref)) return {};
  const [refKind, name] = [textAt(ref, 'kind'), textAt(ref, 'name')];
  const place = boundPlaces.get(textAt(ref, 'apiVersion') === 'v1' ? refKind : '');
  if (!place) throw badRequest(`cannot bind token to object of type ${typeText(ref)}`);
  const find = (plural: string, key: string): Draft | undefined =>
    services.state
      .resource(storagePrefix({ group: '', plural }))
      .get(key)
      ?.peek();
  const found = find(place, refKind === 'Node' ? name : `${request.namespace}/${name}`);
  if (!found) throw notFound({ group: '', plural: place }, name);
  const uid = found.metadata.uid ?? '';
  const said = textAt(ref, 'uid');
  const one: Ref = { name, uid };
  if (refKind === 'Pod' && textAt(found['spec'], 'serviceAccountName') !== request.name) {
    throw badRequest(
      `cannot bind token for serviceaccount ${goQuote(request.name)} to pod running with different serviceaccount name.`,
    );
  }
  if (said !== '' && said !== uid) {
    throw conflict(
      { group: '', plural: refKind },
      name,
      `the UID in the bound object reference (${said}) does not match the UID in record. The object might have been deleted and then recreated`,
    );
  }
  if (refKind === 'Secret') return { secret: one };
  if (refKind === 'Node') return { node: one };
  const nodeName = textAt(found['spec'], 'nodeName');
  if (nodeName === '') return { pod: one };
  return { pod: one, node: { name: nodeName, uid: find('nodes', nodeName)?.metadata.uid ?? '' } };
}

const boundPlaces: ReadonlyMap<string, string> = new Map([
  ['Pod', 'pods'],
  ['Secret', 'secrets'],
  ['Node', 'nodes'],
]);

/** As Go prints a GroupVersionKind. */
function typeText(ref: Fields): string {
  const [version = '', ...more] = textAt(ref, 'apiVersion').split('/').toReversed();
  return `${more[0] ?? ''}/${version}, Kind=${textAt(ref, 'kind')}`;
}

function signed(
  { services, request }: ResourceCall,
  {
    spec,
    owner,
    bound,
    nowMs,
  }: {
    readonly spec: Fields;
    readonly owner: Draft;
    readonly bound: Bound;
    readonly nowMs: number;
  },
): string {
  const { trust } = services.access;
  const seconds = Number(spec['expirationSeconds']);
  const audiences = Array.isArray(spec['audiences']) ? spec['audiences'].map(String) : [];
  const own = audiences.every((each) => trust.audiences.includes(each));
  const extended = bound.pod && seconds === podTokenSeconds && own;
  const now = Math.floor(nowMs / 1_000);
  const reference = ({ name, uid }: Ref) => ({ name, ...(uid === '' ? {} : { uid }) });
  return signToken(
    {
      aud: audiences,
      exp: now + (extended ? extendedSeconds : seconds),
      iat: now,
      iss: trust.issuer,
      jti: services.random.uuid(),
      'kubernetes.io': {
        namespace: request.namespace,
        ...(bound.node ? { node: reference(bound.node) } : {}),
        ...(bound.pod ? { pod: reference(bound.pod) } : {}),
        ...(bound.secret ? { secret: reference(bound.secret) } : {}),
        serviceaccount: reference({ name: request.name, uid: owner.metadata.uid ?? '' }),
        ...(extended ? { warnafter: now + seconds } : {}),
      },
      nbf: now,
      sub: `system:serviceaccount:${request.namespace}:${request.name}`,
    },
    trust.keys.signing,
  );
}
