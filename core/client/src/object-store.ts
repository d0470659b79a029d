// The memory of an informer: objects by key, and indexes over them that follow every change.

import { type KubeObject, keyOf, type ObjectRef, refKey } from '@tweendeck/kube';
import { assert } from '@tweendeck/std';

export type IndexFunction<Obj extends KubeObject> = (object: Obj) => readonly string[];

interface Index<Obj extends KubeObject> {
  readonly valuesOf: IndexFunction<Obj>;
  readonly keys: Map<string, Set<string>>;
}

const byNamespace = ' namespace';
/** Operators ask for what belongs to one of their objects: among thousands it is not searched for. */
const byInstance = ' instance';
const instanceLabel = 'app.kubernetes.io/instance';

/** Objects by key. An index function that throws indexes the object under nothing. */
export class ObjectStore<Obj extends KubeObject> {
  readonly #objects = new Map<string, Obj>();
  readonly #indexes = new Map<string, Index<Obj>>();

  constructor() {
    this.addIndex(byNamespace, (object) => [object.metadata.namespace ?? '']);
    this.addIndex(byInstance, ({ metadata: { labels, namespace = '' } }) => {
      const instance = labels?.[instanceLabel];
      return instance === undefined ? [] : [`${namespace}/${instance}`];
    });
  }

  /** Objects are indexed from now on and those that are there already. A name can be taken once. */
  addIndex(name: string, valuesOf: IndexFunction<Obj>): void {
    const known = this.#indexes.get(name);
    if (known?.valuesOf === valuesOf) return;
    assert(!known, `index "${name}" is declared twice with different functions`);
    const index: Index<Obj> = { valuesOf, keys: new Map() };
    this.#indexes.set(name, index);
    for (const [key, object] of this.#objects) add(index, key, object);
  }

  keys(): readonly string[] {
    return [...this.#objects.keys()];
  }

  values(): readonly Obj[] {
    return [...this.#objects.values()];
  }

  get(ref: ObjectRef): Obj | undefined {
    return this.#objects.get(refKey(ref));
  }

  byKey(key: string): Obj | undefined {
    return this.#objects.get(key);
  }

  list(selection: {
    readonly namespace?: string;
    readonly labels?: Readonly<Record<string, string>>;
  }): readonly Obj[] {
    const { namespace, labels } = selection;
    const objects = this.#candidates(namespace, labels?.[instanceLabel]);
    if (!labels) return objects;
    const wanted = Object.entries(labels);
    return objects.filter((object) =>
      wanted.every(([name, value]) => object.metadata.labels?.[name] === value),
    );
  }

  #candidates(namespace: string | undefined, instance: string | undefined): readonly Obj[] {
    if (namespace === undefined) return this.values();
    if (instance === undefined) return this.by(byNamespace, namespace);
    return this.by(byInstance, `${namespace}/${instance}`);
  }

  by(name: string, value: string): readonly Obj[] {
    const index = this.#indexes.get(name);
    assert(index, `no index "${name}" is declared`);
    const keys = index.keys.get(value);
    if (!keys) return [];
    return [...keys].flatMap((key) => this.#objects.get(key) ?? []);
  }

  set(object: Obj): void {
    const key = keyOf(object);
    const previous = this.#objects.get(key);
    this.#objects.set(key, object);
    for (const index of this.#indexes.values()) {
      if (previous) remove(index, key, previous);
      add(index, key, object);
    }
  }

  delete(key: string): void {
    const previous = this.#objects.get(key);
    if (!previous) return;
    this.#objects.delete(key);
    for (const index of this.#indexes.values()) remove(index, key, previous);
  }
}

function add<Obj extends KubeObject>(index: Index<Obj>, key: string, object: Obj): void {
  for (const value of valuesOf(index, object)) {
    const keys = index.keys.get(value);
    if (keys) keys.add(key);
    else index.keys.set(value, new Set([key]));
  }
}

function remove<Obj extends KubeObject>(index: Index<Obj>, key: string, object: Obj): void {
  for (const value of valuesOf(index, object)) {
    const keys = index.keys.get(value);
    keys?.delete(key);
    if (keys?.size === 0) index.keys.delete(value);
  }
}

/** One object that an index cannot read must not stop the cache. */
function valuesOf<Obj extends KubeObject>(index: Index<Obj>, object: Obj): readonly string[] {
  try {
    return index.valuesOf(object);
  } catch {
    return [];
  }
}
