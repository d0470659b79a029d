// Config maps and secrets: keys, sizes, immutability, and what `stringData` stands for.

import {
  configKeyProblems,
  type FieldError,
  fieldForbidden,
  fieldInvalid,
  fieldRequired,
  goJsonError,
  path,
} from '@tweendeck/kube';
import { isJsonObject, jsonEqual } from '@tweendeck/std';
import { type Draft, type Fields, objectAt, objectIn, textAt } from '../draft.ts';
import { badRequest } from '../failures.ts';
import { configMapColumns, secretColumns } from '../table/common-columns.ts';
import type { KindRules } from './kind-rules.ts';

const dataBytesMax = 1024 * 1024;
const base64 = /^(?:[A-Za-z0-9+/]{4})*(?:[A-Za-z0-9+/]{2}==|[A-Za-z0-9+/]{3}=)?$/;

export const configMapRules: KindRules = {
  columns: configMapColumns,
  strategy: {
    defaults(draft) {
      refuseBadBase64(draft, 'binaryData');
    },
    validate: (draft, previous) => [
      ...keyProblems(draft, 'data'),
      ...keyProblems(draft, 'binaryData'),
      ...twiceProblems(draft),
      ...sizeProblems(draft, '[]'),
      ...frozenProblems(draft, previous),
    ],
  },
};

export const secretRules: KindRules = {
  columns: secretColumns,
  selectable: ['type'],
  strategy: {
    defaults: defaultSecret,
    validate: (draft, previous) => [
      ...keyProblems(draft, 'data'),
      ...sizeProblems(draft, 'data'),
      ...neededKeyProblems(draft),
      ...typeProblems(draft, previous),
      ...frozenProblems(draft, previous),
    ],
  },
};

function defaultSecret(draft: Draft): void {
  if (!draft['type']) draft['type'] = 'Opaque';
  const texts = draft['stringData'];
  if (isJsonObject(texts)) {
    const data = objectIn(draft, 'data');
    for (const [key, text] of Object.entries(texts)) {
      data[key] = Buffer.from(String(text ?? '')).toString('base64');
    }
  }
  delete draft['stringData'];
  refuseBadBase64(draft, 'data');
}

/** Values of bytes are base64; anything else cannot be decoded, as upstream says. */
function refuseBadBase64(draft: Draft, key: string): void {
  const data = objectAt(draft, key);
  for (const [name, value] of Object.entries(data)) {
    if (value === null) data[name] = '';
    else if (typeof value !== 'string' || !base64.test(value.replace(/[\r\n]/g, ''))) {
      const at = firstBadByte(String(value));
      throw badRequest(
        `${draft.kind} in version "v1" cannot be handled as a ${draft.kind}: illegal base64 data at input byte ${at}`,
      );
    }
  }
}

/** Where Go stops reading base64: at a foreign byte, or where the last group of four begins that is not whole. */
function firstBadByte(text: string): number {
  const foreign = text.search(/[^A-Za-z0-9+/=\r\n]/);
  if (foreign >= 0) return foreign;
  const padding = text.indexOf('=');
  const plain = padding < 0 ? text.length : padding;
  return padding < 0 ? plain - (plain % 4) : padding;
}

function keyProblems(draft: Draft, key: string): readonly FieldError[] {
  return Object.keys(objectAt(draft, key)).flatMap((name) =>
    configKeyProblems(name).map((text) => fieldInvalid(path(key).key(name), name, text)),
  );
}

function twiceProblems(draft: Draft): readonly FieldError[] {
  const binary = objectAt(draft, 'binaryData');
  return Object.keys(objectAt(draft, 'data'))
    .filter((name) => Object.hasOwn(binary, name))
    .map((name) =>
      fieldInvalid(path('data').key(name), name, 'duplicate of key present in binaryData'),
    );
}

function sizeProblems(draft: Draft, field: string): readonly FieldError[] {
  const plain = draft.kind === 'Secret' ? [] : Object.values(objectAt(draft, 'data'));
  const encoded = Object.values(objectAt(draft, draft.kind === 'Secret' ? 'data' : 'binaryData'));
  let bytes = 0;
  for (const value of plain) bytes += Buffer.byteLength(String(value));
  for (const value of encoded) bytes += Math.floor((String(value).length * 3) / 4);
  if (bytes <= dataBytesMax) return [];
  return [{ type: 'TooLong', field, detail: `may not be more than ${dataBytesMax} bytes` }];
}

function frozenProblems(draft: Draft, previous: Draft | undefined): readonly FieldError[] {
  if (previous?.['immutable'] !== true) return [];
  const problems: FieldError[] = [];
  const detail = 'field is immutable when `immutable` is set';
  if (draft['immutable'] !== true) problems.push(fieldForbidden(path('immutable'), detail));
  for (const key of ['data', 'binaryData']) {
    if (!jsonEqual(draft[key], previous[key])) problems.push(fieldForbidden(path(key), detail));
  }
  return problems;
}

function typeProblems(draft: Draft, previous: Draft | undefined): readonly FieldError[] {
  if (!previous || draft['type'] === previous['type']) return [];
  return [fieldInvalid(path('type'), draft['type'], 'field is immutable')];
}

const neededKeys: ReadonlyMap<string, readonly string[]> = new Map([
  ['kubernetes.io/dockercfg', ['.dockercfg']],
  ['kubernetes.io/dockerconfigjson', ['.dockerconfigjson']],
  ['kubernetes.io/ssh-auth', ['ssh-privatekey']],
  ['kubernetes.io/tls', ['tls.crt', 'tls.key']],
  ['kubernetes.io/basic-auth', ['username', 'password']],
]);

function neededKeyProblems(draft: Draft): readonly FieldError[] {
  if (textAt(draft, 'type') === 'kubernetes.io/service-account-token') {
    const name = 'kubernetes.io/service-account.name';
    if (draft.metadata.annotations?.[name]) return [];
    return [fieldRequired(path('metadata').child('annotations').key(name))];
  }
  const data = objectAt(draft, 'data');
  const type = textAt(draft, 'type');
  const needed = neededKeys.get(type) ?? [];
  const isThere = (key: string): boolean =>
    type === 'kubernetes.io/ssh-auth' ? Boolean(data[key]) : Object.hasOwn(data, key);
  // One of the two is enough.
  if (type === 'kubernetes.io/basic-auth' && needed.some(isThere)) return [];
  const missing = needed.filter((key) => !isThere(key));
  if (missing.length > 0) return missing.map((key) => fieldRequired(path('data').key(key)));
  return type.startsWith('kubernetes.io/dockerc') ? registryProblems(data, needed) : [];
}

function registryProblems(data: Fields, keys: readonly string[]): readonly FieldError[] {
  return keys.flatMap((key) => {
    const text = Buffer.from(String(data[key]), 'base64').toString();
    const at = path('data').key(key);
    const refuse = (why: string): readonly FieldError[] => [
      fieldInvalid(at, '<secret contents redacted>', why),
    ];
    const problem = goJsonError(Buffer.from(text));
    if (problem !== undefined) return refuse(problem);
    const value: unknown = JSON.parse(text);
    if (value === null || isJsonObject(value)) return [];
    return refuse('json: cannot unmarshal into Go value of type map[string]interface {}');
  });
}
