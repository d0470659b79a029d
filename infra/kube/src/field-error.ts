// What is wrong with one field of an object, and the 422 answer made of it; texts and reasons are those of Kubernetes' apimachinery.

import { GoText, goJson, goNumber, goQuote } from './go-format.ts';
import { ApiError, type StatusCause } from './status.ts';

export type FieldErrorType =
  | 'NotFound'
  | 'Required'
  | 'Duplicate'
  | 'Invalid'
  | 'NotSupported'
  | 'Forbidden'
  | 'TooLong'
  | 'TooMany'
  | 'TypeInvalid'
  | 'Internal';

export interface FieldError {
  readonly type: FieldErrorType;
  /** Path such as `spec.containers[0].name`. */
  readonly field: string;
  /** The offending value; absent: the text names none. Required, Forbidden, TooLong and Internal never print it. */
  readonly value?: unknown;
  readonly detail?: string;
}

const titles: Readonly<Record<FieldErrorType, string>> = {
  NotFound: 'Not found',
  Required: 'Required value',
  Duplicate: 'Duplicate value',
  Invalid: 'Invalid value',
  NotSupported: 'Unsupported value',
  Forbidden: 'Forbidden',
  TooLong: 'Too long',
  TooMany: 'Too many',
  TypeInvalid: 'Invalid value',
  Internal: 'Internal error',
};

const silent: ReadonlySet<FieldErrorType> = new Set([
  'Required',
  'Forbidden',
  'TooLong',
  'Internal',
]);

/** Where a field is. Immutable: each step gives a new path; `toString` prints it as Kubernetes does. */
export class FieldPath {
  readonly #text: string;

  constructor(text: string) {
    this.#text = text;
  }

  /** `.name` each, or plain `name` at the root; a name may hold dots. */
  child(...names: readonly string[]): FieldPath {
    let text = this.#text;
    for (const name of names) text = text === '' ? name : `${text}.${name}`;
    return new FieldPath(text);
  }

  /** `[3]`. */
  index(position: number): FieldPath {
    return new FieldPath(`${this.#text}[${position}]`);
  }

  /** `[key]`: an entry of a map, or of a list by its key. */
  key(key: string): FieldPath {
    return new FieldPath(`${this.#text}[${key}]`);
  }

  toString(): string {
    return this.#text;
  }
}

/** Starts a path: `path('spec').child('containers').index(0)`. Without an argument: the root. */
export function path(text = ''): FieldPath {
  return new FieldPath(text);
}

type Field = FieldPath | string;

export function fieldRequired(field: Field, detail = ''): FieldError {
  return make('Required', field, { detail });
}

export function fieldInvalid(field: Field, value: unknown, detail: string): FieldError {
  return make('Invalid', field, { value, detail });
}

/** A value of the wrong JSON type. */
export function fieldTypeInvalid(field: Field, value: unknown, detail: string): FieldError {
  return make('TypeInvalid', field, { value, detail });
}

/** `values` are printed in the given order. */
export function fieldNotSupported(
  field: Field,
  value: unknown,
  values: readonly string[],
): FieldError {
  const detail = values.length > 0 ? `supported values: ${values.map(goQuote).join(', ')}` : '';
  return make('NotSupported', field, { value, detail });
}

export function fieldDuplicate(field: Field, value: unknown): FieldError {
  return make('Duplicate', field, { value });
}

export function fieldNotFound(field: Field, value: unknown): FieldError {
  return make('NotFound', field, { value });
}

export function fieldForbidden(field: Field, detail: string): FieldError {
  return make('Forbidden', field, { detail });
}

/** A negative `bytesMax` stands for a limit that is not told. */
export function fieldTooLong(field: Field, bytesMax: number): FieldError {
  const unit = bytesMax === 1 ? 'byte' : 'bytes';
  const detail = bytesMax < 0 ? 'value is too long' : `may not be more than ${bytesMax} ${unit}`;
  return make('TooLong', field, { detail });
}

export function fieldTooMany(
  field: Field,
  { items, itemsMax }: { readonly items: number; readonly itemsMax: number },
): FieldError {
  const unit = itemsMax === 1 ? 'item' : 'items';
  return make('TooMany', field, { value: items, detail: `must have at most ${itemsMax} ${unit}` });
}

export function fieldInternal(field: Field, detail: string): FieldError {
  return make('Internal', field, { detail });
}

function make(
  type: FieldErrorType,
  field: Field,
  { value, detail }: { readonly value?: unknown; readonly detail?: string },
): FieldError {
  return {
    type,
    field: String(field),
    ...(value === undefined ? {} : { value }),
    ...(detail ? { detail } : {}),
  };
}

/** The text without the field: `Invalid value: -1: must be greater than or equal to 0`. */
export function fieldErrorBody(error: FieldError): string {
  const title = titles[error.type];
  const said =
    error.value === undefined || silent.has(error.type)
      ? title
      : `${title}: ${printed(error.value)}`;
  return error.detail ? `${said}: ${error.detail}` : said;
}

/** The whole text: `spec.storage: Invalid value: -1: must be greater than or equal to 0`. */
export function fieldErrorText(error: FieldError): string {
  return `${error.field === '' ? '<nil>' : error.field}: ${fieldErrorBody(error)}`;
}

function printed(value: unknown): string {
  if (value instanceof GoText) return value.text;
  if (typeof value === 'string') return goQuote(value);
  if (typeof value === 'number' || typeof value === 'bigint') return goNumber(value);
  return goJson(value);
}

/** Reason and message of `status.details.causes`. */
export function fieldErrorCause(error: FieldError): StatusCause {
  return {
    reason: error.type === 'Internal' ? 'InternalError' : `FieldValue${error.type}`,
    message: fieldErrorBody(error),
    field: error.field === '' ? '<nil>' : error.field,
  };
}

/** One text plain, several distinct ones as `[a, b]`: how Kubernetes prints a list of errors. Empty for none. */
export function joinErrorTexts(texts: readonly string[]): string {
  const distinct = [...new Set(texts)];
  return distinct.length > 1 ? `[${distinct.join(', ')}]` : (distinct[0] ?? '');
}

/** 422 `Invalid`, as apimachinery's `NewInvalid` words it. `name` may be empty. */
export function invalidError(
  { group, kind }: { readonly group: string; readonly kind: string },
  name: string,
  errors: readonly FieldError[],
): ApiError {
  const qualified = group === '' ? kind : `${kind}.${group}`;
  const texts = joinErrorTexts(errors.map(fieldErrorText));
  const message = `${qualified} ${goQuote(name)} is invalid${texts === '' ? '' : `: ${texts}`}`;
  return new ApiError(422, 'Invalid', message, {
    ...(name === '' ? {} : { name }),
    ...(group === '' ? {} : { group }),
    ...(kind === '' ? {} : { kind }),
    ...(errors.length === 0 ? {} : { causes: errors.map(fieldErrorCause) }),
  });
}
