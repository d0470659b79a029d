// Prints any JSON value the way Go's `%v` does.

import { goList, goNumber } from './go-format.ts';

/** Prints what JSON may hold as Go's `%v` does: `map[a:1 b:[x y]]`, `<nil>`. */
export function goPlain(value: unknown): string {
  if (value === null || value === undefined) return '<nil>';
  if (typeof value === 'number' || typeof value === 'bigint') return goNumber(value);
  if (Array.isArray(value)) return goList(value.map(goPlain));
  if (typeof value !== 'object') return String(value);
  const fields = Object.entries(value).sort(([left], [right]) => (left < right ? -1 : 1));
  return `map[${fields.map(([name, field]) => `${name}:${goPlain(field)}`).join(' ')}]`;
}
