// What a pod's specification must be, in the words of Kubernetes; the same for pods and for templates of pods.

import {
  dnsLabelProblems,
  dnsSubdomainProblems,
  type FieldError,
  type FieldPath,
  fieldDuplicate,
  fieldInvalid,
  fieldNotSupported,
  fieldRequired,
} from '@tweendeck/kube';
import { type Fields, listAt, textAt } from '../draft.ts';
import { containerProblems } from './container-validation.ts';
import { volumeProblems } from './volume-validation.ts';

const restartPolicies = ['Always', 'OnFailure', 'Never'];
const dnsPolicies = ['ClusterFirstWithHostNet', 'ClusterFirst', 'Default', 'None'];

/** Problems of a pod specification under `base`. */
export function podSpecProblems(spec: Fields, base: FieldPath): readonly FieldError[] {
  const volumes = listAt(spec, 'volumes');
  return [
    ...volumeProblems(volumes, base.child('volumes')),
    ...allContainerProblems(spec, base),
    ...choice(spec, 'restartPolicy', { base, allowed: restartPolicies }),
    ...choice(spec, 'dnsPolicy', { base, allowed: dnsPolicies }),
    ...positive(spec, 'activeDeadlineSeconds', base),
    ...nameProblems(spec, base),
  ];
}

function allContainerProblems(spec: Fields, base: FieldPath): readonly FieldError[] {
  const containers = listAt(spec, 'containers');
  const volumeNames = new Set(listAt(spec, 'volumes').map((volume) => textAt(volume, 'name')));
  const problems: FieldError[] = [];
  if (containers.length === 0) problems.push(fieldRequired(base.child('containers')));
  const seen = new Set<string>();
  for (const [list, initial] of [
    ['containers', false],
    ['initContainers', true],
  ] as const) {
    for (const [position, container] of listAt(spec, list).entries()) {
      const at = base.child(list).index(position);
      const name = textAt(container, 'name');
      problems.push(...containerProblems(container, at, { volumeNames, initial }));
      if (name !== '' && seen.has(name)) problems.push(fieldDuplicate(at.child('name'), name));
      seen.add(name);
    }
  }
  return problems;
}

function choice(
  spec: Fields,
  key: string,
  { base, allowed }: { readonly base: FieldPath; readonly allowed: readonly string[] },
): readonly FieldError[] {
  const value = textAt(spec, key);
  if (value === '') return [fieldRequired(base.child(key))];
  return allowed.includes(value) ? [] : [fieldNotSupported(base.child(key), value, allowed)];
}

function positive(spec: Fields, key: string, base: FieldPath): readonly FieldError[] {
  const value = spec[key];
  const highest = 2 ** 31 - 1;
  if (typeof value !== 'number' || (value >= 1 && value <= highest)) return [];
  return [fieldInvalid(base.child(key), value, `must be between 1 and ${highest}, inclusive`)];
}

const namedFields = [
  ['nodeName', dnsSubdomainProblems],
  ['serviceAccountName', dnsSubdomainProblems],
  ['hostname', dnsLabelProblems],
  ['subdomain', dnsLabelProblems],
] as const;

function nameProblems(spec: Fields, base: FieldPath): readonly FieldError[] {
  return namedFields.flatMap(([key, problems]) => {
    const value = textAt(spec, key);
    if (value === '') return [];
    return problems(value).map((text) => fieldInvalid(base.child(key), value, text));
  });
}
