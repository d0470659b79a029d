// How services are shown.

import { isJsonObject } from '@tweendeck/std';
import { type Draft, listAt, numberAt, objectAt, textAt } from '../draft.ts';
import { ageColumn, columnsOf, nameColumn, type TableColumns } from './table.ts';

export const serviceColumns: TableColumns = columnsOf([
  nameColumn,
  { name: 'Type', cell: ({ spec }) => textAt(spec, 'type') },
  { name: 'Cluster-IP', cell: ({ spec }) => textAt(spec, 'clusterIP') || '<none>' },
  { name: 'External-IP', cell: externalText },
  { name: 'Port(s)', cell: portsText },
  ageColumn,
  {
    name: 'Selector',
    priority: 1,
    cell: ({ spec }) =>
      Object.entries(objectAt(spec, 'selector'))
        .map(([key, value]) => `${key}=${String(value)}`)
        .join(',') || '<none>',
  },
]);

function externalText({ spec, status }: Draft): string {
  const named = isJsonObject(spec) ? spec['externalIPs'] : [];
  const given = Array.isArray(named) ? named.map(String) : [];
  switch (textAt(spec, 'type')) {
    case 'LoadBalancer': {
      const ingress = listAt(objectAt(status, 'loadBalancer'), 'ingress');
      const addresses = ingress.map((each) => textAt(each, 'ip') || textAt(each, 'hostname'));
      return [...addresses, ...given].join(',') || '<pending>';
    }
    case 'ExternalName':
      return textAt(spec, 'externalName');
    default:
      return given.join(',') || '<none>';
  }
}

function portsText({ spec }: Draft): string {
  const ports = listAt(spec, 'ports').map((port) => {
    const node = numberAt(port, 'nodePort');
    return `${numberAt(port, 'port')}${node ? `:${node}` : ''}/${textAt(port, 'protocol')}`;
  });
  return ports.join(',') || '<none>';
}
