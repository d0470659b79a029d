// The options of lists and watches as a client wrote them, checked together.

import { type FieldError, fieldForbidden, fieldNotSupported, invalidError } from '@tweendeck/kube';
import { badRequest, plainFailure } from './failures.ts';
import { isTrue } from './request.ts';

export interface ListOptions {
  /** Undefined: the latest. 0: anything will do. */
  readonly resourceVersion: number | undefined;
  readonly match: 'Exact' | 'NotOlderThan' | undefined;
  /** 0: no limit. */
  readonly limit: number;
  /** Empty: the first page. */
  readonly continue: string;
}

export interface WatchOptions {
  readonly resourceVersion: number | undefined;
  readonly bookmarks: boolean;
  /** Undefined when the client did not say. */
  readonly sendInitialEvents: boolean | undefined;
  readonly timeoutSeconds: number | undefined;
}

const optionsKind = { group: 'meta.k8s.io', kind: 'ListOptions' };

/** @throws ApiError Invalid or BadRequest. */
export function listOptionsOf(query: URLSearchParams): ListOptions {
  refuse(listProblems(query));
  const resourceVersion = revisionOf(query);
  const continueText = query.get('continue') ?? '';
  if (continueText !== '' && resourceVersion) {
    throw badRequest('specifying resource version is not allowed when using continue');
  }
  const limit = Math.max(0, numberOf(query, 'limit') ?? 0); // a negative one is none, as upstream
  return { resourceVersion, match: matchOf(query), limit, continue: continueText };
}

/** @throws ApiError Invalid or BadRequest. */
export function watchOptionsOf(query: URLSearchParams): WatchOptions {
  refuse(watchProblems(query));
  const initial = query.get('sendInitialEvents');
  return {
    resourceVersion: watchedRevision(query),
    bookmarks: isTrue(query.get('allowWatchBookmarks')),
    sendInitialEvents: initial === null ? beginsAnew(query) : isTrue(initial),
    timeoutSeconds: numberOf(query, 'timeoutSeconds'),
  };
}

function refuse(problems: readonly FieldError[]): void {
  if (problems.length > 0) throw invalidError(optionsKind, '', problems);
}

const matchField = 'resourceVersionMatch';
const withContinue = 'resourceVersionMatch is forbidden when continue is provided';

/** After `ValidateListOptions` of k8s.io/apimachinery, in its order. */
function listProblems(query: URLSearchParams): readonly FieldError[] {
  const match = query.get(matchField) ?? '';
  const problems: FieldError[] = [];
  if (match !== '') {
    const version = query.get('resourceVersion') ?? '';
    if (version === '') {
      const detail = 'resourceVersionMatch is forbidden unless resourceVersion is provided';
      problems.push(fieldForbidden(matchField, detail));
    }
    if (query.get('continue')) problems.push(fieldForbidden(matchField, withContinue));
    if (match !== 'Exact' && match !== 'NotOlderThan') {
      problems.push(fieldNotSupported(matchField, match, ['Exact', 'NotOlderThan', '']));
    }
    if (match === 'Exact' && version === '0') {
      const detail = 'resourceVersionMatch "exact" is forbidden for resourceVersion "0"';
      problems.push(fieldForbidden(matchField, detail));
    }
  }
  if (query.has('sendInitialEvents')) {
    problems.push(fieldForbidden('sendInitialEvents', 'sendInitialEvents is forbidden for list'));
  }
  return problems;
}

/** After the same, for watches. */
function watchProblems(query: URLSearchParams): readonly FieldError[] {
  const match = query.get(matchField) ?? '';
  const asksForInitial = query.has('sendInitialEvents');
  const problems: FieldError[] = [];
  if (asksForInitial && match !== 'NotOlderThan') {
    const detail = 'sendInitialEvents requires setting resourceVersionMatch to NotOlderThan';
    problems.push(fieldForbidden(matchField, detail));
  }
  if (match === '') return problems;
  if (!asksForInitial) {
    const detail =
      'resourceVersionMatch is forbidden for watch unless sendInitialEvents is provided';
    problems.push(fieldForbidden(matchField, detail));
  }
  if (match !== 'NotOlderThan') {
    problems.push(fieldNotSupported(matchField, match, ['NotOlderThan']));
  }
  if (query.get('continue')) problems.push(fieldForbidden(matchField, withContinue));
  return problems;
}

/** Who watches from no version, or from any, is told what there is first; upstream takes that for asking for it. */
function beginsAnew(query: URLSearchParams): true | undefined {
  return ['', '0'].includes(query.get('resourceVersion') ?? '') ? true : undefined;
}

/** As {@link revisionOf}: watches are refused without a reason, as upstream. */
function watchedRevision(query: URLSearchParams): number | undefined {
  const text = query.get('resourceVersion') ?? '';
  if (/^\d{0,15}$/.test(text)) return revisionOf(query);
  throw plainFailure(unreadable(JSON.stringify(text)));
}

const unreadable = (value: string): string =>
  `resourceVersion: Invalid value: ${value}: strconv.ParseUint: parsing ${value}: invalid syntax`;

/** The resourceVersion asked for; undefined for none. @throws ApiError BadRequest when it is no number. */
export function revisionOf(query: URLSearchParams): number | undefined {
  const text = query.get('resourceVersion') ?? '';
  if (text === '') return undefined;
  if (/^\d{1,15}$/.test(text)) return Number(text);
  throw badRequest(`invalid resource version: ${unreadable(JSON.stringify(text))}`);
}

/** Of options that were checked. */
function matchOf(query: URLSearchParams): ListOptions['match'] {
  const text = query.get(matchField);
  return text === 'Exact' || text === 'NotOlderThan' ? text : undefined;
}

function numberOf(query: URLSearchParams, name: string): number | undefined {
  const text = query.get(name) ?? '';
  if (text === '') return undefined;
  if (/^-?\d{1,15}$/.test(text)) return Number(text);
  throw badRequest(`strconv.ParseInt: parsing ${JSON.stringify(text)}: invalid syntax`);
}
