// Priority classes, and those that are always there. Rules and texts: upstream's scheduling defaults and validation.

import { type FieldError, fieldForbidden, fieldNotSupported, path } from '@tweendeck/kube';
import { type Draft, numberAt, setDefault, textAt } from '../draft.ts';
import { priorityClassColumns } from '../table/policy-columns.ts';
import { immutableProblems } from './field-checks.ts';
import type { KindRules } from './kind-rules.ts';

/** What a user may ask for at most. */
const highest = 1_000_000_000;
const systemPrefix = 'system-';
const policies = ['PreemptLowerPriority', 'Never'];

/** Made when they are missing. */
export const systemPriorityClasses: readonly {
  readonly name: string;
  readonly value: number;
  readonly description: string;
}[] = [
  {
    name: 'system-node-critical',
    value: 2_000_001_000,
    description: 'Used for system critical pods that must not be moved from their current node.',
  },
  {
    name: 'system-cluster-critical',
    value: 2_000_000_000,
    description:
      'Used for system critical pods that must run in the cluster, but can be moved to another node if necessary.',
  },
];

export const priorityClassRules: KindRules = {
  columns: priorityClassColumns,
  strategy: {
    generation: 'first',
    defaults(draft) {
      setDefault(draft, 'preemptionPolicy', 'PreemptLowerPriority');
      setDefault(draft, 'value', 0);
      if (draft['globalDefault'] === false) delete draft['globalDefault'];
    },
    validate: (draft, previous) => (previous ? updateProblems(draft, previous) : problemsOf(draft)),
  },
};

function problemsOf(draft: Draft): readonly FieldError[] {
  const policy = textAt(draft, 'preemptionPolicy');
  return [
    ...valueProblems(draft),
    ...(policies.includes(policy)
      ? []
      : [fieldNotSupported(path('preemptionPolicy'), policy, policies)]),
  ];
}

function valueProblems(draft: Draft): readonly FieldError[] {
  const { name = '' } = draft.metadata;
  const value = numberAt(draft, 'value') ?? 0;
  if (!name.startsWith(systemPrefix)) {
    const detail = `maximum allowed value of a user defined priority is ${highest}`;
    return value > highest ? [fieldForbidden(path('value'), detail)] : [];
  }
  const reason = strangeness(name, value, draft['globalDefault'] === true);
  if (reason === undefined) return [];
  const detail = `priority class names with '${systemPrefix}' prefix are reserved for system use only. error: ${reason}`;
  return [fieldForbidden(path('metadata').child('name'), detail)];
}

function strangeness(name: string, value: number, globalDefault: boolean): string | undefined {
  const known = systemPriorityClasses.find((each) => each.name === name);
  if (!known) return `${name} is not a known system priority class`;
  if (known.value !== value) return `value of ${name} PriorityClass must be ${known.value}`;
  if (globalDefault) return `globalDefault of ${name} PriorityClass must be false`;
  return undefined;
}

function updateProblems(draft: Draft, previous: Draft): readonly FieldError[] {
  const keys = ['preemptionPolicy'];
  return [
    ...(draft['value'] === previous['value']
      ? []
      : [fieldForbidden(path('value'), 'may not be changed in an update.')]),
    ...immutableProblems(draft, previous, { keys, base: path() }),
  ];
}
