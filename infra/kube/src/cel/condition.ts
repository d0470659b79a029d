// Conditions over a request to an API server: which variables they see, what is wrong with one, and whether it holds.
// After the match conditions of Kubernetes' admission webhooks.

import { isJsonObject } from '@tweendeck/std';
import type { UserInfo } from '../api-message.ts';
import type { JsonSchema } from '../schema/json-schema.ts';
import {
  type AccessAnswer,
  type AccessQuestion,
  authorizerOf,
  authorizerTypes,
  resourceCheckOf,
} from './authorizer.ts';
import type { Scope } from './check-expression.ts';
import { ProgramError } from './evaluate.ts';
import { checkedExpression, type Expression, readyExpression, scopeOf } from './expression.ts';
import { type Declared, declareSchema, freely } from './schema-values.ts';
import { ExpressionError } from './syntax.ts';
import { types, typeText } from './type.ts';
import { type CelValue, Failure } from './value.ts';

/** What one evaluation is about; `request` is an AdmissionRequest without objects. */
interface ConditionInput {
  readonly object: unknown;
  readonly oldObject: unknown;
  readonly request: unknown;
  readonly user: UserInfo;
  readonly decide: (question: AccessQuestion) => AccessAnswer;
}

export interface Condition {
  /** Why it cannot be used. */
  readonly problem: string | undefined;
  /** @throws Error with Kubernetes' words when it has no result. */
  holds(input: ConditionInput): boolean;
}

/** Upstream's limit of one evaluation. */
const costMax = 1_000_000;

const kindSchema: JsonSchema = {
  type: 'object',
  properties: { group: { type: 'string' }, version: { type: 'string' }, kind: { type: 'string' } },
};
const resourceSchema: JsonSchema = {
  type: 'object',
  properties: {
    group: { type: 'string' },
    version: { type: 'string' },
    resource: { type: 'string' },
  },
};
const texts: JsonSchema = { type: 'array', items: { type: 'string' } };
const requestSchema: JsonSchema = {
  type: 'object',
  properties: {
    kind: kindSchema,
    resource: resourceSchema,
    subResource: { type: 'string' },
    requestKind: kindSchema,
    requestResource: resourceSchema,
    requestSubResource: { type: 'string' },
    name: { type: 'string' },
    namespace: { type: 'string' },
    operation: { type: 'string' },
    userInfo: {
      type: 'object',
      properties: {
        username: { type: 'string' },
        uid: { type: 'string' },
        groups: texts,
        extra: { type: 'object', additionalProperties: texts },
      },
    },
    dryRun: { type: 'boolean' },
    options: { 'x-kubernetes-int-or-string': true }, // of any shape
  },
};

/** The variables of every condition; made when the first one is compiled. */
let shared: { readonly scope: Scope; readonly request: Declared } | undefined;

function sharedParts(): NonNullable<typeof shared> {
  if (shared) return shared;
  const request = declareSchema(requestSchema, {
    name: 'kubernetes.AdmissionRequest',
    whole: false,
  });
  if (!request) throw new Error('an object has a declaration');
  const variables = new Map([
    ['object', types.dyn],
    ['oldObject', types.dyn],
    ['request', request.type],
    ['authorizer', authorizerTypes.authorizer],
    ['authorizer.requestResource', authorizerTypes.resourceCheck],
  ]);
  shared = { scope: scopeOf(variables, [request]), request };
  return shared;
}

/** Compiles an expression. Evaluation never waits, and stops when it has done too much. */
export function compileCondition(expression: string): Condition {
  const { scope, request } = sharedParts();
  const compiled = compiledOr(expression, scope);
  if (typeof compiled === 'string') {
    return {
      problem: compiled,
      holds() {
        throw new Error(compiled);
      },
    };
  }
  return {
    problem: undefined,
    holds(input) {
      const { outcome } = compiled.evaluate(variablesOf(input, request), costMax);
      if (outcome instanceof Failure)
        throw new Error(`expression '${expression}' resulted in error: ${outcome.message}`);
      return outcome === true;
    },
  };
}

function compiledOr(text: string, scope: Scope): Expression | string {
  try {
    const checked = checkedExpression(text, scope);
    return checked.type.kind === 'bool'
      ? readyExpression(checked)
      : `must evaluate to bool but got ${typeText(checked.type)}`;
  } catch (error) {
    if (error instanceof ExpressionError) return `compilation failed: ${error.message}`;
    if (error instanceof ProgramError) return `program instantiation failed: ${error.message}`;
    throw error;
  }
}

function variablesOf(input: ConditionInput, request: Declared): ReadonlyMap<string, CelValue> {
  const sent = request.convert(input.request);
  return new Map([
    ['object', freely(input.object)],
    ['oldObject', freely(input.oldObject)],
    ['request', sent],
    ['authorizer', authorizerOf(input.decide)],
    ['authorizer.requestResource', resourceCheckOf(input.decide, resourceOf(input.request))],
  ]);
}

/** What the request is to. */
function resourceOf(request: unknown): Partial<AccessQuestion> {
  const text = (holder: unknown, key: string): string => {
    const value: unknown = isJsonObject(holder) ? holder[key] : undefined;
    return typeof value === 'string' ? value : '';
  };
  const resource = isJsonObject(request) ? request['requestResource'] : undefined;
  return {
    group: text(resource, 'group'),
    resource: text(resource, 'resource'),
    subresource: text(request, 'requestSubResource'),
    namespace: text(request, 'namespace'),
    name: text(request, 'name'),
  };
}
