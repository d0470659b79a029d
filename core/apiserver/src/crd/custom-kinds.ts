// Keeps what is served in step with the definitions that are stored, and empties kinds that are being deleted.

import { isApiError } from '@tweendeck/kube';
import { BoundedQueue, isAbort, jsonEqual, messageOf, onAbort, timestampOf } from '@tweendeck/std';
import { deleteCollection } from '../delete.ts';
import { copyOf, type Draft, listAt, objectIn } from '../draft.ts';
import { internalWriting } from '../internal-writing.ts';
import type { ServedResource } from '../registry.ts';
import type { Services } from '../resource-call.ts';
import type { MetadataRules } from '../schema/body-rules.ts';
import { storagePrefix } from '../storage-key.ts';
import { type Change, updateObject } from '../update.ts';
import { cleanupFinalizer } from './crd-kind.ts';
import { customResources } from './custom-resource.ts';
import { definitionOf } from './definition.ts';
import { updateDefinitionStatus } from './definition-status.ts';

const definitions = { group: 'apiextensions.k8s.io', plural: 'customresourcedefinitions' };

interface Known {
  /** Changes when what is served would. */
  readonly fingerprint: string;
  readonly resources: readonly ServedResource[];
  readonly retire: AbortController;
}

/** Serves the kinds that are declared, from now on and as they change. Dispose to stop following. */
export class CustomKinds implements Disposable {
  readonly #services: Services;
  readonly #metadata: MetadataRules;
  readonly #link: Disposable;
  /** Something changed while kinds are ending: one wake-up is as good as many. */
  readonly #wakes = new BoundedQueue<true>({ lengthMax: 1, whenFull: 'drop-newest' });
  #known: ReadonlyMap<string, Known> = new Map();
  #seenRevision = -1;

  constructor(services: Services, metadata: MetadataRules) {
    this.#services = services;
    this.#metadata = metadata;
    this.#refresh();
    this.#link = services.state.observe(() => this.#refresh());
    services.registry.onSettle(() => this.#judge(services.closed));
  }

  [Symbol.dispose](): void {
    this.#link[Symbol.dispose]();
    this.#wakes.close();
    for (const { retire } of this.#known.values()) retire.abort();
  }

  /** Removes the objects of kinds that are being deleted, then the kinds; accepts names that became free. Runs until the signal aborts. */
  async clean(signal: AbortSignal): Promise<void> {
    using _end = onAbort(signal, () => this.#wakes.close());
    for await (const _ of this.#wakes) {
      for (const definition of this.#ending()) {
        await this.#try(definition, () => this.#cleanOne(definition), signal);
      }
      await this.#judge(signal);
    }
  }

  /** Says of every definition whether its names are accepted. One that is gives up what another waits for, or takes it. */
  async #judge(signal: AbortSignal): Promise<void> {
    for (const definition of this.#drafts()) {
      const judged = this.#judged(copyOf(definition));
      if (jsonEqual(judged['status'], definition['status'])) continue;
      const make = (present: Draft): Draft => this.#judged(present);
      const { name = '' } = definition.metadata;
      await this.#try(definition, () => this.#update(name, { part: 'status', make }), signal);
    }
  }

  #judged(draft: Draft): Draft {
    const { group, names } = definitionOf(draft).spec;
    const others = this.#services.registry.all.filter(
      (each) => each.group === group && each.plural !== names.plural,
    );
    updateDefinitionStatus(draft, { others, nowMs: this.#services.clock.nowMs() });
    return draft;
  }

  #drafts(): readonly Draft[] {
    return [...this.#cache.range('')].map((each) => each.peek());
  }

  async #try(definition: Draft, task: () => Promise<void>, signal: AbortSignal): Promise<void> {
    try {
      await task();
    } catch (error) {
      if (isAbort(error, signal)) return;
      this.#services.log.warn('a kind could not be looked after', {
        kind: definition.metadata.name,
        error: messageOf(error),
      });
    }
  }

  get #cache() {
    return this.#services.state.resource(storagePrefix(definitions));
  }

  #ending(): readonly Draft[] {
    return this.#drafts().filter(
      ({ metadata }) =>
        metadata.deletionTimestamp !== undefined && metadata.finalizers?.includes(cleanupFinalizer),
    );
  }

  #refresh(): void {
    const cache = this.#cache;
    const revision = Math.max(cache.changedRevision, 0);
    if (revision !== this.#seenRevision) {
      this.#seenRevision = revision;
      this.#rebuild(this.#drafts());
    }
    if (
      [...this.#known.values()].some(({ resources }) => resources.some((each) => each.terminating))
    ) {
      this.#wakes.push(true);
    }
  }

  #rebuild(drafts: readonly Draft[]): void {
    const known = new Map<string, Known>();
    for (const draft of drafts) {
      const name = draft.metadata.name ?? '';
      const fingerprint = fingerprintOf(draft);
      const present = this.#known.get(name);
      known.set(
        name,
        present?.fingerprint === fingerprint ? present : this.#serve(draft, fingerprint),
      );
    }
    for (const [name, former] of this.#known) {
      if (known.get(name) !== former) former.retire.abort();
    }
    const changed =
      known.size !== this.#known.size ||
      [...known].some(([name, each]) => this.#known.get(name) !== each);
    this.#known = known;
    if (changed) {
      this.#wakes.push(true);
      this.#services.registry.setCustom([...known.values()].flatMap(({ resources }) => resources));
    }
  }

  #serve(draft: Draft, fingerprint: string): Known {
    const retire = new AbortController();
    const options = { metadata: this.#metadata, retired: retire.signal };
    return { fingerprint, resources: customResources(draft, options), retire };
  }

  async #cleanOne(definition: Draft): Promise<void> {
    const { state } = this.#services;
    const name = definition.metadata.name ?? '';
    const { group, names } = definitionOf(definition).spec;
    const cache = state.resource(storagePrefix({ group, plural: names.plural }));
    const [resource] = this.#known.get(name)?.resources ?? [];
    const waiting = [...cache.range('')].some(
      (each) => each.peek().metadata.deletionTimestamp === undefined,
    );
    if (resource && waiting) {
      const writing = internalWriting(this.#services, { resource, verb: 'deletecollection' });
      await deleteCollection(writing, nothingSpecial);
    }
    if (cache.size > 0) {
      await this.#tellHeld(name);
      return; // finalizers of objects hold it; each that goes wakes us
    }
    await this.#release(name);
  }

  /** Says in the definition's status why it is still there. */
  #tellHeld(name: string): Promise<void> {
    const lastTransitionTime = timestampOf(this.#services.clock.nowMs());
    return this.#update(name, {
      part: 'finalize',
      make: (present) => {
        const conditions = listAt(present['status'], 'conditions');
        if (conditions.some(({ type }) => type === 'Terminating')) return present;
        objectIn(present, 'status')['conditions'] = [
          ...conditions,
          {
            ...{ type: 'Terminating', status: 'True', lastTransitionTime },
            reason: 'InstanceDeletionInProgress',
            message: 'CustomResource deletion is in progress',
          },
        ];
        return present;
      },
    });
  }

  #release(name: string): Promise<void> {
    return this.#update(name, {
      part: 'finalize',
      make: (present) => {
        const left = present.metadata.finalizers?.filter((each) => each !== cleanupFinalizer);
        present.metadata.finalizers = left ?? [];
        return present;
      },
    });
  }

  async #update(name: string, change: Change): Promise<void> {
    const resource = this.#services.registry.find(definitions.group, 'v1', definitions.plural);
    if (!resource) return;
    const writing = internalWriting(this.#services, { resource, verb: 'update', name });
    try {
      await updateObject(writing, change);
    } catch (error) {
      if (!isApiError(error, 'NotFound')) throw error;
    }
  }
}

const nothingSpecial = {
  graceSeconds: undefined,
  policy: undefined,
  uid: undefined,
  resourceVersion: undefined,
  dryRun: false,
};

function fingerprintOf(draft: Draft): string {
  const { uid, generation, deletionTimestamp } = draft.metadata;
  const established = definitionOf(draft).status?.conditions?.map(({ type, status }) => [
    type,
    status,
  ]);
  return JSON.stringify([uid, generation, deletionTimestamp !== undefined, established]);
}
