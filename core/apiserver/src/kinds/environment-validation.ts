// Variables of containers, and what of a pod they may refer to. Rules and texts: upstream's core validation.

import {
  configKeyProblems,
  dnsSubdomainProblems,
  environmentNameProblems,
  type FieldError,
  type FieldPath,
  fieldInvalid,
  fieldNotSupported,
  fieldRequired,
  formatQuantity,
  parseQuantity,
  qualifiedNameProblems,
  quantityProblem,
} from '@tweendeck/kube';
import { isJsonObject } from '@tweendeck/std';
import { type Fields, textAt } from '../draft.ts';

const variableFields: readonly string[] = [
  'metadata.name',
  'metadata.namespace',
  'metadata.uid',
  'spec.nodeName',
  'spec.serviceAccountName',
  'status.hostIP',
  'status.hostIPs',
  'status.podIP',
  'status.podIPs',
];
/** Fields that are known, though not all can be referred to everywhere. */
const knownFields: ReadonlySet<string> = new Set([
  ...variableFields,
  'metadata.annotations',
  'metadata.labels',
  'spec.restartPolicy',
  'spec.schedulerName',
  'status.phase',
]);

export function environmentProblems(
  variables: readonly Fields[],
  base: FieldPath,
): readonly FieldError[] {
  return variables.flatMap((variable, position) => {
    const at = base.index(position);
    const name = textAt(variable, 'name');
    const source = variable['valueFrom'];
    return [
      ...(name === '' ? [fieldRequired(at.child('name'))] : variableName(name, at.child('name'))),
      ...(isJsonObject(source) ? sourceProblems(variable, source, at.child('valueFrom')) : []),
    ];
  });
}

function variableName(name: string, at: FieldPath): readonly FieldError[] {
  return environmentNameProblems(name).map((text) => fieldInvalid(at, name, text));
}

function sourceProblems(variable: Fields, source: Fields, at: FieldPath): readonly FieldError[] {
  const problems: FieldError[] = [];
  let sources = 0;
  const check = (
    key: string,
    problemsOf: (fields: Fields, at: FieldPath) => readonly FieldError[],
  ) => {
    const fields = source[key];
    if (!isJsonObject(fields)) return;
    sources++;
    problems.push(...problemsOf(fields, at.child(key)));
  };
  check('fieldRef', (fields, field) => fieldReferenceProblems(fields, field, variableFields));
  check('resourceFieldRef', (fields, field) => resourceReferenceProblems(fields, field));
  check('configMapKeyRef', keyReferenceProblems);
  check('secretKeyRef', keyReferenceProblems);
  if (sources === 0) {
    const detail =
      'must specify one of: `fieldRef`, `resourceFieldRef`, `configMapKeyRef` or `secretKeyRef`';
    problems.push(fieldInvalid(at, '', detail));
  } else if (textAt(variable, 'value') !== '') {
    problems.push(fieldInvalid(at, '', 'may not be specified when `value` is not empty'));
  } else if (sources > 1) {
    problems.push(fieldInvalid(at, '', 'may not have more than one field specified at a time'));
  }
  return problems;
}

function keyReferenceProblems(reference: Fields, at: FieldPath): readonly FieldError[] {
  const name = textAt(reference, 'name');
  const key = textAt(reference, 'key');
  return [
    ...dnsSubdomainProblems(name).map((text) => fieldInvalid(at.child('name'), name, text)),
    ...(key === ''
      ? [fieldRequired(at.child('key'))]
      : configKeyProblems(key).map((text) => fieldInvalid(at.child('key'), key, text))),
  ];
}

/** A field of the pod; `allowed` are those that stand without a subscript. */
export function fieldReferenceProblems(
  reference: Fields,
  at: FieldPath,
  allowed: readonly string[],
): readonly FieldError[] {
  const version = textAt(reference, 'apiVersion');
  const field = textAt(reference, 'fieldPath');
  const path = at.child('fieldPath');
  if (version === '') return [fieldRequired(at.child('apiVersion'))];
  if (field === '') return [fieldRequired(path)];
  const refuse = (why: string): readonly FieldError[] => [
    fieldInvalid(path, field, `error converting fieldPath: ${why}`),
  ];
  if (version !== 'v1') return refuse(`unsupported pod version: ${version}`);
  const subscripted = /^(.+?)\['(.*)'\]$/.exec(field);
  if (subscripted) {
    const [, map = '', key = ''] = subscripted;
    if (map !== 'metadata.annotations' && map !== 'metadata.labels') {
      return refuse(`field label does not support subscript: ${field}`);
    }
    const checked = map === 'metadata.annotations' ? key.toLowerCase() : key;
    return qualifiedNameProblems(checked).map((text) => fieldInvalid(at, checked, text));
  }
  const known = field === 'spec.host' ? 'spec.nodeName' : field;
  if (!knownFields.has(known)) return refuse(`field label not supported: ${field}`);
  return allowed.includes(known) ? [] : [fieldNotSupported(path, known, allowed)];
}

const resourceFields: readonly string[] = ['limits', 'requests'].flatMap((list) =>
  ['cpu', 'ephemeral-storage', 'memory'].map((name) => `${list}.${name}`),
);
const sizes = ['1', '1k', '1M', '1G', '1T', '1P', '1E', '1Ki', '1Mi', '1Gi', '1Ti', '1Pi', '1Ei'];

/** An amount of a container, which volumes have to name. */
export function resourceReferenceProblems(
  reference: Fields,
  at: FieldPath,
  { ofVolume = false }: { readonly ofVolume?: boolean } = {},
): readonly FieldError[] {
  const resource = textAt(reference, 'resource');
  const isHuge = /^(limits|requests)\.hugepages-/.test(resource);
  const problems: FieldError[] = [];
  if (ofVolume && textAt(reference, 'containerName') === '') {
    problems.push(fieldRequired(at.child('containerName')));
  } else if (resource === '') problems.push(fieldRequired(at.child('resource')));
  else if (!resourceFields.includes(resource) && !isHuge) {
    problems.push(fieldNotSupported(at.child('resource'), resource, resourceFields));
  }
  return [...problems, ...divisorProblems(reference, resource, at.child('divisor'))];
}

function divisorProblems(
  { divisor }: Fields,
  resource: string,
  at: FieldPath,
): readonly FieldError[] {
  if (typeof divisor !== 'string' || quantityProblem(divisor) !== undefined) return [];
  const amount = parseQuantity(divisor);
  const name = resource.slice(resource.indexOf('.') + 1);
  const kind = name === 'ephemeral-storage' ? 'local ephemeral storage' : name;
  if (amount.nanos === 0n) return [];
  const text = formatQuantity(amount);
  if (name === 'cpu') {
    const detail = "only divisor's values 1m and 1 are supported with the cpu resource";
    return ['1m', '1'].includes(text) ? [] : [fieldInvalid(at, resource, detail)];
  }
  const known = ['memory', 'ephemeral-storage'].includes(name) || name.startsWith('hugepages-');
  if (!known || sizes.includes(text)) return [];
  const of = name.startsWith('hugepages-') ? 'hugepages' : kind;
  const detail = `only divisor's values ${sizes.join(', ')} are supported with the ${of} resource`;
  return [fieldInvalid(at, resource, detail)];
}

export function environmentFromProblems(
  sources: readonly Fields[],
  base: FieldPath,
): readonly FieldError[] {
  return sources.flatMap((source, position) => {
    const at = base.index(position);
    const prefix = textAt(source, 'prefix');
    const named = ['configMapRef', 'secretRef'].filter((key) => isJsonObject(source[key]));
    const problems: FieldError[] =
      prefix === '' ? [] : [...variableName(prefix, at.child('prefix'))];
    for (const key of named) {
      const name = textAt(source[key], 'name');
      const field = at.child(key, 'name');
      if (name === '') problems.push(fieldRequired(field));
      else {
        // A name may be the beginning of one here.
        const texts = dnsSubdomainProblems(name.endsWith('-') ? `${name.slice(0, -1)}a` : name);
        for (const text of texts) problems.push(fieldInvalid(field, name, text));
      }
    }
    if (named.length === 0) {
      const detail = 'must specify one of: `configMapRef` or `secretRef`';
      problems.push(fieldInvalid(base, '', detail));
    } else if (named.length > 1) {
      problems.push(fieldInvalid(base, '', 'may not have more than one field specified at a time'));
    }
    return problems;
  });
}
