// Conditions over a request to an API server: which variables they see, what is wrong with one, and whether it holds.
// After the match conditions of Kubernetes' admission webhooks.

import { type Environment, EvaluationError } from '@marcbachmann/cel-js';
import type { UserInfo } from '../api-message.ts';
import type { JsonSchema } from '../schema/json-schema.ts';
import { CostMeter, type Sizes } from './budget.ts';
import { celEnvironment } from './library.ts';
import { compileRule } from './rule.ts';
import { declareType, dynamicType } from './values.ts';

/** What an expression asks about rights. Fields that it does not name are empty. */
export interface AccessQuestion {
  /** Set: about a path instead of a resource. */
  readonly path?: string;
  readonly group: string;
  readonly resource: string;
  readonly subresource: string;
  readonly namespace: string;
  readonly name: string;
  readonly verb: string;
  /** Undefined: about whoever sends the request. */
  readonly serviceAccount: { readonly namespace: string; readonly name: string } | undefined;
}

export interface AccessAnswer {
  readonly allowed: boolean;
  readonly reason: string;
}

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

/** Units of work that all conditions of one webhook may do on one request. */
const costMax = 250_000;

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
let shared: { readonly environment: Environment; readonly request: typeof dynamicType } | undefined;

function sharedParts() {
  if (shared) return shared;
  const environment = celEnvironment().clone();
  registerAuthorizer(environment);
  const at = { name: 'kubernetes.AdmissionRequest', whole: false };
  const request = declareType(environment, requestSchema, at) ?? dynamicType;
  environment
    .registerVariable('object', 'dyn')
    .registerVariable('oldObject', 'dyn')
    .registerVariable('request', request.name)
    .registerVariable('authorizer', `${authorizerType}.Authorizer`);
  shared = { environment, request };
  return shared;
}

/** Compiles an expression. Evaluation never waits, and stops when it has done too much. */
export function compileCondition(expression: string): Condition {
  const { environment, request } = sharedParts();
  const meter = new CostMeter();
  const sizes: Sizes = new WeakMap();
  const { evaluate, problems } = compileRule({ rule: expression }, environment, { meter, sizes });
  const wrongType = 'cel expression must evaluate to a bool';
  const problem =
    problems[0]?.detail === wrongType
      ? `must evaluate to bool but got ${environment.parse(expression).check().type}`
      : problems[0]?.detail;
  return {
    problem,
    holds(input) {
      if (!evaluate) throw new Error(problems[0]?.detail ?? 'the expression cannot be used');
      meter.refill(costMax);
      try {
        return Boolean(
          evaluate({
            object: dynamicType.convert(input.object ?? null, sizes),
            oldObject: dynamicType.convert(input.oldObject ?? null, sizes),
            request: request.convert(input.request, sizes),
            authorizer: new CelAuthorizer(input, undefined),
          }),
        );
      } catch (error) {
        throw new Error(`expression '${expression}' resulted in error: ${reasonOf(error)}`);
      }
    },
  };
}

function reasonOf(error: unknown): string {
  const text =
    error instanceof EvaluationError
      ? error.summary
      : String(error instanceof Error ? error.message : error);
  return text.replace(/^No such key: (.*)$/s, 'no such key: $1');
}

const authorizerType = 'kubernetes.authorization';

class CelAuthorizer {
  readonly input: ConditionInput;
  readonly serviceAccount: AccessQuestion['serviceAccount'];

  constructor(input: ConditionInput, serviceAccount: AccessQuestion['serviceAccount']) {
    this.input = input;
    this.serviceAccount = serviceAccount;
  }

  ask(question: Partial<AccessQuestion>): AccessAnswer {
    return this.input.decide({
      group: '',
      resource: '',
      subresource: '',
      namespace: '',
      name: '',
      verb: '',
      serviceAccount: this.serviceAccount,
      ...question,
    });
  }
}

/** A question that is not finished: each word about it makes another. */
class CelCheck {
  readonly authorizer: CelAuthorizer;
  readonly about: Partial<AccessQuestion>;

  constructor(authorizer: CelAuthorizer, about: Partial<AccessQuestion>) {
    this.authorizer = authorizer;
    this.about = about;
  }

  with(about: Partial<AccessQuestion>): this {
    return new (this.constructor as typeof CelCheck)(this.authorizer, {
      ...this.about,
      ...about,
    }) as this; // the class it has
  }
}

class CelPathCheck extends CelCheck {}
class CelGroupCheck extends CelCheck {}
class CelResourceCheck extends CelCheck {}

class CelDecision {
  readonly answer: AccessAnswer;

  constructor(answer: AccessAnswer) {
    this.answer = answer;
  }
}

/** The functions of Kubernetes' authorizer library. */
function registerAuthorizer(environment: Environment): void {
  const [authorizer, path, group, resource, decision] = [
    'Authorizer',
    'PathCheck',
    'GroupCheck',
    'ResourceCheck',
    'Decision',
  ].map((name) => `${authorizerType}.${name}`);
  environment
    .registerType(`${authorizer}`, CelAuthorizer)
    .registerType(`${path}`, CelPathCheck)
    .registerType(`${group}`, CelGroupCheck)
    .registerType(`${resource}`, CelResourceCheck)
    .registerType(`${decision}`, CelDecision)
    .registerFunction(
      `${authorizer}.serviceAccount(string, string): ${authorizer}`,
      ({ input }: CelAuthorizer, namespace: string, name: string) =>
        new CelAuthorizer(input, { namespace, name }),
    )
    .registerFunction(
      `${authorizer}.path(string): ${path}`,
      (asker: CelAuthorizer, text: string) => new CelPathCheck(asker, { path: text }),
    )
    .registerFunction(
      `${authorizer}.group(string): ${group}`,
      (asker: CelAuthorizer, text: string) => new CelGroupCheck(asker, { group: text }),
    )
    .registerFunction(
      `${group}.resource(string): ${resource}`,
      ({ authorizer: asker, about }: CelGroupCheck, text: string) =>
        new CelResourceCheck(asker, { ...about, resource: text }),
    )
    .registerFunction(
      `${resource}.subresource(string): ${resource}`,
      (check: CelResourceCheck, text: string) => check.with({ subresource: text }),
    )
    .registerFunction(
      `${resource}.namespace(string): ${resource}`,
      (check: CelResourceCheck, text: string) => check.with({ namespace: text }),
    )
    .registerFunction(
      `${resource}.name(string): ${resource}`,
      (check: CelResourceCheck, text: string) => check.with({ name: text }),
    );
  for (const check of [path, resource]) {
    environment.registerFunction(
      `${check}.check(string): ${decision}`,
      ({ authorizer: asker, about }: CelCheck, verb: string) =>
        new CelDecision(asker.ask({ ...about, verb })),
    );
  }
  environment
    .registerFunction(`${decision}.allowed(): bool`, ({ answer }: CelDecision) => answer.allowed)
    .registerFunction(`${decision}.reason(): string`, ({ answer }: CelDecision) => answer.reason)
    .registerFunction(`${decision}.errored(): bool`, () => false)
    .registerFunction(`${decision}.error(): string`, () => '');
}
