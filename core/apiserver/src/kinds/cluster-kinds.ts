// Namespaces, service accounts, leases, controller revisions: kinds with a few rules each.

import {
  dnsLabelProblems,
  dnsSubdomainProblems,
  type FieldError,
  fieldInvalid,
  fieldRequired,
  path,
  qualifiedNameProblems,
} from '@tweendeck/kube';
import { jsonEqual } from '@tweendeck/std';
import { type Draft, numberAt, objectAt, objectIn, textAt } from '../draft.ts';
import type { Part } from '../strategy.ts';
import {
  controllerRevisionColumns,
  leaseColumns,
  namespaceColumns,
  serviceAccountColumns,
} from '../table/common-columns.ts';
import type { KindRules } from './kind-rules.ts';

const namespaceLabel = 'kubernetes.io/metadata.name';

export const namespaceRules: KindRules = {
  columns: namespaceColumns,
  selectable: ['status.phase'],
  strategy: {
    nameProblems: dnsLabelProblems,
    defaults(draft) {
      if (!draft.metadata.name) return;
      draft.metadata.labels = { ...draft.metadata.labels, [namespaceLabel]: draft.metadata.name };
    },
    prepareCreate(draft) {
      draft.metadata.labels = {
        ...draft.metadata.labels,
        [namespaceLabel]: draft.metadata.name ?? '',
      };
      const finalizers = objectAt(draft, 'spec')['finalizers'];
      const own = Array.isArray(finalizers) ? finalizers : [];
      draft['spec'] = { finalizers: [...new Set([...own, 'kubernetes'])] };
      draft['status'] = { phase: 'Active' };
    },
    validate: namespaceProblems,
    prepareUpdate(draft, previous, part) {
      if (part === 'finalize') {
        draft['status'] = previous['status'];
        return;
      }
      draft['spec'] = previous['spec']; // finalizers go by the finalize subresource
      if (part === 'main') draft['status'] = previous['status'];
    },
  },
};

function namespaceProblems(
  draft: Draft,
  previous: Draft | undefined,
  part: Part,
): readonly FieldError[] {
  const { finalizers } = objectAt(draft, 'spec');
  const list = Array.isArray(finalizers) ? finalizers.map(String) : [];
  const at = path('spec').child('finalizers');
  if (part === 'status') {
    const phase = textAt(draft['status'], 'phase');
    const leaving = draft.metadata.deletionTimestamp !== undefined;
    const wanted = leaving ? 'Terminating' : 'Active';
    if (phase === wanted) return [];
    const detail = `may only be '${wanted}' if \`deletionTimestamp\` is ${leaving ? 'not ' : ''}empty`;
    return [fieldInvalid(path('status').child('Phase'), phase, detail)];
  }
  if (previous && part !== 'finalize') return [];
  return list.flatMap((finalizer, position) => {
    const field = part === 'finalize' ? at.index(position) : at;
    const texts = [...qualifiedNameProblems(finalizer)];
    if (!finalizer.includes('/') && finalizer !== 'kubernetes') {
      texts.push('name is neither a standard finalizer name nor is it fully qualified');
    }
    return texts.map((text) => fieldInvalid(field, finalizer, text));
  });
}

export const serviceAccountRules: KindRules = {
  columns: serviceAccountColumns,
  strategy: { returnsDeleted: true },
};

export const leaseRules: KindRules = {
  columns: leaseColumns,
  strategy: {
    createOnUpdate: true,
    unconditionalUpdate: false,
    defaults(draft) {
      const spec = objectIn(draft, 'spec');
      // Fields of a feature that is off: as upstream, they are dropped without a word.
      delete spec['strategy'];
      delete spec['preferredHolder'];
    },
    validate: (draft) => leaseProblems(draft),
  },
};

function leaseProblems(draft: Draft): readonly FieldError[] {
  const spec = objectAt(draft, 'spec');
  const problems: FieldError[] = [];
  const duration = numberAt(spec, 'leaseDurationSeconds');
  if (duration !== undefined && duration <= 0) {
    const at = path('spec').child('leaseDurationSeconds');
    problems.push(fieldInvalid(at, duration, 'must be greater than 0'));
  }
  const transitions = numberAt(spec, 'leaseTransitions');
  if (transitions !== undefined && transitions < 0) {
    const at = path('spec').child('leaseTransitions');
    problems.push(fieldInvalid(at, transitions, 'must be greater than or equal to 0'));
  }
  return problems;
}

export const controllerRevisionRules: KindRules = {
  columns: controllerRevisionColumns,
  strategy: {
    nameProblems: dnsSubdomainProblems,
    validate(draft, previous) {
      const problems: FieldError[] = [];
      const revision = numberAt(draft, 'revision') ?? 0;
      if (draft['data'] === undefined)
        problems.push(fieldRequired(path('data'), 'data is mandatory'));
      if (revision < 0) {
        const detail = 'must be greater than or equal to 0';
        problems.push(fieldInvalid(path('revision'), revision, detail));
      }
      if (previous && !jsonEqual(previous['data'], draft['data'])) {
        problems.push(fieldInvalid(path('data'), draft['data'], 'field is immutable'));
      }
      return problems;
    },
  },
};
