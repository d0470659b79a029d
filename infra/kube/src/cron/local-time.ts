// Instants as the clocks of a time zone show them, and back. Gaps and repeated hours are resolved as Go's time.Date does.

export interface LocalParts {
  readonly year: number;
  /** 1 to 12; more or less when given to {@link LocalTime.instant} carry over, as days do. */
  readonly month: number;
  readonly day: number;
  readonly hour: number;
  readonly minute: number;
  /** 0 is Sunday. */
  readonly weekday: number;
}

/** Whether this machine knows a time zone of that very name, as Go's LoadLocation would. */
export function isTimeZone(name: string): boolean {
  if (name === 'UTC' || name === '') return true;
  if (!/^[A-Za-z]/.test(name)) return false; // offsets are no names
  try {
    const known = new Intl.DateTimeFormat('en', { timeZone: name }).resolvedOptions().timeZone;
    return known === name || known.toLowerCase() !== name.toLowerCase();
  } catch (error) {
    if (error instanceof RangeError) return false;
    throw error;
  }
}

export class LocalTime {
  readonly #format: Intl.DateTimeFormat | undefined;

  /** @throws RangeError when there is no such zone; ask {@link isTimeZone} first. */
  constructor(timeZone: string) {
    this.#format =
      timeZone === 'UTC' || timeZone === ''
        ? undefined
        : new Intl.DateTimeFormat('en-US', {
            timeZone,
            calendar: 'gregory',
            numberingSystem: 'latn',
            hourCycle: 'h23',
            year: 'numeric',
            month: 'numeric',
            day: 'numeric',
            hour: 'numeric',
            minute: 'numeric',
            second: 'numeric',
          });
  }

  /** What the clocks show. */
  parts(atMs: number): LocalParts {
    const shown = new Date(atMs + this.#offsetMs(atMs)); // its UTC fields are the local ones
    return {
      year: shown.getUTCFullYear(),
      month: shown.getUTCMonth() + 1,
      day: shown.getUTCDate(),
      hour: shown.getUTCHours(),
      minute: shown.getUTCMinutes(),
      weekday: shown.getUTCDay(),
    };
  }

  /** When the clocks show that, in wall milliseconds. */
  instant({ year, month, day, hour, minute }: Omit<LocalParts, 'weekday'>): number {
    const shownMs = Date.UTC(year, month - 1, day, hour, minute);
    const guessMs = this.#offsetMs(shownMs);
    if (guessMs === 0) return shownMs;
    return shownMs - this.#offsetMs(shownMs - guessMs);
  }

  /** How far the zone's clocks are ahead of UTC. */
  #offsetMs(atMs: number): number {
    if (!this.#format) return 0;
    const found: Record<string, number> = {};
    for (const { type, value } of this.#format.formatToParts(atMs)) found[type] = Number(value);
    const { year = 0, month = 1, day = 1, hour = 0, minute = 0, second = 0 } = found;
    const shownMs = Date.UTC(year, month - 1, day, hour, minute, second);
    return shownMs - Math.floor(atMs / 1_000) * 1_000;
  }
}

/** An instant in RFC 3339 as the zone's clocks show it, to the second. */
export function zonedTimestamp(atMs: number, timeZone: string): string {
  const { year, month, day, hour, minute } = new LocalTime(timeZone).parts(atMs);
  const second = Math.floor(atMs / 1_000) % 60;
  const shownMs = Date.UTC(year, month - 1, day, hour, minute, second);
  const offset = (shownMs - Math.floor(atMs / 1_000) * 1_000) / 60_000;
  const text = new Date(shownMs).toISOString().slice(0, 19);
  if (offset === 0) return `${text}Z`;
  const two = (number: number): string => String(number).padStart(2, '0');
  const [hours, minutes] = [Math.trunc(Math.abs(offset) / 60), Math.abs(offset) % 60];
  return `${text}${offset < 0 ? '-' : '+'}${two(hours)}:${two(minutes)}`;
}
