// What of a pod may change once it exists. Rules and texts: upstream's ValidatePodUpdate and ValidatePodStatusUpdate.

import {
  dnsSubdomainProblems,
  type FieldError,
  type FieldPath,
  fieldForbidden,
  fieldInvalid,
  fieldRequired,
  path,
  qualifiedNameProblems,
} from '@tweendeck/kube';
import { isJsonObject, jsonEqual } from '@tweendeck/std';
import { copyOf, type Draft, type Fields, listAt, numberAt, objectAt, textAt } from '../draft.ts';
import { unifiedDiff } from '../unified-diff.ts';
import { immutable } from './field-checks.ts';
import { innerPodSpecLines } from './inner-pod-spec.ts';
import { ipProblems } from './path-checks.ts';

const changeDetail =
  'pod updates may not change fields other than `spec.containers[*].image`,`spec.initContainers[*].image`,`spec.activeDeadlineSeconds`,`spec.tolerations` (only additions to existing tolerations),`spec.terminationGracePeriodSeconds` (allow it to be set to 1 if it was previously negative)';

/** Beyond what a new pod has to be. */
export function podChangeProblems(next: Fields, previous: Fields): readonly FieldError[] {
  const base = path('spec');
  const problems: FieldError[] = [];
  for (const list of ['containers', 'initContainers']) {
    const at = base.child(list);
    if (listAt(next, list).length !== listAt(previous, list).length) {
      problems.push(fieldForbidden(at, 'pod updates may not add or remove containers'));
      return problems;
    }
    problems.push(...imageProblems(listAt(next, list), at));
  }
  const deadline = deadlineProblem(next, previous, base.child('activeDeadlineSeconds'));
  if (deadline) problems.push(deadline);
  if (deadline && next['activeDeadlineSeconds'] !== undefined) return problems;
  problems.push(
    ...addedTolerationProblems(next, previous, base.child('tolerations')),
    ...removedGateProblems(next, previous, base.child('schedulingGates')),
  );
  const kept = copyOf(next);
  restoreChangeable(kept, previous);
  if (listAt(previous, 'schedulingGates').length > 0) {
    problems.push(...restorePlacement(kept, previous, base));
  }
  if (!jsonEqual(kept, previous)) {
    const difference = unifiedDiff(innerPodSpecLines(previous), innerPodSpecLines(kept));
    problems.push(fieldForbidden(base, `${changeDetail}\n${difference ?? ''}`));
  }
  return problems;
}

function imageProblems(containers: readonly Fields[], base: FieldPath): readonly FieldError[] {
  return containers.flatMap((container, position) => {
    const image = textAt(container, 'image');
    const at = base.index(position).child('image');
    if (image === '') return [fieldRequired(at)];
    if (image.trim() === image) return [];
    return [fieldInvalid(at, image, 'must not have leading or trailing whitespace')];
  });
}

function deadlineProblem(next: Fields, previous: Fields, at: FieldPath): FieldError | undefined {
  const deadline = numberAt(next, 'activeDeadlineSeconds');
  const former = numberAt(previous, 'activeDeadlineSeconds');
  const highest = 2 ** 31 - 1;
  if (deadline === undefined) {
    if (former === undefined) return undefined;
    return fieldInvalid(at, null, 'must not update from a positive integer to nil value');
  }
  if (deadline < 0 || deadline > highest) {
    return fieldInvalid(at, deadline, `must be between 0 and ${highest}, inclusive`);
  }
  if (former === undefined || deadline <= former) return undefined;
  return fieldInvalid(at, deadline, 'must be less than or equal to previous value');
}

function addedTolerationProblems(
  next: Fields,
  previous: Fields,
  at: FieldPath,
): readonly FieldError[] {
  const timeless = ({ key, operator, value, effect }: Fields): string =>
    JSON.stringify([key, operator, value, effect]);
  const present = new Set(listAt(next, 'tolerations').map(timeless));
  if (listAt(previous, 'tolerations').every((each) => present.has(timeless(each)))) return [];
  const detail = 'existing toleration can not be modified except its tolerationSeconds';
  return [fieldForbidden(at, detail)];
}

function removedGateProblems(next: Fields, previous: Fields, at: FieldPath): readonly FieldError[] {
  const had = new Set(listAt(previous, 'schedulingGates').map((gate) => textAt(gate, 'name')));
  return listAt(next, 'schedulingGates').flatMap((gate, position) => {
    const name = textAt(gate, 'name');
    if (had.has(name)) return [];
    const detail = `only deletion is allowed, but found new scheduling gate '${name}'`;
    return [fieldForbidden(at.index(position).child('name'), detail)];
  });
}

function restoreChangeable(next: Fields, previous: Fields): void {
  for (const list of ['containers', 'initContainers']) {
    const old = listAt(previous, list);
    for (const [position, container] of listAt(next, list).entries()) {
      const image = old[position]?.['image'];
      if (image !== undefined) container['image'] = image;
    }
  }
  for (const key of ['activeDeadlineSeconds', 'tolerations', 'schedulingGates']) {
    restore(next, previous, key);
  }
  const grace = numberAt(previous, 'terminationGracePeriodSeconds') ?? 0;
  if (grace < 0 && next['terminationGracePeriodSeconds'] === 1) {
    restore(next, previous, 'terminationGracePeriodSeconds');
  }
}

/** Pods that wait behind gates may still be told where to go, more and more narrowly. */
function restorePlacement(next: Fields, previous: Fields, base: FieldPath): readonly FieldError[] {
  const problems: FieldError[] = [];
  const selector = objectAt(next, 'nodeSelector');
  const had = Object.entries(objectAt(previous, 'nodeSelector'));
  if (!had.every(([key, value]) => selector[key] === value)) {
    const detail = 'only additions to spec.nodeSelector are allowed (no mutations or deletions)';
    problems.push(fieldInvalid(base.child('nodeSelector'), selector, detail));
  }
  restore(next, previous, 'nodeSelector');
  const affinity = objectAt(next, 'affinity');
  const former = objectAt(previous, 'affinity');
  problems.push(
    ...narrowedProblems(
      termsOf(affinity),
      termsOf(former),
      base.child('affinity', 'nodeAffinity', required, 'nodeSelectorTerms'),
    ),
  );
  const { nodeAffinity: _, ...others } = affinity;
  const node = former['nodeAffinity'];
  const kept = { ...others, ...(node === undefined ? {} : { nodeAffinity: node }) };
  if (previous['affinity'] === undefined && Object.keys(kept).length === 0) delete next['affinity'];
  else next['affinity'] = kept;
  return problems;
}

const required = 'requiredDuringSchedulingIgnoredDuringExecution';

function termsOf(affinity: Fields): readonly Fields[] {
  return listAt(objectAt(objectAt(affinity, 'nodeAffinity'), required), 'nodeSelectorTerms');
}

function narrowedProblems(
  next: readonly Fields[],
  previous: readonly Fields[],
  at: FieldPath,
): readonly FieldError[] {
  if (previous.length === 0) return [];
  if (next.length !== previous.length) {
    const detail = 'no additions/deletions to non-empty NodeSelectorTerms list are allowed';
    return [fieldInvalid(at, next, detail)];
  }
  return previous.flatMap((term, position) => {
    const now = next[position] ?? {};
    const isEmpty = Object.keys(term).length === 0;
    const grows = ['matchExpressions', 'matchFields'].every((key) =>
      listAt(term, key).every((each, index) => jsonEqual(each, listAt(now, key)[index])),
    );
    if (grows && (!isEmpty || Object.keys(now).length === 0)) return [];
    const detail = 'only additions are allowed (no mutations or deletions)';
    return [fieldInvalid(at.index(position), now, detail)];
  });
}

function restore(next: Fields, previous: Fields, key: string): void {
  if (previous[key] === undefined) delete next[key];
  else next[key] = previous[key];
}

const systemConditions = ['PodScheduled', 'Ready', 'Initialized'];

export function podStatusProblems(draft: Draft, previous: Draft): readonly FieldError[] {
  const base = path('status');
  const [status, before] = [objectAt(draft, 'status'), objectAt(previous, 'status')];
  const nominated = textAt(status, 'nominatedNodeName');
  const isNominated = nominated !== '' && nominated !== textAt(before, 'nominatedNodeName');
  const nominatedAt = base.child('nominatedNodeName');
  const problems: FieldError[] = listAt(status, 'conditions').flatMap((condition, position) => {
    const type = textAt(condition, 'type');
    if (systemConditions.includes(type)) return [];
    // As upstream spells it.
    const at = base.child('conditions').index(position).child('Type');
    return qualifiedNameProblems(type).map((text) => fieldInvalid(at, type, text));
  });
  if (textAt(draft['spec'], 'nodeName') !== textAt(previous['spec'], 'nodeName')) {
    problems.push(fieldForbidden(base.child('nodeName'), 'may not be changed directly'));
  }
  if (isNominated) {
    for (const text of dnsSubdomainProblems(nominated)) {
      problems.push(fieldInvalid(nominatedAt, nominated, text));
    }
  }
  if (status['qosClass'] !== before['qosClass']) {
    problems.push(fieldInvalid(base.child('qosClass'), status['qosClass'] ?? '', immutable));
  }
  problems.push(
    ...endedProblems(draft, previous, 'containerStatuses'),
    ...addressProblems(status, 'podIPs', base),
    ...hostAddressProblems(status, base),
  );
  return problems;
}

/** Containers that have ended for good do not run again. */
function endedProblems(
  draft: Draft,
  previous: Draft,
  list: 'containerStatuses',
): readonly FieldError[] {
  const policy = textAt(previous['spec'], 'restartPolicy');
  if (policy === 'Always') return [];
  const now = listAt(draft['status'], list);
  return listAt(previous['status'], list).flatMap((old, position) => {
    const ended = objectAt(old, 'state')['terminated'];
    if (!isJsonObject(ended)) return [];
    if (policy === 'OnFailure' && ended['exitCode'] !== 0) return [];
    const next = now.find((each) => textAt(each, 'name') === textAt(old, 'name'));
    if (!next || isJsonObject(objectAt(next, 'state')['terminated'])) return [];
    const at = path('status').child(list).index(position).child('state');
    return [fieldForbidden(at, 'may not be transitioned to non-terminated state')];
  });
}

function addressProblems(status: Fields, key: string, base: FieldPath): readonly FieldError[] {
  const addresses = listAt(status, key).map((each) => textAt(each, 'ip'));
  const at = base.child(key);
  const problems = addresses.flatMap((ip, position) => ipProblems(ip, at.index(position)));
  const six = addresses.filter((ip) => ip.includes(':')).length;
  if (addresses.length < 2 || (addresses.length === 2 && six === 1)) return problems;
  const detail = 'may specify no more than one IP for each IP family';
  return [...problems, fieldInvalid(at, status[key], detail)];
}

function hostAddressProblems(status: Fields, base: FieldPath): readonly FieldError[] {
  const first = listAt(status, 'hostIPs')[0];
  if (!first) return [];
  const ip = textAt(first, 'ip');
  const at = base.child('hostIPs').index(0).child('ip');
  return [
    ...(ip === textAt(status, 'hostIP') ? [] : [fieldInvalid(at, ip, 'must be equal to `hostIP`')]),
    ...addressProblems(status, 'hostIPs', base),
  ];
}
