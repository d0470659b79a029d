// What a pod's specification must be, in the words of Kubernetes; the same for pods and for templates of pods.

import {
  dnsLabelProblems,
  dnsSubdomainProblems,
  type FieldError,
  type FieldPath,
  fieldForbidden,
  fieldInvalid,
  fieldNotSupported,
  fieldRequired,
  qualifiedNameProblems,
  validateLabels,
} from '@tweendeck/kube';
import { isJsonObject } from '@tweendeck/std';
import { type Fields, listAt, numberAt, objectAt, textAt } from '../draft.ts';
import {
  type ContainerContext,
  containersProblems,
  initialContainersProblems,
} from './container-validation.ts';
import { namedProblems } from './field-checks.ts';
import { ipProblems } from './path-checks.ts';
import {
  affinityProblems,
  gateProblems,
  spreadProblems,
  tolerationProblems,
} from './placement-validation.ts';
import { resourceProblems } from './resource-validation.ts';
import { podSecurityProblems } from './security-validation.ts';
import { checkVolumes } from './volume-validation.ts';

const restartPolicies = ['Always', 'OnFailure', 'Never'];
const dnsPolicies = ['ClusterFirstWithHostNet', 'ClusterFirst', 'Default', 'None'];
const preemptionPolicies = ['PreemptLowerPriority', 'Never'];
const systems = ['linux', 'windows'];
const deadlineMax = 2 ** 31 - 1;

/** Of a pod, not of a template of pods. */
export interface OfPod {
  /** Empty: not given yet. */
  readonly podName: string;
}

/** Problems of a pod specification under `base`. */
export function podSpecProblems(
  spec: Fields,
  base: FieldPath,
  ofPod?: OfPod,
): readonly FieldError[] {
  const podName = ofPod?.podName ?? '';
  const volumes = checkVolumes(listAt(spec, 'volumes'), base.child('volumes'), podName);
  const claims = listAt(spec, 'resourceClaims').map((claim) => textAt(claim, 'name'));
  const system = textAt(spec['os'], 'name');
  const context: ContainerContext = {
    volumes: volumes.known,
    claims: new Set(claims),
    graceSeconds: numberAt(spec, 'terminationGracePeriodSeconds'),
    system: isJsonObject(spec['os']) ? system : undefined,
    hostUsers: spec['hostUsers'] !== false,
    restartPolicy: textAt(spec, 'restartPolicy'),
  };
  const regular = listAt(spec, 'containers');
  const initial = listAt(spec, 'initContainers');
  // Its shape was checked when the body came in.
  const nodeSelector = objectAt(spec, 'nodeSelector') as Record<string, string>;
  return [
    ...volumes.problems,
    ...containersProblems(regular, base.child('containers'), context),
    ...initialContainersProblems(initial, base.child('initContainers'), { ...context, regular }),
    ...hostNetworkProblems(spec, base, ofPod),
    ...wordProblems(spec, 'restartPolicy', { base, allowed: restartPolicies }),
    ...wordProblems(spec, 'dnsPolicy', { base, allowed: dnsPolicies }),
    ...validateLabels(nodeSelector, base.child('nodeSelector')),
    ...podSecurityProblems(spec, base.child('securityContext')),
    ...affinityProblems(objectAt(spec, 'affinity'), base.child('affinity')),
    ...resolverProblems(spec, base.child('dnsConfig')),
    ...readinessProblems(listAt(spec, 'readinessGates'), base.child('readinessGates')),
    ...gateProblems(listAt(spec, 'schedulingGates'), base.child('schedulingGates')),
    ...spreadProblems(
      listAt(spec, 'topologySpreadConstraints'),
      base.child('topologySpreadConstraints'),
    ),
    ...hostUserProblems(spec, base),
    ...namedProblems(spec, 'serviceAccountName', { base, check: dnsSubdomainProblems }),
    ...namedProblems(spec, 'nodeName', { base, check: dnsSubdomainProblems }),
    ...deadlineProblems(spec, base.child('activeDeadlineSeconds')),
    ...namedProblems(spec, 'hostname', { base, check: dnsLabelProblems }),
    ...namedProblems(spec, 'subdomain', { base, check: dnsLabelProblems }),
    ...tolerationProblems(listAt(spec, 'tolerations'), base.child('tolerations')),
    ...aliasProblems(listAt(spec, 'hostAliases'), base.child('hostAliases')),
    ...namedProblems(spec, 'priorityClassName', { base, check: dnsSubdomainProblems }),
    ...namedProblems(spec, 'runtimeClassName', { base, check: dnsSubdomainProblems }),
    ...(spec['preemptionPolicy'] === undefined
      ? []
      : wordProblems(spec, 'preemptionPolicy', { base, allowed: preemptionPolicies })),
    ...resourceProblems({ limits: spec['overhead'] }, base.child('overhead')),
    ...systemProblems(spec, base.child('os')),
  ];
}

function wordProblems(
  spec: Fields,
  key: string,
  { base, allowed }: { readonly base: FieldPath; readonly allowed: readonly string[] },
): readonly FieldError[] {
  const value = textAt(spec, key);
  if (value === '') return [fieldRequired(base.child(key))];
  return allowed.includes(value) ? [] : [fieldNotSupported(base.child(key), value, allowed)];
}

/** Templates may leave host ports out; pods have been given them. */
function hostNetworkProblems(
  spec: Fields,
  base: FieldPath,
  ofPod: OfPod | undefined,
): readonly FieldError[] {
  if (spec['hostNetwork'] !== true) return [];
  const detail = 'must match `containerPort` when `hostNetwork` is true';
  return listAt(spec, 'containers').flatMap((container, position) =>
    listAt(container, 'ports').flatMap((port, index) => {
      const hostPort = numberAt(port, 'hostPort') ?? 0;
      const isGiven = ofPod !== undefined || hostPort !== 0;
      if (!isGiven || hostPort === (numberAt(port, 'containerPort') ?? 0)) return [];
      const at = base.child('containers').index(position).child('ports').index(index);
      return [fieldInvalid(at.child('hostPort'), hostPort, detail)];
    }),
  );
}

function hostUserProblems(spec: Fields, base: FieldPath): readonly FieldError[] {
  if (spec['hostUsers'] !== false) return [];
  const named = [
    ['hostNetwork', 'hostNetwork'],
    ['hostPID', 'HostPID'],
    ['hostIPC', 'HostIPC'],
  ] as const;
  return named
    .filter(([key]) => spec[key] === true)
    .map(([, shown]) => fieldForbidden(base.child(shown), 'when `hostUsers` is false'));
}

function deadlineProblems({ activeDeadlineSeconds }: Fields, at: FieldPath): readonly FieldError[] {
  if (typeof activeDeadlineSeconds !== 'number') return [];
  if (activeDeadlineSeconds >= 1 && activeDeadlineSeconds <= deadlineMax) return [];
  const detail = `must be between 1 and ${deadlineMax}, inclusive`;
  return [fieldInvalid(at, activeDeadlineSeconds, detail)];
}

const serversMax = 3;
const searchesMax = 32;
const searchLengthMax = 2_048;
const searchName = /^_?[a-z0-9]([-_a-z0-9]*[a-z0-9])?(\._?[a-z0-9]([-_a-z0-9]*[a-z0-9])?)*$/;
const searchDetail =
  "a lowercase RFC 1123 subdomain must consist of lower case alphanumeric characters, '_', '-' or '.', and must start and end with an alphanumeric character (e.g. 'example.com', regex used for validation is '_?[a-z0-9]([-_a-z0-9]*[a-z0-9])?(\\._?[a-z0-9]([-_a-z0-9]*[a-z0-9])?)*')";

function textsAt(fields: Fields, key: string): readonly string[] {
  const list = fields[key];
  return Array.isArray(list) ? list.map(String) : [];
}

function resolverProblems(spec: Fields, base: FieldPath): readonly FieldError[] {
  const { dnsConfig } = spec;
  const config = objectAt(spec, 'dnsConfig');
  const servers = textsAt(config, 'nameservers');
  const searches = textsAt(config, 'searches');
  if (spec['dnsPolicy'] === 'None') {
    if (!isJsonObject(dnsConfig)) {
      return [fieldRequired(base, 'must provide `dnsConfig` when `dnsPolicy` is None')];
    }
    const detail = 'must provide at least one DNS nameserver when `dnsPolicy` is None';
    if (servers.length === 0) return [fieldRequired(base.child('nameservers'), detail)];
  }
  const problems: FieldError[] = [];
  const tooMany = (key: string, detail: string): void => {
    problems.push(fieldInvalid(base.child(key), config[key], detail));
  };
  if (servers.length > serversMax) {
    tooMany('nameservers', `must not have more than ${serversMax} nameservers`);
  }
  for (const [position, server] of servers.entries()) {
    problems.push(...ipProblems(server, base.child('nameservers').index(position)));
  }
  if (searches.length > searchesMax) {
    tooMany('searches', `must not have more than ${searchesMax} search paths`);
  }
  if (searches.join(' ').length > searchLengthMax) {
    const detail = `must not have more than ${searchLengthMax} characters (including spaces) in the search list`;
    tooMany('searches', detail);
  }
  for (const [position, search] of searches.entries()) {
    const name = search.endsWith('.') ? search.slice(0, -1) : search;
    if (search === '.' || searchName.test(name)) continue;
    problems.push(fieldInvalid(base.child('searches').index(position), name, searchDetail));
  }
  for (const [position, option] of listAt(config, 'options').entries()) {
    if (textAt(option, 'name') !== '') continue;
    problems.push(fieldRequired(base.child('options').index(position), 'must not be empty'));
  }
  return problems;
}

function readinessProblems(gates: readonly Fields[], base: FieldPath): readonly FieldError[] {
  return gates.flatMap((gate, position) => {
    const type = textAt(gate, 'conditionType');
    const at = base.index(position).child('conditionType');
    return qualifiedNameProblems(type).map((text) => fieldInvalid(at, type, text));
  });
}

function aliasProblems(aliases: readonly Fields[], base: FieldPath): readonly FieldError[] {
  return aliases.flatMap((alias, position) => {
    const at = base.index(position);
    return [
      ...ipProblems(textAt(alias, 'ip'), at.child('ip')),
      ...textsAt(alias, 'hostnames').flatMap((name, index) =>
        dnsSubdomainProblems(name).map((text) =>
          fieldInvalid(at.child('hostnames').index(index), name, text),
        ),
      ),
    ];
  });
}

function systemProblems({ os }: Fields, at: FieldPath): readonly FieldError[] {
  if (!isJsonObject(os)) return [];
  const name = textAt(os, 'name');
  if (name === '') return [fieldRequired(at.child('name'))];
  return systems.includes(name) ? [] : [fieldNotSupported(at, name, systems)];
}
