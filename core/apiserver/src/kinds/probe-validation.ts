// Probes and life cycle of containers. Rules and texts: upstream's core validation.

import {
  type FieldError,
  type FieldPath,
  fieldForbidden,
  fieldInvalid,
  fieldNotSupported,
  fieldRequired,
  portNameProblems,
  portNumberProblems,
} from '@tweendeck/kube';
import { isJsonObject } from '@tweendeck/std';
import { type Fields, listAt, numberAt, objectAt, textAt } from '../draft.ts';
import { negativeProblems } from './field-checks.ts';

/** Seconds of grace of the pod. */
interface Grace {
  readonly graceSeconds: number | undefined;
}

const probeKinds = ['exec', 'httpGet', 'tcpSocket', 'grpc'];
const lifecycleKinds = ['exec', 'httpGet', 'tcpSocket', 'sleep'];
const probeNumbers = [
  'initialDelaySeconds',
  'timeoutSeconds',
  'periodSeconds',
  'successThreshold',
  'failureThreshold',
] as const;
export const probeKeys = ['livenessProbe', 'readinessProbe', 'startupProbe'] as const;

export function probesProblems(
  container: Fields,
  base: FieldPath,
  grace: Grace,
): readonly FieldError[] {
  return probeKeys.flatMap((key) => {
    const probe = container[key];
    if (!isJsonObject(probe)) return [];
    const at = base.child(key);
    const ownGrace = numberAt(probe, 'terminationGracePeriodSeconds');
    const graceAt = at.child('terminationGracePeriodSeconds');
    const needed = numberAt(probe, 'successThreshold') ?? 0;
    return [
      ...handlerProblems(probe, at, { ...grace, kinds: probeKinds }),
      ...negativeProblems(probe, probeNumbers, at),
      ...(ownGrace !== undefined && ownGrace <= 0
        ? [fieldInvalid(graceAt, ownGrace, 'must be greater than 0')]
        : []),
      ...(key !== 'readinessProbe' && needed !== 1
        ? [fieldInvalid(at.child('successThreshold'), needed, 'must be 1')]
        : []),
      ...(key === 'readinessProbe' && ownGrace !== undefined
        ? [fieldInvalid(graceAt, ownGrace, 'must not be set for readinessProbes')]
        : []),
    ];
  });
}

export function lifecycleProblems(
  lifecycle: Fields,
  base: FieldPath,
  { graceSeconds, system }: Grace & { readonly system: string | undefined },
): readonly FieldError[] {
  const signal = textAt(lifecycle, 'stopSignal');
  const signalAt = base.child('stopSignal');
  return [
    ...['postStart', 'preStop'].flatMap((key) => {
      const handler = lifecycle[key];
      const of = { graceSeconds, kinds: lifecycleKinds };
      return isJsonObject(handler) ? handlerProblems(handler, base.child(key), of) : [];
    }),
    ...(signal !== '' && system === undefined
      ? [fieldForbidden(signalAt, 'may not be set for containers with empty `spec.os.name`')]
      : []),
    ...(signal !== '' && system === 'windows' && !windowsSignals.includes(signal)
      ? [fieldNotSupported(signalAt, signal, windowsSignals)]
      : []),
  ];
}

const windowsSignals = ['SIGKILL', 'SIGTERM'];

function handlerProblems(
  handler: Fields,
  base: FieldPath,
  { kinds, graceSeconds }: Grace & { readonly kinds: readonly string[] },
): readonly FieldError[] {
  const named = kinds.filter((kind) => isJsonObject(handler[kind]));
  if (named.length === 0) return [fieldRequired(base, 'must specify a handler type')];
  return named.flatMap((kind, position): readonly FieldError[] => {
    const at = base.child(kind);
    if (position > 0) return [fieldForbidden(at, 'may not specify more than 1 handler type')];
    const fields = objectAt(handler, kind);
    switch (kind) {
      case 'exec': {
        const { command } = fields;
        const isEmpty = !Array.isArray(command) || command.length === 0;
        return isEmpty ? [fieldRequired(at.child('command'))] : [];
      }
      case 'httpGet':
        return requestProblems(fields, at);
      case 'sleep':
        return sleepProblems(fields, at, graceSeconds);
      default:
        return portProblems(fields['port'], at.child('port'));
    }
  });
}

function requestProblems(request: Fields, at: FieldPath): readonly FieldError[] {
  const scheme = textAt(request, 'scheme');
  const schemes = ['HTTP', 'HTTPS'];
  return [
    ...(textAt(request, 'path') === '' ? [fieldRequired(at.child('path'))] : []),
    ...portProblems(request['port'], at.child('port')),
    ...(schemes.includes(scheme) ? [] : [fieldNotSupported(at.child('scheme'), scheme, schemes)]),
    ...listAt(request, 'httpHeaders').flatMap((header) => {
      const name = textAt(header, 'name');
      return /^[-A-Za-z0-9]+$/.test(name)
        ? []
        : [fieldInvalid(at.child('httpHeaders'), name, headerDetail)];
    }),
  ];
}

const headerDetail =
  "a valid HTTP header must consist of alphanumeric characters or '-' (e.g. 'X-Header-Name', regex used for validation is '[-A-Za-z0-9]+')";

function sleepProblems(
  sleep: Fields,
  at: FieldPath,
  graceSeconds: number | undefined,
): readonly FieldError[] {
  const seconds = numberAt(sleep, 'seconds') ?? 0;
  if (graceSeconds === undefined || (seconds >= 0 && seconds <= graceSeconds)) return [];
  const detail = `must be non-negative and less than terminationGracePeriodSeconds (${graceSeconds})`;
  return [fieldInvalid(at, seconds, detail)];
}

/** A port by number or by name. */
export function portProblems(port: unknown, at: FieldPath): readonly FieldError[] {
  if (typeof port === 'string') {
    return portNameProblems(port).map((text) => fieldInvalid(at, port, text));
  }
  const number = typeof port === 'number' ? port : 0;
  return portNumberProblems(number).map((text) => fieldInvalid(at, number, text));
}
