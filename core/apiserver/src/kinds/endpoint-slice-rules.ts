// Endpoint slices. Rules and texts: upstream's discovery validation. Unlike there, addresses of this machine are allowed: pods of a home have them.

import { isIP } from 'node:net';
import {
  dnsLabelProblems,
  dnsSubdomainProblems,
  type FieldError,
  type FieldPath,
  fieldDuplicate,
  fieldInvalid,
  fieldNotSupported,
  fieldRequired,
  labelValueProblems,
  path,
  qualifiedNameProblems,
} from '@tweendeck/kube';
import {
  type Draft,
  type Fields,
  listAt,
  objectAt,
  objectIn,
  setDefault,
  textAt,
} from '../draft.ts';
import { endpointSliceColumns } from '../table/common-columns.ts';
import { namedProblems } from './field-checks.ts';
import type { KindRules } from './kind-rules.ts';
import { endpointAddressProblems, ipProblems } from './path-checks.ts';

const addressTypes = ['FQDN', 'IPv4', 'IPv6'];
const protocols = ['SCTP', 'TCP', 'UDP'];
const endpointsMax = 1_000;

export const endpointSliceRules: KindRules = {
  columns: endpointSliceColumns,
  strategy: {
    generation: 'counted',
    defaults(draft) {
      setDefault(draft, 'endpoints', []);
      for (const port of listAt(draft, 'ports')) {
        setDefault(port, 'name', '');
        setDefault(port, 'protocol', 'TCP');
      }
      for (const endpoint of listAt(draft, 'endpoints')) {
        objectIn(endpoint, 'conditions');
        delete endpoint['deprecatedTopology'];
      }
    },
    validate: endpointSliceProblems,
  },
};

function endpointSliceProblems(draft: Draft, previous: Draft | undefined): readonly FieldError[] {
  const type = textAt(draft, 'addressType');
  if (previous && previous['addressType'] !== type && addressTypes.includes(type)) {
    return [fieldInvalid(path('addressType'), type, 'field is immutable')];
  }
  const problems: FieldError[] = [];
  if (type === '') problems.push(fieldRequired(path('addressType')));
  else if (!addressTypes.includes(type)) {
    problems.push(fieldNotSupported(path('addressType'), type, addressTypes));
  }
  const endpoints = listAt(draft, 'endpoints');
  if (endpoints.length > endpointsMax) {
    const detail = `must have at most ${endpointsMax} items`;
    problems.push({ type: 'TooMany', field: 'endpoints', value: endpoints.length, detail });
  } else {
    for (const [position, endpoint] of endpoints.entries()) {
      problems.push(...endpointProblems(endpoint, type, path('endpoints').index(position)));
    }
  }
  problems.push(...portProblems(listAt(draft, 'ports')));
  return problems;
}

function endpointProblems(endpoint: Fields, type: string, at: FieldPath): readonly FieldError[] {
  const { addresses } = endpoint;
  const texts = Array.isArray(addresses) ? addresses.map(String) : [];
  const field = at.child('addresses');
  const zones = new Set<string>();
  return [
    ...(texts.length === 0 ? [fieldRequired(field, 'must contain at least 1 address')] : []),
    ...texts.flatMap((address, position) =>
      addressProblems(address, type, { all: field, one: field.index(position) }),
    ),
    ...namedProblems(endpoint, 'nodeName', { base: at, check: dnsSubdomainProblems }),
    ...namedProblems(endpoint, 'hostname', { base: at, check: dnsLabelProblems }),
    ...listAt(objectAt(endpoint, 'hints'), 'forZones').flatMap((zone, position) => {
      const name = textAt(zone, 'name');
      const here = at.child('hints', 'forZones').index(position).child('name');
      const isTaken = zones.has(name);
      zones.add(name);
      return [
        ...(isTaken ? [fieldDuplicate(here, name)] : []),
        ...labelValueProblems(name).map((text) => fieldInvalid(here, name, text)),
      ];
    }),
  ];
}

function addressProblems(
  address: string,
  type: string,
  { all, one }: { readonly all: FieldPath; readonly one: FieldPath },
): readonly FieldError[] {
  if (type === 'FQDN') {
    return dnsSubdomainProblems(address).map((text) => fieldInvalid(one, address, text));
  }
  if (type !== 'IPv4' && type !== 'IPv6') return [];
  const problems = ipProblems(address, one);
  if (problems.length > 0) return problems;
  const family = `IPv${isIP(address)}`;
  const isLoopback = address.startsWith('127.') || address === '::1';
  return [
    ...(family === type ? [] : [fieldInvalid(all, address, `must be an ${type} address`)]),
    ...(isLoopback ? [] : endpointAddressProblems(address, one)),
  ];
}

function portProblems(ports: readonly Fields[]): readonly FieldError[] {
  const names = new Set<string>();
  return ports.flatMap((port, position) => {
    const at = path('ports').index(position);
    const name = textAt(port, 'name');
    const protocol = textAt(port, 'protocol');
    const application = textAt(port, 'appProtocol');
    const problems: FieldError[] = [];
    if (name !== '') {
      for (const text of dnsLabelProblems(name)) {
        problems.push(fieldInvalid(at.child('name'), name, text));
      }
    }
    if (names.has(name)) problems.push(fieldDuplicate(at.child('name'), name));
    names.add(name);
    if (!protocols.includes(protocol)) {
      problems.push(fieldNotSupported(at.child('protocol'), protocol, protocols));
    }
    if (application !== '') {
      for (const text of qualifiedNameProblems(application)) {
        problems.push(fieldInvalid(at.child('appProtocol'), application, text));
      }
    }
    return problems;
  });
}
