// What a status becomes when a pass has spoken: pure, so that nothing is written when nothing changed.

import type { Condition, KubeObject } from '@tweendeck/kube';
import { isJsonObject, jsonEqual } from '@tweendeck/std';
import type { ConditionGone, ConditionInput } from './controller.ts';

/** What a pass wants to say. Later words replace earlier ones: fields by name, conditions by type. */
export interface StatusWords {
  readonly fields: Readonly<Record<string, unknown>>;
  readonly conditions: readonly (ConditionInput | ConditionGone)[];
}

export function joinWords(
  earlier: StatusWords | undefined,
  fields: Readonly<Record<string, unknown>>,
  conditions: readonly (ConditionInput | ConditionGone)[],
): StatusWords {
  const spoken = new Set(conditions.map((condition) => condition.type));
  const kept = earlier?.conditions.filter((condition) => !spoken.has(condition.type)) ?? [];
  return { fields: { ...earlier?.fields, ...fields }, conditions: [...kept, ...conditions] };
}

export interface StatusContext {
  /** Generation of the object that the pass looked at; undefined where the kind has none. */
  readonly generation: number | undefined;
  /** RFC 3339. */
  readonly now: string;
  /** Conditions of the kind are `metav1.Condition` and carry the generation too; older built-in kinds' are not. */
  readonly conditionsCarryGeneration: boolean;
}

/** The status after `words`. Fields set to undefined or null go; conditions nobody speaks of stay, in their place. */
export function statusAfter(
  current: Readonly<Record<string, unknown>>,
  words: StatusWords,
  context: StatusContext,
): Readonly<Record<string, unknown>> {
  const next: Record<string, unknown> = { ...current, ...plain(words.fields) };
  for (const [name, value] of Object.entries(next)) if (value === null) delete next[name];
  if (context.generation !== undefined) {
    const seen = current['observedGeneration'];
    next['observedGeneration'] =
      typeof seen === 'number' ? Math.max(seen, context.generation) : context.generation;
  }
  if (words.conditions.length > 0)
    next['conditions'] = conditionsAfter(next['conditions'], words.conditions, context);
  return next;
}

function conditionsAfter(
  current: unknown,
  inputs: readonly (ConditionInput | ConditionGone)[],
  context: StatusContext,
): readonly unknown[] {
  const conditions: unknown[] = Array.isArray(current) ? [...current] : [];
  for (const input of inputs) {
    const index = conditions.findIndex(
      (condition) => isJsonObject(condition) && condition['type'] === input.type,
    );
    if ('gone' in input) {
      if (index >= 0) conditions.splice(index, 1);
      continue;
    }
    const before = conditions[index];
    const next = conditionAfter(isJsonObject(before) ? before : undefined, input, context);
    if (index < 0) conditions.push(next);
    else conditions[index] = next;
  }
  return conditions;
}

function conditionAfter(
  before: Readonly<Record<string, unknown>> | undefined,
  input: ConditionInput,
  context: StatusContext,
): Readonly<Record<string, unknown>> {
  const since = before?.['status'] === input.status ? before['lastTransitionTime'] : undefined;
  const { type, status, reason, message } = input satisfies Partial<Condition>;
  return {
    ...before,
    type,
    status,
    reason,
    message,
    lastTransitionTime: typeof since === 'string' ? since : context.now,
    ...(context.conditionsCarryGeneration && context.generation !== undefined
      ? { observedGeneration: context.generation }
      : {}),
  };
}

/** Whether a kind is one of a custom group, whose conditions are `metav1.Condition`. */
export function isCustomKind(object: Pick<KubeObject, 'apiVersion'>): boolean {
  const [group = ''] = object.apiVersion.split('/');
  return group.includes('.') && !group.endsWith('.k8s.io');
}

/** The JSON merge patch (RFC 7386) that makes `to` of `from`; undefined when they are equal. */
export function mergePatchBetween(
  from: Readonly<Record<string, unknown>>,
  to: Readonly<Record<string, unknown>>,
): Readonly<Record<string, unknown>> | undefined {
  const patch: Record<string, unknown> = {};
  for (const name of Object.keys(from)) if (to[name] === undefined) patch[name] = null;
  for (const [name, value] of Object.entries(to)) {
    const before = from[name];
    if (value === undefined || jsonEqual(before, value)) continue;
    patch[name] =
      isJsonObject(before) && isJsonObject(value) ? mergePatchBetween(before, value) : value;
  }
  return Object.keys(patch).length === 0 ? undefined : patch;
}

/** As JSON would carry it: undefined becomes null at the top and vanishes below. */
function plain(fields: Readonly<Record<string, unknown>>): Readonly<Record<string, unknown>> {
  return Object.fromEntries(
    Object.entries(fields).map(([name, value]) => {
      const copy: unknown = value === undefined ? null : JSON.parse(JSON.stringify(value));
      return [name, copy];
    }),
  );
}
