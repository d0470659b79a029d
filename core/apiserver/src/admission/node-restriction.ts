// What agents of nodes may write, beyond what they are authorized for: nothing that is not their own. Rules and texts:
// upstream's admission plugins NodeRestriction and TaintNodesByCondition.

import { goQuote } from '@tweendeck/kube';
import { jsonEqual } from '@tweendeck/std';
import { nodeNameOf } from '../access/node-authorizer.ts';
import type { ClusterState } from '../cluster-state.ts';
import { copyOf, type Draft, type Fields, listAt, objectAt, objectIn, textAt } from '../draft.ts';
import { forbidden, notFound } from '../failures.ts';
import { storagePrefix } from '../storage-key.ts';
import type { Admission, Intent } from '../writing.ts';

const notReady = 'node.kubernetes.io/not-ready';
const mirror = 'kubernetes.io/config.mirror';

export function nodeAdmission(state: ClusterState): Pick<Admission, 'mutate' | 'check'> {
  return {
    mutate: (intent) => (isOf(intent, '', 'Node') ? withTaint(intent) : undefined),
    check(intent) {
      const nodeName = nodeNameOf(intent.writing.user);
      if (nodeName === undefined) return;
      const { group, plural } = intent.writing.resource;
      restrictions[`${group}/${plural}`]?.({ ...intent, nodeName, state });
    },
  };
}

function isOf({ writing }: Intent, group: string, kind: string): boolean {
  return writing.resource.group === group && writing.resource.kind === kind;
}

/** A new node takes no pods until its conditions say that it is ready. */
function withTaint({ operation, subresource, object }: Intent): Draft | undefined {
  if (operation !== 'CREATE' || subresource !== '' || !object) return undefined;
  const taints = listAt(object['spec'], 'taints');
  const isThere = taints.some(
    (taint) => textAt(taint, 'key') === notReady && textAt(taint, 'effect') === 'NoSchedule',
  );
  if (isThere) return undefined;
  const next = copyOf(object);
  objectIn(next, 'spec')['taints'] = [...taints, { key: notReady, effect: 'NoSchedule' }];
  return next;
}

interface Question extends Intent {
  readonly nodeName: string;
  readonly state: ClusterState;
}

function refused({ writing, name, object }: Question, why: string): Error {
  return forbidden(writing.resource, name || (object?.metadata.name ?? ''), why);
}

const restrictions: Readonly<Record<string, (question: Question) => void>> = {
  '/pods': restrictPod,
  '/nodes': restrictNode,
  '/persistentvolumeclaims': restrictClaim,
  '/persistentvolumes': restrictVolume,
  '/serviceaccounts': restrictToken,
  'coordination.k8s.io/leases': restrictLease,
};

function restrictPod(question: Question): void {
  const { operation, subresource, previous, object, nodeName } = question;
  const node = goQuote(nodeName);
  switch (subresource) {
    case '':
      if (operation === 'CREATE') refuseNewPod(question);
      else if (operation !== 'DELETE') {
        const what = `unexpected operation "${operation}"`;
        throw refused(question, `${what}, node ${node} can only create and delete mirror pods`);
      } else if (textAt(previous?.['spec'], 'nodeName') !== nodeName) {
        throw refused(
          question,
          `node ${node} can only delete pods with spec.nodeName set to itself`,
        );
      }
      return;
    case 'status':
      if (textAt(previous?.['spec'], 'nodeName') !== nodeName) {
        const why = `node ${node} can only update pod status for pods with spec.nodeName set to itself`;
        throw refused(question, why);
      }
      if (!jsonEqual(previous?.metadata.labels ?? {}, object?.metadata.labels ?? {})) {
        throw refused(question, `node ${node} cannot update labels through pod status`);
      }
      return;
    case 'eviction':
      if (textAt(podOf(question, question.name)['spec'], 'nodeName') !== nodeName) {
        const why = `node ${nodeName} can only evict pods with spec.nodeName set to itself`;
        throw refused(question, why);
      }
      return;
    default:
      throw refused(
        question,
        `unexpected pod subresource "${subresource}", only 'status' and 'eviction' are allowed`,
      );
  }
}

function podOf({ state, writing }: Question, name: string): Draft {
  const pods = { group: '', plural: 'pods' };
  const key = `${writing.request.namespace}/${name}`;
  const found = state.resource(storagePrefix(pods)).get(key)?.peek();
  if (!found) throw notFound(pods, name);
  return found;
}

/** Only the image of a pod that it runs by itself, and that names nothing. */
function refuseNewPod(question: Question): void {
  const { object, nodeName, state } = question;
  const node = goQuote(nodeName);
  if (object?.metadata.annotations?.[mirror] === undefined) {
    const why = `pod does not have "${mirror}" annotation, node ${node} can only create mirror pods`;
    throw refused(question, why);
  }
  if (textAt(object['spec'], 'nodeName') !== nodeName) {
    throw refused(question, `node ${node} can only create pods with spec.nodeName set to itself`);
  }
  const [owner, ...more] = object.metadata.ownerReferences ?? [];
  const uid = state
    .resource(storagePrefix({ group: '', plural: 'nodes' }))
    .get(nodeName)
    ?.peek().metadata.uid;
  const owned =
    more.length === 0 &&
    owner?.apiVersion === 'v1' &&
    owner.kind === 'Node' &&
    owner.name === nodeName &&
    owner.controller === true &&
    owner.blockOwnerDeletion !== true &&
    owner.uid === uid;
  if (owned) return;
  throw refused(
    question,
    `node ${node} can only create pods with ${more.length > 0 ? 'a single' : 'an'} owner reference set to itself`,
  );
}

function restrictNode(question: Question): void {
  const { operation, object, previous, nodeName, name } = question;
  const node = goQuote(nodeName);
  const asked = name || (object?.metadata.name ?? '');
  if (asked !== nodeName) {
    throw refused(question, `node ${node} is not allowed to modify node ${goQuote(asked)}`);
  }
  if (operation === 'CREATE') {
    const labels = forbiddenLabels(object?.metadata.labels ?? {}, {});
    if (labels.length > 0) {
      const why = `node ${node} is not allowed to set the following labels: ${labels.join(', ')}`;
      throw refused(question, why);
    }
  }
  if (operation !== 'UPDATE' || !object || !previous) return;
  const taints = (of: Draft): readonly Fields[] => listAt(of['spec'], 'taints');
  if (!jsonEqual(taints(object), taints(previous))) {
    throw refused(question, `node ${node} is not allowed to modify taints`);
  }
  const owners = (of: Draft): unknown => of.metadata.ownerReferences ?? [];
  if (!jsonEqual(owners(object), owners(previous))) {
    throw refused(question, `node ${node} is not allowed to modify ownerReferences`);
  }
  const labels = forbiddenLabels(object.metadata.labels ?? {}, previous.metadata.labels ?? {});
  if (labels.length > 0) {
    throw refused(question, `is not allowed to modify labels: ${labels.join(', ')}`);
  }
}

/** Of Kubernetes' own labels those that say what a node itself knows. */
const ownLabels: ReadonlySet<string> = new Set([
  'kubernetes.io/hostname',
  'topology.kubernetes.io/zone',
  'topology.kubernetes.io/region',
  'failure-domain.beta.kubernetes.io/zone',
  'failure-domain.beta.kubernetes.io/region',
  'node.kubernetes.io/instance-type',
  'beta.kubernetes.io/instance-type',
  'kubernetes.io/os',
  'kubernetes.io/arch',
  'beta.kubernetes.io/os',
  'beta.kubernetes.io/arch',
]);

function forbiddenLabels(
  now: Readonly<Record<string, string>>,
  before: Readonly<Record<string, string>>,
): readonly string[] {
  const keys = new Set([...Object.keys(now), ...Object.keys(before)]);
  return [...keys].filter((key) => now[key] !== before[key] && isForbidden(key)).toSorted();
}

function isForbidden(key: string): boolean {
  const domain = key.includes('/') ? key.slice(0, key.indexOf('/')) : '';
  const within = (parent: string): boolean => domain === parent || domain.endsWith(`.${parent}`);
  if (within('node-restriction.kubernetes.io')) return true;
  if (!within('kubernetes.io') && !within('k8s.io')) return false;
  return !ownLabels.has(key) && !within('kubelet.kubernetes.io') && !within('node.kubernetes.io');
}

function restrictClaim(question: Question): void {
  const { subresource, operation, object, previous, nodeName } = question;
  if (subresource !== 'status') throw refused(question, 'may only update PVC status');
  if (operation !== 'UPDATE') throw refused(question, `unexpected operation "${operation}"`);
  const rest = (claim: Draft | undefined): unknown => {
    const { capacity: _, conditions: __, ...status } = objectAt(claim, 'status');
    const { resourceVersion: ___, managedFields: ____, ...metadata } = claim?.metadata ?? {};
    return [metadata, claim?.['spec'], status];
  };
  if (jsonEqual(rest(object), rest(previous))) return;
  throw refused(
    question,
    `node ${goQuote(nodeName)} is not allowed to update fields other than status.quantity and status.conditions`,
  );
}

/** Directories of a home lie on one node each, which lets their volumes go; there is no such rule upstream. */
function restrictVolume(question: Question): void {
  const { previous, nodeName } = question;
  const required = objectAt(objectAt(objectAt(previous, 'spec'), 'nodeAffinity'), 'required');
  const own = listAt(required, 'nodeSelectorTerms').some((term) =>
    listAt(term, 'matchExpressions').some(
      (each) =>
        textAt(each, 'key') === 'kubernetes.io/hostname' &&
        Array.isArray(each['values']) &&
        each['values'].includes(nodeName),
    ),
  );
  if (own) return;
  throw refused(question, `node ${goQuote(nodeName)} can only update volumes that lie on it`);
}

function restrictToken(question: Question): void {
  const { operation, subresource, object, nodeName } = question;
  if (operation !== 'CREATE' || subresource !== 'token') return;
  const spec = objectAt(object, 'spec');
  const ref = objectAt(spec, 'boundObjectRef');
  const [name, uid] = [textAt(ref, 'name'), textAt(ref, 'uid')];
  if (textAt(ref, 'apiVersion') !== 'v1' || textAt(ref, 'kind') !== 'Pod' || name === '') {
    throw refused(question, 'node requested token not bound to a pod');
  }
  if (uid === '') {
    throw refused(question, 'node requested token with a pod binding without a uid');
  }
  const pod = podOf(question, name);
  if (uid !== pod.metadata.uid) {
    const why = `the UID in the bound object reference (${uid}) does not match the UID in record. The object might have been deleted and then recreated`;
    throw refused(question, why);
  }
  if (textAt(pod['spec'], 'nodeName') !== nodeName) {
    throw refused(question, 'node requested token bound to a pod scheduled on a different node');
  }
  refuseAudience(question, pod, spec);
}

/** A pod says in its volumes whom its tokens are for. */
function refuseAudience(question: Question, pod: Draft, spec: Fields): void {
  const asked = Array.isArray(spec['audiences']) ? spec['audiences'].map(String) : [];
  const { trust } = question.writing.access;
  const own = jsonEqual(asked, [...trust.audiences]); // what an empty list was completed with
  if (!own && asked.length > 1) {
    throw refused(question, 'node may only request 0 or 1 audiences');
  }
  const audience = own ? '' : (asked[0] ?? '');
  const said = listAt(pod['spec'], 'volumes').some((volume) =>
    listAt(objectAt(volume, 'projected'), 'sources').some((source) => {
      const token = source['serviceAccountToken'];
      return (
        token !== undefined &&
        [audience, own ? asked[0] : audience].includes(textAt(token, 'audience'))
      );
    }),
  );
  if (said) return;
  const who = question.writing.user.name;
  throw refused(
    question,
    `audience ${goQuote(audience)} not found in pod spec volume, ${who} is not authorized to request tokens for this audience`,
  );
}

function restrictLease(question: Question): void {
  const { operation, name, object, nodeName } = question;
  const asked = name || (object?.metadata.name ?? '');
  if (operation === 'DELETE' || asked === nodeName) return;
  const why = `can only access node lease with the same name as the requesting node`;
  throw refused(question, why);
}
