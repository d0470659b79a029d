// DeleteOptions, from a body or the query, and what they mean for finalizers.

import {
  type ApiError,
  type FieldError,
  fieldInvalid,
  fieldNotSupported,
  invalidError,
} from '@tweendeck/kube';
import { isJsonObject } from '@tweendeck/std';
import { type DraftMeta, numberAt, objectAt, textAt } from './draft.ts';
import { badRequest, plainFailure } from './failures.ts';
import { isTrue } from './request.ts';
import { unknownKind } from './undecodable.ts';
import { dryRunProblems } from './write-options.ts';

export interface DeleteOptions {
  readonly graceSeconds: number | undefined;
  readonly policy: 'Orphan' | 'Background' | 'Foreground' | undefined;
  readonly uid: string | undefined;
  readonly resourceVersion: string | undefined;
  readonly dryRun: boolean;
}

/** Reads options. `body` is the decoded body, undefined when there was none: then the query counts. @throws ApiError Invalid or BadRequest. */
export function deleteOptionsOf(body: unknown, query: URLSearchParams): DeleteOptions {
  const fields = body === undefined ? fromQuery(query) : checkedBody(body);
  const dryRun = Array.isArray(fields['dryRun']) ? fields['dryRun'].map(String) : [];
  const policy = textAt(fields, 'propagationPolicy');
  const orphan = fields['orphanDependents'];
  const problems: FieldError[] = [...dryRunProblems(dryRun)];
  if (policy !== '' && orphan !== undefined) {
    const detail = 'orphanDependents and deletionPropagation cannot be both set';
    problems.push(fieldInvalid('propagationPolicy', policy, detail));
  } else if (policy !== '' && !isPolicy(policy)) {
    const known = ['Foreground', 'Background', 'Orphan', 'nil'];
    problems.push(fieldNotSupported('propagationPolicy', policy, known));
  }
  if (problems.length > 0) {
    throw invalidError({ group: 'meta.k8s.io', kind: 'DeleteOptions' }, '', problems);
  }
  const preconditions = objectAt(fields, 'preconditions');
  return {
    graceSeconds: numberAt(fields, 'gracePeriodSeconds'),
    policy: isPolicy(policy)
      ? policy
      : orphan === true
        ? 'Orphan'
        : orphan === false
          ? 'Background'
          : undefined,
    uid: textAt(preconditions, 'uid') || undefined,
    resourceVersion: textAt(preconditions, 'resourceVersion') || undefined,
    dryRun: dryRun.includes('All') || query.getAll('dryRun').includes('All'),
  };
}

function isPolicy(text: string): text is 'Orphan' | 'Background' | 'Foreground' {
  return text === 'Orphan' || text === 'Background' || text === 'Foreground';
}

function checkedBody(body: unknown): Record<string, unknown> {
  if (!isJsonObject(body)) throw badRequest('the body of a delete is no DeleteOptions object');
  const kind = textAt(body, 'kind');
  if (kind !== '' && kind !== 'DeleteOptions') {
    throw plainFailure(unknownKind(kind, textAt(body, 'apiVersion') || 'v1'));
  }
  const wrong = Object.entries(types).find(([key, fits]) => {
    const value = body[key] ?? undefined; // null is as good as nothing
    return value !== undefined && !fits(value);
  });
  if (wrong) {
    const [key] = wrong;
    const value = JSON.stringify(body[key]);
    throw badRequest(
      `DeleteOptions in version "v1" cannot be handled as a DeleteOptions: ${key} cannot be ${value}`,
    );
  }
  return body;
}

const isText = (value: unknown): boolean => typeof value === 'string';
const isTextOrNothing = (value: unknown): boolean =>
  (value ?? undefined) === undefined || isText(value);

/** An option of a wrong type must not be taken for none: then a dry run would delete. */
const types: Readonly<Record<string, (value: unknown) => boolean>> = {
  gracePeriodSeconds: Number.isSafeInteger,
  orphanDependents: (value) => typeof value === 'boolean',
  propagationPolicy: isText,
  dryRun: (value) => Array.isArray(value) && value.every(isText),
  preconditions: (value) =>
    isJsonObject(value) &&
    isTextOrNothing(value['uid']) &&
    isTextOrNothing(value['resourceVersion']),
};

function fromQuery(query: URLSearchParams): Record<string, unknown> {
  const grace = query.get('gracePeriodSeconds');
  const orphan = query.get('orphanDependents');
  if (grace !== null && !/^-?\d+$/.test(grace)) {
    throw badRequest(`strconv.ParseInt: parsing ${JSON.stringify(grace)}: invalid syntax`);
  }
  return {
    ...(grace === null ? {} : { gracePeriodSeconds: Number(grace) }),
    ...(orphan === null ? {} : { orphanDependents: isTrue(orphan) }),
    ...(query.has('propagationPolicy')
      ? { propagationPolicy: query.get('propagationPolicy') }
      : {}),
    dryRun: query.getAll('dryRun'),
  };
}

/**
 * The finalizers an object has once its delete was asked for: `orphan` and `foregroundDeletion` follow the policy, then
 * what the object has already, then what its kind does (`orphansByDefault`).
 */
export function finalizersFor(
  metadata: DraftMeta,
  { policy }: DeleteOptions,
  orphansByDefault: boolean,
): readonly string[] {
  const present = metadata.finalizers ?? [];
  const foreground =
    policy === undefined ? present.includes('foregroundDeletion') : policy === 'Foreground';
  const orphan =
    policy === undefined
      ? present.includes('orphan') || (orphansByDefault && !foreground)
      : policy === 'Orphan';
  const own = present.filter((each) => each !== 'orphan' && each !== 'foregroundDeletion');
  if (orphan) return [...own, 'orphan'];
  return foreground ? [...own, 'foregroundDeletion'] : own;
}

/** @throws ApiError Conflict when the object is not the one that was meant. */
export function refuseOther(
  metadata: DraftMeta,
  options: DeleteOptions,
  conflict: (message: string) => ApiError,
): void {
  if (options.uid !== undefined && options.uid !== metadata.uid) {
    throw conflict(
      `the UID in the precondition (${options.uid}) does not match the UID in record (${metadata.uid}). The object might have been deleted and then recreated`,
    );
  }
  const version = metadata.resourceVersion;
  if (options.resourceVersion !== undefined && options.resourceVersion !== version) {
    throw conflict(
      `the ResourceVersion in the precondition (${options.resourceVersion}) does not match the ResourceVersion in record (${version}). The object might have been modified`,
    );
  }
}
