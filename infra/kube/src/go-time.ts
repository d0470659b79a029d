// Why a text is none of the times that Kubernetes' types are written as, in the words of Go's time package.

/** `2006-01-02T15:04:05Z07:00`, with a fraction or without; or with six digits of a second, which must all be there. */
export type TimePrecision = 'seconds' | 'microseconds';

interface Part {
  readonly form: RegExp;
  /** As Go's layouts name it. */
  readonly name: string;
  /** What is out of range, for a value that is. */
  readonly outOfRange?: (found: string) => string | undefined;
}

const literal = (name: string): Part => ({ form: new RegExp(`^${name}`), name });
const above =
  (what: string, highest: number, lowest = 0) =>
  (found: string): string | undefined =>
    Number(found) > highest || Number(found) < lowest ? what : undefined;

/** Up to the second; hours alone may have one digit. */
const upToSecond: readonly Part[] = [
  { form: /^\d{4}/, name: '2006' },
  literal('-'),
  { form: /^\d\d/, name: '01', outOfRange: above('month', 12, 1) },
  literal('-'),
  { form: /^\d\d/, name: '02' },
  literal('T'),
  { form: /^\d\d?/, name: '15', outOfRange: above('hour', 23) },
  literal(':'),
  { form: /^\d\d/, name: '04', outOfRange: above('minute', 59) },
  literal(':'),
  { form: /^\d\d/, name: '05', outOfRange: above('second', 59) },
];

const offset: Part = {
  form: /^(?:Z|[+-]\d\d:\d\d)/,
  name: 'Z07:00',
  // Go lets through what is just too much.
  outOfRange: (found) =>
    above('time zone offset hour', 24)(found.slice(1, 3) || '0') ??
    above('time zone offset minute', 60)(found.slice(4) || '0'),
};

const layouts: Readonly<
  Record<TimePrecision, { readonly text: string; readonly parts: readonly Part[] }>
> = {
  seconds: {
    text: '2006-01-02T15:04:05Z07:00',
    parts: [...upToSecond, { form: /^(?:[.,]\d+)?/, name: '' }, offset],
  },
  microseconds: {
    text: '2006-01-02T15:04:05.000000Z07:00',
    parts: [...upToSecond, { form: /^[.,]\d{6}/, name: '.000000' }, offset],
  },
};

/** `parsing time "x" as ...: cannot parse ...`; undefined for a time. */
export function goTimeProblem(text: string, precision: TimePrecision): string | undefined {
  const layout = layouts[precision];
  const start = `parsing time ${quoted(text)}`;
  let rest = text;
  for (const { form, name, outOfRange } of layout.parts) {
    const found = form.exec(rest)?.[0];
    if (found === undefined) {
      return `${start} as ${quoted(layout.text)}: cannot parse ${quoted(rest)} as ${quoted(name)}`;
    }
    const what = outOfRange?.(found);
    if (what !== undefined) return `${start}: ${what} out of range`;
    rest = rest.slice(found.length);
  }
  if (rest !== '') return `${start}: extra text: ${quoted(rest)}`;
  return hasSuchDay(text) ? undefined : `${start}: day out of range`;
}

function hasSuchDay(text: string): boolean {
  const [year = 0, month = 1, day = 1] = text.slice(0, 10).split('-').map(Number);
  const date = new Date(0);
  date.setUTCFullYear(year, month - 1, day);
  return date.getUTCDate() === day;
}

const whole = /^(\d{4}-\d\d-\d\dT)(\d\d?)(:\d\d:\d\d)(?:[.,](\d+))?(Z|[+-]\d\d:\d\d)$/;

/** Such a time: milliseconds since 1970 up to its second, and the digits behind that; undefined for other texts. */
export function readGoTime(
  text: string,
): { readonly secondMs: number; readonly fraction: string } | undefined {
  const [, date = '', hour = '', rest = '', fraction = '', zone = ''] = whole.exec(text) ?? [];
  const localMs = Date.parse(`${date}${hour.padStart(2, '0')}${rest}Z`);
  if (Number.isNaN(localMs)) return undefined;
  if (zone === 'Z') return { secondMs: localMs, fraction };
  const minutes = Number(zone.slice(1, 3)) * 60 + Number(zone.slice(4));
  const aheadMs = minutes * 60_000 * (zone.startsWith('-') ? -1 : 1);
  return { secondMs: localMs - aheadMs, fraction };
}

/** In quotes; what is no ASCII by its bytes, which strconv's quotes keep. */
function quoted(text: string): string {
  const inner = [...Buffer.from(text)].map((byte) => {
    const character = String.fromCharCode(byte);
    if (character === '"' || character === '\\') return `\\${character}`;
    return byte < 0x20 || byte >= 0x80 ? `\\x${byte.toString(16).padStart(2, '0')}` : character;
  });
  return `"${inner.join('')}"`;
}
