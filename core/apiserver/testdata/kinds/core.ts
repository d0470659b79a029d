// Config maps, secrets, namespaces, nodes, service accounts, leases, revisions, events.

import type { KindCase } from '../../src/testing/kind-cases.ts';

const maps = '/api/v1/namespaces/NS/configmaps';
const secrets = '/api/v1/namespaces/NS/secrets';
const namespaces = '/api/v1/namespaces';
const nodes = '/api/v1/nodes';
const accounts = '/api/v1/namespaces/NS/serviceaccounts';
const leases = '/apis/coordination.k8s.io/v1/namespaces/NS/leases';
const revisions = '/apis/apps/v1/namespaces/NS/controllerrevisions';
const events = '/api/v1/namespaces/NS/events';
const newEvents = '/apis/events.k8s.io/v1/namespaces/NS/events';
const named = (fields: object = {}, metadata: object = {}) => ({ metadata: { name: 'x', ...metadata }, ...fields });
const given = (fields: object = {}) => ({ metadata: { generateName: 'case-' }, ...fields });
const one = (name: string, path: string, object: object, more: object = {}): KindCase => ({ name, path, object, ...more });
const taint = (fields: object) => given({ spec: { taints: [{ key: 'a', effect: 'NoSchedule', ...fields }] } });
const secret = (type: string, data: object = {}, metadata: object = {}) => named({ type, data }, metadata);

export const cases: readonly KindCase[] = [
  one('a map', maps, named({ data: { a: 'b' }, binaryData: { c: 'ZA==' } })),
  one('a map without anything', maps, named()),
  one('a map with an invalid name', maps, named({}, { name: 'A b' })),
  one('a map with impossible keys', maps, named({ data: { 'a b': 'x', '..': 'y' } })),
  one('a map with keys of other kinds', maps, named({ data: { '.': 'y' }, binaryData: { 'a b': '' } })),
  one('a map with the same key twice', maps, named({ data: { a: 'x' }, binaryData: { a: '' } })),
  one('a map without base64', maps, named({ binaryData: { a: '*' } })),
  one('a map that cannot change', maps, named({ immutable: true, data: { a: 'b' } }), { change: { data: { a: 'c' } } }),
  one('a map that could not change', maps, named({ immutable: true }), { change: { immutable: false } }),
  one('a map that will not change', maps, named(), { change: { immutable: true } }),
  one('a map that is too large', maps, named({ data: { a: 'x'.repeat(1024 * 1024 + 1) } })),
  one('a table of a map', maps, named({ data: { a: 'b' }, binaryData: { c: '' } }), { table: true }),
  one('a secret', secrets, named({ stringData: { a: 'b' } })),
  one('a secret without anything', secrets, named()),
  one('a secret with an impossible key', secrets, named({ data: { 'a b': '' } })),
  one('a secret without base64', secrets, named({ data: { a: '*' } })),
  one('no certificate', secrets, secret('kubernetes.io/tls')),
  one('a password', secrets, secret('kubernetes.io/basic-auth', { username: 'YQ==' })),
  one('no password', secrets, secret('kubernetes.io/basic-auth')),
  one('no key', secrets, secret('kubernetes.io/ssh-auth')),
  one('an empty key', secrets, secret('kubernetes.io/ssh-auth', { 'ssh-privatekey': '' })),
  one('no registry', secrets, secret('kubernetes.io/dockerconfigjson')),
  one('an old registry', secrets, secret('kubernetes.io/dockercfg', { '.dockercfg': 'e30=' })),
  one('a broken old registry', secrets, secret('kubernetes.io/dockercfg', { '.dockercfg': 'eA==' })),
  one('a token without an account', secrets, secret('kubernetes.io/service-account-token')),
  one('another type of a secret', secrets, named(), { change: { type: 'other' } }),
  one('a secret that cannot change', secrets, named({ immutable: true, data: { a: 'YQ==' } }), { change: { data: { a: 'Yg==' } } }),
  one('a secret that could not change', secrets, named({ immutable: true }), { change: { immutable: null } }),
  one('a table of a secret', secrets, named({ data: { a: '' } }), { table: true }),
  one('a namespace', namespaces, given()),
  one('a namespace with an invalid name', namespaces, named({}, { name: 'a.b' })),
  one('finalizers of a namespace', namespaces, given({ spec: { finalizers: ['a b', 'plain', 'example.com/x'] } })),
  one('other finalizers of a namespace', namespaces, given(), { change: { spec: { finalizers: ['example.com/x'] } } }),
  one('a namespace’s name in labels', namespaces, given(), { change: { metadata: { labels: { 'kubernetes.io/metadata.name': 'other', a: 'b' } } } }),
  one('a status of a namespace', namespaces, given(), { part: 'status', change: { status: { phase: 'Terminating' } } }),
  one('a table of a namespace', namespaces, given(), { table: true }),
  one('a node with an invalid name', nodes, named({}, { name: 'A b' })),
  one('a taint without a key', nodes, taint({ key: '' })),
  one('an impossible taint', nodes, taint({ key: 'a b', value: 'c d', effect: 'Never' })),
  one('a taint without an effect', nodes, taint({ effect: '' })),
  one('impossible ranges of a node', nodes, given({ spec: { podCIDRs: ['x'] } })),
  one('too many ranges of a node', nodes, given({ spec: { podCIDRs: ['10.1.0.0/24', '10.2.0.0/24'] } })),
  one('another range of a node', nodes, given({ spec: { podCIDR: '10.1.0.0/24' } }), { change: { spec: { podCIDR: '10.2.0.0/24', podCIDRs: ['10.2.0.0/24'] } } }),
  one('another provider of a node', nodes, given({ spec: { providerID: 'a://b' } }), { change: { spec: { providerID: 'a://c' } } }),
  one('an impossible amount of a node', nodes, given(), { part: 'status', change: { status: { capacity: { cpu: '-1' } } } }),
  one('a table of a node', nodes, given({ metadata: { generateName: 'case-', labels: { 'node-role.kubernetes.io/worker': '' } }, spec: { unschedulable: true } }), { table: true }),
  one('an account', accounts, named()),
  one('an account with secrets', accounts, named({ secrets: [{ name: 'a' }], imagePullSecrets: [{ name: 'b' }], automountServiceAccountToken: false })),
  one('an account with an invalid name', accounts, named({}, { name: 'A b' })),
  one('a status of a node without taints', nodes, given({ spec: { taints: [{ key: 'node.kubernetes.io/not-ready', effect: 'NoSchedule' }] } }), { part: 'status', change: { status: { capacity: { cpu: '2', memory: '1Gi' }, conditions: [{ type: 'Ready', status: 'True' }], addresses: [{ type: 'InternalIP', address: '10.0.0.1' }] } } }),
  one('a table of an account', accounts, named({ secrets: [{ name: 'a' }] }), { table: true }),
  one('a lease', leases, named({ spec: { holderIdentity: 'a', leaseDurationSeconds: 5, acquireTime: '2026-01-01T00:00:00.000000Z', leaseTransitions: 1 } })),
  one('a lease without anything', leases, named()),
  one('an impossible lease', leases, named({ spec: { leaseDurationSeconds: 0, leaseTransitions: -1 } })),
  one('a lease with a strategy', leases, named({ spec: { strategy: 'Shout', preferredHolder: 'a' } })),
  one('an empty holder', leases, named({ spec: { holderIdentity: '' } })),
  one('a table of a lease', leases, named({ spec: { holderIdentity: 'a' } }), { table: true }),
  one('a revision', revisions, named({ revision: 1, data: { a: 1 } })),
  one('a revision without data', revisions, named({ revision: 1 })),
  one('a revision below nothing', revisions, named({ revision: -1, data: {} })),
  one('other data of a revision', revisions, named({ revision: 1, data: { a: 1 } }), { change: { data: { a: 2 } } }),
  one('a later revision', revisions, named({ revision: 1, data: { a: 1 } }), { change: { revision: 2 } }),
  one('a table of a revision', revisions, named({ revision: 1, data: {} }, { ownerReferences: [{ apiVersion: 'apps/v1', kind: 'DaemonSet', name: 'd', uid: 'u', controller: true }] }), { table: true }),
  one('an event of another namespace', events, named({ involvedObject: { kind: 'Pod', namespace: 'other', name: 'p' }, reason: 'R' })),
  one('an event of nothing', events, named({ involvedObject: {} })),
  one('a new event of another namespace', newEvents, named({ eventTime: '2026-01-01T00:00:00.000000Z', reportingController: 'c', reportingInstance: 'i', action: 'A', reason: 'R', type: 'Normal', regarding: { kind: 'Pod', namespace: 'other', name: 'p' } })),
];
