// What agents of nodes may do: read what their own pods name, write what is theirs. Rules and texts: upstream's node
// authorizer; what a node may write is narrowed further by admission.

import { parseFieldSelector, type UserInfo } from '@tweendeck/kube';
import upstream from '../generated/bootstrap-policy.json' with { type: 'json' };
import type { AccessAttributes } from './attributes.ts';
import type { NamedKind, NodeGraph } from './node-graph.ts';
import { type Rule, ruleAllows, ruleOf } from './rule.ts';

const namePrefix = 'system:node:';
const nodesGroup = 'system:nodes';
const leaseNamespace = 'kube-node-lease';

/** Undefined: no agent of a node. */
export function nodeNameOf({ name, groups }: UserInfo): string | undefined {
  if (!name.startsWith(namePrefix) || !groups.includes(nodesGroup)) return undefined;
  return name.slice(namePrefix.length) || undefined;
}

/** Allowed, or why this authorizer does not say so; empty: without words. */
export type NodeVerdict = { readonly allowed: boolean; readonly reason: string };

const allow: NodeVerdict = { allowed: true, reason: '' };
const refuse = (reason: string): NodeVerdict => ({ allowed: false, reason });

type Asked = Extract<AccessAttributes, { readonly type: 'resource' }>;

const nodeRules: readonly Rule[] = upstream
  .filter(({ kind, name }) => kind === 'ClusterRole' && name === 'system:node')
  .flatMap((role) => ('rules' in role && role.rules ? role.rules.map(ruleOf) : []));

/** Undefined: the asker is no node. */
export function decideForNode(asked: AccessAttributes, graph: NodeGraph): NodeVerdict | undefined {
  const nodeName = nodeNameOf(asked.user);
  if (nodeName === undefined) return undefined;
  if (asked.type === 'resource') {
    const decide = deciders[`${asked.group}/${asked.resource}`];
    if (decide) return decide(asked, { nodeName, graph });
  }
  return nodeRules.some((rule) => ruleAllows(rule, asked)) ? allow : refuse('');
}

interface Node {
  readonly nodeName: string;
  readonly graph: NodeGraph;
}

const deciders: Readonly<Record<string, (asked: Asked, node: Node) => NodeVerdict>> = {
  '/secrets': (asked, node) => readNamed(asked, 'secret', node),
  '/configmaps': (asked, node) => readNamed(asked, 'configmap', node),
  '/persistentvolumeclaims': decideClaim,
  '/persistentvolumes': decideVolume,
  '/serviceaccounts': decideAccount,
  '/nodes': decideNode,
  '/pods': decidePod,
  'coordination.k8s.io/leases': decideLease,
};

function unrelated(nodeName: string): NodeVerdict {
  return refuse(`no relationship found between node '${nodeName}' and this object`);
}

function related(asked: Asked, kind: NamedKind, { nodeName, graph }: Node): NodeVerdict {
  if (asked.name === '') return refuse('No Object name found');
  return graph.names(nodeName, kind, asked) ? allow : unrelated(nodeName);
}

function readNamed(asked: Asked, kind: NamedKind, node: Node): NodeVerdict {
  if (!['get', 'list', 'watch'].includes(asked.verb)) {
    return refuse('can only read resources of this type');
  }
  if (asked.subresource !== '') return refuse('cannot read subresource');
  if (asked.namespace === '') return refuse('can only read namespaced object of this type');
  return related(asked, kind, node);
}

function refusedGet({ verb, subresource }: Asked): NodeVerdict | undefined {
  if (verb !== 'get') return refuse('can only get individual resources of this type');
  return subresource === '' ? undefined : refuse('cannot get subresource');
}

function decideClaim(asked: Asked, node: Node): NodeVerdict {
  if (asked.subresource !== 'status') return refusedGet(asked) ?? related(asked, 'claim', node);
  if (!['update', 'patch'].includes(asked.verb)) {
    return refuse('can only get/update/patch this type');
  }
  return related(asked, 'claim', node);
}

function decideVolume(asked: Asked, { nodeName, graph }: Node): NodeVerdict {
  const refused = refusedGet(asked);
  if (refused) return refused;
  if (asked.name === '') return refuse('No Object name found');
  return graph.namesVolume(nodeName, asked.name) ? allow : unrelated(nodeName);
}

function decideAccount(asked: Asked, node: Node): NodeVerdict {
  const { verb, subresource, name } = asked;
  if (verb === 'get' && subresource === '') return readNamed(asked, 'serviceaccount', node);
  if (verb !== 'create' || name === '') {
    return refuse('can only create tokens for individual service accounts');
  }
  if (subresource !== 'token') return refuse('can only create token subresource of serviceaccount');
  return related(asked, 'serviceaccount', node);
}

function decideLease({ verb, namespace, name }: Asked, { nodeName }: Node): NodeVerdict {
  if (!['get', 'create', 'update', 'patch', 'delete'].includes(verb)) {
    return refuse('can only get, create, update, patch, or delete a node lease');
  }
  if (namespace !== leaseNamespace) {
    return refuse(`can only access leases in the "${leaseNamespace}" system namespace`);
  }
  if (verb !== 'create' && name !== nodeName) {
    return refuse('can only access node lease with the same name as the requesting node');
  }
  return allow;
}

function decideNode({ verb, subresource, name }: Asked, { nodeName }: Node): NodeVerdict {
  const writes = subresource === '' ? ['create', 'update', 'patch'] : ['update', 'patch'];
  const known = subresource === '' || subresource === 'status';
  if (known && writes.includes(verb)) return allow;
  if (subresource !== '' || !['get', 'list', 'watch'].includes(verb)) return refuse('');
  if (name === nodeName) return allow;
  return refuse(
    name === ''
      ? `node '${nodeName}' cannot read all nodes, only its own Node object`
      : `node '${nodeName}' cannot read '${name}', only its own Node object`,
  );
}

function decidePod(asked: Asked, { nodeName, graph }: Node): NodeVerdict {
  const { verb, subresource, namespace, name } = asked;
  const own = (): NodeVerdict => {
    if (name === '') return refuse('No Object name found');
    return graph.hasPod(nodeName, namespace, name) ? allow : unrelated(nodeName);
  };
  const key = subresource === '' ? verb : `${verb} ${subresource}`;
  switch (key) {
    case 'get':
      return own();
    case 'list':
    case 'watch':
      if (selectsNode(asked, nodeName)) return allow;
      if (name !== '') return own();
      return refuse('can only list/watch pods with spec.nodeName field selector');
    case 'create':
    case 'delete':
    case 'update status':
    case 'patch status':
    case 'create eviction':
      return allow;
    default:
      return refuse('');
  }
}

function selectsNode({ fieldSelector = '' }: Asked, nodeName: string): boolean {
  if (fieldSelector === '') return false;
  try {
    return parseFieldSelector(fieldSelector).exact('spec.nodeName') === nodeName;
  } catch {
    return false; // said by the list itself
  }
}
