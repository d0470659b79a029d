// What OpenAPI v2 and v3 have in common in how they describe a path.

import { versionInfo } from '../version.ts';
import type { RouteParameter } from './parameters.ts';
import type { Route } from './routes.ts';

/** Routes by path; where two would have one path the first stays, so that built-in ones come first. */
export function routesByPath(
  groups: readonly (readonly Route[])[],
): ReadonlyMap<string, readonly Route[]> {
  const found = new Map<string, readonly Route[]>();
  for (const group of groups) {
    for (const [path, routes] of Map.groupBy(group, (route) => route.path)) {
      if (!found.has(path)) found.set(path, routes);
    }
  }
  return found;
}

interface SharedParameters {
  readonly common: readonly RouteParameter[];
  /** What only this route takes. */
  readonly ownOf: (route: Route) => readonly RouteParameter[];
}

/** What all operations of a path take stands once, beside them. */
export function sharedParameters(routes: readonly Route[]): SharedParameters {
  const key = (parameter: RouteParameter): string => `${parameter.in} ${parameter.name}`;
  const [first = [], ...others] = routes.map(({ parameters }) => parameters);
  const common = first.filter((one) =>
    others.every((list) => list.some((other) => key(other) === key(one))),
  );
  const keys = new Set(common.map(key));
  const inOrder = (parameters: readonly RouteParameter[]): readonly RouteParameter[] =>
    parameters.toSorted((left, right) => (left.name < right.name ? -1 : 1));
  return {
    common: inOrder(common),
    ownOf: ({ parameters }) => inOrder(parameters.filter((each) => !keys.has(key(each)))),
  };
}

export const answerTexts: Readonly<Record<number, string>> = {
  200: 'OK',
  201: 'Created',
  202: 'Accepted',
};

/** What a document says of itself: the release that the API is that of. */
export const documentInfo = {
  title: 'Kubernetes',
  version: `${versionInfo['major']}.${versionInfo['minor']}`,
};

/** How a server is asked, and as whom. */
export const bearerToken = {
  description: 'Bearer Token authentication',
  in: 'header',
  name: 'authorization',
  type: 'apiKey',
} as const;

/** `x-kubernetes-` of an operation. */
export function extensionsOf({ action, kind }: Route): Readonly<Record<string, unknown>> {
  return {
    ...(action === undefined ? {} : { 'x-kubernetes-action': action }),
    ...(kind === undefined ? {} : { 'x-kubernetes-group-version-kind': kind }),
  };
}
