// Which objects the pods of a node name: what the node may read. After upstream's node authorizer and its graph.

import type { ClusterState } from '../cluster-state.ts';
import { type Draft, type Fields, listAt, objectAt, textAt } from '../draft.ts';
import type { ResourceCache } from '../resource-cache.ts';
import { storagePrefix } from '../storage-key.ts';

export type NamedKind = 'secret' | 'configmap' | 'claim' | 'serviceaccount';
/** Names of one namespace, by kind. */
type Named = Readonly<Record<NamedKind, ReadonlySet<string>>>;

const mirror = 'kubernetes.io/config.mirror';

/** Follows the pods of nodes from the first question on. */
export class NodeGraph implements Disposable {
  readonly #pods: ResourceCache;
  readonly #claims: ResourceCache;
  readonly #volumes: ResourceCache;
  readonly #subscriptions = new DisposableStack();
  /** Keys of pods by node, and nodes by pod. */
  #byNode: Map<string, Set<string>> | undefined;
  readonly #nodeOf = new Map<string, string>();
  /** What a pod's spec names; specs hardly change. */
  readonly #named = new WeakMap<Draft, Named>();

  constructor(state: ClusterState) {
    const cacheOf = (plural: string): ResourceCache =>
      state.resource(storagePrefix({ group: '', plural }));
    this.#pods = cacheOf('pods');
    this.#claims = cacheOf('persistentvolumeclaims');
    this.#volumes = cacheOf('persistentvolumes');
  }

  hasPod(nodeName: string, namespace: string, name: string): boolean {
    return this.#keysOf(nodeName).has(`${namespace}/${name}`);
  }

  /** Whether a pod of the node names the object, or a volume of such a pod does. */
  names(
    nodeName: string,
    kind: NamedKind,
    { namespace, name }: { readonly namespace: string; readonly name: string },
  ): boolean {
    for (const pod of this.#podsOf(nodeName)) {
      const inside = pod.metadata.namespace === namespace;
      if (inside && this.#namedBy(pod)[kind].has(name)) return true;
    }
    return kind === 'secret' && this.#volumeSecret(nodeName, `${namespace}/${name}`);
  }

  namesVolume(nodeName: string, volume: string): boolean {
    for (const [, name] of this.#volumesOf(nodeName)) if (name === volume) return true;
    return false;
  }

  [Symbol.dispose](): void {
    this.#subscriptions.dispose();
  }

  #volumeSecret(nodeName: string, key: string): boolean {
    for (const [namespace, name] of this.#volumesOf(nodeName)) {
      const csi = objectAt(objectAt(this.#volumes.get(name)?.peek(), 'spec'), 'csi');
      const refs = ['nodePublishSecretRef', 'nodeStageSecretRef', 'nodeExpandSecretRef'];
      for (const each of refs) {
        const ref = objectAt(csi, each);
        if (textAt(ref, 'name') === '') continue;
        if (`${textAt(ref, 'namespace') || namespace}/${textAt(ref, 'name')}` === key) return true;
      }
    }
    return false;
  }

  /** The volumes bound to claims of the node's pods, with the claims' namespaces. */
  *#volumesOf(nodeName: string): Iterable<readonly [string, string]> {
    for (const pod of this.#podsOf(nodeName)) {
      const { namespace = '' } = pod.metadata;
      for (const claim of this.#namedBy(pod).claim) {
        const name = textAt(
          this.#claims.get(`${namespace}/${claim}`)?.peek()['spec'],
          'volumeName',
        );
        const owner = objectAt(objectAt(this.#volumes.get(name)?.peek(), 'spec'), 'claimRef');
        if (textAt(owner, 'name') === claim && textAt(owner, 'namespace') === namespace) {
          yield [namespace, name];
        }
      }
    }
  }

  *#podsOf(nodeName: string): Iterable<Draft> {
    for (const key of this.#keysOf(nodeName)) {
      const pod = this.#pods.get(key)?.peek();
      if (pod && pod.metadata.annotations?.[mirror] === undefined) yield pod;
    }
  }

  #keysOf(nodeName: string): ReadonlySet<string> {
    if (!this.#byNode) this.#follow();
    return this.#byNode?.get(nodeName) ?? new Set();
  }

  #follow(): void {
    this.#byNode = new Map();
    for (const pod of this.#pods.range('')) this.#set(pod.key, pod.peek());
    this.#subscriptions.use(
      this.#pods.subscribe(({ current, previous }) => {
        const key = current?.key ?? previous?.key ?? '';
        this.#set(key, current?.peek());
      }),
    );
  }

  #set(key: string, pod: Draft | undefined): void {
    const before = this.#nodeOf.get(key);
    const now = pod ? textAt(pod['spec'], 'nodeName') : '';
    if (before === now) return;
    if (before !== undefined) {
      const keys = this.#byNode?.get(before);
      keys?.delete(key);
      if (keys?.size === 0) this.#byNode?.delete(before);
      this.#nodeOf.delete(key);
    }
    if (now === '') return;
    this.#nodeOf.set(key, now);
    const keys = this.#byNode?.get(now) ?? new Set<string>();
    this.#byNode?.set(now, keys.add(key));
  }

  #namedBy(pod: Draft): Named {
    const known = this.#named.get(pod);
    if (known) return known;
    const made = namedIn(pod);
    this.#named.set(pod, made);
    return made;
  }
}

function namedIn(pod: Draft): Named {
  const spec = objectAt(pod, 'spec');
  const named = {
    secret: new Set<string>(),
    configmap: new Set<string>(),
    claim: new Set<string>(),
    serviceaccount: new Set<string>(),
  };
  const add = (kind: NamedKind, holder: unknown, field = 'name'): void => {
    const name = textAt(holder, field);
    if (name !== '') named[kind].add(name);
  };
  add('serviceaccount', spec, 'serviceAccountName');
  for (const ref of listAt(spec, 'imagePullSecrets')) add('secret', ref);
  for (const list of ['containers', 'initContainers', 'ephemeralContainers']) {
    for (const container of listAt(spec, list)) nameEnvironment(container, add);
  }
  for (const volume of listAt(spec, 'volumes')) nameVolume(volume, pod.metadata.name ?? '', add);
  return named;
}

type Add = (kind: NamedKind, holder: unknown, field?: string) => void;

function nameEnvironment(container: Fields, add: Add): void {
  for (const from of listAt(container, 'envFrom')) {
    add('secret', objectAt(from, 'secretRef'));
    add('configmap', objectAt(from, 'configMapRef'));
  }
  for (const variable of listAt(container, 'env')) {
    const from = objectAt(variable, 'valueFrom');
    add('secret', objectAt(from, 'secretKeyRef'));
    add('configmap', objectAt(from, 'configMapKeyRef'));
  }
}

function nameVolume(volume: Fields, podName: string, add: Add): void {
  add('secret', objectAt(volume, 'secret'), 'secretName');
  add('configmap', objectAt(volume, 'configMap'));
  add('claim', objectAt(volume, 'persistentVolumeClaim'), 'claimName');
  add('secret', objectAt(objectAt(volume, 'csi'), 'nodePublishSecretRef'));
  if (volume['ephemeral'] !== undefined) {
    add('claim', { name: `${podName}-${textAt(volume, 'name')}` });
  }
  for (const source of listAt(objectAt(volume, 'projected'), 'sources')) {
    add('secret', objectAt(source, 'secret'));
    add('configmap', objectAt(source, 'configMap'));
  }
}
