// One pass over one object: what reconcile may do, and what is done around it (finalizer, status, deletion).

import type { Applied, Client, Informer, ObjectCache } from '@tweendeck/client';
import {
  controllerReference,
  isApiError,
  type KubeObject,
  keyOf,
  type ObjectRef,
  type Resource,
  refKey,
  refOf,
} from '@tweendeck/kube';
import {
  assert,
  type Clock,
  isJsonObject,
  type Logger,
  type Random,
  timestampOf,
} from '@tweendeck/std';
import type { AppliedChildren } from './applied-children.ts';
import type {
  ConditionGone,
  ConditionInput,
  ControllerOptions,
  Outcome,
  ReconcileContext,
} from './controller.ts';
import type { EventRecorder } from './event-recorder.ts';
import {
  isCustomKind,
  joinWords,
  mergePatchBetween,
  type StatusWords,
  statusAfter,
} from './status.ts';

/** Name of the index over owned objects: the uid of their controller. */
export const ownerIndex = 'tweendeck.io/controller-uid';

const conflictTriesMax = 5;

export interface PassOptions {
  readonly controller: ControllerOptions<KubeObject>;
  /** Remembers what is written through it. */
  readonly client: Client;
  /** What earlier passes over this object applied. */
  readonly children: AppliedChildren;
  readonly clock: Clock;
  readonly random: Random;
  readonly log: Logger;
  readonly recorder: EventRecorder;
  readonly attempt: number;
  readonly informerOf: (resource: Resource<KubeObject>) => Informer<KubeObject>;
  /** Moved on by every write that was bound to it: changes up to this version are what the pass saw or did. */
  readonly progress: { version: string };
  /** Resources known to have no status subresource; shared by all passes of a controller. */
  readonly withoutStatus: Set<string>;
  readonly signal: AbortSignal;
}

/** Reconciles or finalizes `given`. Rejects with what reconcile threw, after its status was written. */
export async function runPass(given: KubeObject, options: PassOptions): Promise<Outcome> {
  const { controller } = options;
  const finalizer = `tweendeck.io/${controller.name}`;
  const held = given.metadata.finalizers?.includes(finalizer) === true;
  if (given.metadata.deletionTimestamp === undefined) {
    const object =
      controller.finalize && !held ? await addFinalizer(given, finalizer, options) : given;
    return runWith(object, controller.reconcile, options);
  }
  if (!controller.finalize && controller.underDeletion === 'reconcile')
    return runWith(given, controller.reconcile, options);
  if (!controller.finalize || !held) return undefined;
  const outcome = await runWith(given, controller.finalize, options);
  if (outcome === undefined) await removeFinalizer(given, finalizer, options);
  return outcome;
}

async function runWith(
  object: KubeObject,
  step: ControllerOptions<KubeObject>['reconcile'],
  options: PassOptions,
): Promise<Outcome> {
  const pass = new Pass(object, options);
  let outcome: Outcome;
  try {
    outcome = await step(object, pass.context());
  } catch (error) {
    await pass.writeStatus().catch((second: unknown) => {
      options.log.debug('the status of a failed pass was not written', { error: second });
    });
    throw error;
  }
  await pass.writeStatus();
  return outcome;
}

class Pass {
  readonly #object: KubeObject;
  readonly #options: PassOptions;
  readonly #applied = new Set<string>();
  /** As the server had it when this pass last wrote it. */
  #base: KubeObject;
  #words: StatusWords | undefined;

  constructor(object: KubeObject, options: PassOptions) {
    this.#object = object;
    this.#base = object;
    this.#options = options;
  }

  context(): ReconcileContext<KubeObject> {
    const { signal, log, client, clock, random, attempt, recorder } = this.#options;
    return {
      signal,
      log,
      client,
      clock,
      random,
      attempt,
      cache: (resource) => this.#cache(resource),
      apply: (resource, child) => this.#apply(resource, child),
      prune: (...resources) => this.#prune(resources),
      status: (fields, conditions = []) => this.#say(fields, conditions),
      writeStatus: () => this.writeStatus(),
      event: (type, reason, message, about = this.#object) =>
        recorder.record({ about, type, reason, message }),
    };
  }

  #cache<Other extends KubeObject>(resource: Resource<Other>): ObjectCache<Other> {
    // The informers are kept by resource, so this one holds objects of `resource`.
    return this.#options.informerOf(resource) as unknown as ObjectCache<Other>;
  }

  async #apply<Child extends KubeObject>(
    resource: Resource<Child>,
    child: Applied,
  ): Promise<Child> {
    const { children, client, controller, signal } = this.#options;
    const owner = this.#object;
    const namespace = resource.namespaced
      ? (child.metadata.namespace ?? owner.metadata.namespace)
      : undefined;
    assert(
      owner.metadata.namespace === undefined || namespace === owner.metadata.namespace,
      `${owner.kind} ${keyOf(owner)} cannot own ${resource.kind} ${child.metadata.name} outside its namespace`,
    );
    const wanted = { rendered: child, namespace, owner: owner.metadata.uid };
    // What is kept of a resource is of that resource.
    const unchanged = children.unchanged(resource, wanted) as Child | undefined;
    if (unchanged) {
      this.#applied.add(childKey(resource, unchanged));
      return unchanged;
    }
    const { namespace: _, ...metadata } = child.metadata;
    const whole: Applied = {
      ...child,
      metadata: {
        ...metadata,
        ...(namespace === undefined ? {} : { namespace }),
        ownerReferences: [...(metadata.ownerReferences ?? []), controllerReference(owner)],
      },
    };
    const options = { fieldManager: controller.name, force: true };
    const applied = await client.apply(resource, whole, options, signal);
    children.keep(resource, wanted, applied);
    this.#applied.add(childKey(resource, applied));
    return applied;
  }

  async #prune(resources: readonly Resource<KubeObject>[]): Promise<readonly ObjectRef[]> {
    const { children, client, informerOf, signal } = this.#options;
    const { uid: ownerUid } = this.#object.metadata;
    const pruned: ObjectRef[] = [];
    for (const resource of resources) {
      for (const child of informerOf(resource).by(ownerIndex, ownerUid)) {
        const { uid, deletionTimestamp } = child.metadata;
        if (deletionTimestamp !== undefined || this.#applied.has(childKey(resource, child)))
          continue;
        const ref = refOf(child);
        try {
          const options = { propagation: 'Background', preconditions: { uid } } as const;
          if (await client.delete(resource, ref, options, signal)) pruned.push(ref);
          children.forget(resource, child);
        } catch (error) {
          if (!isApiError(error, 'Conflict')) throw error; // replaced by a namesake: not ours
        }
      }
    }
    return pruned;
  }

  #say(
    fields: Readonly<Record<string, unknown>>,
    conditions: readonly (ConditionInput | ConditionGone)[],
  ): void {
    this.#words = joinWords(this.#words, fields, conditions);
  }

  /**
   * Writes what was said, if it changes anything: a merge patch of the difference, bound to the version it was computed
   * from, so that conditions of another writer are never overwritten by an older copy of them. On a conflict it is
   * computed anew from the live object; when that is another object by now, nothing is written.
   */
  async writeStatus(): Promise<void> {
    const words = this.#words;
    if (!words) return;
    const { client, controller, signal } = this.#options;
    let base: KubeObject | undefined = this.#base;
    for (let tries = 1; base && base.metadata.uid === this.#object.metadata.uid; tries++) {
      const current = statusOf(base);
      const patch = mergePatchBetween(current, this.#statusAfter(current, words));
      if (!patch) return;
      try {
        this.#base = await this.#patchStatus(base, patch);
        return;
      } catch (error) {
        const gone = isApiError(error, 'NotFound');
        if (!gone && (!isApiError(error, 'Conflict') || tries >= conflictTriesMax)) throw error;
      }
      base = await client.get(controller.resource, refOf(this.#object), signal);
    }
  }

  #statusAfter(
    current: Readonly<Record<string, unknown>>,
    words: StatusWords,
  ): Readonly<Record<string, unknown>> {
    return statusAfter(current, words, {
      generation: this.#object.metadata.generation,
      now: timestampOf(this.#options.clock.nowMs()),
      conditionsCarryGeneration: isCustomKind(this.#object),
    });
  }

  async #patchStatus(
    base: KubeObject,
    patch: Readonly<Record<string, unknown>>,
  ): Promise<KubeObject> {
    const { client, controller, signal, withoutStatus } = this.#options;
    const { resource, name: fieldManager } = controller;
    const { uid, resourceVersion } = base.metadata;
    const body = { metadata: { uid, resourceVersion }, status: patch };
    const write = async (subresource: 'status' | undefined): Promise<KubeObject> => {
      const options = { fieldManager, ...(subresource ? { subresource } : {}) };
      const written = await client.patch(
        resource,
        refOf(base),
        { type: 'merge', body },
        options,
        signal,
      );
      moveOn(this.#options.progress, base, written);
      return written;
    };
    if (withoutStatus.has(resource.plural)) return write(undefined);
    try {
      return await write('status');
    } catch (error) {
      // Either the object is gone or its kind has no status subresource.
      if (!isApiError(error, 'NotFound')) throw error;
      if (!(await client.get(resource, refOf(base), signal))) throw error;
      withoutStatus.add(resource.plural);
      return write(undefined);
    }
  }
}

async function addFinalizer(
  object: KubeObject,
  finalizer: string,
  options: PassOptions,
): Promise<KubeObject> {
  return writeFinalizers(object, [...(object.metadata.finalizers ?? []), finalizer], options);
}

/** From the live object, as the pass may have taken long; gone is done. */
async function removeFinalizer(
  given: KubeObject,
  finalizer: string,
  options: PassOptions,
): Promise<void> {
  const { client, controller, signal } = options;
  for (let tries = 1; ; tries++) {
    const object = await client.get(controller.resource, refOf(given), signal);
    if (object?.metadata.uid !== given.metadata.uid) return;
    const finalizers = object.metadata.finalizers ?? [];
    if (!finalizers.includes(finalizer)) return;
    try {
      const others = finalizers.filter((other) => other !== finalizer);
      await writeFinalizers(object, others, options);
      return;
    } catch (error) {
      if (isApiError(error, 'NotFound')) return;
      if (!isApiError(error, 'Conflict') || tries >= conflictTriesMax) throw error;
    }
  }
}

async function writeFinalizers(
  object: KubeObject,
  finalizers: readonly string[],
  { client, controller, progress, signal }: PassOptions,
): Promise<KubeObject> {
  const { uid, resourceVersion } = object.metadata;
  const body = { metadata: { uid, resourceVersion, finalizers } };
  const written = await client.patch(
    controller.resource,
    refOf(object),
    { type: 'merge', body },
    { fieldManager: controller.name },
    signal,
  );
  moveOn(progress, object, written);
  return written;
}

/** A write bound to the version we know proves that nobody else wrote in between. */
function moveOn(progress: { version: string }, before: KubeObject, after: KubeObject): void {
  if (before.metadata.resourceVersion === progress.version)
    progress.version = after.metadata.resourceVersion;
}

/** Status of an object of unknown kind; empty when it has none. */
function statusOf(object: KubeObject): Readonly<Record<string, unknown>> {
  const status: unknown = 'status' in object ? object.status : undefined;
  return isJsonObject(status) ? status : {};
}

function childKey(resource: Resource<KubeObject>, object: KubeObject): string {
  return `${resource.group}/${resource.plural} ${refKey(refOf(object))}`;
}
