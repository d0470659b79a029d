// Writes the events of pods and of the node beside the work: like ones are counted, too many are dropped, none is waited for.

import { Buffer } from 'node:buffer';
import type { Client } from '@tweendeck/client';
import { eventResource, isApiError, type KubeObject } from '@tweendeck/kube';
import {
  BoundedQueue,
  type Clock,
  isAbort,
  type Logger,
  type Random,
  timestampOf,
} from '@tweendeck/std';
import type { PodEvent } from './runtime.ts';

export interface EventWriterOptions {
  readonly client: Client;
  readonly clock: Clock;
  readonly random: Random;
  readonly log: Logger;
  readonly nodeName: string;
}

interface Occurrence extends PodEvent {
  readonly about: KubeObject;
  readonly atMs: number;
}

interface Written {
  readonly name: string;
  count: number;
}

const component = 'tweendeck-agent';
const waitingMax = 1_000;
const rememberedMax = 2_000;
const messageLengthMax = 1_024;

export class EventWriter implements Disposable {
  readonly #options: EventWriterOptions;
  readonly #queue = new BoundedQueue<Occurrence>({
    lengthMax: waitingMax,
    whenFull: 'drop-newest',
  });
  /** The events that like ones are counted on; the oldest is forgotten first. */
  readonly #written = new Map<string, Written>();

  constructor(options: EventWriterOptions) {
    this.#options = options;
  }

  record(about: KubeObject, event: PodEvent): void {
    this.#queue.push({ ...event, about, atMs: this.#options.clock.nowMs() });
  }

  /** What waits is still written. */
  [Symbol.dispose](): void {
    this.#queue.close();
  }

  /** Writes until disposed and empty, or aborted. Never rejects. */
  async run(signal: AbortSignal): Promise<void> {
    for await (const occurrence of this.#queue) {
      if (signal.aborted) return;
      try {
        await this.#write(occurrence, signal);
      } catch (error) {
        if (isAbort(error, signal)) return;
        const { reason } = occurrence;
        this.#options.log.debug('an event could not be written', { reason, error });
      }
    }
  }

  async #write(occurrence: Occurrence, signal: AbortSignal): Promise<void> {
    const { about, type, reason, message, fieldPath = '' } = occurrence;
    const key = JSON.stringify([about.metadata.uid, type, reason, message, fieldPath]);
    const known = this.#written.get(key);
    if (known) {
      known.count++;
      if (await this.#count(occurrence, known, signal)) return;
    }
    const unique = Buffer.from(this.#options.random.bytes(8)).toString('hex');
    const name = `${about.metadata.name.slice(0, 236)}.${unique}`;
    this.#remember(key, { name, count: 1 });
    await this.#create(occurrence, name, signal);
  }

  /** Raises the count of an event; false when it is gone. */
  async #count(occurrence: Occurrence, written: Written, signal: AbortSignal): Promise<boolean> {
    const ref = { name: written.name, namespace: namespaceOf(occurrence.about) };
    const body = { count: written.count, lastTimestamp: timestampOf(occurrence.atMs) };
    try {
      await this.#options.client.patch(eventResource, ref, { type: 'merge', body }, {}, signal);
      return true;
    } catch (error) {
      if (isApiError(error, 'NotFound')) return false;
      throw error;
    }
  }

  async #create(occurrence: Occurrence, name: string, signal: AbortSignal): Promise<void> {
    const { about, type, reason, message, fieldPath, atMs } = occurrence;
    const { client, nodeName } = this.#options;
    const namespace = namespaceOf(about);
    const { uid, resourceVersion } = about.metadata;
    const at = timestampOf(atMs);
    await client.create(
      eventResource,
      {
        apiVersion: 'v1',
        kind: 'Event',
        metadata: { name, namespace },
        involvedObject: {
          apiVersion: about.apiVersion,
          kind: about.kind,
          name: about.metadata.name,
          uid,
          resourceVersion,
          ...(about.metadata.namespace ? { namespace: about.metadata.namespace } : {}),
          ...(fieldPath ? { fieldPath } : {}),
        },
        type,
        reason,
        message: message.slice(0, messageLengthMax),
        count: 1,
        firstTimestamp: at,
        lastTimestamp: at,
        source: { component, host: nodeName },
        reportingComponent: component,
        reportingInstance: nodeName,
      },
      {},
      signal,
    );
  }

  #remember(key: string, written: Written): void {
    this.#written.delete(key);
    this.#written.set(key, written);
    const [oldest] = this.#written.keys();
    if (this.#written.size > rememberedMax && oldest !== undefined) this.#written.delete(oldest);
  }
}

function namespaceOf(about: KubeObject): string {
  return about.metadata.namespace ?? 'default';
}
