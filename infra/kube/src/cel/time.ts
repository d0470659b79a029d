// Timestamps and durations: reading them, telling them, and their parts.

import { Duration, Timestamp } from './value.ts';

const second = 1_000_000_000n;
const units: Readonly<Record<string, bigint>> = {
  ns: 1n,
  us: 1_000n,
  µs: 1_000n,
  μs: 1_000n,
  ms: 1_000_000n,
  s: second,
  m: 60n * second,
  h: 3_600n * second,
};
const durationMax = 2n ** 63n - 1n;

/** Go's spelling of durations: `1h30m`, `-1.5s`; undefined for anything else. */
export function parseDuration(text: string): Duration | undefined {
  const match = /^([-+]?)(.*)$/s.exec(text);
  const body = match?.[2] ?? '';
  if (body === '0') return new Duration(0n);
  if (!/^(?:(?:\d+\.?\d*|\.\d+)(?:ns|us|µs|μs|ms|s|m|h))+$/.test(body)) return undefined;
  let nanos = 0n;
  for (const [, whole = '', fraction = '', unit = ''] of body.matchAll(
    /(\d*)(?:\.(\d*))?([a-zµμ]+)/g,
  )) {
    const size = units[unit] ?? 0n;
    nanos += BigInt(whole || '0') * size;
    if (fraction !== '') nanos += (BigInt(fraction) * size) / 10n ** BigInt(fraction.length);
  }
  if (nanos > durationMax) return undefined;
  return new Duration(match?.[1] === '-' ? -nanos : nanos);
}

/** Seconds, with as many decimals as it takes: `5400s`. A sum of two doubles, as Go makes it. */
export function durationText({ nanos }: Duration): string {
  const size = nanos < 0n ? -nanos : nanos;
  const seconds = size / second;
  const fraction = size % second;
  const digits = String(fraction).padStart(9, '0').replace(/0+$/, '');
  const text =
    seconds === 0n && digits !== ''
      ? `0.${digits}`
      : String(Number(seconds) + Number(fraction) / 1e9);
  return `${nanos < 0n ? '-' : ''}${text}s`;
}

const timestampMin = -62_135_596_800n * second;
const timestampMax = 253_402_300_799n * second + 999_999_999n;

export function isTimestamp(nanos: bigint): boolean {
  return nanos >= timestampMin && nanos <= timestampMax;
}

const rfc3339 =
  /^(\d{4})-(\d\d)-(\d\d)T(\d{1,2}):(\d\d):(\d\d)(?:[.,](\d+))?(?:Z|([+-])(\d\d):(\d\d))$/;

/** RFC 3339; undefined for anything else. */
export function parseTimestamp(text: string): Timestamp | undefined {
  const match = rfc3339.exec(text);
  if (!match) return undefined;
  const [, year, month, day, hour, minute, seconds, fraction = '', sign, zoneHour, zoneMinute] =
    match;
  const date = new Date(0);
  date.setUTCFullYear(Number(year), Number(month) - 1, Number(day));
  if (date.getUTCMonth() !== Number(month) - 1 || date.getUTCDate() !== Number(day))
    return undefined;
  if (Number(hour) > 23 || Number(minute) > 59 || Number(seconds) > 59) return undefined;
  if (Number(zoneHour ?? 0) > 24 || Number(zoneMinute ?? 0) > 60) return undefined;
  const offset = (Number(zoneHour ?? 0) * 60 + Number(zoneMinute ?? 0)) * (sign === '-' ? -1 : 1);
  const whole = BigInt(
    date.getTime() / 1_000 +
      Number(hour) * 3_600 +
      (Number(minute) - offset) * 60 +
      Number(seconds),
  );
  const nanos = whole * second + BigInt(fraction.slice(0, 9).padEnd(9, '0'));
  return isTimestamp(nanos) ? new Timestamp(nanos, offset) : undefined;
}

/** A date alone, at its first moment. */
export function parseDate(text: string): Timestamp | undefined {
  return parseTimestamp(`${text}T00:00:00Z`);
}

export function timestampText({ nanos, offsetMinutes }: Timestamp): string {
  const fraction = ((nanos % second) + second) % second;
  const shown = Number((nanos - fraction) / 1_000_000n) + offsetMinutes * 60_000;
  const text = new Date(shown).toISOString().slice(0, 19);
  const decimals = String(fraction).padStart(9, '0').replace(/0+$/, '');
  return `${text}${decimals === '' ? '' : `.${decimals}`}${zoneText(offsetMinutes)}`;
}

function zoneText(offsetMinutes: number): string {
  if (offsetMinutes === 0) return 'Z';
  const size = Math.abs(offsetMinutes);
  const two = (part: number): string => String(Math.trunc(part)).padStart(2, '0');
  return `${offsetMinutes < 0 ? '-' : '+'}${two(size / 60)}:${two(size % 60)}`;
}

/** The moment as a clock in a time zone shows it: a Date whose UTC parts are the clock's. Undefined for an unknown zone. */
export function clockAt({ nanos }: Timestamp, zone: string): Date | undefined {
  const fraction = ((nanos % 1_000_000n) + 1_000_000n) % 1_000_000n;
  const date = new Date(Number((nanos - fraction) / 1_000_000n));
  if (zone === 'UTC' || zone === '') return date;
  const offset = /^([+-]?)(\d\d):(\d\d)$/.exec(zone);
  if (offset) {
    const minutes = Number(offset[2]) * 60 + Number(offset[3]);
    return new Date(date.getTime() + (offset[1] === '-' ? -minutes : minutes) * 60_000);
  }
  try {
    const parts = new Intl.DateTimeFormat('en-US', {
      timeZone: zone,
      hourCycle: 'h23',
      year: 'numeric',
      month: 'numeric',
      day: 'numeric',
      hour: 'numeric',
      minute: 'numeric',
      second: 'numeric',
    }).formatToParts(date);
    const part = (type: string): number => Number(parts.find((each) => each.type === type)?.value);
    return new Date(
      Date.UTC(
        part('year'),
        part('month') - 1,
        part('day'),
        part('hour'),
        part('minute'),
        part('second'),
        date.getUTCMilliseconds(),
      ),
    );
  } catch {
    return undefined;
  }
}
