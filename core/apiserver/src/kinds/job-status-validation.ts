// Which statuses of a job may follow which: an end is final, counters only grow. Rules and texts: upstream's batch validation.

import {
  type FieldError,
  fieldDuplicate,
  fieldInvalid,
  fieldRequired,
  path,
} from '@tweendeck/kube';
import { jsonEqual } from '@tweendeck/std';
import { type Draft, type Fields, listAt, numberAt, objectAt, textAt } from '../draft.ts';
import { countIndexes, type IndexSpan, indexSpans } from './completion-indexes.ts';
import { immutable, negativeProblems } from './field-checks.ts';

/** What is asked about a status, once for the new one and once for the old. */
interface Facts {
  readonly status: Fields;
  readonly spec: Fields;
  readonly complete: boolean;
  readonly failed: boolean;
  readonly finished: boolean;
  readonly failureTarget: boolean;
  readonly successCriteriaMet: boolean;
}

const base = path('status');
const conditions = base.child('conditions');

/** Problems of a written status. Rules that a spec's change can break count only for what the write changes. */
export function jobStatusProblems(draft: Draft, previous: Draft): readonly FieldError[] {
  const next = factsOf(draft);
  const before = factsOf(previous);
  const changed = (...keys: readonly (keyof Facts)[]): boolean =>
    keys.some((key) => next[key] !== before[key]);
  const written = (...keys: readonly string[]): boolean =>
    keys.some((key) => !jsonEqual(next.status[key] ?? null, before.status[key] ?? null));
  return [
    ...negativeProblems(
      next.status,
      ['active', 'succeeded', 'failed', 'ready', 'terminating'],
      base,
    ),
    ...uncountedProblems(next.status),
    ...endProblems(next, { changed, written }),
    ...indexProblems(next, written),
    ...podProblems(next, { changed, written }),
    ...successProblems(next),
    ...changeProblems(next, before, written),
  ];
}

function factsOf({ status: value, spec }: Draft): Facts {
  const status = objectAt({ value }, 'value');
  const isTrue = (type: string): boolean => holds(status, type, 'True');
  const complete = isTrue('Complete');
  const failed = isTrue('Failed');
  return {
    status,
    spec: objectAt({ spec }, 'spec'),
    complete,
    failed,
    finished: complete || failed,
    failureTarget: isTrue('FailureTarget'),
    successCriteriaMet: isTrue('SuccessCriteriaMet'),
  };
}

function holds(status: Fields, type: string, value: string): boolean {
  return listAt(status, 'conditions').some(
    (each) => each['type'] === type && each['status'] === value,
  );
}

function uncountedProblems(status: Fields): readonly FieldError[] {
  const seen = new Set<unknown>();
  return ['succeeded', 'failed'].flatMap((key) => {
    const uids = objectAt(status, 'uncountedTerminatedPods')[key];
    return (Array.isArray(uids) ? uids : []).flatMap((uid: unknown, index): FieldError[] => {
      const at = base.child('uncountedTerminatedPods', key).index(index);
      if (uid === '') return [fieldInvalid(at, uid, 'must not be empty')];
      if (seen.has(uid)) return [fieldDuplicate(at, uid)];
      seen.add(uid);
      return [];
    });
  });
}

interface Changes {
  readonly changed: (...keys: readonly (keyof Facts)[]) => boolean;
  readonly written: (...keys: readonly string[]) => boolean;
}

const refuse = (detail: string): FieldError => fieldInvalid(conditions, undefined, detail);

function endProblems(next: Facts, { changed, written }: Changes): readonly FieldError[] {
  const { status, complete, failed, finished } = next;
  const problems: FieldError[] = [];
  const completionTime = textAt(status, 'completionTime');
  const startTime = textAt(status, 'startTime');
  const at = base.child('completionTime');
  if (changed('complete', 'failed') && complete && failed) {
    problems.push(refuse('cannot set Complete=True and Failed=true conditions'));
  }
  if (changed('complete', 'failureTarget') && complete && next.failureTarget) {
    problems.push(refuse('cannot set Complete=True and FailureTarget=true conditions'));
  }
  if (changed('complete') || written('completionTime')) {
    if (completionTime !== '' && !complete) {
      const detail = 'cannot set completionTime when there is no Complete=True condition';
      problems.push(fieldInvalid(at, completionTime, detail));
    }
    if (completionTime === '' && complete) {
      problems.push(fieldRequired(at, 'completionTime is required for Complete jobs'));
    }
  }
  if (written('startTime', 'completionTime') && startTime !== '' && completionTime !== '') {
    if (Date.parse(completionTime) < Date.parse(startTime)) {
      problems.push(fieldInvalid(at, completionTime, 'must be equal to or after `startTime`'));
    }
  }
  if ((changed('failed') || written('failedIndexes')) && failed && !next.failureTarget) {
    problems.push(
      refuse('cannot set Failed=True condition without the FailureTarget=true condition'),
    );
  }
  if (changed('complete', 'successCriteriaMet') && complete && !next.successCriteriaMet) {
    problems.push(
      refuse('cannot set Complete=True condition without the SuccessCriteriaMet=true condition'),
    );
  }
  const active = numberAt(status, 'active') ?? 0;
  if ((changed('finished') || written('active')) && active > 0 && finished) {
    const detail = 'active>0 is invalid for finished job';
    problems.push(fieldInvalid(base.child('active'), active, detail));
  }
  const idle = next.spec['suspend'] === true && next.spec['completions'] === 0;
  if ((changed('finished') || written('startTime')) && !idle && startTime === '' && finished) {
    problems.push(fieldRequired(base.child('startTime'), 'startTime is required for finished job'));
  }
  if ((changed('finished') || written('uncountedTerminatedPods')) && finished) {
    const uncounted = objectAt(status, 'uncountedTerminatedPods');
    const held = [uncounted['failed'], uncounted['succeeded']].flat().filter(Boolean);
    if (held.length > 0) {
      const field = base.child('uncountedTerminatedPods');
      problems.push(fieldInvalid(field, uncounted, 'must be empty for finished job'));
    }
  }
  return problems;
}

function indexProblems(
  { status, spec }: Facts,
  written: Changes['written'],
): readonly FieldError[] {
  const problems: FieldError[] = [];
  const completions = numberAt(spec, 'completions');
  const done = textAt(status, 'completedIndexes');
  const failed = status['failedIndexes'];
  const [atDone, atFailed] = [base.child('completedIndexes'), base.child('failedIndexes')];
  const parse = (text: string, at: typeof base, name: string): void => {
    const counted = countIndexes(text, completions ?? 0);
    if (typeof counted === 'number') return;
    problems.push(fieldInvalid(at, text, `error parsing ${name}: ${counted.problem}`));
  };
  if (written('completedIndexes') && completions !== undefined) {
    parse(done, atDone, 'completedIndexes');
  }
  if (written('failedIndexes') && completions !== undefined && typeof failed === 'string') {
    if (spec['backoffLimitPerIndex'] !== undefined) parse(failed, atFailed, 'failedIndexes');
  }
  const indexed = textAt(spec, 'completionMode') === 'Indexed';
  if (written('completedIndexes') && done !== '' && !indexed) {
    const detail = 'cannot set non-empty completedIndexes when non-indexed completion mode';
    problems.push(fieldInvalid(atDone, done, detail));
  }
  if (written('failedIndexes') && spec['backoffLimitPerIndex'] === undefined) {
    if (typeof failed === 'string') {
      const detail = 'cannot set non-null failedIndexes when backoffLimitPerIndex is null';
      problems.push(fieldInvalid(atFailed, failed, detail));
    }
  }
  if (!written('failedIndexes', 'completedIndexes') || completions === undefined) return problems;
  if (typeof failed !== 'string') return problems;
  const overlap = overlapProblem(done, failed, completions);
  if (overlap !== undefined) problems.push(fieldInvalid(atFailed, failed, overlap));
  return problems;
}

/** Spans that do not parse were complained about already. */
function overlapProblem(done: string, failed: string, completions: number): string | undefined {
  for (const [first, last] of spansThatParse(done, completions)) {
    for (const [otherFirst, otherLast] of spansThatParse(failed, completions)) {
      const from = Math.max(first, otherFirst);
      if (from > Math.min(last, otherLast)) continue;
      return `failedIndexes and completedIndexes overlap at index: ${from}`;
    }
  }
  return undefined;
}

function spansThatParse(text: string, completions: number): readonly IndexSpan[] {
  if (text === '') return [];
  return text.split(',').flatMap((part) => {
    const spans = indexSpans(part, completions);
    return 'problem' in spans ? [] : spans;
  });
}

function podProblems(
  { status, finished }: Facts,
  { changed, written }: Changes,
): readonly FieldError[] {
  const problems: FieldError[] = [];
  const terminating = numberAt(status, 'terminating') ?? 0;
  if ((changed('finished') || written('terminating')) && terminating > 0 && finished) {
    const detail = 'terminating>0 is invalid for finished job';
    problems.push(fieldInvalid(base.child('terminating'), terminating, detail));
  }
  const ready = numberAt(status, 'ready') ?? 0;
  if (written('ready', 'active') && ready > (numberAt(status, 'active') ?? 0)) {
    const detail = 'cannot set more ready pods than active';
    problems.push(fieldInvalid(base.child('ready'), ready, detail));
  }
  return problems;
}

function successProblems(facts: Facts): readonly FieldError[] {
  const problems: FieldError[] = [];
  if (facts.successCriteriaMet && facts.failed) {
    problems.push(refuse('cannot set SuccessCriteriaMet=True and Failed=true conditions'));
  }
  if (facts.successCriteriaMet && facts.failureTarget) {
    problems.push(refuse('cannot set SuccessCriteriaMet=True and FailureTarget=true conditions'));
  }
  if (facts.spec['successPolicy'] !== undefined && !facts.successCriteriaMet && facts.complete) {
    problems.push(
      refuse('cannot set Complete=True for Job with SuccessPolicy unless SuccessCriteriaMet=True'),
    );
  }
  return problems;
}

function changeProblems(
  next: Facts,
  before: Facts,
  written: Changes['written'],
): readonly FieldError[] {
  const problems: FieldError[] = [];
  for (const [key, type] of [
    ['failed', 'Failed'],
    ['complete', 'Complete'],
    ['failureTarget', 'FailureTarget'],
  ] as const) {
    if (before[key] && !next[key]) {
      problems.push(refuse(`cannot disable the terminal ${type}=True condition`));
    }
  }
  const decreased = (key: string): boolean =>
    (numberAt(next.status, key) ?? 0) < (numberAt(before.status, key) ?? 0);
  const { spec } = next;
  const elastic =
    textAt(spec, 'completionMode') === 'Indexed' && spec['completions'] === spec['parallelism'];
  for (const key of elastic ? ['failed'] : ['failed', 'succeeded']) {
    if (!decreased(key)) continue;
    const value = numberAt(next.status, key) ?? 0;
    problems.push(fieldInvalid(base.child(key), value, `cannot decrease the ${key} counter`));
  }
  const ended = textAt(next.status, 'completionTime');
  const endedBefore = textAt(before.status, 'completionTime');
  if (ended !== '' && endedBefore !== '' && ended !== endedBefore) {
    problems.push(fieldInvalid(base.child('completionTime'), ended, immutable));
  }
  const resumes =
    holds(before.status, 'Suspended', 'True') && holds(next.status, 'Suspended', 'False');
  const started = textAt(before.status, 'startTime') !== '';
  if (written('startTime') && !resumes && started && spec['suspend'] !== true) {
    const detail = 'startTime cannot be removed for unsuspended job';
    problems.push(fieldRequired(base.child('startTime'), detail));
  }
  if (before.successCriteriaMet && !next.successCriteriaMet) {
    problems.push(refuse('cannot disable the SuccessCriteriaMet=True condition'));
  }
  if (before.complete && !before.successCriteriaMet && next.successCriteriaMet) {
    problems.push(
      refuse('cannot set SuccessCriteriaMet=True for Job already has Complete=true conditions'),
    );
  }
  return problems;
}
