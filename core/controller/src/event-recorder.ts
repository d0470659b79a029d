// Writes events about objects, beside the work: it never waits for them and never fails because of them.

import type { Client } from '@tweendeck/client';
import { type Event, eventResource, isApiError, type KubeObject } from '@tweendeck/kube';
import {
  BoundedQueue,
  type Clock,
  isAbort,
  type Logger,
  type Random,
  timestampOf,
} from '@tweendeck/std';
import { EventCorrelator, type EventRecord, type Occurrence } from './event-correlator.ts';

export interface EventRecorderOptions {
  readonly client: Client;
  readonly clock: Clock;
  readonly random: Random;
  readonly log: Logger;
  /** The `source.component` of events. */
  readonly component: string;
  /** The node it speaks from; omitted for what belongs to none. */
  readonly host?: string;
}

const queueLengthMax = 1_000;
const messageLengthMax = 1_024;

/** Records events of one component. `run` writes them until the recorder is closed and nothing is left. */
export class EventRecorder implements Disposable {
  readonly #options: EventRecorderOptions;
  readonly #correlator = new EventCorrelator();
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
    for await (const occurrence of this.#queue) {
      if (signal.aborted) return;
      try {
        await this.#write(occurrence, signal);
      } catch (error) {
        if (isAbort(error, signal)) return;
        this.#complain(error, occurrence.reason);
      }
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
    const { client, clock, random } = this.#options;
    const record = this.#correlator.next(
      occurrence,
      { monotonicMs: clock.monotonicMs(), wallMs: clock.nowMs() },
      () => eventName(occurrence.about, random),
    );
    if (!record) return;
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

  #eventOf(
    { about, type, reason, fieldPath }: Occurrence,
    record: EventRecord,
  ): Omit<Event, 'metadata'> & {
    readonly metadata: { readonly name: string; readonly namespace: string };
  } {
    const { component, clock, host } = this.#options;
    const { name, namespace, uid, resourceVersion } = about.metadata;
    const { apiVersion, kind } = about;
    return {
      apiVersion: 'v1',
      kind: 'Event',
      metadata: { name: record.name, namespace: namespace ?? 'default' },
      involvedObject: {
        apiVersion,
        kind,
        name,
        uid,
        resourceVersion,
        ...(namespace ? { namespace } : {}),
        ...(fieldPath ? { fieldPath } : {}),
      },
      type,
      reason,
      message: record.message.slice(0, messageLengthMax),
      count: record.count,
      firstTimestamp: timestampOf(record.firstAtMs),
      lastTimestamp: timestampOf(clock.nowMs()),
      source: { component, ...(host ? { host } : {}) },
      reportingComponent: component,
      ...(host ? { reportingInstance: host } : {}),
    };
  }
}

/** The object's name and something unique, within the 253 characters of a name. */
function eventName(about: KubeObject, random: Random): string {
  const unique = Buffer.from(random.bytes(8)).toString('hex');
  return `${about.metadata.name.slice(0, 236)}.${unique}`;
}
