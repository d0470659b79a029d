// Paths as OpenAPI v3 describes them.

import type { RouteParameter } from './parameters.ts';
import { answerTexts, extensionsOf, sharedParameters } from './path-items.ts';
import type { Model, Route } from './routes.ts';

type Json = Readonly<Record<string, unknown>>;

/** One path; `refer` gives the schema of what is sent and answered. */
export function itemV3(routes: readonly Route[], refer: (model: Model) => Json): Json {
  const { common, ownOf } = sharedParameters(routes);
  return {
    ...Object.fromEntries(
      routes.map((route) => [route.method, operationOf(route, ownOf(route), refer)]),
    ),
    ...(common.length === 0 ? {} : { parameters: common.map(parameterOf) }),
  };
}

function operationOf(
  route: Route,
  parameters: readonly RouteParameter[],
  refer: (model: Model) => Json,
): Json {
  const { body, model } = route;
  const content = (types: readonly string[], of: Model): Json =>
    Object.fromEntries(types.toSorted().map((type) => [type, { schema: refer(of) }]));
  return {
    description: route.description,
    operationId: route.operationId,
    ...(parameters.length === 0 ? {} : { parameters: parameters.map(parameterOf) }),
    ...(body
      ? {
          requestBody: {
            content: content(route.consumes, body.model),
            ...(body.required ? { required: true } : {}),
          },
        }
      : {}),
    responses: {
      ...Object.fromEntries(
        route.answers.map((code) => [
          code,
          { content: content(route.produces, model), description: answerTexts[code] ?? '' },
        ]),
      ),
      401: { description: 'Unauthorized' },
    },
    tags: [route.tag],
    ...extensionsOf(route),
  };
}

function parameterOf({ name, in: place, type, description }: RouteParameter): Json {
  return {
    ...(description === undefined ? {} : { description }),
    in: place,
    name,
    ...(place === 'path' ? { required: true } : {}),
    schema: { type, uniqueItems: true },
  };
}
