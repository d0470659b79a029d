// The roles and bindings that are there from the start: upstream's, and those of a home's own parts. What is missing is
// made at every start, unless an annotation says to keep away. After kubernetes' pkg/registry/rbac/rest and reconciliation.

import { isApiError } from '@tweendeck/kube';
import { isJsonObject, jsonEqual } from '@tweendeck/std';
import { createObject } from '../create.ts';
import { copyOf, type Draft, type Fields, listAt, objectAt } from '../draft.ts';
import upstream from '../generated/bootstrap-policy.json' with { type: 'json' };
import { internalWriting } from '../internal-writing.ts';
import type { ServedResource } from '../registry.ts';
import { admitted, type Services } from '../resource-call.ts';
import { updateObject } from '../update.ts';
import { missingRules } from './covering.ts';
import { homePolicy } from './home-policy.ts';
import { ruleOf } from './rule.ts';

/** One role or binding as the data has it. */
export interface PolicyObject {
  readonly kind: string;
  readonly name: string;
  readonly namespace?: string;
  readonly labels?: Readonly<Record<string, string | undefined>>;
  readonly rules?: readonly unknown[];
  readonly aggregationRule?: unknown;
  readonly roleRef?: unknown;
  readonly subjects?: readonly unknown[];
}

const group = 'rbac.authorization.k8s.io';
const plurals: Readonly<Record<string, string>> = {
  Role: 'roles',
  RoleBinding: 'rolebindings',
  ClusterRole: 'clusterroles',
  ClusterRoleBinding: 'clusterrolebindings',
};
const autoupdate = 'rbac.authorization.kubernetes.io/autoupdate';
const bootstrapping = 'kubernetes.io/bootstrapping';

/** Makes and completes them; rights that somebody added stay. */
export async function reconcilePolicy(services: Services, signal: AbortSignal): Promise<void> {
  const objects: readonly PolicyObject[] = [...upstream, ...homePolicy];
  await Promise.all(
    objects.map(async (object) => {
      signal.throwIfAborted();
      const resource = services.registry.find(group, 'v1', plurals[object.kind] ?? '');
      if (resource) await reconcile(services, resource, wantedOf(object));
    }),
  );
}

function wantedOf({ kind, name, namespace, labels, ...content }: PolicyObject): Draft {
  const all: Record<string, string> = { [bootstrapping]: 'rbac-defaults' };
  for (const [key, value] of Object.entries(labels ?? {}))
    if (value !== undefined) all[key] = value;
  return {
    kind,
    apiVersion: `${group}/v1`,
    metadata: {
      name,
      ...(namespace === undefined ? {} : { namespace }),
      labels: all,
      annotations: { [autoupdate]: 'true' },
    },
    ...copyOf(content),
  };
}

async function reconcile(
  services: Services,
  resource: ServedResource,
  wanted: Draft,
): Promise<void> {
  const { name = '', namespace = '' } = wanted.metadata;
  const key = resource.namespaced ? `${namespace}/${name}` : name;
  const present = services.state.resource(resource.storagePrefix).get(key)?.peek();
  if (present && (isAsMade(present, wanted) || jsonEqual(completed(present, wanted), present))) {
    return;
  }
  const place = { resource, name, namespace } as const;
  try {
    if (!present) {
      const writing = internalWriting(services, { ...place, verb: 'create' });
      await createObject(writing, admitted(writing, wanted));
      return;
    }
    const writing = internalWriting(services, { ...place, verb: 'update' });
    await updateObject(writing, { part: 'main', make: (live) => completed(live, wanted) });
  } catch (error) {
    if (!isApiError(error, 'AlreadyExists')) throw error;
  }
}

/** The common case at a start: nobody touched it. What a controller gathered is not looked at. */
function isAsMade(present: Draft, wanted: Draft): boolean {
  const { labels, annotations } = wanted.metadata;
  return (
    jsonEqual(present.metadata.labels, labels) &&
    jsonEqual(present.metadata.annotations, annotations) &&
    (wanted['aggregationRule'] !== undefined ||
      jsonEqual(present['rules'] ?? null, wanted['rules'] ?? null)) &&
    ['aggregationRule', 'roleRef', 'subjects'].every((key) => jsonEqual(present[key], wanted[key]))
  );
}

/** The present object with what it lacks of the wanted one. */
function completed(present: Draft, wanted: Draft): Draft {
  if (present.metadata.annotations?.[autoupdate] === 'false') return present;
  const next = copyOf(present);
  next.metadata.labels = { ...wanted.metadata.labels, ...present.metadata.labels };
  next.metadata.annotations = { ...wanted.metadata.annotations, ...present.metadata.annotations };
  if (wanted['aggregationRule']) next['aggregationRule'] ??= wanted['aggregationRule'];
  else if (Array.isArray(wanted['rules'])) {
    const rules = Array.isArray(present['rules']) ? present['rules'] : [];
    const missing = missingRules(rules.map(ruleOf), wanted['rules'].map(ruleOf));
    if (missing.length > 0) next['rules'] = [...rules, ...missing];
  }
  const subjects = missingSubjects(present, wanted);
  if (subjects.length > 0) next['subjects'] = [...listAt(present, 'subjects'), ...subjects];
  return next;
}

function missingSubjects(present: Draft, wanted: Draft): readonly Fields[] {
  const same = (left: unknown, right: unknown): boolean =>
    isJsonObject(left) &&
    isJsonObject(right) &&
    ['kind', 'namespace', 'name'].every((key) => left[key] === right[key]);
  if (!jsonEqual(objectAt(present, 'roleRef'), objectAt(wanted, 'roleRef'))) return []; // bound to something else: somebody's own by now
  const there = listAt(present, 'subjects');
  return listAt(wanted, 'subjects').filter((each) => !there.some((known) => same(known, each)));
}
