// Writes events about objects, beside the work: it never waits for them and never fails because of them.

import type { Client } from '@tweendeck/client';
import {
  dnsSubdomainProblems,
  type Event,
  type EventsEvent,
  eventResource,
  eventsEventResource,
  isApiError,
  type KubeObject,
  type ObjectReference,
} from '@tweendeck/kube';
import {
  BoundedQueue,
  type Clock,
  isAbort,
  type Logger,
  linkedAbort,
  microTimestampOf,
  type Random,
  timestampOf,
} from '@tweendeck/std';
import {
  type ActionOccurrence,
  EventCorrelator,
  type EventRecord,
  type Occurrence,
} from './event-correlator.ts';
import { type EventSeries, EventSeriesMemory, seriesCheckMs } from './event-series.ts';

export interface EventRecorderOptions {
  readonly client: Client;
  readonly clock: Clock;
  readonly random: Random;
  readonly log: Logger;
  /** The `source.component` of events. */
  readonly component: string;
  /** The node it speaks from; omitted for what belongs to none. */
  readonly host?: string;
  /** Which of several of the component it is, for events with an action; omitted: the only one. */
  readonly instance?: string | undefined;
}

const queueLengthMax = 1_000;
const messageLengthMax = 1_024;

/** Records events of one component. `run` writes them until the recorder is closed and nothing is left. */
export class EventRecorder implements Disposable {
  readonly #options: EventRecorderOptions;
  readonly #correlator = new EventCorrelator();
  readonly #series = new EventSeriesMemory();
  readonly #queue = new BoundedQueue<Occurrence>({
    lengthMax: queueLengthMax,
    whenFull: 'drop-newest',
  });
  #denialSaid = false;

  constructor(options: EventRecorderOptions) {
    this.#options = options;
  }

  /** Takes note of something; when 1,000 wait to be written, it is dropped. */
  record(occurrence: Occurrence): void {
    this.#queue.push(occurrence);
  }

  /** What waits is still written; nothing new is taken. */
  [Symbol.dispose](): void {
    this.#queue.close();
  }

  async run(signal: AbortSignal): Promise<void> {
    using ended = linkedAbort(signal);
    let tending: Promise<void> | undefined;
    for await (const occurrence of this.#queue) {
      if (signal.aborted) break;
      if (isAction(occurrence)) tending ??= this.#tendSeries(ended.signal);
      await this.#attempt(occurrence.reason, () => this.#write(occurrence, signal), signal);
    }
    ended.abort();
    await tending;
  }

  /** Tells what was only counted, from time to time. */
  async #tendSeries(signal: AbortSignal): Promise<void> {
    const { clock } = this.#options;
    while (!signal.aborted) {
      await clock.sleep(seriesCheckMs, signal).catch(() => undefined); // its end is seen above
      if (signal.aborted) return;
      for (const series of this.#series.due(clock.monotonicMs())) {
        const write = (): Promise<void> => this.#writeSeries(series, signal);
        await this.#attempt(series.first.reason, write, signal);
      }
    }
  }

  async #attempt(reason: string, write: () => Promise<void>, signal: AbortSignal): Promise<void> {
    try {
      await write();
    } catch (error) {
      if (!isAbort(error, signal)) this.#complain(error, reason);
    }
  }

  /** Missing rights are said once: nobody would see it otherwise. The rest mends itself. */
  #complain(error: unknown, reason: string): void {
    const denied = isApiError(error, 'Forbidden') && !this.#denialSaid;
    if (denied) this.#denialSaid = true;
    const level = denied ? 'warn' : 'debug';
    this.#options.log[level]('an event could not be written', { error, reason });
  }

  async #write(occurrence: Occurrence, signal: AbortSignal): Promise<void> {
    const { clock } = this.#options;
    const now = { monotonicMs: clock.monotonicMs(), wallMs: clock.nowMs() };
    const name = (): string => this.#nameFor(occurrence.about);
    if (isAction(occurrence)) {
      const series = this.#series.next(occurrence, now, name);
      if (series) await this.#writeSeries(series, signal);
      return;
    }
    const record = this.#correlator.next(occurrence, now, name);
    if (record) await this.#writeRecord(occurrence, record, signal);
  }

  async #writeSeries(series: EventSeries, signal: AbortSignal): Promise<void> {
    const { client } = this.#options;
    const event = this.#seriesEventOf(series);
    const { metadata, ...fields } = event;
    if (series.count > 1) {
      const body = { series: fields.series };
      try {
        await client.patch(eventsEventResource, metadata, { type: 'strategic', body }, {}, signal);
        return;
      } catch (error) {
        if (!isApiError(error, 'NotFound')) throw error;
      }
    }
    await client.create(eventsEventResource, event, {}, signal);
  }

  /** As client-go's tools/events makes them. */
  #seriesEventOf({ first, name, firstAtMs, count, lastAtMs }: EventSeries): Input<EventsEvent> {
    const { component, instance } = this.#options;
    const { about, type, reason, action, message } = first;
    return {
      apiVersion: 'events.k8s.io/v1',
      kind: 'Event',
      metadata: { name, namespace: about.metadata.namespace ?? 'default' },
      eventTime: microTimestampOf(firstAtMs),
      ...(count > 1 ? { series: { count, lastObservedTime: microTimestampOf(lastAtMs) } } : {}),
      reportingController: component,
      reportingInstance: instance === undefined ? component : `${component}-${instance}`,
      action,
      reason,
      regarding: referenceTo(first),
      note: shortened(message),
      type,
    };
  }

  async #writeRecord(
    occurrence: Occurrence,
    record: EventRecord,
    signal: AbortSignal,
  ): Promise<void> {
    const { client } = this.#options;
    const event = this.#eventOf(occurrence, record);
    if (record.count > 1) {
      const { name, namespace } = event.metadata;
      const { count, lastTimestamp, message } = event;
      const body = { count, lastTimestamp, message };
      try {
        await client.patch(eventResource, { name, namespace }, { type: 'merge', body }, {}, signal);
        return;
      } catch (error) {
        if (!isApiError(error, 'NotFound')) throw error;
      }
    }
    await client.create(eventResource, event, {}, signal);
  }

  #eventOf(occurrence: Occurrence, record: EventRecord): Input<Event> {
    const { component, clock, host } = this.#options;
    const { about, type, reason } = occurrence;
    return {
      apiVersion: 'v1',
      kind: 'Event',
      metadata: { name: record.name, namespace: about.metadata.namespace ?? 'default' },
      involvedObject: referenceTo(occurrence),
      type,
      reason,
      message: shortened(record.message),
      count: record.count,
      firstTimestamp: timestampOf(record.firstAtMs),
      lastTimestamp: timestampOf(clock.nowMs()),
      source: { component, ...(host ? { host } : {}) },
      reportingComponent: component,
      ...(host ? { reportingInstance: host } : {}),
    };
  }

  /** The object's name and the moment in nanoseconds, as upstream; of those we know but the thousands, and draw the rest. */
  #nameFor({ metadata }: KubeObject): string {
    const { clock, random } = this.#options;
    const drawn = BigInt(random.integer(1_000_000));
    const moment = BigInt(Math.floor(clock.nowMs())) * 1_000_000n + drawn;
    const name = `${metadata.name}.${moment.toString(16)}`;
    return dnsSubdomainProblems(name).length === 0 ? name : random.uuid();
  }
}

/** To create, with the place that is already known. */
type Input<Kind extends Event | EventsEvent> = Omit<Kind, 'metadata'> & {
  readonly metadata: { readonly name: string; readonly namespace: string };
};

function isAction(occurrence: Occurrence): occurrence is ActionOccurrence {
  return occurrence.action !== undefined;
}

function referenceTo({ about, fieldPath }: Occurrence): ObjectReference {
  const { name, namespace, uid, resourceVersion } = about.metadata;
  const { apiVersion, kind } = about;
  return {
    ...{ apiVersion, kind, name, uid, resourceVersion },
    ...(namespace ? { namespace } : {}),
    ...(fieldPath ? { fieldPath } : {}),
  };
}

/** Longer ones are refused; upstream's scheduler ends them so. */
function shortened(message: string): string {
  return message.length <= messageLengthMax
    ? message
    : `${message.slice(0, messageLengthMax - 4)} ...`;
}
