// The options of writes, from the query: dry run, field manager, field validation.

import {
  type FieldError,
  fieldForbidden,
  fieldInvalid,
  fieldNotSupported,
  fieldRequired,
  invalidError,
} from '@tweendeck/kube';
import { isTrue } from './request.ts';

export interface WriteOptions {
  readonly dryRun: boolean;
  /** Never empty. */
  readonly fieldManager: string;
  readonly fieldValidation: 'Strict' | 'Warn' | 'Ignore';
  readonly force: boolean;
}

const managerLengthMax = 128;

/** Reads the query. The manager is that named, or the start of the user agent. @throws ApiError Invalid. */
export function writeOptionsOf(
  query: URLSearchParams,
  { kind, userAgent }: { readonly kind: string; readonly userAgent: string | undefined },
): WriteOptions {
  const manager = query.get('fieldManager') ?? '';
  const validation = query.get('fieldValidation') ?? '';
  const apply = kind === 'PatchOptions/apply';
  const problems = [
    ...dryRunProblems(query.getAll('dryRun')),
    ...managerProblems(manager, apply),
    ...(query.has('force') && kind === 'PatchOptions'
      ? [fieldForbidden('force', 'may not be specified for non-apply patch')]
      : []),
    ...(validation === '' || isValidation(validation)
      ? []
      : [fieldNotSupported('fieldValidation', validation, ['', 'Ignore', 'Strict', 'Warn'])]),
  ];
  if (problems.length > 0) {
    const name = apply ? 'PatchOptions' : kind;
    throw invalidError({ group: 'meta.k8s.io', kind: name }, '', problems);
  }
  return {
    dryRun: query.getAll('dryRun').some((value) => value !== ''),
    fieldManager: manager || agentName(userAgent),
    fieldValidation: isValidation(validation) ? validation : 'Warn',
    force: isTrue(query.get('force')),
  };
}

function isValidation(text: string): text is WriteOptions['fieldValidation'] {
  return text === 'Strict' || text === 'Warn' || text === 'Ignore';
}

/** Problems of a `dryRun` list; only `All` is known. */
export function dryRunProblems(values: readonly string[]): readonly FieldError[] {
  return values.some((value) => value !== '' && value !== 'All')
    ? [fieldNotSupported('dryRun', values, ['All'])]
    : [];
}

function managerProblems(manager: string, required: boolean): readonly FieldError[] {
  if (manager === '') {
    return required ? [fieldRequired('fieldManager', 'is required for apply patch')] : [];
  }
  if (Buffer.byteLength(manager) > managerLengthMax) {
    return [
      {
        type: 'TooLong',
        field: 'fieldManager',
        detail: `may not be more than ${managerLengthMax} bytes`,
      },
    ];
  }
  const problems: FieldError[] = [];
  let position = 0; // in bytes, as Go counts
  for (const character of manager) {
    if (unprintable.test(character)) {
      const code = (character.codePointAt(0) ?? 0).toString(16).toUpperCase().padStart(4, '0');
      const detail = `invalid character U+${code} (at position ${position})`;
      problems.push(fieldInvalid('fieldManager', manager, detail));
    }
    position += Buffer.byteLength(character);
  }
  return problems;
}

/** What Go's unicode.IsPrint refuses: of spaces there is but one. */
const unprintable = /[^\p{L}\p{M}\p{N}\p{P}\p{S} ]/u;

function agentName(userAgent: string | undefined): string {
  const name = (userAgent ?? '').split('/')[0]?.slice(0, managerLengthMax) ?? '';
  return name === '' ? 'unknown' : name;
}
