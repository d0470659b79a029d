// Services: defaults, checks, and what their type asks of them. Addresses are given out by admission.

import { dns1035LabelProblems } from '@tweendeck/kube';
import { jsonEqual } from '@tweendeck/std';
import {
  type Draft,
  type Fields,
  listAt,
  objectAt,
  objectIn,
  setDefault,
  textAt,
} from '../draft.ts';
import type { StoredObject } from '../stored-object.ts';
import type { Part } from '../strategy.ts';
import { serviceColumns } from '../table/service-columns.ts';
import type { KindRules } from './kind-rules.ts';
import {
  dropFieldsOfType,
  isHeadless,
  serviceProblems,
  serviceStatusProblems,
  serviceWarnings,
} from './service-validation.ts';

const affinitySeconds = 10_800;

export const serviceRules: KindRules = {
  columns: serviceColumns,
  selectable: ['spec.clusterIP', 'spec.type'],
  shownOf: withoutInnerPolicy,
  strategy: {
    nameProblems: dns1035LabelProblems,
    createOnUpdate: true,
    returnsDeleted: true,
    defaults: defaultService,
    prepareCreate(draft) {
      giveFamilies(objectIn(draft, 'spec'));
      draft['status'] = { loadBalancer: {} };
    },
    prepareUpdate: keepAddresses,
    validate(draft, previous, part) {
      return part === 'status' ? serviceStatusProblems(draft) : serviceProblems(draft, previous);
    },
    warnings: serviceWarnings,
  },
};

/** Names outside the cluster have no policy within it: upstream keeps the one of a former type, but shows it to nobody. */
function withoutInnerPolicy(stored: StoredObject): Draft | undefined {
  if (stored.field('spec.type', ['spec', 'type']) !== 'ExternalName') return undefined;
  const draft = stored.draft();
  delete objectIn(draft, 'spec')['internalTrafficPolicy'];
  return draft;
}

function defaultService(draft: Draft): void {
  const spec = objectIn(draft, 'spec');
  for (const entry of listAt(objectAt(draft['status'], 'loadBalancer'), 'ingress')) {
    if (entry['ip']) setDefault(entry, 'ipMode', 'VIP');
  }
  setDefault(spec, 'type', 'ClusterIP');
  if (!spec['sessionAffinity']) spec['sessionAffinity'] = 'None';
  for (const port of listAt(spec, 'ports')) {
    if (!port['protocol']) port['protocol'] = 'TCP';
    if (!port['targetPort']) port['targetPort'] = port['port'];
  }
  const type = textAt(spec, 'type');
  if (spec['sessionAffinity'] === 'ClientIP') {
    const client = objectIn(objectIn(spec, 'sessionAffinityConfig'), 'clientIP');
    setDefault(client, 'timeoutSeconds', affinitySeconds);
  }
  if (spec['sessionAffinity'] === 'None') delete spec['sessionAffinityConfig'];
  const externals = spec['externalIPs'];
  const isOpen = type === 'ClusterIP' && Array.isArray(externals) && externals.length > 0;
  if (type === 'NodePort' || type === 'LoadBalancer' || isOpen) {
    if (!spec['externalTrafficPolicy']) spec['externalTrafficPolicy'] = 'Cluster';
  }
  if (type === 'LoadBalancer') setDefault(spec, 'allocateLoadBalancerNodePorts', true);
  if (type === 'ExternalName') return;
  setDefault(spec, 'internalTrafficPolicy', 'Cluster');
}

/** Given with the addresses, by the server: nobody owns them who does not name them. */
function giveFamilies(spec: Fields): void {
  if (textAt(spec, 'type') === 'ExternalName') return;
  // Whose endpoints somebody else writes may have those of both families.
  const isOpen = isHeadless(spec) && Object.keys(objectAt(spec, 'selector')).length === 0;
  setDefault(spec, 'ipFamilyPolicy', isOpen ? 'RequireDualStack' : 'SingleStack');
  setDefault(spec, 'ipFamilies', ['IPv4']);
  const families = spec['ipFamilies'];
  if (!isOpen || spec['ipFamilyPolicy'] === 'SingleStack') return;
  if (!Array.isArray(families) || families.length !== 1) return;
  spec['ipFamilies'] = [...families, families[0] === 'IPv4' ? 'IPv6' : 'IPv4'];
}

/** Addresses and ports that a client leaves out of an update stay. */
function keepAddresses(draft: Draft, previous: Draft, part: Part): void {
  if (part !== 'main') return;
  const spec = objectIn(draft, 'spec');
  const before = objectAt(previous, 'spec');
  dropFieldsOfType(spec, before);
  if (textAt(spec, 'type') === 'ExternalName') {
    for (const key of ['clusterIP', 'clusterIPs', 'ipFamilies', 'ipFamilyPolicy']) {
      if (before[key] !== undefined && jsonEqual(spec[key], before[key])) delete spec[key];
    }
    if (spec['clusterIP'] === '') delete spec['clusterIP'];
    return;
  }
  for (const key of ['ipFamilies', 'ipFamilyPolicy']) {
    if (before[key] !== undefined) setDefault(spec, key, before[key]);
  }
  const released =
    listOf(before['ipFamilies']).length === 2 && listOf(spec['ipFamilies']).length === 1;
  if (!released) giveFamilies(spec);
  const isMoved = Boolean(spec['clusterIP']) && spec['clusterIP'] !== before['clusterIP'];
  if (isMoved && jsonEqual(spec['clusterIPs'], before['clusterIPs'])) {
    spec['clusterIPs'] = [spec['clusterIP'], ...listOf(spec['clusterIPs']).slice(1)];
  }
  if (!spec['clusterIP'] && before['clusterIP']) {
    spec['clusterIP'] = before['clusterIP'];
    spec['clusterIPs'] = before['clusterIPs'];
  }
  const health = before['healthCheckNodePort'];
  if (hasHealthPort(spec) && hasHealthPort(before)) {
    if (health !== undefined && !spec['healthCheckNodePort']) spec['healthCheckNodePort'] = health;
  } else if (
    !hasHealthPort(spec) &&
    hasHealthPort(before) &&
    spec['healthCheckNodePort'] === health
  ) {
    delete spec['healthCheckNodePort'];
  }
  for (const port of listAt(spec, 'ports')) {
    if (!hasNodePorts(spec)) {
      if (hasNodePorts(before)) delete port['nodePort']; // it was given by the type that is left
      continue;
    }
    if (port['nodePort']) continue;
    const same = listAt(before, 'ports').find(
      (each) => each['port'] === port['port'] && each['protocol'] === port['protocol'],
    );
    if (same?.['nodePort']) port['nodePort'] = same['nodePort'];
  }
}

function listOf(value: unknown): readonly unknown[] {
  return Array.isArray(value) ? value : [];
}

/** Whether balancers outside have to know on which nodes its pods are. */
export function hasHealthPort(spec: Fields): boolean {
  return textAt(spec, 'type') === 'LoadBalancer' && spec['externalTrafficPolicy'] === 'Local';
}

/** Whether the service is reached at a port of the node. */
export function hasNodePorts(spec: Fields): boolean {
  const type = textAt(spec, 'type');
  return (
    type === 'NodePort' ||
    (type === 'LoadBalancer' && spec['allocateLoadBalancerNodePorts'] !== false)
  );
}
