// What a JSON value is, in the words of schemas.

export type JsonKind = 'null' | 'boolean' | 'integer' | 'number' | 'string' | 'array' | 'object';

/** `integer` for whole numbers within int64 (a bigint too), `number` for the others. */
export function jsonKind(value: unknown): JsonKind {
  if (typeof value === 'string') return 'string';
  if (typeof value === 'boolean') return 'boolean';
  if (typeof value === 'bigint') return 'integer';
  if (typeof value === 'number') {
    return Number.isInteger(value) && Math.abs(value) <= 2 ** 63 ? 'integer' : 'number';
  }
  if (value === null || value === undefined) return 'null';
  return Array.isArray(value) ? 'array' : 'object';
}
