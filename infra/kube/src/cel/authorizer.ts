// What expressions may ask about rights: Kubernetes' "authz" library.

import { dnsLabelProblems, dnsSubdomainProblems } from '../names.ts';
import { noOverload } from './conversions.ts';
import { objectType, type Type } from './type.ts';
import { CelHandle, type CelValue, Failure, type Outcome } from './value.ts';

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

type Decide = (question: AccessQuestion) => AccessAnswer;

const named = (name: string): Type => objectType(`kubernetes.authorization.${name}`);

export const authorizerTypes: Readonly<
  Record<'authorizer' | 'pathCheck' | 'groupCheck' | 'resourceCheck' | 'decision', Type>
> = {
  authorizer: named('Authorizer'),
  pathCheck: named('PathCheck'),
  groupCheck: named('GroupCheck'),
  resourceCheck: named('ResourceCheck'),
  decision: named('Decision'),
};

/** A question that is not finished: each word about it makes another. */
class Asking extends CelHandle {
  readonly #decide: Decide;
  readonly #about: Partial<AccessQuestion>;

  constructor(type: Type, decide: Decide, about: Partial<AccessQuestion>) {
    super(type);
    this.#decide = decide;
    this.#about = about;
  }

  with(type: Type, about: Partial<AccessQuestion>): Asking {
    return new Asking(type, this.#decide, { ...this.#about, ...about });
  }

  check(verb: string): Decision {
    return new Decision(
      this.#decide({
        group: '',
        resource: '',
        subresource: '',
        namespace: '',
        name: '',
        serviceAccount: undefined,
        ...this.#about,
        verb,
      }),
    );
  }
}

class Decision extends CelHandle {
  readonly answer: AccessAnswer;

  constructor(answer: AccessAnswer) {
    super(authorizerTypes.decision);
    this.answer = answer;
  }
}

/** The value of `authorizer`. */
export function authorizerOf(decide: Decide): CelValue {
  return new Asking(authorizerTypes.authorizer, decide, {});
}

/** The value of `authorizer.requestResource`. */
export function resourceCheckOf(decide: Decide, about: Partial<AccessQuestion>): CelValue {
  return new Asking(authorizerTypes.resourceCheck, decide, about);
}

type Implementation = (...args: readonly CelValue[]) => Outcome;

function asking(
  on: readonly Type[],
  next: (asking: Asking, ...texts: readonly string[]) => Outcome,
): Implementation {
  return (target, ...args) => {
    if (!(target instanceof Asking && on.includes(target.type))) return noOverload;
    const texts = args.filter((arg) => typeof arg === 'string');
    return texts.length === args.length ? next(target, ...texts) : noOverload;
  };
}

function decided(read: (answer: AccessAnswer) => CelValue): Implementation {
  return (target) => (target instanceof Decision ? read(target.answer) : noOverload);
}

const { authorizer, pathCheck, groupCheck, resourceCheck } = authorizerTypes;

/** By name. */
export const authorizerFunctions: Readonly<Record<string, Implementation>> = {
  path: asking([authorizer], (target, path = '') =>
    path.trim() === '' ? new Failure('path must not be empty') : target.with(pathCheck, { path }),
  ),
  group: asking([authorizer], (target, group = '') => target.with(groupCheck, { group })),
  serviceAccount: asking([authorizer], (target, namespace = '', name = '') => {
    if (dnsSubdomainProblems(name).length > 0) return new Failure('Invalid service account name');
    if (dnsLabelProblems(namespace).length > 0)
      return new Failure('Invalid service account namespace');
    return target.with(authorizer, { serviceAccount: { namespace, name } });
  }),
  resource: asking([groupCheck], (target, resource = '') =>
    resource.trim() === ''
      ? new Failure('resource must not be empty')
      : target.with(resourceCheck, { resource }),
  ),
  subresource: asking([resourceCheck], (target, subresource = '') =>
    target.with(resourceCheck, { subresource }),
  ),
  namespace: asking([resourceCheck], (target, namespace = '') =>
    target.with(resourceCheck, { namespace }),
  ),
  name: asking([resourceCheck], (target, name = '') => target.with(resourceCheck, { name })),
  // Whoever may do it to all of them may do it to those that a selector selects.
  fieldSelector: asking([resourceCheck], (target) => target),
  labelSelector: asking([resourceCheck], (target) => target),
  check: asking([pathCheck, resourceCheck], (target, verb = '') => target.check(verb)),
  allowed: decided(({ allowed }) => allowed),
  reason: decided(({ reason }) => reason),
  errored: decided(() => false),
  error: decided(() => ''),
};

/** One line per overload: name, target and arguments, result, identifier. */
export const authorizerOverloads = `
path authorizer.(string) pathCheck authorizer_path
group authorizer.(string) groupCheck authorizer_group
serviceAccount authorizer.(string, string) authorizer authorizer_serviceaccount
resource groupCheck.(string) resourceCheck groupcheck_resource
subresource resourceCheck.(string) resourceCheck resourcecheck_subresource
namespace resourceCheck.(string) resourceCheck resourcecheck_namespace
name resourceCheck.(string) resourceCheck resourcecheck_name
fieldSelector resourceCheck.(string) resourceCheck authorizer_fieldselector
labelSelector resourceCheck.(string) resourceCheck authorizer_labelselector
check pathCheck.(string) decision pathcheck_check
check resourceCheck.(string) decision resourcecheck_check
errored decision.() bool decision_errored
error decision.() string decision_error
allowed decision.() bool decision_allowed
reason decision.() string decision_reason
`;
