// Services: defaults, checks, and what their type asks of them. Addresses are given out by admission.

import {
  dns1035LabelProblems,
  dnsLabelProblems,
  dnsSubdomainProblems,
  type FieldError,
  type FieldPath,
  fieldDuplicate,
  fieldForbidden,
  fieldInvalid,
  fieldNotSupported,
  fieldRequired,
  path,
  portNumberProblems,
  validateLabels,
} from '@tweendeck/kube';
import {
  type Draft,
  type Fields,
  listAt,
  numberAt,
  objectAt,
  objectIn,
  setDefault,
  textAt,
} from '../draft.ts';
import type { Part } from '../strategy.ts';
import { serviceColumns } from '../table/service-columns.ts';
import type { KindRules } from './kind-rules.ts';
import { portProblems as targetPortProblems } from './probe-validation.ts';

const types = ['ClusterIP', 'ExternalName', 'LoadBalancer', 'NodePort'];
const protocols = ['SCTP', 'TCP', 'UDP'];
const affinitySeconds = 10_800;

export const serviceRules: KindRules = {
  columns: serviceColumns,
  selectable: ['spec.clusterIP', 'spec.type'],
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
    validate: serviceProblems,
  },
};

function defaultService(draft: Draft): void {
  const spec = objectIn(draft, 'spec');
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
  if (type === 'NodePort' || type === 'LoadBalancer') {
    if (!spec['externalTrafficPolicy']) spec['externalTrafficPolicy'] = 'Cluster';
  }
  if (type === 'LoadBalancer') setDefault(spec, 'allocateLoadBalancerNodePorts', true);
  if (type === 'ExternalName') return;
  setDefault(spec, 'internalTrafficPolicy', 'Cluster');
}

/** Given with the addresses, by the server: nobody owns them who does not name them. */
function giveFamilies(spec: Fields): void {
  if (textAt(spec, 'type') === 'ExternalName') return;
  setDefault(spec, 'ipFamilies', ['IPv4']);
  setDefault(spec, 'ipFamilyPolicy', 'SingleStack');
}

/** Addresses and ports that a client leaves out of an update stay. */
function keepAddresses(draft: Draft, previous: Draft, part: Part): void {
  if (part !== 'main') return;
  const spec = objectIn(draft, 'spec');
  const before = objectAt(previous, 'spec');
  if (textAt(spec, 'type') === 'ExternalName') {
    for (const key of ['clusterIP', 'clusterIPs', 'ipFamilies', 'ipFamilyPolicy']) {
      if (before[key] !== undefined && spec[key] === before[key]) delete spec[key];
    }
    return;
  }
  for (const key of ['ipFamilies', 'ipFamilyPolicy']) {
    if (before[key] !== undefined) setDefault(spec, key, before[key]);
  }
  giveFamilies(spec);
  if (!spec['clusterIP'] && before['clusterIP']) {
    spec['clusterIP'] = before['clusterIP'];
    spec['clusterIPs'] = before['clusterIPs'];
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

/** Whether the service is reached at a port of the node. */
export function hasNodePorts(spec: Fields): boolean {
  const type = textAt(spec, 'type');
  return (
    type === 'NodePort' ||
    (type === 'LoadBalancer' && spec['allocateLoadBalancerNodePorts'] !== false)
  );
}

function serviceProblems(
  draft: Draft,
  previous: Draft | undefined,
  part: Part,
): readonly FieldError[] {
  if (part === 'status') return [];
  const base = path('spec');
  const spec = objectAt(draft, 'spec');
  const type = textAt(spec, 'type');
  const problems: FieldError[] = [];
  if (!types.includes(type)) problems.push(fieldNotSupported(base.child('type'), type, types));
  const ports = listAt(spec, 'ports');
  const headless = spec['clusterIP'] === 'None';
  if (ports.length === 0 && !headless && type !== 'ExternalName') {
    problems.push(fieldRequired(base.child('ports')));
  }
  if (type === 'ExternalName') problems.push(...externalProblems(spec, base));
  if (type === 'LoadBalancer' && headless) {
    problems.push(
      fieldInvalid(
        base.child('clusterIPs').index(0),
        'None',
        "may not be set to 'None' for LoadBalancer services",
      ),
    );
  }
  const affinity = textAt(spec, 'sessionAffinity');
  if (!['ClientIP', 'None'].includes(affinity)) {
    problems.push(fieldNotSupported(base.child('sessionAffinity'), affinity, ['ClientIP', 'None']));
  }
  // A map of strings: checked when the body came in.
  const selector = objectAt(spec, 'selector') as Record<string, string>;
  problems.push(...validateLabels(selector, base.child('selector')));
  problems.push(...portProblems(ports, base.child('ports'), spec));
  return [...problems, ...addressProblems(spec, previous, base)];
}

function externalProblems(spec: Fields, base: FieldPath): readonly FieldError[] {
  const name = textAt(spec, 'externalName').replace(/\.$/, '');
  const at = base.child('externalName');
  if (name === '') return [fieldRequired(at)];
  const problems = dnsSubdomainProblems(name).map((text) => fieldInvalid(at, name, text));
  if (textAt(spec, 'clusterIP') !== '') {
    problems.push(
      fieldForbidden(base.child('clusterIPs'), 'may not be set when `type` is "ExternalName"'),
    );
  }
  return problems;
}

function portProblems(
  ports: readonly Fields[],
  base: FieldPath,
  spec: Fields,
): readonly FieldError[] {
  const names = new Set<string>();
  const pairs = new Set<string>();
  const nodePorts = hasNodePorts(spec);
  return ports.flatMap((port, position) => {
    const at = base.index(position);
    const name = textAt(port, 'name');
    const number = numberAt(port, 'port') ?? 0;
    const protocol = textAt(port, 'protocol');
    const problems: FieldError[] = [];
    if (name === '' && ports.length > 1) problems.push(fieldRequired(at.child('name')));
    if (name !== '') {
      for (const text of dnsLabelProblems(name))
        problems.push(fieldInvalid(at.child('name'), name, text));
      if (names.has(name)) problems.push(fieldDuplicate(at.child('name'), name));
      names.add(name);
    }
    for (const text of portNumberProblems(number)) {
      problems.push(fieldInvalid(at.child('port'), number, text));
    }
    if (!protocols.includes(protocol)) {
      problems.push(fieldNotSupported(at.child('protocol'), protocol, protocols));
    }
    problems.push(...targetPortProblems(port['targetPort'], at.child('targetPort')));
    const nodePort = numberAt(port, 'nodePort') ?? 0;
    if (nodePort !== 0 && !nodePorts) {
      const detail = `may not be used when \`type\` is '${textAt(spec, 'type')}'`;
      problems.push(fieldForbidden(at.child('nodePort'), detail));
    }
    const pair = `${protocol}/${number}`;
    if (pairs.has(pair)) problems.push(fieldDuplicate(at, { protocol, port: number }));
    pairs.add(pair);
    return problems;
  });
}

function addressProblems(
  spec: Fields,
  previous: Draft | undefined,
  base: FieldPath,
): readonly FieldError[] {
  const before = objectAt(previous, 'spec');
  const [from, to] = [textAt(before, 'clusterIP'), textAt(spec, 'clusterIP')];
  const external =
    textAt(spec, 'type') === 'ExternalName' || textAt(before, 'type') === 'ExternalName';
  if (from === '' || from === to || external) return [];
  return [fieldInvalid(base.child('clusterIPs').index(0), to, 'may not change once set')];
}
