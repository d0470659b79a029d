// What a client of a Kubernetes API can do, typed by resource. One implementation, over any ApiTransport.

import type { Input, KubeObject, ObjectRef, Resource } from '@tweendeck/kube';

/** Selects by labels and fields, in Kubernetes' own syntax. */
export interface Selection {
  /** Omitted: all namespaces. */
  readonly namespace?: string | undefined;
  readonly labelSelector?: string | undefined;
  readonly fieldSelector?: string | undefined;
  /** Asks for `metadata` alone; `apiVersion` and `kind` are then those of PartialObjectMetadata where the server grants it. */
  readonly metadataOnly?: boolean | undefined;
}

export interface ObjectList<Obj extends KubeObject> {
  readonly items: readonly Obj[];
  /** The state of the collection that the list is true of; where a watch goes on from. */
  readonly resourceVersion: string;
}

export type WatchEvent<Obj extends KubeObject> =
  | { readonly type: 'ADDED' | 'MODIFIED' | 'DELETED'; readonly object: Obj }
  /** Nothing changed up to this resource version. `initialEventsEnd` marks the end of the first list of a streaming watch. */
  | {
      readonly type: 'BOOKMARK';
      readonly resourceVersion: string;
      readonly initialEventsEnd: boolean;
    };

export interface WatchOptions extends Selection {
  readonly resourceVersion?: string | undefined;
  readonly sendInitialEvents?: boolean;
  readonly timeoutSeconds?: number;
}

export interface WriteOptions {
  readonly fieldManager?: string;
  readonly fieldValidation?: 'Strict' | 'Warn' | 'Ignore';
  readonly dryRun?: boolean;
  readonly subresource?: 'status' | 'scale' | 'binding' | 'finalize';
}

export interface ApplyOptions extends WriteOptions {
  readonly fieldManager: string;
  /** Takes fields over from other managers instead of failing with Conflict. */
  readonly force?: boolean;
}

export type Patch =
  | { readonly type: 'merge'; readonly body: unknown }
  | { readonly type: 'strategic'; readonly body: unknown }
  | { readonly type: 'json'; readonly body: readonly unknown[] };

export interface DeleteOptions {
  readonly propagation?: 'Background' | 'Foreground' | 'Orphan';
  readonly graceSeconds?: number;
  readonly preconditions?: { readonly uid?: string; readonly resourceVersion?: string };
  readonly dryRun?: boolean;
}

export interface LogOptions {
  readonly container?: string;
  readonly follow?: boolean;
  readonly previous?: boolean;
  readonly tailLines?: number;
  readonly sinceSeconds?: number;
  readonly timestamps?: boolean;
}

/** Failures of the server are thrown as ApiError (of kube), a connection that broke as PlatformError CLIENT_UNREACHABLE. Answers are not cached here. */
export interface Client {
  /** Undefined when there is none. */
  get<Obj extends KubeObject>(
    resource: Resource<Obj>,
    ref: ObjectRef,
    signal: AbortSignal,
  ): Promise<Obj | undefined>;
  /** The whole list, fetched in pages. */
  list<Obj extends KubeObject>(
    resource: Resource<Obj>,
    selection: Selection,
    signal: AbortSignal,
  ): Promise<ObjectList<Obj>>;
  /** One connection. Ends when the server ends it; a 410 is thrown as ApiError `Expired`. */
  watch<Obj extends KubeObject>(
    resource: Resource<Obj>,
    options: WatchOptions,
    signal: AbortSignal,
  ): AsyncIterable<WatchEvent<Obj>>;
  create<Obj extends KubeObject>(
    resource: Resource<Obj>,
    object: Input<Obj>,
    options: WriteOptions,
    signal: AbortSignal,
  ): Promise<Obj>;
  /** PUT: replaces the object; with `metadata.resourceVersion` only if it still has that version. */
  update<Obj extends KubeObject>(
    resource: Resource<Obj>,
    object: Input<Obj>,
    options: WriteOptions,
    signal: AbortSignal,
  ): Promise<Obj>;
  patch<Obj extends KubeObject>(
    resource: Resource<Obj>,
    ref: ObjectRef,
    patch: Patch,
    options: WriteOptions,
    signal: AbortSignal,
  ): Promise<Obj>;
  /** Server-side apply. `object` holds only what the caller owns; apiVersion and kind are filled in from the resource. */
  apply<Obj extends KubeObject>(
    resource: Resource<Obj>,
    object: Applied,
    options: ApplyOptions,
    signal: AbortSignal,
  ): Promise<Obj>;
  /** True when the object was there. A missing object is no failure. */
  delete(
    resource: Resource<KubeObject>,
    ref: ObjectRef,
    options: DeleteOptions,
    signal: AbortSignal,
  ): Promise<boolean>;
  /** The raw bytes of a container's log. */
  logs(pod: ObjectRef, options: LogOptions, signal: AbortSignal): AsyncIterable<Uint8Array>;
  /** Any request whose answer is JSON. For discovery and resources unknown to the code. */
  request(
    method: 'GET' | 'POST' | 'PUT' | 'PATCH' | 'DELETE',
    path: string,
    options: RawOptions,
    signal: AbortSignal,
  ): Promise<unknown>;
}

export interface RawOptions {
  readonly query?: Readonly<Record<string, string | undefined>>;
  readonly contentType?: string;
  readonly accept?: string;
  /** Sent as JSON. */
  readonly body?: unknown;
}

/** The part of an object that an applier owns. */
export interface Applied {
  readonly metadata: {
    readonly name: string;
    readonly namespace?: string;
    readonly labels?: Readonly<Record<string, string>>;
    readonly annotations?: Readonly<Record<string, string>>;
    readonly ownerReferences?: readonly unknown[];
    readonly finalizers?: readonly string[];
    readonly uid?: string;
    readonly resourceVersion?: string;
  };
  readonly [field: string]: unknown;
}
