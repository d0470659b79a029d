// What services must be. Rules and texts: upstream's ValidateService. Addresses are checked again where they are given out.

import {
  dnsLabelProblems,
  dnsSubdomainProblems,
  type FieldError,
  type FieldPath,
  fieldDuplicate,
  fieldForbidden,
  fieldInvalid,
  fieldNotSupported,
  fieldRequired,
  goStruct,
  path,
  portNumberProblems,
  qualifiedNameProblems,
  validateLabels,
} from '@tweendeck/kube';
import { isJsonObject, jsonEqual } from '@tweendeck/std';
import { type Draft, type Fields, listAt, numberAt, objectAt, textAt } from '../draft.ts';
import { endpointAddressProblems, ipProblems, rangeProblems } from './path-checks.ts';
import { portProblems } from './probe-validation.ts';

const types = ['ClusterIP', 'ExternalName', 'LoadBalancer', 'NodePort'];
const affinities = ['ClientIP', 'None'];
const protocols = ['SCTP', 'TCP', 'UDP'];
const families = ['IPv4', 'IPv6'];
const familyPolicies = ['PreferDualStack', 'RequireDualStack', 'SingleStack'];
const trafficPolicies = ['Cluster', 'Local'];
const distributions = ['PreferClose', 'PreferSameZone', 'PreferSameNode'];
const affinitySecondsMax = 86_400;
const balancersOnly = "may only be used when `type` is 'LoadBalancer'";

function textsAt(fields: Fields, key: string): readonly string[] {
  const list = fields[key];
  return Array.isArray(list) ? list.map(String) : [];
}

export function isHeadless(spec: Fields): boolean {
  return spec['clusterIP'] === 'None';
}

/** Problems of a new service, or of what one is to become. */
export function serviceProblems(draft: Draft, previous: Draft | undefined): readonly FieldError[] {
  const base = path('spec');
  const spec = objectAt(draft, 'spec');
  const type = textAt(spec, 'type');
  const ports = listAt(spec, 'ports');
  const given = familyProblems(spec, objectAt(previous, 'spec'), base);
  if (given.length > 0) return given;
  const problems: FieldError[] = [];
  if (previous) problems.push(...changeProblems(spec, objectAt(previous, 'spec'), base));
  if (ports.length === 0 && !isHeadless(spec) && type !== 'ExternalName') {
    problems.push(fieldRequired(base.child('ports')));
  }
  problems.push(...typeProblems(spec, base));
  const names = new Set<string>();
  for (const [position, port] of ports.entries()) {
    const at = base.child('ports').index(position);
    problems.push(...onePortProblems(port, { at, names, needsName: ports.length > 1 }));
  }
  // A map of strings: checked when the body came in.
  const selector = objectAt(spec, 'selector') as Record<string, string>;
  problems.push(...validateLabels(selector, base.child('selector')));
  problems.push(...affinityProblems(spec, base));
  if (type !== 'ExternalName') problems.push(...addressProblems(spec, base));
  for (const [position, address] of textsAt(spec, 'externalIPs').entries()) {
    const at = base.child('externalIPs').index(position);
    const wrong = ipProblems(address, at);
    problems.push(...(wrong.length > 0 ? wrong : endpointAddressProblems(address, at)));
  }
  if (type === '') problems.push(fieldRequired(base.child('type')));
  else if (!types.includes(type)) problems.push(fieldNotSupported(base.child('type'), type, types));
  problems.push(...portsTogetherProblems(ports, type, base.child('ports')));
  return [...problems, ...balancerProblems(spec, base), ...trafficProblems(spec, base)];
}

/** What comes of families where addresses are given out; nothing else is told then. Homes have the first family alone. */
function familyProblems(spec: Fields, before: Fields, base: FieldPath): readonly FieldError[] {
  if (textAt(spec, 'type') === 'ExternalName') return [];
  const policy = textAt(spec, 'ipFamilyPolicy');
  const policyAt = base.child('ipFamilyPolicy');
  const now = textsAt(spec, 'ipFamilies');
  const known = now.every((family) => families.includes(family));
  if (!known || !familyPolicies.includes(policy)) return [];
  if (textsAt(before, 'ipFamilies').length === 2 && now.length === 1 && policy !== 'SingleStack') {
    const detail = "must be 'SingleStack' to release the secondary IP family";
    return [fieldInvalid(policyAt, policy, detail)];
  }
  if (isHeadless(spec) && Object.keys(objectAt(spec, 'selector')).length === 0) return [];
  const detail = 'this cluster is not configured for dual-stack services';
  return [
    ...(policy === 'RequireDualStack' ? [fieldInvalid(policyAt, policy, detail)] : []),
    ...now.flatMap((family, position) =>
      family === 'IPv4'
        ? []
        : [
            fieldInvalid(
              base.child('ipFamilies').index(position),
              family,
              'not configured on this cluster',
            ),
          ],
    ),
  ];
}

function typeProblems(spec: Fields, base: FieldPath): readonly FieldError[] {
  const type = textAt(spec, 'type');
  if (type === 'LoadBalancer' || type === 'NodePort') {
    const detail = `may not be set to 'None' for ${type} services`;
    const at = base.child('clusterIPs').index(0);
    return isHeadless(spec) ? [fieldInvalid(at, 'None', detail)] : [];
  }
  if (type !== 'ExternalName') return [];
  const detail = 'may not be set for ExternalName services';
  const name = textAt(spec, 'externalName').replace(/\.$/, '');
  const at = base.child('externalName');
  const hasAddress = textAt(spec, 'clusterIP') !== '' || textsAt(spec, 'clusterIPs').length > 0;
  const set = [
    ...(hasAddress ? ['clusterIPs'] : []),
    ...(textsAt(spec, 'ipFamilies').length > 0 ? ['ipFamilies'] : []),
    ...(spec['ipFamilyPolicy'] === undefined ? [] : ['ipFamilyPolicy']),
  ];
  return [
    ...set.map((key) => fieldForbidden(base.child(key), detail)),
    ...(name === ''
      ? [fieldRequired(at)]
      : dnsSubdomainProblems(name).map((text) => fieldInvalid(at, name, text))),
  ];
}

function onePortProblems(
  port: Fields,
  {
    at,
    names,
    needsName,
  }: { readonly at: FieldPath; readonly names: Set<string>; readonly needsName: boolean },
): readonly FieldError[] {
  const name = textAt(port, 'name');
  const number = numberAt(port, 'port') ?? 0;
  const protocol = textAt(port, 'protocol');
  const application = port['appProtocol'];
  const problems: FieldError[] = [];
  if (name === '' && needsName) problems.push(fieldRequired(at.child('name')));
  if (name !== '') {
    for (const text of dnsLabelProblems(name)) {
      problems.push(fieldInvalid(at.child('name'), name, text));
    }
    if (names.has(name)) problems.push(fieldDuplicate(at.child('name'), name));
    names.add(name);
  }
  for (const text of portNumberProblems(number)) {
    problems.push(fieldInvalid(at.child('port'), number, text));
  }
  if (!protocols.includes(protocol)) {
    problems.push(fieldNotSupported(at.child('protocol'), protocol, protocols));
  }
  problems.push(...portProblems(port['targetPort'], at.child('targetPort')));
  if (typeof application === 'string') {
    for (const text of qualifiedNameProblems(application)) {
      problems.push(fieldInvalid(at.child('appProtocol'), application, text));
    }
  }
  return problems;
}

function portsTogetherProblems(
  ports: readonly Fields[],
  type: string,
  base: FieldPath,
): readonly FieldError[] {
  const problems: FieldError[] = [];
  const nodePorts = new Set<string>();
  const pairs = new Set<string>();
  const nodePortOf = (port: Fields): number => numberAt(port, 'nodePort') ?? 0;
  for (const [position, port] of ports.entries()) {
    if (type !== 'ClusterIP' || nodePortOf(port) === 0) continue;
    const detail = "may not be used when `type` is 'ClusterIP'";
    problems.push(fieldForbidden(base.index(position).child('nodePort'), detail));
  }
  for (const [position, port] of ports.entries()) {
    const nodePort = nodePortOf(port);
    if (nodePort === 0) continue;
    const key = `${textAt(port, 'protocol')}/${nodePort}`;
    const at = base.index(position).child('nodePort');
    if (nodePorts.has(key)) problems.push(fieldDuplicate(at, nodePort));
    nodePorts.add(key);
  }
  for (const [position, port] of ports.entries()) {
    const number = numberAt(port, 'port') ?? 0;
    const protocol = textAt(port, 'protocol');
    const key = `${protocol}/${number}`;
    if (pairs.has(key)) problems.push(fieldDuplicate(base.index(position), twin(protocol, number)));
    pairs.add(key);
  }
  return problems;
}

function affinityProblems(spec: Fields, base: FieldPath): readonly FieldError[] {
  const affinity = textAt(spec, 'sessionAffinity');
  const at = base.child('sessionAffinity');
  if (affinity === '') return [fieldRequired(at)];
  if (!affinities.includes(affinity)) return [fieldNotSupported(at, affinity, affinities)];
  if (affinity === 'None') return [];
  const seconds = numberAt(
    objectAt(objectAt(spec, 'sessionAffinityConfig'), 'clientIP'),
    'timeoutSeconds',
  );
  const field = base.child('sessionAffinityConfig', 'clientIP', 'timeoutSeconds');
  if (seconds === undefined || (seconds > 0 && seconds <= affinitySecondsMax)) return [];
  const detail = `must be greater than 0 and less than ${affinitySecondsMax}`;
  return [fieldInvalid(field, seconds, detail)];
}

function addressProblems(spec: Fields, base: FieldPath): readonly FieldError[] {
  const first = textAt(spec, 'clusterIP');
  const listed = textsAt(spec, 'clusterIPs');
  const all = listed.length === 0 && first !== '' ? [first] : listed;
  const at = base.child('clusterIPs');
  const policy = spec['ipFamilyPolicy'];
  const problems: FieldError[] = [];
  const seen = new Set<string>();
  if (first !== '' && all.length > 0 && all[0] !== first) {
    problems.push(fieldInvalid(at, all, 'first value must match `clusterIP`'));
  }
  for (const [position, family] of textsAt(spec, 'ipFamilies').entries()) {
    const field = base.child('ipFamilies').index(position);
    if (!families.includes(family)) problems.push(fieldNotSupported(field, family, families));
    if (seen.has(family)) problems.push(fieldDuplicate(field, family));
    seen.add(family);
  }
  if (typeof policy === 'string' && !familyPolicies.includes(policy)) {
    problems.push(fieldNotSupported(base.child('ipFamilyPolicy'), policy, familyPolicies));
  }
  for (const [position, address] of all.entries()) {
    if (position === 0 && address === 'None') {
      const detail = "'None' must be the first and only value";
      if (all.length > 1) problems.push(fieldInvalid(at, all, detail));
    } else problems.push(...ipProblems(address, at.index(position)));
  }
  if (all.length > 2) problems.push(fieldInvalid(at, all, 'may only hold up to 2 values'));
  return problems;
}

function changeProblems(spec: Fields, before: Fields, base: FieldPath): readonly FieldError[] {
  const [from, to] = [textAt(before, 'clusterIP'), textAt(spec, 'clusterIP')];
  const [formerType, type] = [textAt(before, 'type'), textAt(spec, 'type')];
  const problems: FieldError[] = [];
  const isExternal = type === 'ExternalName' || formerType === 'ExternalName';
  if (from !== '' && from !== to && !isExternal) {
    const at = base.child('clusterIPs').index(0);
    problems.push(fieldInvalid(at, textsAt(spec, 'clusterIPs'), 'may not change once set'));
  }
  const balances = formerType === 'LoadBalancer' && type === 'LoadBalancer';
  if (balances && before['loadBalancerClass'] !== spec['loadBalancerClass']) {
    const shown = spec['loadBalancerClass'] ?? null;
    problems.push(fieldInvalid(base.child('loadBalancerClass'), shown, 'may not change once set'));
  }
  const primary = textsAt(before, 'ipFamilies')[0];
  const now = textsAt(spec, 'ipFamilies');
  const headless = isHeadless(spec) || isHeadless(before);
  if (
    !isExternal &&
    !headless &&
    primary !== undefined &&
    now[0] !== undefined &&
    now[0] !== primary
  ) {
    problems.push(fieldInvalid(base.child('ipFamilies').index(0), now, 'may not change once set'));
  }
  return problems;
}

function balancerProblems(spec: Fields, base: FieldPath): readonly FieldError[] {
  const balances = textAt(spec, 'type') === 'LoadBalancer';
  const ranges = textsAt(spec, 'loadBalancerSourceRanges');
  // As upstream spells it.
  const rangesAt = base.child('LoadBalancerSourceRanges');
  const name = spec['loadBalancerClass'];
  const nameAt = base.child('loadBalancerClass');
  const problems: FieldError[] = [];
  if (ranges.length > 0 && !balances) problems.push(fieldForbidden(rangesAt, balancersOnly));
  for (const [position, range] of ranges.entries()) {
    problems.push(...rangeProblems(range.trim(), rangesAt.index(position)));
  }
  if (spec['allocateLoadBalancerNodePorts'] !== undefined && !balances) {
    problems.push(fieldForbidden(base.child('allocateLoadBalancerNodePorts'), balancersOnly));
  }
  if (typeof name !== 'string') return problems;
  if (!balances) return [...problems, fieldForbidden(nameAt, balancersOnly)];
  const texts = qualifiedNameProblems(name);
  return [...problems, ...texts.map((text) => fieldInvalid(nameAt, name, text))];
}

function trafficProblems(spec: Fields, base: FieldPath): readonly FieldError[] {
  const type = textAt(spec, 'type');
  const [outer, inner] = [textAt(spec, 'externalTrafficPolicy'), spec['internalTrafficPolicy']];
  const outerAt = base.child('externalTrafficPolicy');
  const innerAt = base.child('internalTrafficPolicy');
  const isOpen =
    type === 'LoadBalancer' ||
    type === 'NodePort' ||
    (type === 'ClusterIP' && textsAt(spec, 'externalIPs').length > 0);
  const distribution = spec['trafficDistribution'];
  const health = numberAt(spec, 'healthCheckNodePort') ?? 0;
  const checksHealth = type === 'LoadBalancer' && outer === 'Local';
  const problems: FieldError[] = [];
  if (!isOpen && outer !== '') {
    const detail = 'may only be set for externally-accessible services';
    problems.push(fieldInvalid(outerAt, outer, detail));
  } else if (isOpen && outer === '') problems.push(fieldRequired(outerAt));
  else if (isOpen && !trafficPolicies.includes(outer)) {
    problems.push(fieldNotSupported(outerAt, outer, trafficPolicies));
  }
  if (health !== 0 && !checksHealth) {
    const detail =
      "may only be set when `type` is 'LoadBalancer' and `externalTrafficPolicy` is 'Local'";
    problems.push(fieldInvalid(base.child('healthCheckNodePort'), health, detail));
  }
  if (inner === undefined && types.includes(type) && type !== 'ExternalName') {
    problems.push(fieldRequired(innerAt));
  } else if (typeof inner === 'string' && !trafficPolicies.includes(inner)) {
    problems.push(fieldNotSupported(innerAt, inner, trafficPolicies));
  }
  if (typeof distribution === 'string' && !distributions.includes(distribution)) {
    const at = base.child('trafficDistribution');
    problems.push(fieldNotSupported(at, distribution, distributions));
  }
  return problems;
}

export function serviceStatusProblems(draft: Draft): readonly FieldError[] {
  const ingress = listAt(objectAt(draft['status'], 'loadBalancer'), 'ingress');
  const base = path('status').child('loadBalancer', 'ingress');
  if (ingress.length > 0 && textAt(draft['spec'], 'type') !== 'LoadBalancer') {
    return [fieldForbidden(base, "may only be used when `spec.type` is 'LoadBalancer'")];
  }
  return ingress.flatMap((entry, position) => {
    const at = base.index(position);
    const [ip, hostname] = [textAt(entry, 'ip'), textAt(entry, 'hostname')];
    const mode = entry['ipMode'];
    const problems: FieldError[] = ip === '' ? [] : [...ipProblems(ip, at.child('ip'))];
    if (mode !== undefined && ip === '') {
      const detail = 'may not be specified when `ip` is not set';
      problems.push(fieldForbidden(at.child('ipMode'), detail));
    } else if (mode !== undefined && mode !== 'Proxy' && mode !== 'VIP') {
      problems.push(fieldNotSupported(at.child('ipMode'), mode, ['Proxy', 'VIP']));
    }
    if (hostname === '') return problems;
    for (const text of dnsSubdomainProblems(hostname)) {
      problems.push(fieldInvalid(at.child('hostname'), hostname, text));
    }
    if (ipProblems(hostname, at).length > 0) return problems;
    const detail = 'must be a DNS name, not an IP address';
    return [...problems, fieldInvalid(at.child('hostname'), hostname, detail)];
  });
}

export function serviceWarnings({ spec }: Draft): readonly string[] {
  const fields = isJsonObject(spec) ? spec : {};
  const isOutside = textAt(fields, 'type') === 'ExternalName';
  const misplaced = [
    ...(isOutside && textsAt(fields, 'externalIPs').length > 0
      ? ['spec.externalIPs is ignored when spec.type is "ExternalName"']
      : []),
    ...(!isOutside && textAt(fields, 'externalName') !== ''
      ? ['spec.externalName is ignored when spec.type is not "ExternalName"']
      : []),
  ];
  if (!isHeadless(fields)) return misplaced;
  return [
    ...(textAt(fields, 'loadBalancerIP') === ''
      ? []
      : ['spec.loadBalancerIP is ignored for headless services']),
    ...(textsAt(fields, 'externalIPs').length === 0
      ? []
      : ['spec.externalIPs is ignored for headless services']),
    ...(textAt(fields, 'sessionAffinity') === 'None'
      ? []
      : ['spec.SessionAffinity is ignored for headless services']),
    ...misplaced,
  ];
}

/** Fields that the type left behind asked for go, where a client did not change them. */
export function dropFieldsOfType(spec: Fields, before: Fields): void {
  const [former, type] = [textAt(before, 'type'), textAt(spec, 'type')];
  const drop = (key: string): void => {
    if (jsonEqual(spec[key] ?? null, before[key] ?? null)) delete spec[key];
  };
  if (former === 'LoadBalancer' && type !== 'LoadBalancer') {
    for (const key of [
      'allocateLoadBalancerNodePorts',
      'loadBalancerClass',
      'healthCheckNodePort',
    ]) {
      drop(key);
    }
  }
  const isOpen = (fields: Fields): boolean =>
    ['LoadBalancer', 'NodePort'].includes(textAt(fields, 'type')) ||
    (textAt(fields, 'type') === 'ClusterIP' && textsAt(fields, 'externalIPs').length > 0);
  if (isOpen(before) && !isOpen(spec)) drop('externalTrafficPolicy');
}

/** A port as upstream shows one of which only this is compared. */
function twin(protocol: string, port: number): unknown {
  return goStruct([
    ['Name', ''],
    ['Protocol', protocol],
    ['AppProtocol', null],
    ['Port', port],
    ['TargetPort', 0],
    ['NodePort', 0],
  ]);
}
