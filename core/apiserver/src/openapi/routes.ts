// The operations that are served, each with what OpenAPI says of it: the rules of upstream's API installer, which
// names operations after group, version, scope and kind, and of its builder for custom kinds.

import { patchTypes } from '../patch.ts';
import type { ServedResource, Subresource } from '../registry.ts';
import type { GroupVersionKind } from '../schema/built-in-schemas.ts';
import {
  nameInPath,
  namespaceInPath,
  optionParameters,
  pretty,
  type RouteParameter,
} from './parameters.ts';

type Method = 'get' | 'put' | 'post' | 'delete' | 'patch';

/** What an answer or a body is: a kind that has a component, or plain text. */
export type Model =
  | GroupVersionKind
  | ('APIGroup' | 'APIGroupList' | 'APIResourceList' | 'APIVersions')
  | ('DeleteOptions' | 'Patch' | 'Status' | 'WatchEvent')
  | ('Version' | 'text');

export interface Route {
  readonly path: string;
  readonly method: Method;
  /** Undefined, as the kind, for what is no resource. */
  readonly action: string | undefined;
  readonly operationId: string;
  readonly tag: string;
  readonly description: string;
  readonly kind: GroupVersionKind | undefined;
  readonly consumes: readonly string[];
  readonly produces: readonly string[];
  readonly parameters: readonly RouteParameter[];
  readonly body: { readonly model: Model; readonly required: boolean } | undefined;
  /** Status codes of success. */
  readonly answers: readonly number[];
  readonly model: Model;
}

const objectTypes: readonly string[] = ['application/json', 'application/yaml'];
const anyType: readonly string[] = ['*/*'];
const streamTypes: readonly string[] = [...objectTypes, 'application/json;stream=watch'];

/** Every operation of a resource and its subresources. */
export function routesOf(resource: ServedResource): readonly Route[] {
  return [
    ...collectionRoutes(resource),
    ...objectRoutes(resource),
    ...resource.subresources.flatMap((subresource) => subresourceRoutes(resource, subresource)),
    ...(resource.custom ? [] : watchRoutes(resource)),
  ];
}

interface Outline {
  readonly path: string;
  readonly method: Method;
  readonly action: string;
  /** `list`, `read`, `create` and so on, with which operations are named. */
  readonly word: string;
  /** What of the verb stands behind the version: the `Collection` of `deletecollection`. */
  readonly wordRest?: string;
  readonly description: string;
  readonly answers: readonly number[];
  readonly model: Model;
  readonly parameters?: readonly RouteParameter[];
  readonly body?: { readonly model: Model; readonly required: boolean };
  readonly subresource?: Subresource;
  /** Behind the kind in the operation's name. */
  readonly suffix?: string;
  readonly scope?: 'all';
  readonly produces?: readonly string[];
}

function routeOf(resource: ServedResource, outline: Outline): Route {
  const { group, version, custom } = resource;
  const { path, method, action, description, answers, model, body, subresource } = outline;
  const kind = kindOf(resource, subresource);
  const named = custom ? resource.kind : kind.kind;
  return {
    ...{ path, method, action, description, answers, model, body },
    operationId: operationId(resource, outline),
    tag: `${tagOf(group)}_${version}`,
    kind: custom ? { group, version, kind: resource.kind } : kind,
    consumes: consumedBy(resource, outline),
    produces: outline.produces ?? objectTypes,
    parameters: [
      ...(outline.parameters ?? []),
      ...(action === 'connect' ? [] : [pretty]),
      ...(path.includes('{namespace}') ? [namespaceInPath] : []),
      ...(path.includes('{name}') ? [nameInPath(named)] : []),
    ],
  };
}

function consumedBy({ custom, strategic }: ServedResource, { method }: Outline): readonly string[] {
  if (method !== 'patch') return custom ? objectTypes : anyType;
  const { apply, json, merge, strategic: strategicType } = patchTypes;
  return [json, merge, ...(strategic ? [strategicType] : []), apply];
}

function kindOf({ group, version, kind }: ServedResource, sub?: Subresource): GroupVersionKind {
  return {
    group: sub?.group ?? group,
    version: sub?.version ?? version,
    kind: sub?.kind ?? kind,
  };
}

/** As upstream's GetOperationIDAndTags: the group and version stand behind the verb. */
function operationId(
  { group, version, kind, namespaced }: ServedResource,
  outline: Outline,
): string {
  const scope = namespaced && outline.scope !== 'all' ? 'Namespaced' : '';
  const part = capitalized(outline.subresource?.name ?? '');
  const place = camelCase(trimmedGroup(group)) + camelCase(version);
  return camelCase(
    `${outline.word}${place}${outline.wordRest ?? ''}${scope}${kind}${part}${outline.suffix ?? ''}`,
    'kept',
  );
}

/** Of what is said of a group. */
export function tagOf(group: string): string {
  return camelCase(trimmedGroup(group), 'kept');
}

const trimmedGroup = (group: string): string =>
  group === '' ? 'core' : group.replace(/\.k8s\.io$/, '');
const capitalized = (text: string): string => text.slice(0, 1).toUpperCase() + text.slice(1);

/** Joins the words of a text, each but the first with a capital letter; the first one too unless it is to be kept. */
function camelCase(text: string, first?: 'kept'): string {
  const words = text.split(/[^\p{L}\p{Nd}_]+/u).filter((word) => word !== '');
  return words.map((word, index) => (index === 0 && first ? word : capitalized(word))).join('');
}

/** As upstream's GetArticleForNoun. */
function withArticle(noun: string): string {
  if (/[^s]s$/.test(noun)) return ` ${noun}`; // plurals have none
  return /^[aeiou]/i.test(noun) ? ` an ${noun}` : ` a ${noun}`;
}

interface Paths {
  /** Of every namespace; undefined for kinds outside namespaces. */
  readonly all: string | undefined;
  readonly collection: string;
  readonly object: string;
}

function pathsOf({ group, version, plural, namespaced }: ServedResource, inset = ''): Paths {
  const start = (group === '' ? `/api/${version}` : `/apis/${group}/${version}`) + inset;
  const collection = namespaced
    ? `${start}/namespaces/{namespace}/${plural}`
    : `${start}/${plural}`;
  return {
    all: namespaced ? `${start}/${plural}` : undefined,
    collection,
    object: `${collection}/{name}`,
  };
}

function collectionRoutes(resource: ServedResource): readonly Route[] {
  const { kind, listKind, verbs, custom } = resource;
  const paths = pathsOf(resource);
  const own = kindOf(resource);
  const list = {
    method: 'get',
    action: 'list',
    word: 'list',
    description: `list ${custom ? '' : 'or watch '}objects of kind ${kind}`,
    answers: [200],
    model: { ...own, kind: listKind },
    parameters: optionParameters.list,
    ...(custom ? {} : { produces: streamTypes }),
  } as const;
  const found: Outline[] = [];
  if (verbs.includes('list')) {
    if (paths.all !== undefined) {
      found.push({ ...list, path: paths.all, scope: 'all', suffix: 'ForAllNamespaces' });
    }
    found.push({ ...list, path: paths.collection });
  }
  if (verbs.includes('create')) {
    found.push({
      ...{ path: paths.collection, method: 'post', action: 'post', word: 'create' },
      ...{ description: `create${withArticle(kind)}`, answers: [200, 201, 202], model: own },
      ...{ parameters: optionParameters.write, body: { model: own, required: true } },
    });
  }
  if (verbs.includes('deletecollection')) {
    found.push({
      ...{ path: paths.collection, method: 'delete', action: 'deletecollection' },
      ...{ word: 'delete', wordRest: 'Collection' },
      ...{ description: `delete collection of ${kind}` },
      ...{ answers: [200], model: 'Status' },
      ...(custom
        ? { parameters: optionParameters.list }
        : { parameters: optionParameters.deleteCollection, body: deleteBody }),
    });
  }
  return found.map((outline) => routeOf(resource, outline));
}

const deleteBody = { model: 'DeleteOptions', required: false } as const;

function objectRoutes(resource: ServedResource): readonly Route[] {
  const { kind, verbs, strategy } = resource;
  const path = pathsOf(resource).object;
  const own = kindOf(resource);
  const found: Outline[] = changingOutlines(resource, {
    path,
    verbs,
    model: own,
    what: `the specified ${kind}`,
  });
  if (verbs.includes('delete')) {
    found.push({
      ...{ path, method: 'delete', action: 'delete', word: 'delete' },
      ...{ description: `delete${withArticle(kind)}`, answers: [200, 202] },
      ...{ model: strategy.returnsDeleted ? own : 'Status' },
      ...{ parameters: optionParameters.delete, body: deleteBody },
    });
  }
  return found.map((outline) => routeOf(resource, outline));
}

interface Changing {
  readonly path: string;
  readonly verbs: readonly string[];
  readonly model: Model;
  /** What is read and changed, in words. */
  readonly what: string;
  readonly subresource?: Subresource;
}

/** Reading, replacing and patching one thing. */
function changingOutlines(
  { custom }: ServedResource,
  { path, verbs, model, what, subresource }: Changing,
): Outline[] {
  const common = { path, model, ...(subresource ? { subresource } : {}) };
  const found: Outline[] = [];
  if (verbs.includes('get')) {
    found.push({
      ...{ ...common, method: 'get', action: 'get', word: 'read', answers: [200] },
      description: `read ${what}`,
      parameters: custom ? optionParameters.customGet : optionParameters.get,
    });
  }
  if (verbs.includes('update')) {
    found.push({
      ...{ ...common, method: 'put', action: 'put', word: 'replace', answers: [200, 201] },
      ...{ description: `replace ${what}`, parameters: optionParameters.write },
      body: { model, required: true },
    });
  }
  if (verbs.includes('patch')) {
    found.push({
      ...{ ...common, method: 'patch', action: 'patch', word: 'patch' },
      answers: custom ? [200] : [200, 201], // an apply can create
      ...{ description: `partially update ${what}`, parameters: optionParameters.patch },
      body: { model: 'Patch', required: true },
    });
  }
  return found;
}

function subresourceRoutes(resource: ServedResource, subresource: Subresource): readonly Route[] {
  const { kind } = resource;
  const { name, verbs } = subresource;
  const path = `${pathsOf(resource).object}/${name}`;
  const model: Model = kindOf(resource, subresource);
  if (name === 'log') return [logRoute(resource, { path, subresource })];
  if (name === 'exec' || name === 'attach') {
    const parameters = optionParameters[name];
    return connectRoutes(resource, { path, subresource, parameters });
  }
  const what = `${name} of the specified ${kind}`;
  const found = changingOutlines(resource, { path, verbs, model, what, subresource });
  if (verbs.includes('create')) {
    found.push({
      ...{ path, method: 'post', action: 'post', word: 'create', subresource },
      ...{ description: `create ${name} of${withArticle(kind)}`, answers: [200, 201, 202], model },
      ...{ parameters: optionParameters.write, body: { model, required: true } },
    });
  }
  return found.map((outline) => routeOf(resource, outline));
}

function logRoute(
  resource: ServedResource,
  { path, subresource }: { readonly path: string; readonly subresource: Subresource },
): Route {
  return routeOf(resource, {
    ...{ path, subresource, method: 'get', action: 'get', word: 'read', answers: [200] },
    ...{ description: `read log of the specified ${resource.kind}`, model: 'text' },
    ...{ parameters: optionParameters.log, produces: ['text/plain', ...objectTypes] },
  });
}

/** What is upgraded to a stream. */
function connectRoutes(
  resource: ServedResource,
  streaming: Pick<Outline, 'path' | 'subresource' | 'parameters'> & {
    readonly subresource: Subresource;
  },
): readonly Route[] {
  const { kind } = resource;
  return (['get', 'post'] as const).map((method) =>
    routeOf(resource, {
      ...{ ...streaming, method, action: 'connect', word: 'connect', answers: [200] },
      ...{ model: 'text', produces: anyType, wordRest: capitalized(method) },
      description: `connect ${method.toUpperCase()} requests to ${streaming.subresource.name} of ${kind}`,
    }),
  );
}

const insteadOf = "deprecated: use the 'watch' parameter with a list operation instead";

/** The old way to watch, under `/watch`. */
function watchRoutes(resource: ServedResource): readonly Route[] {
  const { kind, verbs } = resource;
  if (!verbs.includes('watch')) return [];
  const { all, collection, object } = pathsOf(resource, '/watch');
  const common: Pick<Outline, 'method' | 'word' | 'answers' | 'model' | 'parameters' | 'produces'> =
    {
      ...{ method: 'get', word: 'watch', answers: [200], model: 'WatchEvent' },
      ...{ parameters: optionParameters.list, produces: streamTypes },
    };
  const list = {
    ...common,
    action: 'watchlist',
    description: `watch individual changes to a list of ${kind}. ${insteadOf}.`,
  };
  const found: Outline[] = [
    ...(all === undefined
      ? []
      : [{ ...list, path: all, scope: 'all', suffix: 'ListForAllNamespaces' } as const]),
    { ...list, path: collection, suffix: 'List' },
    {
      ...{ ...common, path: object, action: 'watch' },
      description: `watch changes to an object of kind ${kind}. ${insteadOf}, filtered to a single item with the 'fieldSelector' parameter.`,
    },
  ];
  return found.map((outline) => routeOf(resource, outline));
}
