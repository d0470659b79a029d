// The parameters that operations take in their query and path, as OpenAPI v2 describes them.

/** A parameter that is no body. */
export interface RouteParameter {
  readonly name: string;
  readonly in: 'query' | 'path';
  readonly type: 'string' | 'boolean' | 'integer';
  readonly description?: string;
}

const query = (name: string, type: RouteParameter['type'] = 'string'): RouteParameter => ({
  ...{ name, in: 'query', type },
});

export const pretty: RouteParameter = query('pretty');
export const namespaceInPath: RouteParameter = { name: 'namespace', in: 'path', type: 'string' };

export function nameInPath(kind: string): RouteParameter {
  return { name: 'name', in: 'path', type: 'string', description: `name of the ${kind}` };
}

const watching: readonly RouteParameter[] = [
  query('allowWatchBookmarks', 'boolean'),
  query('watch', 'boolean'),
];

/** What a selection of objects is asked with, short of watching it. */
const selection: readonly RouteParameter[] = [
  query('continue'),
  query('fieldSelector'),
  query('labelSelector'),
  query('limit', 'integer'),
  query('resourceVersion'),
  query('resourceVersionMatch'),
  query('sendInitialEvents', 'boolean'),
  query('timeoutSeconds', 'integer'),
];

const writing: readonly RouteParameter[] = [
  query('dryRun'),
  query('fieldManager'),
  query('fieldValidation'),
];

const removal: readonly RouteParameter[] = [
  query('dryRun'),
  query('gracePeriodSeconds', 'integer'),
  query('orphanDependents', 'boolean'),
  query('propagationPolicy'),
];

const streams: readonly RouteParameter[] = [
  query('container'),
  query('stderr', 'boolean'),
  query('stdin', 'boolean'),
  query('stdout', 'boolean'),
  query('tty', 'boolean'),
];

type Asking =
  | 'list'
  | 'get'
  | 'customGet'
  | 'write'
  | 'patch'
  | 'delete'
  | 'deleteCollection'
  | 'exec'
  | 'attach'
  | 'log';

export const optionParameters: Readonly<Record<Asking, readonly RouteParameter[]>> = {
  list: [...watching, ...selection],
  get: [],
  /** Of custom kinds: built-in ones declare no options of `get`. */
  customGet: [query('resourceVersion')],
  write: writing,
  patch: [...writing, query('force', 'boolean')],
  delete: removal,
  deleteCollection: [...removal, ...selection],
  exec: [query('command'), ...streams],
  attach: streams,
  log: [
    query('container'),
    query('follow', 'boolean'),
    query('insecureSkipTLSVerifyBackend', 'boolean'),
    query('limitBytes', 'integer'),
    query('previous', 'boolean'),
    query('sinceSeconds', 'integer'),
    query('stream'),
    query('tailLines', 'integer'),
    query('timestamps', 'boolean'),
  ],
};
