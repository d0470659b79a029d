// Namespaces, nodes, service accounts, leases, endpoint slices, controller revisions: kinds with a few rules each.

import {
  dnsLabelProblems,
  dnsSubdomainProblems,
  type FieldError,
  fieldInvalid,
  fieldNotSupported,
  fieldRequired,
  path,
} from '@tweendeck/kube';
import { jsonEqual } from '@tweendeck/std';
import { type Draft, listAt, numberAt, objectAt, objectIn, setDefault, textAt } from '../draft.ts';
import {
  controllerRevisionColumns,
  endpointSliceColumns,
  leaseColumns,
  namespaceColumns,
  nodeColumns,
  serviceAccountColumns,
} from '../table/common-columns.ts';
import { canonicalAmounts } from './amounts.ts';
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

export const nodeRules: KindRules = {
  columns: nodeColumns,
  selectable: ['spec.unschedulable'],
  strategy: {
    defaults(draft) {
      const status = objectIn(draft, 'status');
      canonicalAmounts(objectAt(status, 'capacity'));
      canonicalAmounts(objectAt(status, 'allocatable'));
      if (status['capacity'] !== undefined) setDefault(status, 'allocatable', status['capacity']);
      objectIn(draft, 'spec');
    },
  },
};

export const serviceAccountRules: KindRules = {
  columns: serviceAccountColumns,
  strategy: { returnsDeleted: true },
};

export const leaseRules: KindRules = {
  columns: leaseColumns,
  strategy: {
    createOnUpdate: true,
    unconditionalUpdate: false,
    defaults: (draft) => void objectIn(draft, 'spec'),
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

const addressTypes = ['FQDN', 'IPv4', 'IPv6'];
const endpointsMax = 1_000;

export const endpointSliceRules: KindRules = {
  columns: endpointSliceColumns,
  strategy: {
    generation: 'counted',
    defaults(draft) {
      setDefault(draft, 'endpoints', []);
      for (const port of listAt(draft, 'ports')) {
        setDefault(port, 'name', '');
        setDefault(port, 'protocol', 'TCP');
      }
      for (const endpoint of listAt(draft, 'endpoints')) objectIn(endpoint, 'conditions');
    },
    validate: endpointSliceProblems,
  },
};

function endpointSliceProblems(draft: Draft, previous: Draft | undefined): readonly FieldError[] {
  const type = textAt(draft, 'addressType');
  const problems: FieldError[] = [];
  if (type === '') problems.push(fieldRequired(path('addressType')));
  else if (!addressTypes.includes(type)) {
    problems.push(fieldNotSupported(path('addressType'), type, addressTypes));
  }
  if (previous && previous['addressType'] !== draft['addressType']) {
    problems.push(fieldInvalid(path('addressType'), type, 'field is immutable'));
  }
  const endpoints = listAt(draft, 'endpoints');
  if (endpoints.length > endpointsMax) {
    const detail = `must have at most ${endpointsMax} items`;
    problems.push({ type: 'TooMany', field: 'endpoints', value: endpoints.length, detail });
  }
  for (const [position, endpoint] of endpoints.entries()) {
    const addresses = endpoint['addresses'];
    if (Array.isArray(addresses) && addresses.length > 0) continue;
    const at = path('endpoints').index(position).child('addresses');
    problems.push(fieldRequired(at, 'must contain at least 1 address'));
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
