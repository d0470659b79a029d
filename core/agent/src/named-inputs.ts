// The config maps and secrets that this node's pods name, each followed by its name while a pod names it: an agent may read
// no others.

import { type Client, type Informer, openInformer } from '@tweendeck/client';
import {
  type ConfigMap,
  configMapResource,
  type KubeObject,
  type ObjectRef,
  type Pod,
  type Resource,
  type Secret,
  secretResource,
} from '@tweendeck/kube';
import type { Clock, Logger, Random } from '@tweendeck/std';
import { environmentReferences } from './environment.ts';
import { volumeReferences } from './volumes.ts';

export interface NamedInputsOptions {
  readonly client: Client;
  readonly clock: Clock;
  readonly random: Random;
  readonly log: Logger;
  /** Something in this namespace changed. */
  readonly changed: (namespace: string) => void;
}

/** Disposal ends the following. */
export class NamedInputs implements AsyncDisposable {
  readonly #configMaps: FollowedByName<ConfigMap>;
  readonly #secrets: FollowedByName<Secret>;

  constructor(options: NamedInputsOptions, signal: AbortSignal) {
    this.#configMaps = new FollowedByName(configMapResource, options, signal);
    this.#secrets = new FollowedByName(secretResource, options, signal);
  }

  /** Takes in what a pod names now; nothing when it is gone. */
  set(uid: string, pod: Pod | undefined): void {
    const namespace = pod?.metadata.namespace ?? '';
    const { containers = [], initContainers = [], volumes = [] } = pod?.spec ?? {};
    const references = [
      ...[...containers, ...initContainers].map(environmentReferences),
      ...volumes.map(volumeReferences),
    ];
    this.#configMaps.set(uid, namespace, new Set(references.flatMap((one) => [...one.configMaps])));
    this.#secrets.set(uid, namespace, new Set(references.flatMap((one) => [...one.secrets])));
  }

  /** Undefined: not there, or not seen yet. */
  configMap(ref: ObjectRef): ConfigMap | undefined {
    return this.#configMaps.get(ref);
  }

  secret(ref: ObjectRef): Secret | undefined {
    return this.#secrets.get(ref);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#configMaps[Symbol.asyncDispose]();
    await this.#secrets[Symbol.asyncDispose]();
  }
}

interface Followed<Obj extends KubeObject> {
  readonly informer: Informer<Obj>;
  readonly users: Set<string>;
}

class FollowedByName<Obj extends KubeObject> implements AsyncDisposable {
  readonly #resource: Resource<Obj>;
  readonly #options: NamedInputsOptions;
  readonly #signal: AbortSignal;
  /** By `namespace/name`. */
  readonly #followed = new Map<string, Followed<Obj>>();
  readonly #wanted = new Map<string, ReadonlySet<string>>();
  readonly #closing = new Set<Promise<void>>();

  constructor(resource: Resource<Obj>, options: NamedInputsOptions, signal: AbortSignal) {
    this.#resource = resource;
    this.#options = options;
    this.#signal = signal;
  }

  set(uid: string, namespace: string, names: ReadonlySet<string>): void {
    const before = this.#wanted.get(uid) ?? new Set<string>();
    const now = new Set([...names].map((name) => `${namespace}/${name}`));
    for (const key of now) if (!before.has(key)) this.#use(key, uid);
    for (const key of before) if (!now.has(key)) this.#leave(key, uid);
    if (now.size === 0) this.#wanted.delete(uid);
    else this.#wanted.set(uid, now);
  }

  get({ namespace = '', name }: ObjectRef): Obj | undefined {
    return this.#followed.get(`${namespace}/${name}`)?.informer.get({ namespace, name });
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const [key, { users }] of this.#followed) for (const uid of users) this.#leave(key, uid);
    await Promise.all(this.#closing);
  }

  #use(key: string, uid: string): void {
    const known = this.#followed.get(key);
    if (known) {
      known.users.add(uid);
      return;
    }
    const [namespace = '', name = ''] = key.split('/');
    const which = { namespace, fieldSelector: `metadata.name=${name}` };
    const { client, changed } = this.#options;
    const informer = openInformer(client, this.#resource, which, this.#options, this.#signal);
    informer.synced.catch(() => undefined); // closed before
    const tell = (): void => changed(namespace);
    informer.subscribe({ updated: tell, deleted: tell }); // ends with the informer
    this.#followed.set(key, { informer, users: new Set([uid]) });
  }

  #leave(key: string, uid: string): void {
    const known = this.#followed.get(key);
    known?.users.delete(uid);
    if (!known || known.users.size > 0) return;
    this.#followed.delete(key);
    const closed = this.#close(known.informer).finally(() => this.#closing.delete(closed));
    this.#closing.add(closed);
  }

  async #close(informer: Informer<Obj>): Promise<void> {
    await informer[Symbol.asyncDispose]();
  }
}
