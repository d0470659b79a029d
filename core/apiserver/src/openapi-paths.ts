// The paths of an OpenAPI document: which operations there are, of which kind, with which query parameters.

import { patchTypes } from './patch.ts';
import type { ServedResource, Subresource } from './registry.ts';

interface Operation {
  readonly method: 'get' | 'post' | 'put' | 'patch' | 'delete';
  readonly action: string;
  readonly verb: string;
}

const collectionOperations: readonly Operation[] = [
  { method: 'get', action: 'list', verb: 'list' },
  { method: 'post', action: 'post', verb: 'create' },
  { method: 'delete', action: 'deletecollection', verb: 'deletecollection' },
];
const objectOperations: readonly Operation[] = [
  { method: 'get', action: 'get', verb: 'get' },
  { method: 'post', action: 'post', verb: 'create' },
  { method: 'put', action: 'put', verb: 'update' },
  { method: 'patch', action: 'patch', verb: 'patch' },
  { method: 'delete', action: 'delete', verb: 'delete' },
];

const query = (name: string, type = 'string') => ({
  name,
  in: 'query',
  schema: { type, uniqueItems: true },
});
const inPath = (name: string) => ({
  name,
  in: 'path',
  required: true,
  schema: { type: 'string', uniqueItems: true },
});

const writeParameters = [query('dryRun'), query('fieldManager'), query('fieldValidation')];
const parameters: Readonly<Record<Operation['action'], readonly unknown[]>> = {
  list: [
    query('allowWatchBookmarks', 'boolean'),
    query('continue'),
    query('fieldSelector'),
    query('labelSelector'),
    query('limit', 'integer'),
    query('resourceVersion'),
    query('resourceVersionMatch'),
    query('sendInitialEvents', 'boolean'),
    query('timeoutSeconds', 'integer'),
    query('watch', 'boolean'),
  ],
  get: [query('resourceVersion')],
  post: writeParameters,
  put: writeParameters,
  patch: [...writeParameters, query('force', 'boolean')],
  delete: [
    query('dryRun'),
    query('gracePeriodSeconds', 'integer'),
    query('orphanDependents', 'boolean'),
    query('propagationPolicy'),
  ],
  deletecollection: [query('dryRun'), query('fieldSelector'), query('labelSelector')],
};

/** kubectl sends a strategic patch to whatever lists it here. */
function patchBodies({ strategic }: ServedResource): readonly string[] {
  const { apply, json, merge, strategic: strategicType } = patchTypes;
  return [apply, json, merge, ...(strategic ? [strategicType] : [])];
}

type Paths = Record<string, Record<string, unknown>>;

/** Paths of the resources of one group version; `componentOf` names the component of a resource's kind. */
export function operationPaths(
  resources: readonly ServedResource[],
  componentOf: (resource: ServedResource) => string,
): Paths {
  const paths: Paths = {};
  for (const resource of resources) {
    const { group, version, plural, namespaced } = resource;
    const start = group === '' ? `/api/${version}` : `/apis/${group}/${version}`;
    const scoped = namespaced ? `${start}/namespaces/{namespace}/${plural}` : `${start}/${plural}`;
    const context: Context = { resource, component: componentOf(resource), subresource: undefined };
    if (namespaced && resource.verbs.includes('list')) {
      paths[`${start}/${plural}`] = { get: operationOf(list, context) };
    }
    paths[scoped] = itemOf(collectionOperations, context, resource.verbs);
    paths[`${scoped}/{name}`] = itemOf(
      objectOperations.filter(({ verb }) => verb !== 'create'),
      context,
      resource.verbs,
    );
    for (const subresource of resource.subresources) {
      const inner: Context = { ...context, subresource };
      paths[`${scoped}/{name}/${subresource.name}`] = itemOf(
        objectOperations,
        inner,
        subresource.verbs,
      );
    }
  }
  return paths;
}

const list: Operation = { method: 'get', action: 'list', verb: 'list' };

interface Context {
  readonly resource: ServedResource;
  readonly component: string;
  readonly subresource: Subresource | undefined;
}

function itemOf(
  operations: readonly Operation[],
  context: Context,
  verbs: readonly string[],
): Record<string, unknown> {
  const { resource } = context;
  const object = operations !== collectionOperations;
  return {
    ...Object.fromEntries(
      operations
        .filter(({ verb }) => verbs.includes(verb))
        .map((operation) => [operation.method, operationOf(operation, context)]),
    ),
    parameters: [
      ...(object ? [inPath('name')] : []),
      ...(resource.namespaced ? [inPath('namespace')] : []),
    ],
  };
}

function operationOf({ action, method }: Operation, context: Context): unknown {
  const { resource, component, subresource } = context;
  const { group, version, kind } = resource;
  const schema = { $ref: `#/components/schemas/${component}` };
  const shaped = subresource === undefined || subresource.kind === kind;
  const body = shaped ? schema : { type: 'object' };
  const bodies = action === 'patch' ? patchBodies(resource) : ['*/*'];
  return {
    tags: [`${group || 'core'}_${version}`],
    operationId: `${action}${kind}${subresource?.name ?? ''}`,
    parameters: parameters[action] ?? [],
    ...(method === 'get' || method === 'delete'
      ? {}
      : {
          requestBody: {
            content: Object.fromEntries(
              bodies.map((type) => [
                type,
                { schema: action === 'patch' ? { type: 'object' } : body },
              ]),
            ),
          },
        }),
    responses: { 200: { description: 'OK', content: { 'application/json': { schema: body } } } },
    'x-kubernetes-action': action,
    'x-kubernetes-group-version-kind': shaped
      ? { group, version, kind }
      : {
          group: subresource?.group ?? group,
          version: subresource?.version ?? version,
          kind: subresource?.kind,
        },
  };
}
