// The parameters that operations take in their query and path, as OpenAPI v2 describes them.

import { parameterDescription } from './descriptions.ts';

/** A parameter that is no body. */
export interface RouteParameter {
  readonly name: string;
  readonly in: 'query' | 'path';
  readonly type: 'string' | 'boolean' | 'integer';
  readonly description?: string;
}

type Type = RouteParameter['type'];
type Naming = (name: string, type?: Type) => RouteParameter;

/** Makes parameters of requests of one kind, on which it may depend what a name means. */
function queryOf(context: 'attach' | 'exec' | 'log' | 'patch' | ''): Naming {
  return (name, type = 'string') => {
    const description = parameterDescription(name, context);
    return { name, in: 'query', type, ...(description === undefined ? {} : { description }) };
  };
}

const query = queryOf('');

export const pretty: RouteParameter = query('pretty');
export const namespaceInPath: RouteParameter = { ...query('namespace'), in: 'path' };

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

const writing = (named: Naming): readonly RouteParameter[] => [
  named('dryRun'),
  named('fieldManager'),
  named('fieldValidation'),
];

const removal: readonly RouteParameter[] = [
  query('dryRun'),
  query('gracePeriodSeconds', 'integer'),
  query('ignoreStoreReadErrorWithClusterBreakingPotential', 'boolean'),
  query('orphanDependents', 'boolean'),
  query('propagationPolicy'),
];

const streams = (named: Naming): readonly RouteParameter[] => [
  named('container'),
  named('stderr', 'boolean'),
  named('stdin', 'boolean'),
  named('stdout', 'boolean'),
  named('tty', 'boolean'),
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
  write: writing(query),
  patch: [...writing(queryOf('patch')), queryOf('patch')('force', 'boolean')],
  delete: removal,
  deleteCollection: [...removal, ...selection],
  exec: [queryOf('exec')('command'), ...streams(queryOf('exec'))],
  attach: streams(queryOf('attach')),
  log: [
    queryOf('log')('container'),
    queryOf('log')('follow', 'boolean'),
    queryOf('log')('insecureSkipTLSVerifyBackend', 'boolean'),
    queryOf('log')('limitBytes', 'integer'),
    queryOf('log')('previous', 'boolean'),
    queryOf('log')('sinceSeconds', 'integer'),
    queryOf('log')('stream'),
    queryOf('log')('tailLines', 'integer'),
    queryOf('log')('timestamps', 'boolean'),
  ],
};
