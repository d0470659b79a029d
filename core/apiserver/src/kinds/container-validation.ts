// What containers must be: names, images, ports, and all that belongs to them. Rules and texts: upstream's core validation.

import {
  dnsLabelProblems,
  type FieldError,
  type FieldPath,
  fieldDuplicate,
  fieldForbidden,
  fieldInvalid,
  fieldNotSupported,
  fieldRequired,
  portNameProblems,
  portNumberProblems,
} from '@tweendeck/kube';
import { isJsonObject } from '@tweendeck/std';
import { type Fields, listAt, numberAt, objectAt, textAt } from '../draft.ts';
import { environmentFromProblems, environmentProblems } from './environment-validation.ts';
import { deviceProblems, mountProblems, type Volumes } from './mount-validation.ts';
import { lifecycleProblems, probeKeys, probesProblems } from './probe-validation.ts';
import { resourceProblems } from './resource-validation.ts';
import { containerSecurityProblems } from './security-validation.ts';

/** What of the pod matters to its containers. */
export interface ContainerContext {
  readonly volumes: Volumes;
  /** Names of the claims of devices. */
  readonly claims: ReadonlySet<string>;
  readonly graceSeconds: number | undefined;
  readonly system: string | undefined;
  readonly hostUsers: boolean;
  readonly restartPolicy: string;
}

const pullPolicies = ['Always', 'IfNotPresent', 'Never'];
const messagePolicies = ['File', 'FallbackToLogsOnError'];
const protocols = ['SCTP', 'TCP', 'UDP'];
const initialOnly = 'may not be set for init containers without restartPolicy=Always';

export function containersProblems(
  containers: readonly Fields[],
  base: FieldPath,
  context: ContainerContext,
): readonly FieldError[] {
  if (containers.length === 0) return [fieldRequired(base)];
  const names = new Set<string>();
  return [
    ...containers.flatMap((container, position) => {
      const at = base.index(position);
      return [
        ...commonProblems(container, at, context),
        ...nameTwiceProblems(container, names, at),
        ...aliveProblems(container, at, context),
      ];
    }),
    ...hostPortProblems(containers, base),
  ];
}

export function initialContainersProblems(
  containers: readonly Fields[],
  base: FieldPath,
  { regular, ...context }: ContainerContext & { readonly regular: readonly Fields[] },
): readonly FieldError[] {
  const names = new Set(regular.map((each) => textAt(each, 'name')));
  return containers.flatMap((container, position) => {
    const at = base.index(position);
    const policy = container['restartPolicy'];
    return [
      ...commonProblems(container, at, context),
      ...nameTwiceProblems(container, names, at),
      ...hostPortProblems([container], base),
      ...(policy === 'Always'
        ? aliveProblems(container, at, context)
        : ['lifecycle', ...probeKeys]
            .filter((key) => isJsonObject(container[key]))
            .map((key) => fieldForbidden(at.child(key), initialOnly))),
    ];
  });
}

function nameTwiceProblems(
  container: Fields,
  names: Set<string>,
  at: FieldPath,
): readonly FieldError[] {
  const name = textAt(container, 'name');
  if (names.has(name)) return [fieldDuplicate(at.child('name'), name)];
  names.add(name);
  return [];
}

function aliveProblems(
  container: Fields,
  at: FieldPath,
  context: ContainerContext,
): readonly FieldError[] {
  const { lifecycle } = container;
  return [
    ...(isJsonObject(lifecycle)
      ? lifecycleProblems(lifecycle, at.child('lifecycle'), context)
      : []),
    ...probesProblems(container, at, context),
  ];
}

function commonProblems(
  container: Fields,
  base: FieldPath,
  { volumes, claims, hostUsers, restartPolicy }: ContainerContext,
): readonly FieldError[] {
  const name = textAt(container, 'name');
  const nameAt = base.child('name');
  return [
    ...(name === ''
      ? [fieldRequired(nameAt)]
      : dnsLabelProblems(name).map((text) => fieldInvalid(nameAt, name, text))),
    ...(textAt(container, 'image') === '' ? [fieldRequired(base.child('image'))] : []),
    ...wordProblems(container, 'terminationMessagePolicy', { base, allowed: messagePolicies }),
    ...portProblems(listAt(container, 'ports'), base.child('ports')),
    ...environmentProblems(listAt(container, 'env'), base.child('env')),
    ...environmentFromProblems(listAt(container, 'envFrom'), base.child('envFrom')),
    ...mountProblems(container, volumes, base.child('volumeMounts')),
    ...deviceProblems(container, volumes, base.child('volumeDevices')),
    ...wordProblems(container, 'imagePullPolicy', { base, allowed: pullPolicies }),
    ...resourceProblems(objectAt(container, 'resources'), base.child('resources'), claims),
    ...resizeProblems(listAt(container, 'resizePolicy'), base.child('resizePolicy'), restartPolicy),
    ...containerSecurityProblems(
      objectAt(container, 'securityContext'),
      base.child('securityContext'),
      { hostUsers },
    ),
  ];
}

function wordProblems(
  fields: Fields,
  key: string,
  { base, allowed }: { readonly base: FieldPath; readonly allowed: readonly string[] },
): readonly FieldError[] {
  const value = textAt(fields, key);
  if (value === '') return [fieldRequired(base.child(key))];
  return allowed.includes(value) ? [] : [fieldNotSupported(base.child(key), value, allowed)];
}

const resizable = ['cpu', 'memory'];
const resizePolicies = ['NotRequired', 'RestartContainer'];

/** As upstream, the path does not tell which entry it is. */
function resizeProblems(
  policies: readonly Fields[],
  base: FieldPath,
  podPolicy: string,
): readonly FieldError[] {
  const seen = new Set<string>();
  return policies.flatMap((entry, position) => {
    const name = textAt(entry, 'resourceName');
    const policy = textAt(entry, 'restartPolicy');
    const detail = "must be 'NotRequired' when `restartPolicy` is 'Never'";
    const isNew = !seen.has(name);
    seen.add(name);
    const word = (value: string, allowed: readonly string[]): readonly FieldError[] => {
      if (value === '') return [fieldRequired(base)];
      return allowed.includes(value) ? [] : [fieldNotSupported(base, value, allowed)];
    };
    return [
      ...(isNew ? [] : [fieldDuplicate(base.index(position), name)]),
      ...word(name, resizable),
      ...word(policy, resizePolicies),
      ...(podPolicy === 'Never' && policy !== 'NotRequired'
        ? [fieldInvalid(base, policy, detail)]
        : []),
    ];
  });
}

function portProblems(ports: readonly Fields[], base: FieldPath): readonly FieldError[] {
  const names = new Set<string>();
  return ports.flatMap((port, position) => {
    const at = base.index(position);
    const name = textAt(port, 'name');
    const number = numberAt(port, 'containerPort') ?? 0;
    const hostPort = numberAt(port, 'hostPort') ?? 0;
    const problems: FieldError[] = [];
    const numberProblems = (key: string, value: number): void => {
      for (const text of portNumberProblems(value)) {
        problems.push(fieldInvalid(at.child(key), value, text));
      }
    };
    if (name !== '') {
      const texts = portNameProblems(name);
      for (const text of texts) problems.push(fieldInvalid(at.child('name'), name, text));
      if (texts.length === 0 && names.has(name)) {
        problems.push(fieldDuplicate(at.child('name'), name));
      }
      names.add(name);
    }
    if (number === 0) problems.push(fieldRequired(at.child('containerPort')));
    else numberProblems('containerPort', number);
    if (hostPort !== 0) numberProblems('hostPort', hostPort);
    return [...problems, ...wordProblems(port, 'protocol', { base: at, allowed: protocols })];
  });
}

function hostPortProblems(containers: readonly Fields[], base: FieldPath): readonly FieldError[] {
  const taken = new Set<string>();
  return containers.flatMap((container, position) =>
    listAt(container, 'ports').flatMap((port, index) => {
      const number = numberAt(port, 'hostPort') ?? 0;
      if (number === 0) return [];
      const shown = `${textAt(port, 'protocol')}/${textAt(port, 'hostIP')}/${number}`;
      const at = base.index(position).child('ports').index(index).child('hostPort');
      if (taken.has(shown)) return [fieldDuplicate(at, shown)];
      taken.add(shown);
      return [];
    }),
  );
}
