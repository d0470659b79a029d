// Decides what becomes of an event that says what was done: a new object, one that is now a series, or only a count.
//
// The rules and figures are those of client-go's tools/events: what differs in its words alone is one series; the second
// of them makes it one on the server, further ones are counted here and told every 30 minutes and at the series' end,
// which is 6 minutes without another.

import type { ActionOccurrence } from './event-correlator.ts';
import { LeastRecentMap } from './least-recent-map.ts';

/** An event object that was written, or will be, with the words of the first. Times are those of the wall. */
export interface EventSeries {
  readonly name: string;
  readonly first: ActionOccurrence;
  readonly firstAtMs: number;
  /** 1: no series yet. */
  readonly count: number;
  readonly lastAtMs: number;
}

interface Known {
  series: EventSeries;
  /** By the monotonic clock, as what follows. */
  lastMs: number;
  writtenMs: number;
}

interface Now {
  readonly monotonicMs: number;
  readonly wallMs: number;
}

const memoryMax = 4_096;
/** How often to ask for {@link EventSeriesMemory.due}. */
export const seriesCheckMs: number = 6 * 60_000;
const refreshMs = 30 * 60_000;

/** Remembers up to 4,096; forgotten ones start anew, and are told no further. */
export class EventSeriesMemory {
  readonly #known = new LeastRecentMap<string, Known>(memoryMax);

  /** What to write: a new event, or one that is now a series; undefined: nothing, it was counted. `name` is for a new one. */
  next(
    occurrence: ActionOccurrence,
    { monotonicMs, wallMs }: Now,
    name: () => string,
  ): EventSeries | undefined {
    const key = keyOf(occurrence);
    const known = this.#known.get(key);
    const lastAtMs = wallMs;
    if (!known) {
      const series = { name: name(), first: occurrence, firstAtMs: wallMs, count: 1, lastAtMs };
      this.#known.set(key, { series, lastMs: monotonicMs, writtenMs: monotonicMs });
      return series;
    }
    const count = known.series.count + 1;
    known.series = { ...known.series, count, lastAtMs };
    known.lastMs = monotonicMs;
    if (count > 2) return undefined;
    known.writtenMs = monotonicMs;
    return known.series;
  }

  /** Forgets what has ended. @returns The series to write again, because they have or because events expire. */
  due(monotonicMs: number): readonly EventSeries[] {
    const found: EventSeries[] = [];
    for (const [key, known] of [...this.#known.entries()]) {
      const hasEnded = monotonicMs - known.lastMs >= seriesCheckMs;
      if (hasEnded) this.#known.delete(key);
      if (known.series.count === 1) continue;
      if (!hasEnded && monotonicMs - known.writtenMs < refreshMs) continue;
      known.writtenMs = monotonicMs;
      found.push(known.series);
    }
    return found;
  }
}

/** Everything but the words; an object that has changed since is another. */
function keyOf({ about, type, reason, action, fieldPath = '' }: ActionOccurrence): string {
  const { namespace = '', name, uid, resourceVersion = '' } = about.metadata;
  const object = `${about.apiVersion} ${about.kind} ${namespace}/${name} ${uid} ${resourceVersion}`;
  return `${object} ${type} ${reason} ${action} ${fieldPath}`;
}
