// Service account tokens: who a token speaks for, as long as what it is bound to is there. After k8s.io/kubernetes/pkg/serviceaccount.

import type { UserInfo } from '@tweendeck/kube';
import type { Clock } from '@tweendeck/std';
import { isJsonObject } from '@tweendeck/std';
import type { ClusterState } from '../cluster-state.ts';
import { type Draft, objectAt, textAt } from '../draft.ts';
import { storagePrefix } from '../storage-key.ts';
import { type Claims, type ParsedToken, parseToken, verifies } from './jwt.ts';
import { quotedList } from './rule.ts';
import type { SigningKeys } from './signing-keys.ts';

export const legacyIssuer = 'kubernetes/serviceaccount';

/** What tokens are made and believed with. */
export interface TokenTrust {
  readonly keys: SigningKeys;
  /** `iss` of the tokens made here. */
  readonly issuer: string;
  /** Those of the API server itself: what a token without any is for. */
  readonly audiences: readonly string[];
}

export type TokenVerdict =
  | { readonly type: 'user'; readonly user: UserInfo; readonly audiences: readonly string[] }
  /** None of ours: somebody else may know it. */
  | { readonly type: 'unknown' }
  | { readonly type: 'refused'; readonly message: string };

const credentialId = 'authentication.kubernetes.io/credential-id';
const leewayMs = 60_000;
const rememberedMax = 1_000;

interface Believed {
  readonly token: ParsedToken;
  /** The same object for as long as the token is remembered, so that decisions about it are. */
  user: UserInfo | undefined;
}

/** Remembers signatures that it checked, and asks everything else anew each time: a token dies with its object at once. */
export class TokenAuthenticator {
  readonly #state: ClusterState;
  readonly #clock: Pick<Clock, 'nowMs'>;
  readonly #trust: TokenTrust;
  readonly #believed = new Map<string, Believed>();

  constructor(state: ClusterState, clock: Pick<Clock, 'nowMs'>, trust: TokenTrust) {
    this.#state = state;
    this.#clock = clock;
    this.#trust = trust;
  }

  /** Judges a token. Without audiences it must be meant for the API server. */
  judge(text: string, wanted: readonly string[] = this.#trust.audiences): TokenVerdict {
    let believed = this.#believed.get(text);
    if (!believed) {
      const token = parseToken(text);
      if (!token || !this.#issued(token)) return { type: 'unknown' };
      const problem = this.#signatureProblem(token);
      if (problem !== undefined) return { type: 'refused', message: problem };
      believed = { token, user: undefined };
      if (this.#believed.size >= rememberedMax) this.#believed.clear();
      this.#believed.set(text, believed);
    }
    const { claims } = believed.token;
    const given = audiencesOf(claims);
    const own = given.length > 0 ? given : this.#trust.audiences;
    const audiences = own.filter((each) => wanted.includes(each));
    if (audiences.length === 0) {
      return {
        type: 'refused',
        message: `token audiences ${quotedList(own)} is invalid for the target audiences ${quotedList(wanted)}`,
      };
    }
    const problem =
      claims['iss'] === legacyIssuer ? this.#legacy(text, claims) : this.#bound(claims);
    if (problem !== undefined) return { type: 'refused', message: problem };
    believed.user ??= claims['iss'] === legacyIssuer ? legacyUser(claims) : boundUser(claims);
    return { type: 'user', user: believed.user, audiences };
  }

  #issued({ claims }: ParsedToken): boolean {
    return claims['iss'] === this.#trust.issuer || claims['iss'] === legacyIssuer;
  }

  #signatureProblem(token: ParsedToken): string | undefined {
    const { verifying } = this.#trust.keys;
    const keys = verifying.filter(({ id }) => token.keyId === '' || id === token.keyId);
    if (keys.length === 0) return 'invalid signature, no keys found';
    if (keys.some((key) => verifies(token, key))) return undefined;
    return 'go-jose/go-jose: error in cryptographic primitive';
  }

  #find(plural: string, key: string): Draft | undefined {
    return this.#state
      .resource(storagePrefix({ group: '', plural }))
      .get(key)
      ?.peek();
  }

  #isDeleted({ metadata }: Draft): boolean {
    const { deletionTimestamp } = metadata;
    return (
      deletionTimestamp !== undefined &&
      Date.parse(deletionTimestamp) < this.#clock.nowMs() - leewayMs
    );
  }

  /** Why a bound token counts no more. */
  #bound(claims: Claims): string | undefined {
    const late = this.#timeProblem(claims);
    if (late !== undefined) return late;
    const own = objectAt(claims, 'kubernetes.io');
    const namespace = textAt(own, 'namespace');
    const { name, uid } = refOf(own, 'serviceaccount');
    const account = this.#find('serviceaccounts', `${namespace}/${name}`);
    if (!account) return `serviceaccounts ${JSON.stringify(name)} not found`;
    if (account.metadata.uid !== uid) {
      return `service account UID (${account.metadata.uid}) does not match claim (${uid})`;
    }
    if (this.#isDeleted(account)) return `service account ${namespace}/${name} has been deleted`;
    for (const kind of ['secret', 'pod', 'node'] as const) {
      if (kind === 'node' && isJsonObject(own['pod'])) continue; // told of the pod, not bound to
      if (!isJsonObject(own[kind])) continue;
      const problem = this.#boundProblem(kind, namespace, refOf(own, kind));
      if (problem !== undefined) return problem;
    }
    return undefined;
  }

  #boundProblem(kind: 'secret' | 'pod' | 'node', namespace: string, ref: Ref): string | undefined {
    const key = kind === 'node' ? ref.name : `${namespace}/${ref.name}`;
    const object = this.#find(`${kind}s`, key);
    if (!object) return 'service account token has been invalidated';
    const { uid } = object.metadata;
    if (uid !== ref.uid) {
      const title = `${kind[0]?.toUpperCase()}${kind.slice(1)}`;
      return `${title} UID (${uid}) does not match service account ${kind} ref claim (${ref.uid})`;
    }
    return this.#isDeleted(object) ? 'service account token has been invalidated' : undefined;
  }

  #timeProblem(claims: Claims): string | undefined {
    const nowMs = this.#clock.nowMs();
    const at = (key: string): number => Number(claims[key] ?? Number.NaN) * 1_000;
    if (nowMs - leewayMs > at('exp')) return 'service account token has expired';
    if (nowMs + leewayMs < at('nbf')) return 'service account token is not valid yet';
    if (nowMs + leewayMs < at('iat')) return 'service account token is issued in the future';
    return undefined;
  }

  /** Why the token of a secret counts no more. */
  #legacy(text: string, claims: Claims): string | undefined {
    const { namespace, secretName, name, uid } = legacyClaims(claims);
    for (const [title, value] of Object.entries({ namespace, secretName })) {
      if (value === '') return `${title} claim is missing`;
    }
    if (claims['sub'] !== `system:serviceaccount:${namespace}:${name}`)
      return 'sub claim is invalid';
    const secret = this.#find('secrets', `${namespace}/${secretName}`);
    if (!secret || secret.metadata.deletionTimestamp !== undefined) {
      return 'Token has been invalidated';
    }
    const stored = Buffer.from(textAt(objectAt(secret, 'data'), 'token'), 'base64').toString();
    if (stored !== text) return "Token does not match server's copy";
    const account = this.#find('serviceaccounts', `${namespace}/${name}`);
    if (!account) return `serviceaccounts ${JSON.stringify(name)} not found`;
    if (account.metadata.deletionTimestamp !== undefined) {
      return `ServiceAccount ${namespace}/${name} has been deleted`;
    }
    return account.metadata.uid === uid
      ? undefined
      : `ServiceAccount UID (${account.metadata.uid}) does not match claim (${uid})`;
  }
}

interface Ref {
  readonly name: string;
  readonly uid: string;
}

function refOf(claims: Claims, key: string): Ref {
  const ref = objectAt(claims, key);
  return { name: textAt(ref, 'name'), uid: textAt(ref, 'uid') };
}

function audiencesOf(claims: Claims): readonly string[] {
  const { aud } = claims;
  if (typeof aud === 'string') return [aud];
  return Array.isArray(aud) ? aud.map(String) : [];
}

function legacyClaims(claims: Claims) {
  const prefix = 'kubernetes.io/serviceaccount/';
  return {
    namespace: textAt(claims, `${prefix}namespace`),
    secretName: textAt(claims, `${prefix}secret.name`),
    name: textAt(claims, `${prefix}service-account.name`),
    uid: textAt(claims, `${prefix}service-account.uid`),
  };
}

function legacyUser(claims: Claims): UserInfo {
  const { namespace, name, uid } = legacyClaims(claims);
  return serviceAccountUser({ namespace, name, uid });
}

function boundUser(claims: Claims): UserInfo {
  const own = objectAt(claims, 'kubernetes.io');
  const namespace = textAt(own, 'namespace');
  const user = serviceAccountUser({ namespace, ...refOf(own, 'serviceaccount') });
  const extra: Record<string, readonly string[]> = {};
  const { jti } = claims;
  if (typeof jti === 'string') extra[credentialId] = [`JTI=${jti}`];
  for (const kind of ['node', 'pod']) {
    const { name, uid } = refOf(own, kind);
    if (name !== '') extra[`authentication.kubernetes.io/${kind}-name`] = [name];
    if (uid !== '') extra[`authentication.kubernetes.io/${kind}-uid`] = [uid];
  }
  return { ...user, extra };
}

/** The user that a service account is. */
function serviceAccountUser(account: {
  readonly namespace: string;
  readonly name: string;
  readonly uid: string;
}): UserInfo {
  const { namespace, name, uid } = account;
  return {
    name: `system:serviceaccount:${namespace}:${name}`,
    uid,
    groups: [...serviceAccountGroups(namespace), 'system:authenticated'],
  };
}

export function serviceAccountGroups(namespace: string): readonly string[] {
  return ['system:serviceaccounts', `system:serviceaccounts:${namespace}`];
}
