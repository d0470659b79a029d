// Pod disruption budgets. Rules and texts: upstream's policy strategy and validation.

import {
  type FieldError,
  fieldInvalid,
  fieldNotSupported,
  type LabelSelector,
  path,
  validateLabelSelector,
} from '@tweendeck/kube';
import { isJsonObject } from '@tweendeck/std';
import { type Draft, objectAt, objectIn, setDefault } from '../draft.ts';
import { disruptionBudgetColumns } from '../table/policy-columns.ts';
import { negativeProblems } from './field-checks.ts';
import { above100Problems, intOrPercentProblems } from './int-or-percent.ts';
import type { KindRules } from './kind-rules.ts';

const counts = ['disruptionsAllowed', 'currentHealthy', 'desiredHealthy', 'expectedPods'];
const evictionPolicies = ['AlwaysAllow', 'IfHealthyBudget'];

export const disruptionBudgetRules: KindRules = {
  columns: disruptionBudgetColumns,
  strategy: {
    generation: 'counted',
    unconditionalUpdate: false,
    defaults(draft) {
      objectIn(draft, 'spec');
      const status = objectIn(draft, 'status');
      for (const key of counts) setDefault(status, key, 0);
    },
    prepareCreate(draft) {
      draft['status'] = Object.fromEntries(counts.map((key) => [key, 0]));
    },
    validate: (draft, _previous, part) =>
      part === 'status'
        ? negativeProblems(objectAt(draft, 'status'), counts, path('status'))
        : specProblems(draft),
  },
};

function specProblems(draft: Draft): readonly FieldError[] {
  const base = path('spec');
  const spec = objectAt(draft, 'spec');
  const { minAvailable, maxUnavailable, selector, unhealthyPodEvictionPolicy: policy } = spec;
  const both = minAvailable !== undefined && maxUnavailable !== undefined;
  return [
    ...(both
      ? [fieldInvalid(base, spec, 'minAvailable and maxUnavailable cannot be both set')]
      : []),
    ...['minAvailable', 'maxUnavailable'].flatMap((key) => [
      ...intOrPercentProblems(spec[key], base.child(key)),
      ...above100Problems(spec[key], base.child(key)),
    ]),
    // Its shape was checked when the body came in.
    ...(isJsonObject(selector)
      ? validateLabelSelector(selector as LabelSelector, base.child('selector'))
      : []),
    ...(policy === undefined || evictionPolicies.includes(String(policy))
      ? []
      : [fieldNotSupported(base.child('unhealthyPodEvictionPolicy'), policy, evictionPolicies)]),
  ];
}
