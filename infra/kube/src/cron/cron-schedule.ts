// Cron schedules of five fields and their `@` words, as Kubernetes reads them. Rules and texts: robfig/cron v3, ParseStandard.

import { goQuote } from '../go-format.ts';
import { parseGoDuration } from './go-duration.ts';
import { isTimeZone, LocalTime } from './local-time.ts';

export interface CronSchedule {
  /** The first time after `afterMs`, in wall milliseconds; undefined when there is none within five years. */
  next(afterMs: number): number | undefined;
}

export type CronParsed =
  | { readonly ok: true; readonly schedule: CronSchedule }
  | { readonly ok: false; readonly problem: string };

class CronProblem extends Error {}

interface Bounds {
  readonly least: number;
  readonly most: number;
  readonly names?: readonly string[];
}

const minutes: Bounds = { least: 0, most: 59 };
const hours: Bounds = { least: 0, most: 23 };
const days: Bounds = { least: 1, most: 31 };
const months: Bounds = {
  least: 1,
  most: 12,
  names: ['', ...'jan feb mar apr may jun jul aug sep oct nov dec'.split(' ')],
};
const weekdays: Bounds = { least: 0, most: 6, names: 'sun mon tue wed thu fri sat'.split(' ') };

/** Which values of a field fit; `any` when it was a star: then it does not narrow the other field of days. */
interface Field {
  readonly values: ReadonlySet<number>;
  readonly any: boolean;
}

const words: Readonly<Record<string, string>> = {
  '@yearly': '0 0 1 1 *',
  '@annually': '0 0 1 1 *',
  '@monthly': '0 0 1 * *',
  '@weekly': '0 0 * * 0',
  '@daily': '0 0 * * *',
  '@midnight': '0 0 * * *',
  '@hourly': '0 * * * *',
};

/** Reads a schedule. Times are local to `timeZone` (an IANA name, UTC unless given) or to a `TZ=` before the schedule. */
export function parseCronSchedule(text: string, timeZone = 'UTC'): CronParsed {
  try {
    return { ok: true, schedule: parse(text, timeZone) };
  } catch (error) {
    if (error instanceof CronProblem) return { ok: false, problem: error.message };
    throw error;
  }
}

function parse(text: string, timeZone: string): CronSchedule {
  if (text === '') throw new CronProblem('empty spec string');
  const zoned = /^(?:CRON_)?TZ=([^ ]*) (.*)$/s.exec(text);
  if (zoned) {
    const zone = zoned[1] ?? '';
    if (zone !== '' && !isTimeZone(zone)) {
      throw new CronProblem(`provided bad location ${zone}: unknown time zone ${zone}`);
    }
    return parse((zoned[2] ?? '').trim(), zone || 'UTC');
  }
  if (text.startsWith('@')) return parseWord(text, timeZone);
  const parts = text.trim().split(/\s+/).filter(Boolean);
  if (parts.length !== 5) {
    const found = `found ${parts.length}: [${parts.join(' ')}]`;
    throw new CronProblem(`expected exactly 5 fields, ${found}`);
  }
  const bounds = [minutes, hours, days, months, weekdays] as const; // one for each field
  const [minute, hour, day, month, weekday] = bounds.map((each, at) =>
    parseField(parts[at] ?? '', each),
  ) as [Field, Field, Field, Field, Field]; // five bounds give five fields
  return new FieldSchedule({ minute, hour, day, month, weekday }, new LocalTime(timeZone));
}

const every = '@every ';

function parseWord(text: string, timeZone: string): CronSchedule {
  const meaning = words[text];
  if (meaning !== undefined) return parse(meaning, timeZone);
  if (!text.startsWith(every)) throw new CronProblem(`unrecognized descriptor: ${text}`);
  const duration = parseGoDuration(text.slice(every.length));
  if (!duration.ok) {
    throw new CronProblem(`failed to parse duration ${text}: ${duration.problem}`);
  }
  const delayMs = Math.max(1_000, Math.floor(duration.milliseconds / 1_000) * 1_000);
  return { next: (afterMs) => Math.floor(afterMs / 1_000) * 1_000 + delayMs };
}

function parseField(text: string, bounds: Bounds): Field {
  const values = new Set<number>();
  let any = false;
  for (const part of text.split(',').filter(Boolean)) {
    const range = parseRange(part, bounds);
    for (let value = range.first; value <= range.last; value += range.step) values.add(value);
    any ||= range.any;
  }
  return { values, any };
}

interface Range {
  readonly first: number;
  readonly last: number;
  readonly step: number;
  readonly any: boolean;
}

function parseRange(text: string, bounds: Bounds): Range {
  const [span = '', stepText, ...moreSteps] = text.split('/');
  const [from = '', to, ...moreEnds] = span.split('-');
  const star = from === '*' || from === '?';
  let first = bounds.least;
  let last = bounds.most;
  if (!star) {
    first = parseValue(from, bounds);
    if (moreEnds.length > 0) throw new CronProblem(`too many hyphens: ${text}`);
    last = to === undefined ? first : parseValue(to, bounds);
  }
  if (moreSteps.length > 0) throw new CronProblem(`too many slashes: ${text}`);
  const step = stepText === undefined ? 1 : parseNumber(stepText);
  if (stepText !== undefined && to === undefined) last = bounds.most;
  refuseOutside({ first, last, step }, bounds, text);
  return { first, last, step, any: star && step === 1 };
}

function refuseOutside(
  { first, last, step }: Pick<Range, 'first' | 'last' | 'step'>,
  { least, most }: Bounds,
  text: string,
): void {
  if (first < least) {
    throw new CronProblem(`beginning of range (${first}) below minimum (${least}): ${text}`);
  }
  if (last > most) throw new CronProblem(`end of range (${last}) above maximum (${most}): ${text}`);
  if (first > last) {
    throw new CronProblem(`beginning of range (${first}) beyond end of range (${last}): ${text}`);
  }
  if (step === 0) throw new CronProblem(`step of range should be a positive number: ${text}`);
}

function parseValue(text: string, { names = [] }: Bounds): number {
  const named = names.indexOf(text.toLowerCase());
  return text !== '' && named >= 0 ? named : parseNumber(text);
}

function parseNumber(text: string): number {
  if (!/^[+-]?[0-9]+$/.test(text)) {
    const why = `strconv.Atoi: parsing ${goQuote(text)}: invalid syntax`;
    throw new CronProblem(`failed to parse int from ${text}: ${why}`);
  }
  if (BigInt(text.replace(/^\+/, '')) > 2n ** 63n - 1n) {
    const why = `strconv.Atoi: parsing ${goQuote(text)}: value out of range`;
    throw new CronProblem(`failed to parse int from ${text}: ${why}`);
  }
  const value = Number(text);
  if (value < 0) throw new CronProblem(`negative number (${value}) not allowed: ${text}`);
  return value;
}

interface Fields {
  readonly minute: Field;
  readonly hour: Field;
  readonly day: Field;
  readonly month: Field;
  readonly weekday: Field;
}

const yearsMax = 5;

class FieldSchedule implements CronSchedule {
  readonly #fields: Fields;
  readonly #zone: LocalTime;

  constructor(fields: Fields, zone: LocalTime) {
    this.#fields = fields;
    this.#zone = zone;
  }

  next(afterMs: number): number | undefined {
    const { minute, hour, day, month, weekday } = this.#fields;
    const zone = this.#zone;
    // The schedule knows minutes only, so the search starts at the next whole one.
    let atMs = Math.floor(afterMs / 60_000) * 60_000 + 60_000;
    const yearLimit = zone.parts(atMs).year + yearsMax;
    for (;;) {
      const local = zone.parts(atMs);
      if (local.year > yearLimit) return undefined;
      if (!month.values.has(local.month)) {
        atMs = zone.instant({ ...local, month: local.month + 1, day: 1, hour: 0, minute: 0 });
        continue;
      }
      if (!dayFits(local, day, weekday)) {
        atMs = nextDay(zone, atMs, local);
        continue;
      }
      if (!hour.values.has(local.hour)) {
        atMs += (60 - local.minute) * 60_000;
        continue;
      }
      if (minute.values.has(local.minute)) return atMs;
      atMs += 60_000;
    }
  }
}

type Local = ReturnType<LocalTime['parts']>;

/** When both fields of days are given, either may fit; when one is a star, the other decides. */
function dayFits(local: Local, day: Field, weekday: Field): boolean {
  const byDay = day.values.has(local.day);
  const byWeekday = weekday.values.has(local.weekday);
  return day.any || weekday.any ? byDay && byWeekday : byDay || byWeekday;
}

/** The first minute of the day after; where clocks skip midnight, the first that there is. */
function nextDay(zone: LocalTime, atMs: number, local: Local): number {
  let next = zone.instant({ ...local, day: local.day + 1, hour: 0, minute: 0 });
  const { hour, day } = zone.parts(next);
  if (hour > 12 && day === local.day) next += (24 - hour) * 3_600_000;
  return Math.max(next, atMs + 60_000);
}
