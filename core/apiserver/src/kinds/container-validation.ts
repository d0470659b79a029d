// What a container must be: names, image, ports, variables, resources, mounts, probes.

import {
  dnsLabelProblems,
  environmentNameProblems,
  type FieldError,
  type FieldPath,
  fieldDuplicate,
  fieldForbidden,
  fieldInvalid,
  fieldNotFound,
  fieldNotSupported,
  fieldRequired,
  portNameProblems,
  portNumberProblems,
} from '@tweendeck/kube';
import { isJsonObject } from '@tweendeck/std';
import { type Fields, listAt, numberAt, objectAt, textAt } from '../draft.ts';
import { resourceProblems } from './resource-validation.ts';

export interface ContainerContext {
  readonly volumeNames: ReadonlySet<string>;
  /** Initial containers end, so most have no probes. */
  readonly initial: boolean;
}

const pullPolicies = ['Always', 'IfNotPresent', 'Never'];
const messagePolicies = ['FallbackToLogsOnError', 'File'];
const protocols = ['SCTP', 'TCP', 'UDP'];

/** Problems of one container at `base`. */
export function containerProblems(
  container: Fields,
  base: FieldPath,
  context: ContainerContext,
): readonly FieldError[] {
  return [
    ...identityProblems(container, base),
    ...supported(container, { key: 'imagePullPolicy', allowed: pullPolicies }, base),
    ...supported(container, { key: 'terminationMessagePolicy', allowed: messagePolicies }, base),
    ...portProblems(listAt(container, 'ports'), base.child('ports')),
    ...environmentProblems(listAt(container, 'env'), base.child('env')),
    ...mountProblems(listAt(container, 'volumeMounts'), base.child('volumeMounts'), context),
    ...resourceProblems(objectAt(container, 'resources'), base.child('resources')),
    ...probesProblems(container, base, context),
    ...lifecycleProblems(objectAt(container, 'lifecycle'), base.child('lifecycle')),
  ];
}

function identityProblems(container: Fields, base: FieldPath): readonly FieldError[] {
  const name = textAt(container, 'name');
  const image = textAt(container, 'image');
  const problems: FieldError[] = [];
  if (name === '') problems.push(fieldRequired(base.child('name')));
  else {
    for (const text of dnsLabelProblems(name))
      problems.push(fieldInvalid(base.child('name'), name, text));
  }
  if (image === '') problems.push(fieldRequired(base.child('image')));
  else if (image.trim() !== image) {
    const detail = 'must not have leading or trailing whitespace';
    problems.push(fieldInvalid(base.child('image'), image, detail));
  }
  return problems;
}

function supported(
  fields: Fields,
  { key, allowed }: { readonly key: string; readonly allowed: readonly string[] },
  base: FieldPath,
): readonly FieldError[] {
  const value = textAt(fields, key);
  return value === '' || allowed.includes(value)
    ? []
    : [fieldNotSupported(base.child(key), value, allowed)];
}

function portProblems(ports: readonly Fields[], base: FieldPath): readonly FieldError[] {
  const names = new Set<string>();
  return ports.flatMap((port, position) => {
    const at = base.index(position);
    const name = textAt(port, 'name');
    const number = numberAt(port, 'containerPort');
    const problems: FieldError[] = [];
    if (name !== '') {
      for (const text of portNameProblems(name))
        problems.push(fieldInvalid(at.child('name'), name, text));
      if (names.has(name)) problems.push(fieldDuplicate(at.child('name'), name));
      names.add(name);
    }
    if (!number) problems.push(fieldRequired(at.child('containerPort')));
    else {
      for (const text of portNumberProblems(number)) {
        problems.push(fieldInvalid(at.child('containerPort'), number, text));
      }
    }
    const hostPort = numberAt(port, 'hostPort');
    if (hostPort) {
      for (const text of portNumberProblems(hostPort)) {
        problems.push(fieldInvalid(at.child('hostPort'), hostPort, text));
      }
    }
    return [...problems, ...supported(port, { key: 'protocol', allowed: protocols }, at)];
  });
}

function environmentProblems(variables: readonly Fields[], base: FieldPath): readonly FieldError[] {
  return variables.flatMap((variable, position) => {
    const at = base.index(position);
    const name = textAt(variable, 'name');
    const problems: FieldError[] = [];
    if (name === '') problems.push(fieldRequired(at.child('name')));
    else {
      for (const text of environmentNameProblems(name)) {
        problems.push(fieldInvalid(at.child('name'), name, text));
      }
    }
    const source = variable['valueFrom'];
    if (!isJsonObject(source)) return problems;
    const field = at.child('valueFrom');
    const kinds = Object.keys(source);
    if (textAt(variable, 'value') !== '' && kinds.length > 0) {
      problems.push(fieldInvalid(field, '', 'may not be specified when `value` is not empty'));
    }
    if (kinds.length === 0) {
      const detail =
        'must specify one of: `fieldRef`, `resourceFieldRef`, `configMapKeyRef`, `secretKeyRef` or `fileKeyRef`';
      problems.push(fieldInvalid(field, '', detail));
    }
    if (kinds.length > 1) {
      problems.push(
        fieldInvalid(field, '', 'may not have more than one field specified at a time'),
      );
    }
    for (const kind of ['configMapKeyRef', 'secretKeyRef']) {
      if (!isJsonObject(source[kind])) continue;
      if (!textAt(source[kind], 'key')) problems.push(fieldRequired(field.child(kind, 'key')));
    }
    return problems;
  });
}

function mountProblems(
  mounts: readonly Fields[],
  base: FieldPath,
  { volumeNames }: ContainerContext,
): readonly FieldError[] {
  const paths = new Set<string>();
  return mounts.flatMap((mount, position) => {
    const at = base.index(position);
    const name = textAt(mount, 'name');
    const path = textAt(mount, 'mountPath');
    const problems: FieldError[] = [];
    if (name === '') problems.push(fieldRequired(at.child('name')));
    else if (!volumeNames.has(name)) problems.push(fieldNotFound(at.child('name'), name));
    if (path === '') problems.push(fieldRequired(at.child('mountPath')));
    if (paths.has(path)) problems.push(fieldInvalid(at.child('mountPath'), path, 'must be unique'));
    paths.add(path);
    const inner = textAt(mount, 'subPath');
    if (inner.startsWith('/')) {
      problems.push(fieldInvalid(at.child('subPath'), inner, 'must be a relative path'));
    } else if (inner.split('/').includes('..')) {
      problems.push(fieldInvalid(at.child('subPath'), inner, "must not contain '..'"));
    }
    return problems;
  });
}

const probeKeys = ['livenessProbe', 'readinessProbe', 'startupProbe'] as const;
const probeNumbers = [
  'initialDelaySeconds',
  'timeoutSeconds',
  'periodSeconds',
  'successThreshold',
  'failureThreshold',
] as const;

function probesProblems(
  container: Fields,
  base: FieldPath,
  { initial }: ContainerContext,
): readonly FieldError[] {
  const restarts = textAt(container, 'restartPolicy') === 'Always';
  return probeKeys.flatMap((key) => {
    const probe = container[key];
    if (!isJsonObject(probe)) return [];
    const at = base.child(key);
    if (initial && !restarts) {
      return [
        fieldForbidden(at, 'may not be set for init containers without restartPolicy=Always'),
      ];
    }
    const problems = [...handlerProblems(probe, at, ['exec', 'httpGet', 'tcpSocket', 'grpc'])];
    for (const name of probeNumbers) {
      const value = numberAt(probe, name);
      if (value !== undefined && value < 0) {
        problems.push(fieldInvalid(at.child(name), value, 'must be greater than or equal to 0'));
      }
    }
    const needed = numberAt(probe, 'successThreshold') ?? 1;
    if (key !== 'readinessProbe' && needed !== 1) {
      problems.push(fieldInvalid(at.child('successThreshold'), needed, 'must be 1'));
    }
    return problems;
  });
}

function lifecycleProblems(lifecycle: Fields, base: FieldPath): readonly FieldError[] {
  return ['postStart', 'preStop'].flatMap((key) => {
    const handler = lifecycle[key];
    const kinds = ['exec', 'httpGet', 'tcpSocket', 'sleep'];
    return isJsonObject(handler) ? handlerProblems(handler, base.child(key), kinds) : [];
  });
}

function handlerProblems(
  handler: Fields,
  base: FieldPath,
  kinds: readonly string[],
): readonly FieldError[] {
  const named = kinds.filter((kind) => isJsonObject(handler[kind]));
  const [first, ...others] = named;
  if (first === undefined) return [fieldRequired(base, 'must specify a handler type')];
  const problems: FieldError[] = others.map((kind) =>
    fieldForbidden(base.child(kind), 'may not specify more than 1 handler type'),
  );
  if (first === 'exec') {
    const command = objectAt(handler, 'exec')['command'];
    if (!Array.isArray(command) || command.length === 0) {
      problems.push(fieldRequired(base.child('exec', 'command')));
    }
  }
  if (first === 'httpGet' || first === 'tcpSocket') {
    problems.push(
      ...targetPortProblems(objectAt(handler, first)['port'], base.child(first, 'port')),
    );
  }
  return problems;
}

/** A port by number or by name. */
export function targetPortProblems(port: unknown, at: FieldPath): readonly FieldError[] {
  if (typeof port === 'string')
    return portNameProblems(port).map((text) => fieldInvalid(at, port, text));
  const number = typeof port === 'number' ? port : 0;
  return portNumberProblems(number).map((text) => fieldInvalid(at, number, text));
}
