// Writes TypeScript types and resource descriptors of the kinds that the platform serves.

export interface Schema {
  readonly type?: string;
  readonly properties?: Readonly<Record<string, Schema>>;
  readonly required?: readonly string[];
  readonly items?: Schema;
  readonly additionalProperties?: Schema | boolean;
  readonly allOf?: readonly Schema[];
  readonly $ref?: string;
  readonly enum?: readonly string[];
  readonly [keyword: string]: unknown;
}
export type Schemas = Readonly<Record<string, Schema>>;

/** schema name, group, version, plural, namespaced: the built-in kinds this release of the platform serves. */
export const servedKinds: readonly (readonly [string, string, string, string, boolean])[] = [
  ['io.k8s.api.core.v1.Namespace', '', 'v1', 'namespaces', false],
  ['io.k8s.api.core.v1.Node', '', 'v1', 'nodes', false],
  ['io.k8s.api.core.v1.Pod', '', 'v1', 'pods', true],
  ['io.k8s.api.core.v1.PodTemplate', '', 'v1', 'podtemplates', true],
  ['io.k8s.api.core.v1.Service', '', 'v1', 'services', true],
  ['io.k8s.api.core.v1.ConfigMap', '', 'v1', 'configmaps', true],
  ['io.k8s.api.core.v1.Secret', '', 'v1', 'secrets', true],
  ['io.k8s.api.core.v1.ServiceAccount', '', 'v1', 'serviceaccounts', true],
  ['io.k8s.api.core.v1.Event', '', 'v1', 'events', true],
  ['io.k8s.api.events.v1.Event', 'events.k8s.io', 'v1', 'events', true],
  ['io.k8s.api.discovery.v1.EndpointSlice', 'discovery.k8s.io', 'v1', 'endpointslices', true],
  ['io.k8s.api.coordination.v1.Lease', 'coordination.k8s.io', 'v1', 'leases', true],
  ['io.k8s.api.apps.v1.ReplicaSet', 'apps', 'v1', 'replicasets', true],
  ['io.k8s.api.apps.v1.Deployment', 'apps', 'v1', 'deployments', true],
  ['io.k8s.api.apps.v1.StatefulSet', 'apps', 'v1', 'statefulsets', true],
  ['io.k8s.api.apps.v1.DaemonSet', 'apps', 'v1', 'daemonsets', true],
  ['io.k8s.api.apps.v1.ControllerRevision', 'apps', 'v1', 'controllerrevisions', true],
  ['io.k8s.api.batch.v1.Job', 'batch', 'v1', 'jobs', true],
  ['io.k8s.api.batch.v1.CronJob', 'batch', 'v1', 'cronjobs', true],
  ['io.k8s.api.policy.v1.PodDisruptionBudget', 'policy', 'v1', 'poddisruptionbudgets', true],
  ['io.k8s.api.core.v1.PersistentVolume', '', 'v1', 'persistentvolumes', false],
  ['io.k8s.api.core.v1.PersistentVolumeClaim', '', 'v1', 'persistentvolumeclaims', true],
  ['io.k8s.api.storage.v1.StorageClass', 'storage.k8s.io', 'v1', 'storageclasses', false],
  ['io.k8s.api.scheduling.v1.PriorityClass', 'scheduling.k8s.io', 'v1', 'priorityclasses', false],
  ['io.k8s.api.rbac.v1.Role', 'rbac.authorization.k8s.io', 'v1', 'roles', true],
  ['io.k8s.api.rbac.v1.RoleBinding', 'rbac.authorization.k8s.io', 'v1', 'rolebindings', true],
  ['io.k8s.api.rbac.v1.ClusterRole', 'rbac.authorization.k8s.io', 'v1', 'clusterroles', false],
  [
    'io.k8s.api.rbac.v1.ClusterRoleBinding',
    'rbac.authorization.k8s.io',
    'v1',
    'clusterrolebindings',
    false,
  ],
  [
    'io.k8s.api.admissionregistration.v1.MutatingWebhookConfiguration',
    'admissionregistration.k8s.io',
    'v1',
    'mutatingwebhookconfigurations',
    false,
  ],
  [
    'io.k8s.api.admissionregistration.v1.ValidatingWebhookConfiguration',
    'admissionregistration.k8s.io',
    'v1',
    'validatingwebhookconfigurations',
    false,
  ],
  [
    'io.k8s.apiextensions-apiserver.pkg.apis.apiextensions.v1.CustomResourceDefinition',
    'apiextensions.k8s.io',
    'v1',
    'customresourcedefinitions',
    false,
  ],
];

const further = [
  'io.k8s.api.authentication.v1.TokenRequest',
  'io.k8s.api.autoscaling.v1.Scale',
  'io.k8s.api.core.v1.Binding',
  'io.k8s.api.policy.v1.Eviction',
  'io.k8s.apimachinery.pkg.apis.meta.v1.DeleteOptions',
];

const byHand: Readonly<Record<string, string>> = {
  'io.k8s.apimachinery.pkg.apis.meta.v1.ObjectMeta': 'ObjectMetaInput',
  'io.k8s.apimachinery.pkg.apis.meta.v1.OwnerReference': 'OwnerReference',
  'io.k8s.apimachinery.pkg.apis.meta.v1.ManagedFieldsEntry': 'ManagedFieldsEntry',
  'io.k8s.apimachinery.pkg.apis.meta.v1.Condition': 'Condition',
  'io.k8s.apimachinery.pkg.apis.meta.v1.Time': 'string',
  'io.k8s.apimachinery.pkg.apis.meta.v1.MicroTime': 'string',
  'io.k8s.apimachinery.pkg.api.resource.Quantity': 'string',
  'io.k8s.apimachinery.pkg.util.intstr.IntOrString': 'number | string',
  'io.k8s.apimachinery.pkg.runtime.RawExtension': 'Readonly<Record<string, unknown>>',
  'io.k8s.apiextensions-apiserver.pkg.apis.apiextensions.v1.JSON': 'unknown',
  'io.k8s.apiextensions-apiserver.pkg.apis.apiextensions.v1.JSONSchemaPropsOrArray':
    'JSONSchemaProps',
  'io.k8s.apiextensions-apiserver.pkg.apis.apiextensions.v1.JSONSchemaPropsOrBool':
    'JSONSchemaProps | boolean',
  'io.k8s.apiextensions-apiserver.pkg.apis.apiextensions.v1.JSONSchemaPropsOrStringArray':
    'JSONSchemaProps | readonly string[]',
};

const refName = (ref: string): string => ref.slice(ref.lastIndexOf('/') + 1);

/** Follows every reference from the roots; hand-written types end a path. */
export function closureOf(
  schemas: Schemas,
  roots: readonly string[],
  stop: (name: string) => boolean,
): Set<string> {
  const seen = new Set<string>();
  const visit = (value: unknown): void => {
    if (Array.isArray(value)) {
      value.forEach(visit);
      return;
    }
    if (typeof value !== 'object' || value === null) return;
    for (const [key, item] of Object.entries(value)) {
      if (key === '$ref' && typeof item === 'string') enter(refName(item));
      else visit(item);
    }
  };
  const enter = (name: string): void => {
    if (seen.has(name) || stop(name)) return;
    const schema = schemas[name];
    if (schema === undefined) throw new Error(`the release data has no schema ${name}`);
    seen.add(name);
    visit(schema);
  };
  roots.forEach(enter);
  return seen;
}

/** Two groups have types of these names. */
const sharedNames = new Set([
  'io.k8s.api.admissionregistration.v1.ServiceReference',
  'io.k8s.api.admissionregistration.v1.WebhookClientConfig',
]);

function typeName(name: string): string {
  if (name.startsWith('io.k8s.api.events.v1.'))
    return `Events${name.slice(name.lastIndexOf('.') + 1)}`;
  if (sharedNames.has(name)) return `Admission${name.slice(name.lastIndexOf('.') + 1)}`;
  return name.slice(name.lastIndexOf('.') + 1);
}

function typeOf(schema: Schema): string {
  const ref = schema.$ref ?? schema.allOf?.[0]?.$ref;
  if (ref !== undefined) return byHand[refName(ref)] ?? typeName(refName(ref));
  if (schema.enum) return schema.enum.map((value) => `'${value}'`).join(' | ');
  if (schema.type === 'array') {
    const item = typeOf(schema.items ?? {});
    return `readonly ${/[| ]/.test(item) ? `(${item})` : item}[]`;
  }
  if (schema.type === 'object') {
    const value =
      typeof schema.additionalProperties === 'object'
        ? typeOf(schema.additionalProperties)
        : 'unknown';
    return `Readonly<Record<string, ${value}>>`;
  }
  if (schema.type === 'integer' || schema.type === 'number') return 'number';
  return schema.type === 'boolean' ? 'boolean' : schema.type === 'string' ? 'string' : 'unknown';
}

/** The text of `generated/kinds.ts`. */
export function kindTypes(schemas: Schemas): string {
  const roots = new Map(
    servedKinds.map(([name, group, version]) => [
      name,
      group === '' ? version : `${group}/${version}`,
    ]),
  );
  const names = closureOf(schemas, [...roots.keys(), ...further], (name) => name in byHand);
  const lines = [
    '// Types and descriptors of the built-in Kubernetes kinds. Generated by `npm run generate`; not to be edited.',
    "import type { Condition, KubeObject, ObjectMetaInput } from '../object.ts';",
    "import type { Resource } from '../resource.ts';",
    '',
  ];
  for (const name of [...names].sort()) {
    const schema = schemas[name] as Schema;
    const apiVersion = roots.get(name);
    const kind = typeName(name) === 'EventsEvent' ? 'Event' : typeName(name);
    lines.push(`export interface ${typeName(name)}${apiVersion ? ' extends KubeObject' : ''} {`);
    for (const [field, property] of Object.entries(schema.properties ?? {})) {
      if (apiVersion && field === 'metadata') continue;
      const required =
        schema.required?.includes(field) ||
        (apiVersion !== undefined && ['spec', 'apiVersion', 'kind'].includes(field));
      const fixed =
        apiVersion && field === 'apiVersion'
          ? `'${apiVersion}'`
          : apiVersion && field === 'kind'
            ? `'${kind}'`
            : typeOf(property);
      const key = /^[\w$]+$/.test(field) ? field : `'${field}'`;
      lines.push(`  readonly ${key}${required ? '' : '?'}: ${fixed};`);
    }
    lines.push('}', '');
  }
  for (const [name, group, version, plural, namespaced] of servedKinds) {
    const type = typeName(name);
    const constant =
      type === 'EventsEvent'
        ? 'eventsEventResource'
        : `${type[0]?.toLowerCase()}${type.slice(1)}Resource`;
    const kind = type === 'EventsEvent' ? 'Event' : type;
    lines.push(
      `export const ${constant}: Resource<${type}> = { group: '${group}', version: '${version}', kind: '${kind}', plural: '${plural}', namespaced: ${namespaced} };`,
    );
  }
  return `${lines.join('\n')}\n`;
}
