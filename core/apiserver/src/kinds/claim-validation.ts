// What claims of volumes must be, and how they may change. Rules and texts: upstream's core validation.

import {
  compareQuantities,
  dnsSubdomainProblems,
  type FieldError,
  type FieldPath,
  fieldForbidden,
  fieldInvalid,
  fieldNotSupported,
  fieldRequired,
  type LabelSelector,
  parseQuantity,
  path,
  type Quantity,
  quantityProblem,
  validateLabelSelector,
} from '@tweendeck/kube';
import { isJsonObject, jsonEqual } from '@tweendeck/std';
import { copyOf, type Draft, type Fields, objectAt, objectIn, textAt } from '../draft.ts';
import { basicAmountProblems, immutableProblems, namedProblems } from './field-checks.ts';

const accessModes: readonly string[] = [
  'ReadOnlyMany',
  'ReadWriteMany',
  'ReadWriteOnce',
  'ReadWriteOncePod',
];
export const volumeModes: readonly string[] = ['Block', 'Filesystem'];

/** Modes one by one, and the one that bears no other. */
export function accessModeProblems(spec: Fields, at: FieldPath): readonly FieldError[] {
  const modes = modesOf(spec);
  const known = modes.filter((mode) => accessModes.includes(mode));
  const problems: FieldError[] = modes
    .filter((mode) => !known.includes(mode))
    .map((mode) => fieldNotSupported(at, mode, accessModes));
  if (known.includes('ReadWriteOncePod') && known.some((mode) => mode !== 'ReadWriteOncePod')) {
    const detail = 'may not use ReadWriteOncePod with other access modes';
    problems.push(fieldForbidden(at, detail));
  }
  return problems;
}

export function modesOf(spec: Fields): readonly string[] {
  const modes = spec['accessModes'];
  return Array.isArray(modes) ? modes.map(String) : [];
}

/** Problems of a claim's specification, of a claim or of a template. */
export function claimSpecProblems(spec: Fields, base: FieldPath): readonly FieldError[] {
  const selector = spec['selector'];
  const modes = base.child('accessModes');
  const mode = spec['volumeMode'];
  return [
    ...(modesOf(spec).length === 0
      ? [fieldRequired(modes, 'at least 1 access mode is required')]
      : []),
    // Its shape was checked when the body came in.
    ...(isJsonObject(selector)
      ? validateLabelSelector(selector as LabelSelector, base.child('selector'))
      : []),
    ...accessModeProblems(spec, modes),
    ...sizeProblems(spec, base.child('resources').key('storage')),
    ...namedProblems(spec, 'storageClassName', { base, check: dnsSubdomainProblems }),
    ...(typeof mode === 'string' && !volumeModes.includes(mode)
      ? [fieldNotSupported(base.child('volumeMode'), mode, volumeModes)]
      : []),
    ...sourceProblems(spec, base),
    ...namedProblems(spec, 'volumeAttributesClassName', { base, check: dnsSubdomainProblems }),
  ];
}

function sizeProblems(spec: Fields, at: FieldPath): readonly FieldError[] {
  const size = objectAt(objectAt(spec, 'resources'), 'requests')['storage'];
  if (size === undefined) return [fieldRequired(at)];
  return positiveAmountProblems(size, at);
}

/** An amount that must be more than nothing. */
export function positiveAmountProblems(amount: unknown, at: FieldPath): readonly FieldError[] {
  const text = String(amount);
  if (quantityProblem(text) !== undefined || parseQuantity(text).nanos > 0n) return [];
  return [fieldInvalid(at, text, 'must be greater than zero')];
}

function sourceProblems(spec: Fields, base: FieldPath): readonly FieldError[] {
  const { dataSource, dataSourceRef } = spec;
  const problems = [
    ...oneSourceProblems(dataSource, base.child('dataSource')),
    ...oneSourceProblems(dataSourceRef, base.child('dataSourceRef')),
  ];
  if (!isJsonObject(dataSource) || !isJsonObject(dataSourceRef)) return problems;
  const { namespace: _, ...rest } = dataSourceRef;
  if (jsonEqual(dataSource, rest)) return problems;
  return [...problems, fieldInvalid(base, base.child('dataSource'), 'must match dataSourceRef')];
}

function oneSourceProblems(source: unknown, at: FieldPath): readonly FieldError[] {
  if (!isJsonObject(source)) return [];
  const kind = textAt(source, 'kind');
  const group = textAt(source, 'apiGroup');
  const problems: FieldError[] = [];
  for (const key of ['name', 'kind']) {
    if (textAt(source, key) === '') problems.push(fieldRequired(at.child(key)));
  }
  if (group === '' && kind !== 'PersistentVolumeClaim') {
    const detail = "must be 'PersistentVolumeClaim' when referencing the default apiGroup";
    problems.push(fieldInvalid(at, kind, detail));
  }
  return [
    ...problems,
    ...namedProblems(source, 'apiGroup', { base: at, check: dnsSubdomainProblems }),
  ];
}

const base: FieldPath = path('spec');
const storageAt: FieldPath = base.child('resources', 'requests', 'storage');

/** Problems of a changed claim. Bound claims may ask for more; everything else stays. */
export function claimUpdateProblems(draft: Draft, previous: Draft): readonly FieldError[] {
  const spec = objectAt(draft, 'spec');
  const before = objectAt(previous, 'spec');
  const problems: FieldError[] = [];
  const bound = textAt(draft['status'], 'phase') === 'Bound';
  if (!jsonEqual(comparable(spec, before, bound), before)) {
    const detail =
      'spec is immutable after creation except resources.requests and volumeAttributesClassName for bound claims';
    problems.push(fieldForbidden(base, `${detail}\n${specDifference(before, spec)}`));
  }
  const size = sizeOf(spec);
  const former = sizeOf(before);
  if (size && former && compareQuantities(size, former) < 0) {
    const held = amountAt(objectAt(previous, 'status'), 'capacity');
    if (held && compareQuantities(size, held) <= 0) {
      problems.push(fieldForbidden(storageAt, 'field can not be less than status.capacity'));
    }
  }
  const keys = ['volumeMode'];
  return [...problems, ...immutableProblems(spec, before, { keys, base: path() })];
}

function sizeOf(spec: Fields): Quantity | undefined {
  return amountAt(objectAt(spec, 'resources'), 'requests');
}

function amountAt(holder: Fields, key: string): Quantity | undefined {
  const text = objectAt(holder, key)['storage'];
  if (typeof text !== 'string' || quantityProblem(text) !== undefined) return undefined;
  return parseQuantity(text);
}

/** The new specification without what may change. */
function comparable(spec: Fields, before: Fields, bound: boolean): Fields {
  const next = copyOf(spec);
  const take = (to: Fields, from: Fields, key: string): void => {
    if (from[key] === undefined) delete to[key];
    else to[key] = from[key];
  };
  if (!before['volumeName']) take(next, before, 'volumeName');
  if (before['storageClassName'] === undefined) take(next, before, 'storageClassName');
  if (bound) {
    take(next, before, 'volumeAttributesClassName');
    const requests = objectIn(objectIn(next, 'resources'), 'requests');
    take(requests, objectAt(objectAt(before, 'resources'), 'requests'), 'storage');
  }
  return next;
}

/** Which fields differ; upstream prints a difference of Go structures here. */
function specDifference(before: Fields, after: Fields): string {
  const keys = new Set([...Object.keys(before), ...Object.keys(after)]);
  const lines = [...keys].toSorted().flatMap((key) => {
    if (jsonEqual(before[key] ?? null, after[key] ?? null)) return [];
    const shown = (value: unknown): string => JSON.stringify(value ?? null);
    return [`- ${key}: ${shown(before[key])}`, `+ ${key}: ${shown(after[key])}`];
  });
  return lines.join('\n');
}

/** Problems of a claim's status. */
export function claimStatusProblems(draft: Draft): readonly FieldError[] {
  const at = path('status');
  const status = objectAt(draft, 'status');
  return ['capacity', 'allocatedResources'].flatMap((key) =>
    basicAmountProblems(objectAt(status, key), at.child(key)),
  );
}
