// Which roles hold for whom: read from the stored bindings, kept until one of them changes.

import { goQuote, type UserInfo } from '@tweendeck/kube';
import type { ClusterState } from '../cluster-state.ts';
import { type Fields, listAt, objectAt, textAt } from '../draft.ts';
import type { ResourceCache } from '../resource-cache.ts';
import { storagePrefix } from '../storage-key.ts';
import { type Rule, rulesOf } from './rule.ts';

/** Where a rule comes from. */
export interface Grant {
  readonly role: { readonly kind: string; readonly name: string };
  /** As messages name it: `ClusterRoleBinding "x" of ClusterRole "y" to User "z"`. */
  readonly source: string;
  readonly rules: readonly Rule[];
  /** False when the role is not there. */
  readonly found: boolean;
}

interface Subject {
  readonly kind: string;
  readonly name: string;
  readonly namespace: string;
}

interface Binding {
  readonly kind: 'RoleBinding' | 'ClusterRoleBinding';
  readonly name: string;
  readonly namespace: string;
  readonly role: { readonly kind: string; readonly name: string };
  readonly subjects: readonly Subject[];
}

const group = 'rbac.authorization.k8s.io';

/** Made anew from the caches after each change of a role or binding, when it is next asked. */
export class RbacIndex implements Disposable {
  readonly #caches: Readonly<
    Record<'roles' | 'rolebindings' | 'clusterroles' | 'clusterrolebindings', ResourceCache>
  >;
  readonly #subscriptions = new DisposableStack();
  #clusterBindings: readonly Binding[] | undefined;
  readonly #bindings = new Map<string, readonly Binding[]>();
  readonly #rules = new Map<string, readonly Rule[] | undefined>();
  #generation = 0;

  constructor(state: ClusterState) {
    const cacheOf = (plural: string): ResourceCache =>
      state.resource(storagePrefix({ group, plural }));
    this.#caches = {
      roles: cacheOf('roles'),
      rolebindings: cacheOf('rolebindings'),
      clusterroles: cacheOf('clusterroles'),
      clusterrolebindings: cacheOf('clusterrolebindings'),
    };
    for (const cache of Object.values(this.#caches)) {
      this.#subscriptions.use(cache.subscribe(() => this.#forget()));
    }
  }

  /** Rises with every change: what was worked out of another generation holds no more. */
  get generation(): number {
    return this.#generation;
  }

  [Symbol.dispose](): void {
    this.#subscriptions.dispose();
  }

  /** What a user holds: everywhere, and in a namespace where one is named. */
  grantsOf(user: UserInfo, namespace: string): readonly Grant[] {
    const everywhere = this.#grants(user, this.#everywhere());
    if (namespace === '') return everywhere;
    return [...everywhere, ...this.#grants(user, this.#within(namespace))];
  }

  /** The rules of a role that a binding in `namespace` names; undefined when there is no such role. */
  rulesOfRole(role: Binding['role'], namespace: string): readonly Rule[] | undefined {
    const key = role.kind === 'Role' ? `${namespace}/${role.name}` : role.name;
    if (this.#rules.has(key)) return this.#rules.get(key);
    const cache = role.kind === 'Role' ? this.#caches.roles : this.#caches.clusterroles;
    const found = cache.get(key);
    const rules = found && rulesOf(found.peek());
    this.#rules.set(key, rules);
    return rules;
  }

  #forget(): void {
    this.#generation++;
    this.#clusterBindings = undefined;
    this.#bindings.clear();
    this.#rules.clear();
  }

  #everywhere(): readonly Binding[] {
    const { clusterrolebindings } = this.#caches;
    this.#clusterBindings ??= [...clusterrolebindings.range('')].map((each) =>
      bindingOf('ClusterRoleBinding', each.peek()),
    );
    return this.#clusterBindings;
  }

  #within(namespace: string): readonly Binding[] {
    const known = this.#bindings.get(namespace);
    if (known) return known;
    const found = [...this.#caches.rolebindings.range(`${namespace}/`)].map((each) =>
      bindingOf('RoleBinding', each.peek()),
    );
    this.#bindings.set(namespace, found);
    return found;
  }

  #grants(user: UserInfo, bindings: readonly Binding[]): readonly Grant[] {
    return bindings.flatMap((binding) => {
      const subject = binding.subjects.find((each) => isSubject(user, each, binding.namespace));
      if (!subject) return [];
      const rules = this.rulesOfRole(binding.role, binding.namespace);
      const source = describe(binding, subject);
      return [{ role: binding.role, source, rules: rules ?? [], found: rules !== undefined }];
    });
  }
}

function bindingOf(kind: Binding['kind'], object: Fields): Binding {
  const metadata = objectAt(object, 'metadata');
  const role = objectAt(object, 'roleRef');
  return {
    kind,
    name: textAt(metadata, 'name'),
    namespace: textAt(metadata, 'namespace'),
    role: { kind: textAt(role, 'kind'), name: textAt(role, 'name') },
    subjects: listAt(object, 'subjects').map((subject) => ({
      kind: textAt(subject, 'kind'),
      name: textAt(subject, 'name'),
      namespace: textAt(subject, 'namespace'),
    })),
  };
}

function isSubject(user: UserInfo, { kind, name, namespace }: Subject, home: string): boolean {
  switch (kind) {
    case 'User':
      return user.name === name;
    case 'Group':
      return user.groups.includes(name);
    case 'ServiceAccount': {
      const place = namespace === '' ? home : namespace;
      return place !== '' && user.name === `system:serviceaccount:${place}:${name}`;
    }
    default:
      return false;
  }
}

function describe({ kind, name, namespace, role }: Binding, subject: Subject): string {
  const place = kind === 'RoleBinding' ? `${name}/${namespace}` : name;
  const whom =
    subject.kind === 'ServiceAccount'
      ? `${subject.name}/${subject.namespace === '' ? namespace : subject.namespace}`
      : subject.name;
  return `${kind} ${goQuote(place)} of ${role.kind} ${goQuote(role.name)} to ${subject.kind} ${goQuote(whom)}`;
}
