// What a controller is: a resource to watch over, a reconcile function, and what it may do there.

import type { Applied, Client, InformerSet, ObjectCache, Selection } from '@tweendeck/client';
import type { Condition, KubeObject, ObjectRef, Resource } from '@tweendeck/kube';
import type { Clock, Logger, Random } from '@tweendeck/std';
import type { Occurrence } from './event-correlator.ts';
import type { Health } from './health.ts';
import type { Metrics } from './metrics.ts';

/** What a pass may touch. Everything written through it is seen by the next pass's cache reads. */
export interface ReconcileContext<Obj extends KubeObject> {
  readonly signal: AbortSignal;
  readonly log: Logger;
  readonly client: Client;
  readonly clock: Clock;
  readonly random: Random;
  /** Passes that failed in a row for this object, 0 at first. */
  readonly attempt: number;
  /** The cache of a resource this controller declared (for, owns, watches); asserts that it did. */
  cache<Other extends KubeObject>(resource: Resource<Other>): ObjectCache<Other>;
  /** Server-side apply of a child with the controller's field manager, force, and a controller owner reference. */
  apply<Child extends KubeObject>(resource: Resource<Child>, child: Applied): Promise<Child>;
  /** Deletes children (owned by this object, of these resources) that this pass did not apply. Gives those it deleted. */
  prune(...resources: readonly Resource<KubeObject>[]): Promise<readonly ObjectRef[]>;
  /** Sets status fields and conditions, written once after the pass, and only if they differ. `observedGeneration` is set for you; a condition's transition time too. */
  status(
    fields: Readonly<Record<string, unknown>>,
    conditions?: readonly (ConditionInput | ConditionGone)[],
  ): void;
  /** Writes what was said so far, now: before an effect outside the API, so that whoever comes next knows of it. */
  writeStatus(): Promise<void>;
  /** Records an event on the object; like events are counted, floods are dropped; never throws. */
  event(type: 'Normal' | 'Warning', reason: string, message: string, about?: KubeObject): void;
  /** For the compiler: the kind this context belongs to. */
  readonly objectType?: Obj;
}

export type ConditionInput = Pick<Condition, 'type' | 'status' | 'reason' | 'message'>;

/** Takes a condition away that no longer says anything, such as one about a field that is unset. */
export interface ConditionGone {
  readonly type: string;
  readonly gone: true;
}

/** Nothing: done until something changes. */
// biome-ignore lint/suspicious/noConfusingVoidType: a reconcile that returns nothing is done.
export type Outcome = void | { readonly requeueAfterMs: number };

export interface ControllerOptions<Obj extends KubeObject> {
  /** Lower case with dashes; field manager, event source and metric label. */
  readonly name: string;
  readonly resource: Resource<Obj>;
  /** Children whose controller owner reference names the object. */
  readonly owns?: readonly Resource<KubeObject>[];
  readonly watches?: readonly WatchMapping[];
  /** Of which it reads, makes and changes single objects by their names, without a cache. */
  readonly keeps?: readonly Resource<KubeObject>[];
  /** Of which it deletes objects by its client, though others own them. */
  readonly ends?: readonly Resource<KubeObject>[];
  /** Of which it changes single fields by its client, such as labels, though others own them. */
  readonly marks?: readonly Resource<KubeObject>[];
  /** Resources that it makes with the client and never looks at again, such as secrets: it may do nothing else with them. */
  readonly makes?: readonly Resource<KubeObject>[];
  /** Objects reconciled at once; never one twice. Default 4. */
  readonly concurrency?: number;
  /** A pass longer than this is aborted and retried. Default 60,000. */
  readonly passTimeoutMs?: number;
  /** Every object is reconciled at least this often. Default 10 minutes, with jitter. */
  readonly resyncMs?: number;
  /** Cache indexes of `resource`, usable by `cache(resource).by(...)`. */
  readonly indexes?: Readonly<Record<string, (object: Obj) => readonly string[]>>;
  /** What happens to objects under deletion when there is no `finalize`: `skip` (the default), or `reconcile` like any other, without a finalizer of ours. */
  readonly underDeletion?: 'skip' | 'reconcile';
  /** Objects under deletion are handed to `finalize` instead, if there is one, and skipped otherwise. */
  readonly reconcile: (object: Obj, context: ReconcileContext<Obj>) => Promise<Outcome>;
  /** When present the controller keeps a finalizer `tweendeck.io/<name>` on every object and removes it once this returns without asking to be called again. */
  readonly finalize?: (object: Obj, context: ReconcileContext<Obj>) => Promise<Outcome>;
  /** Called once before the first pass, with what lasts longer than one. */
  readonly begin?: (life: ControllerLife) => void;
  /** Called when an object is gone, for what the controller remembers about it. */
  readonly forget?: (ref: ObjectRef) => void;
}

/** What a controller has from when it begins to work until it ends. */
export interface ControllerLife {
  readonly clock: Clock;
  readonly log: Logger;
  /** Aborts when the controller ends. */
  readonly signal: AbortSignal;
  /** Has an object reconciled soon, for what was learned outside the API. */
  wake(ref: ObjectRef): void;
}

/** Another resource whose changes concern objects of the controller. Build with {@link watching} to keep its type. */
export interface WatchMapping {
  readonly resource: Resource<KubeObject>;
  /** Objects to reconcile; `cache` reads declared resources. Called for the old and the new state of a changed object. */
  readonly map: (
    object: KubeObject,
    cache: <Other extends KubeObject>(resource: Resource<Other>) => ObjectCache<Other>,
  ) => readonly ObjectRef[];
}

/** A {@link WatchMapping} whose `map` sees the resource's own type. */
export function watching<Other extends KubeObject>(
  resource: Resource<Other>,
  map: (
    object: Other,
    cache: <Third extends KubeObject>(resource: Resource<Third>) => ObjectCache<Third>,
  ) => readonly ObjectRef[],
): WatchMapping {
  // The manager calls `map` only with objects of `resource`.
  return { resource, map: (object, cache) => map(object as Other, cache) };
}

/** Thrown by a reconcile: do not retry until the object changes. */
export class TerminalError extends Error {
  override name = 'TerminalError';
}

/** A controller of some resource, its type forgotten. Made by {@link defineController}. */
export interface Controller {
  readonly name: string;
  readonly options: ControllerOptions<KubeObject>;
}

/** Fixes the type of a controller's object; the manager only ever hands it objects of that resource. */
export function defineController<Obj extends KubeObject>(
  options: ControllerOptions<Obj>,
): Controller {
  // Sound because the manager pairs `reconcile` only with objects read through `options.resource`.
  return { name: options.name, options: options as unknown as ControllerOptions<KubeObject> };
}

/** Work that is not keyed by one resource (a scheduler, a garbage collector) and runs beside the controllers while they do. */
export interface BackgroundTask {
  /** Lower case with dashes; event source. */
  readonly name: string;
  /** Runs until the signal aborts. What it throws before ends the manager: it retries for itself. */
  readonly run: (context: TaskContext, signal: AbortSignal) => Promise<void>;
}

/** What a background task works with. Informers are shared with the controllers. */
export interface TaskContext {
  readonly client: Client;
  readonly informers: InformerSet;
  readonly clock: Clock;
  readonly random: Random;
  readonly log: Logger;
  /** As in {@link ReconcileContext}. */
  event(type: 'Normal' | 'Warning', reason: string, message: string, about: KubeObject): void;
  /** As `event`, with all that may be said: of what kind the event is hangs on whether it has an action. */
  record(occurrence: Occurrence): void;
}

export interface ManagerOptions {
  readonly client: Client;
  readonly clock: Clock;
  readonly random: Random;
  readonly log: Logger;
  readonly controllers: readonly Controller[];
  /** Names differ from each other's and the controllers'. */
  readonly tasks?: readonly BackgroundTask[];
  /** Run only while holding this lease; omitted: run at once. `identity` must be unique among candidates. */
  readonly leaderElection?: { readonly lease: ObjectRef; readonly identity: string };
  /** Where numbers about the controllers go; omitted: nowhere. */
  readonly metrics?: Metrics;
  /** Told, as `caches` and `leader-election`, what keeps controllers from their work; omitted: nobody is. */
  readonly health?: Health;
  /** Which objects of a resource the controllers' caches hold; omitted: all of the cluster. */
  readonly selectionOf?: (resource: Resource<KubeObject>) => Selection;
  /** Which of several such programs this is, such as the name of its machine, for events with an action; omitted: the only one. */
  readonly instance?: string;
  /** How long passes under way may take to end after the signal aborts, before they are aborted too. Default 10,000. */
  readonly shutdownTimeoutMs?: number;
}
