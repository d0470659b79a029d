// Who may do what: members of system:masters everything, nodes what their pods need, others what RBAC grants them.

import { ApiError, goQuote, type UserInfo } from '@tweendeck/kube';
import { forbidden, type GroupResource } from '../failures.ts';
import type { AccessAttributes } from './attributes.ts';
import { decideForNode } from './node-authorizer.ts';
import type { NodeGraph } from './node-graph.ts';
import type { Grant, RbacIndex } from './rbac-index.ts';
import { type Rule, ruleAllows } from './rule.ts';

export interface Decision {
  readonly allowed: boolean;
  /** Why, for audit logs and access reviews; may be empty. */
  readonly reason: string;
}

const mastersGroup = 'system:masters';
const masterDecision: Decision = { allowed: true, reason: '' };
/** Beyond so many decisions of one user the memory begins anew. */
const rememberedMax = 4_096;
const usersMax = 1_024;

interface Memory {
  generation: number;
  readonly decisions: Map<string, Decision>;
  /** By namespace; empty for what is in none. */
  readonly grants: Map<string, readonly Grant[]>;
}

/** Decides; remembers decisions per user until a role or binding changes, so that most cost one look into a map. */
export class Authorizer {
  readonly #index: RbacIndex;
  readonly #nodes: NodeGraph;
  readonly #byIdentity = new WeakMap<UserInfo, Memory>();
  readonly #byName = new Map<string, Memory>();

  constructor(index: RbacIndex, nodes: NodeGraph) {
    this.#index = index;
    this.#nodes = nodes;
  }

  decide(asked: AccessAttributes): Decision {
    if (asked.user.groups.includes(mastersGroup)) return masterDecision;
    const forNode = decideForNode(asked, this.#nodes);
    if (!forNode) return this.#decideByRoles(asked);
    if (forNode.allowed) return forNode;
    const decision = this.#decideByRoles(asked);
    if (decision.allowed) return decision;
    const reasons = [forNode.reason, decision.reason].filter((reason) => reason !== '');
    return { allowed: false, reason: reasons.join('\n') };
  }

  #decideByRoles(asked: AccessAttributes): Decision {
    const memory = this.#memoryOf(asked.user);
    const key = keyOf(asked);
    const known = memory.decisions.get(key);
    if (known) return known;
    if (memory.decisions.size >= rememberedMax) memory.decisions.clear();
    const decision = this.#work(asked, memory);
    memory.decisions.set(key, decision);
    return decision;
  }

  /** All rules that hold for a user in a namespace, and what could not be resolved: named as things of the resource `asked`, if given. */
  rulesFor(
    user: UserInfo,
    namespace: string,
    asked?: string,
  ): { readonly rules: readonly Rule[]; readonly problems: readonly string[] } {
    const grants = this.#index.grantsOf(user, namespace);
    return { rules: grants.flatMap(({ rules }) => rules), problems: problemsOf(grants, asked) };
  }

  /** The rules of the role that a binding names; undefined when there is none. */
  rulesOfRole(
    role: { readonly kind: string; readonly name: string },
    namespace: string,
  ): readonly Rule[] | undefined {
    return this.#index.rulesOfRole(role, namespace);
  }

  #work(asked: AccessAttributes, memory: Memory): Decision {
    const namespace = asked.type === 'resource' ? asked.namespace : '';
    let grants = memory.grants.get(namespace);
    if (!grants) {
      if (memory.grants.size >= rememberedMax) memory.grants.clear();
      grants = this.#index.grantsOf(asked.user, namespace);
      memory.grants.set(namespace, grants);
    }
    const grant = grants.find(({ rules }) => rules.some((rule) => ruleAllows(rule, asked)));
    if (grant) return { allowed: true, reason: `RBAC: allowed by ${grant.source}` };
    const problems = problemsOf(grants);
    return { allowed: false, reason: problems.length > 0 ? `RBAC: ${aggregate(problems)}` : '' };
  }

  #memoryOf(user: UserInfo): Memory {
    let memory = this.#byIdentity.get(user);
    if (!memory) {
      const name = `${user.name}\0${user.groups.join('\0')}`;
      memory = this.#byName.get(name);
      if (!memory) {
        if (this.#byName.size >= usersMax) this.#byName.clear();
        memory = {
          generation: this.#index.generation,
          decisions: new Map(),
          grants: new Map(),
        };
        this.#byName.set(name, memory);
      }
      this.#byIdentity.set(user, memory);
    }
    if (memory.generation !== this.#index.generation) {
      memory.decisions.clear();
      memory.grants.clear();
      memory.generation = this.#index.generation;
    }
    return memory;
  }
}

function keyOf(asked: AccessAttributes): string {
  if (asked.type === 'path') return `${asked.verb} ${asked.path}`;
  const { verb, group, resource, subresource, namespace, name } = asked;
  return `${verb} ${group} ${resource}/${subresource} ${namespace}/${name}`;
}

function problemsOf(grants: readonly Grant[], asked?: string): readonly string[] {
  const missing = grants.filter(({ found }) => !found);
  return [
    ...new Set(missing.map(({ role }) => missingRole(asked ?? role.kind.toLowerCase(), role.name))),
  ];
}

/** As upstream tells of a role that a binding names and nobody made. */
export function missingRole(resource: string, name: string): string {
  return `${resource}.rbac.authorization.k8s.io ${goQuote(name)} not found`;
}

/** Several errors as Go's aggregate prints them. */
export function aggregate(problems: readonly string[]): string {
  return problems.length === 1 ? (problems[0] ?? '') : `[${problems.join(', ')}]`;
}

/** The answer for what is not allowed, in upstream's words. */
export function refusalOf(asked: AccessAttributes, reason: string): ApiError {
  const message = `${escapeMarkup(refusalText(asked))}${reason === '' ? '' : `: ${reason}`}`;
  if (asked.type === 'path') return new ApiError(403, 'Forbidden', `forbidden: ${message}`, {});
  const resource: GroupResource = { group: asked.group, plural: asked.resource };
  return forbidden(resource, asked.name, message);
}

function refusalText(asked: AccessAttributes): string {
  const user = goQuote(asked.user.name);
  if (asked.type === 'path') {
    return `User ${user} cannot ${asked.verb} path ${goQuote(asked.path)}`;
  }
  const { verb, group, namespace, resource, subresource } = asked;
  const what = subresource === '' ? resource : `${resource}/${subresource}`;
  const where =
    namespace === '' ? 'at the cluster scope' : `in the namespace ${goQuote(namespace)}`;
  return `User ${user} cannot ${verb} resource ${goQuote(what)} in API group ${goQuote(group)} ${where}`;
}

/** What a browser could take for markup is written as entities. */
function escapeMarkup(text: string): string {
  return text.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('>', '&gt;');
}
