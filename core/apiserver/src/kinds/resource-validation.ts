// Resource requests and limits of containers. Rules and texts: upstream's core validation (validateResourceRequirements).

import {
  compareQuantities,
  dnsLabelProblems,
  dnsSubdomainProblems,
  type FieldError,
  type FieldPath,
  fieldDuplicate,
  fieldForbidden,
  fieldInvalid,
  fieldNotFound,
  fieldRequired,
  parseQuantity,
  type Quantity,
  qualifiedNameProblems,
  quantityProblem,
} from '@tweendeck/kube';
import { type Fields, listAt, objectAt, textAt } from '../draft.ts';
import { notNegative } from './field-checks.ts';

const forContainers = new Set(['cpu', 'memory', 'ephemeral-storage']);
/** Names without a slash that mean something somewhere. */
const standardNames = new Set([
  ...forContainers,
  ...[...forContainers, 'storage'].map((name) => `requests.${name}`),
  ...[...forContainers].map((name) => `limits.${name}`),
  'pods',
  'resourcequotas',
  'services',
  'replicationcontrollers',
  'secrets',
  'configmaps',
  'persistentvolumeclaims',
  'storage',
  'services.nodeports',
  'services.loadbalancers',
]);
const hugePages = 'hugepages-';

/** Problems of `resources` at `base`; `claims` are the names that claims of devices may have. */
export function resourceProblems(
  resources: Fields,
  base: FieldPath,
  claims: ReadonlySet<string> = new Set(),
): readonly FieldError[] {
  const limits = objectAt(resources, 'limits');
  const requests = objectAt(resources, 'requests');
  const names = [...Object.keys(limits), ...Object.keys(requests)];
  const isHungry = names.some((name) => name.startsWith(hugePages));
  const problems = [
    ...Object.entries(limits).flatMap(([name, value]) =>
      amountProblems(name, value, base.child('limits').key(name)),
    ),
    ...Object.entries(requests).flatMap(([name, value]) => [
      ...amountProblems(name, value, base.child('requests').key(name)),
      ...limitProblems(name, { request: value, limit: limits[name] }, base),
    ]),
  ];
  if (isHungry && !names.includes('cpu') && !names.includes('memory')) {
    problems.push(fieldForbidden(base, 'HugePages require cpu or memory'));
  }
  return [...problems, ...claimProblems(resources, base.child('claims'), claims)];
}

function quantityOf(value: unknown): Quantity | undefined {
  const text = typeof value === 'number' ? value : String(value);
  return quantityProblem(text) === undefined ? parseQuantity(text) : undefined;
}

function amountProblems(name: string, value: unknown, at: FieldPath): readonly FieldError[] {
  const problems = [...resourceNameProblems(name, at)];
  const quantity = quantityOf(value);
  const shown = typeof value === 'number' ? value : String(value);
  if (!quantity) return [...problems, fieldInvalid(at, shown, quantityProblem(shown) ?? '')];
  if (quantity.nanos < 0n) problems.push(fieldInvalid(at, shown, notNegative));
  if (isExtended(name) && quantity.nanos % 1_000_000_000n !== 0n) {
    problems.push(fieldInvalid(at, shown, 'must be an integer'));
  }
  return problems;
}

function resourceNameProblems(name: string, at: FieldPath): readonly FieldError[] {
  const texts = qualifiedNameProblems(name);
  const problems = texts.map((text) => fieldInvalid(at, name, text));
  const isHuge = name.startsWith(hugePages);
  if (name.includes('/')) {
    if (isNative(name) || isExtended(name)) return problems;
    return [...problems, fieldInvalid(at, name, "doesn't follow extended resource name standard")];
  }
  const isStandard = standardNames.has(name) || isHuge || name.startsWith(`requests.${hugePages}`);
  if (texts.length === 0 && !isStandard) {
    const detail = 'must be a standard resource type or fully qualified';
    problems.push(fieldInvalid(at, name, detail));
  }
  if (!forContainers.has(name) && !isHuge) {
    problems.push(fieldInvalid(at, name, 'must be a standard resource for containers'));
  }
  return problems;
}

function isNative(name: string): boolean {
  return !name.includes('/') || name.includes('kubernetes.io/');
}

/** Counted in whole pieces, of which no two containers have the same. */
function isExtended(name: string): boolean {
  if (isNative(name) || name.startsWith('requests.')) return false;
  return qualifiedNameProblems(`requests.${name}`).length === 0 && prefixFits(name);
}

function prefixFits(name: string): boolean {
  return dnsSubdomainProblems(name.slice(0, name.indexOf('/'))).length === 0;
}

/** Extended resources and huge pages cannot be promised twice. */
function overcommits(name: string): boolean {
  return isNative(name) && !name.startsWith(hugePages);
}

function limitProblems(
  name: string,
  { request, limit }: { readonly request: unknown; readonly limit: unknown },
  base: FieldPath,
): readonly FieldError[] {
  if (limit === undefined) {
    if (overcommits(name)) return [];
    const detail = 'Limit must be set for non overcommitable resources';
    return [fieldRequired(base.child('limits'), detail)];
  }
  const [asked, most] = [quantityOf(request), quantityOf(limit)];
  const order = asked && most ? compareQuantities(asked, most) : 0;
  if (order === 0 || (order < 0 && overcommits(name))) return [];
  const relation = overcommits(name) ? 'less than or equal to' : 'equal to';
  const detail = `must be ${relation} ${name} limit of ${String(limit)}`;
  return [fieldInvalid(base.child('requests'), String(request), detail)];
}

function claimProblems(
  resources: Fields,
  base: FieldPath,
  known: ReadonlySet<string>,
): readonly FieldError[] {
  const names = new Set<string>();
  return listAt(resources, 'claims').flatMap((claim, position) => {
    const at = base.index(position);
    const name = textAt(claim, 'name');
    const request = textAt(claim, 'request');
    if (name === '') return [fieldRequired(at)];
    const key = request === '' ? name : `${name}/${request}`;
    const problems: FieldError[] = [];
    if (names.has(name)) problems.push(fieldDuplicate(at, name));
    else {
      if (request !== '') {
        for (const text of dnsLabelProblems(request)) {
          problems.push(fieldInvalid(at.child('request'), request, text));
        }
      }
      const isTaken =
        names.has(key) ||
        (request === '' && [...names].some((each) => each.startsWith(`${name}/`)));
      if (isTaken) problems.push(fieldDuplicate(at, key));
      names.add(key);
    }
    if (!known.has(name)) {
      const rest = known.size === 0 ? ' which is empty' : `: ${[...known].toSorted().join(', ')}`;
      const detail = `must be one of the names in pod.spec.resourceClaims${rest}`;
      problems.push({ ...fieldNotFound(at, name), detail });
    }
    return problems;
  });
}
