// Field selectors: `metadata.name=x,status.phase!=Running`, with backslash escapes in values.

import { PlatformError } from '@tweendeck/std';

export interface FieldRequirement {
  readonly field: string;
  readonly operator: '=' | '!=';
  readonly value: string;
}

/** Immutable. */
export interface FieldSelector {
  /** All must hold; none: everything matches. */
  readonly requirements: readonly FieldRequirement[];
  /** `fields` holds the selectable fields as text; one that is missing counts as empty. */
  matches(fields: Readonly<Record<string, string>>): boolean;
  /** The text that parses to the same selector. */
  toString(): string;
  /** The value that `field` must have, when one equation fixes it. */
  exact(field: string): string | undefined;
}

/** Parses a field selector. @throws PlatformError FIELD_SELECTOR_INVALID in Kubernetes' words. */
export function parseFieldSelector(text: string): FieldSelector {
  const requirements = splitTerms(text)
    .toSorted()
    .filter((term) => term !== '')
    .map((term) => parseTerm(term, text))
    .filter(({ field, value }) => field !== '' || value !== '');
  return {
    requirements,
    matches: (fields) =>
      requirements.every(
        ({ field, operator, value }) => ((fields[field] ?? '') === value) === (operator === '='),
      ),
    toString: () =>
      requirements
        .map(({ field, operator, value }) => `${field}${operator}${escapeFieldValue(value)}`)
        .join(','),
    exact: (field) =>
      requirements.find((each) => each.field === field && each.operator === '=')?.value,
  };
}

/** Escapes `\`, `,` and `=` for use as a value. */
export function escapeFieldValue(value: string): string {
  return value.replace(/[\\,=]/g, '\\$&');
}

function refuse(message: string): never {
  throw new PlatformError('FIELD_SELECTOR_INVALID', message, {
    hint: 'Write terms such as metadata.name=x or status.phase!=Running, joined by commas.',
  });
}

/** Splits at commas that no backslash precedes. */
function splitTerms(text: string): string[] {
  const terms: string[] = [];
  let start = 0;
  for (let position = 0; position < text.length; position++) {
    if (text[position] === '\\') position++;
    else if (text[position] === ',') {
      terms.push(text.slice(start, position));
      start = position + 1;
    }
  }
  return [...terms, text.slice(start)];
}

function parseTerm(term: string, text: string): FieldRequirement {
  const match = /!=|==?/.exec(term);
  if (!match) return refuse(`invalid selector: '${text}'; can't understand '${term}'`);
  return {
    field: term.slice(0, match.index),
    operator: match[0] === '!=' ? '!=' : '=',
    value: unescapeFieldValue(term.slice(match.index + match[0].length)),
  };
}

function unescapeFieldValue(value: string): string {
  let plain = '';
  const runes = [...value];
  for (let position = 0; position < runes.length; position++) {
    const rune = runes[position] ?? '';
    if (rune === '\\') {
      const next = runes[++position] ?? '';
      if (next !== '\\' && next !== ',' && next !== '=') {
        refuse(`invalid field selector: invalid escape sequence: \\${next}`);
      }
      plain += next;
    } else if (rune === ',' || rune === '=') {
      refuse(`invalid field selector: unescaped character in value: ${rune.codePointAt(0)}`);
    } else plain += rune;
  }
  return plain;
}
