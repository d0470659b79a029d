// Prints values the way a Kubernetes API server, written in Go, prints them: its messages are compared byte for byte.

const named: Readonly<Record<string, string>> = {
  '"': '\\"',
  '\\': '\\\\',
  '\u0007': '\\a',
  '\b': '\\b',
  '\f': '\\f',
  '\n': '\\n',
  '\r': '\\r',
  '\t': '\\t',
  '\v': '\\v',
};

const unprintable = /["\\]|[^\p{L}\p{M}\p{N}\p{P}\p{S} ]/gu;

/** Quotes as Go's `%q`: escapes what is not printable. */
export function goQuote(text: string): string {
  return `"${text.replace(unprintable, escapeRune)}"`;
}

function escapeRune(rune: string): string {
  const name = named[rune];
  if (name !== undefined) return name;
  const code = rune.codePointAt(0) ?? 0;
  const hex = code.toString(16);
  if (code < 0x80) return `\\x${hex.padStart(2, '0')}`;
  return code < 0x1_0000 ? `\\u${hex.padStart(4, '0')}` : `\\U${hex.padStart(8, '0')}`;
}

/** Prints a list of texts as Go's `%v` does: `[a b]`. */
export function goList(texts: readonly string[]): string {
  return `[${texts.join(' ')}]`;
}

/** Prints a list of texts as Go's `%q` does: `["a" "b"]`. */
export function goQuotedList(texts: readonly string[]): string {
  return goList(texts.map(goQuote));
}

/** Prints as Go's `%v` does a number: the shortest form, with an exponent below 1e-4 and from 1e21. */
export function goNumber(value: number | bigint): string {
  if (typeof value === 'bigint' || value === 0) return String(value);
  if (!Number.isFinite(value)) return Number.isNaN(value) ? 'NaN' : value > 0 ? '+Inf' : '-Inf';
  const size = Math.abs(value);
  if (size >= 1e-4 && size < 1e21) return String(value);
  return value.toExponential().replace(/e([+-])(\d)$/, 'e$10$2');
}

/** Encodes as Go's `json.Marshal` does: keys in order, `<`, `>` and `&` escaped. A bigint is a plain number. */
export function goJson(value: unknown): string {
  return encode(value).replace(
    /[<>&\u2028\u2029]/g,
    (char) => `\\u${char.charCodeAt(0).toString(16).padStart(4, '0')}`,
  );
}

/** A Go structure: {@link goJson} keeps its fields in their order, where it sorts the keys of plain objects as of maps. */
class GoStruct {
  readonly fields: readonly (readonly [name: string, value: unknown])[];

  constructor(fields: GoStruct['fields']) {
    this.fields = fields;
  }
}

/** Fields in the order in which Go prints them; those that are undefined are left out. */
export function goStruct(fields: readonly (readonly [name: string, value: unknown])[]): unknown {
  return new GoStruct(fields);
}

/** A label selector as Go prints it: labels before expressions. */
export function goSelector(selector: object): unknown {
  const { matchLabels, matchExpressions } = selector as Readonly<Record<string, unknown>>; // read, not trusted
  return goStruct([
    ['matchLabels', matchLabels],
    ['matchExpressions', matchExpressions],
  ]);
}

function encode(value: unknown): string {
  if (value instanceof GoStruct) {
    const fields = value.fields.filter(([, field]) => field !== undefined);
    return `{${fields.map(([name, field]) => `${JSON.stringify(name)}:${encode(field)}`).join(',')}}`;
  }
  if (typeof value === 'bigint') return String(value);
  if (Array.isArray(value)) return `[${value.map(encode).join(',')}]`;
  if (typeof value !== 'object' || value === null) return JSON.stringify(value) ?? 'null';
  const fields = Object.entries(value)
    .filter(([, field]) => field !== undefined)
    .sort(([left], [right]) => (left < right ? -1 : 1))
    .map(([key, field]) => `${JSON.stringify(key)}:${encode(field)}`);
  return `{${fields.join(',')}}`;
}

/** A value that is printed as it says: Go prints the fields of structs in their own order. */
export class GoText {
  readonly text: string;

  private constructor(text: string) {
    this.text = text;
  }

  static ofFields(fields: Readonly<Record<string, unknown>>): GoText {
    const parts = Object.entries(fields).map(([name, value]) => `"${name}":${goJson(value)}`);
    return new GoText(`{${parts.join(',')}}`);
  }
}
