// Which addresses of a Service are served, and for whom.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { EndpointSlice, Service, ServiceSpec } from '@tweendeck/kube';
import { listenersOf } from './relay-plan.ts';

function service(spec: Partial<ServiceSpec> = {}, ingress: readonly string[] = []): Service {
  return {
    ...{ apiVersion: 'v1', kind: 'Service', metadata: { name: 's' } },
    spec: { clusterIP: '10.1.0.1', ports: [{ name: 'a', port: 80, targetPort: 'a' }], ...spec },
    status: { loadBalancer: { ingress: ingress.map((ip) => ({ ip })) } },
  } as unknown as Service; // what the server fills in is missing
}

interface Point {
  readonly pod: string;
  readonly ready?: boolean;
}

function slice(points: readonly Point[], more: Partial<EndpointSlice> = {}): EndpointSlice {
  return {
    ...{ apiVersion: 'discovery.k8s.io/v1', kind: 'EndpointSlice', addressType: 'IPv4' },
    metadata: { name: 's-1' },
    endpoints: points.map(({ pod, ready }) => ({
      addresses: [`10.0.0.${pod}`],
      targetRef: { kind: 'Pod', name: pod },
      ...(ready === undefined ? {} : { conditions: { ready } }),
    })),
    ports: [{ name: 'a', port: 8_080 }],
    ...more,
  } as unknown as EndpointSlice; // as above
}

const one = slice([{ pod: '1' }]);
const target = { host: '10.0.0.1', port: 8_080 };

for (const { name, given, slices, relayed, want } of [
  {
    name: 'leads from its address to the port of whoever is ready',
    slices: [slice([{ pod: '1' }, { pod: '2', ready: true }, { pod: '3', ready: false }])],
    want: [{ host: '10.1.0.1', port: 80, targets: [target, { host: '10.0.0.2', port: 8_080 }] }],
  },
  {
    name: 'is refused while nobody is ready',
    slices: [slice([{ pod: '1', ready: false }])],
    want: [],
  },
  { name: 'is left to pods that listen there', slices: [one], relayed: [], want: [] },
  {
    name: 'is served for those who cannot listen there',
    slices: [slice([{ pod: '1' }, { pod: '2' }])],
    relayed: ['1'],
    want: [{ host: '10.1.0.1', port: 80, targets: [target] }],
  },
  {
    name: 'has no address when it is headless',
    given: service({ clusterIP: 'None' }),
    slices: [one],
    want: [],
  },
  {
    name: 'has addresses of load balancers and of its user',
    given: service({ externalIPs: ['10.9.0.1'] }, ['127.0.0.1']),
    slices: [one],
    want: ['10.1.0.1', '127.0.0.1', '10.9.0.1'].map((host) => ({
      host,
      port: 80,
      targets: [target],
    })),
  },
  {
    name: 'has its node port at this machine',
    given: service({ type: 'NodePort', ports: [{ name: 'a', port: 80, nodePort: 30_080 }] }),
    slices: [one],
    want: [
      { host: '10.1.0.1', port: 80, targets: [target] },
      { host: '127.0.0.1', port: 30_080, targets: [target] },
    ],
  },
  {
    name: 'leaves datagrams out',
    given: service({ ports: [{ name: 'a', port: 53, protocol: 'UDP' }] }),
    slices: [one],
    want: [],
  },
  {
    name: 'finds ports by their names',
    given: service({ ports: [{ name: 'b', port: 81 }] }),
    slices: [one, slice([{ pod: '2' }], { ports: [{ name: 'b', port: 8_081 }] })],
    want: [{ host: '10.1.0.1', port: 81, targets: [{ host: '10.0.0.2', port: 8_081 }] }],
  },
]) {
  test(`a Service ${name}`, () => {
    const may = (pod: string): boolean => relayed === undefined || relayed.includes(pod);
    assert.deepEqual(listenersOf(given ?? service(), slices, may), want);
  });
}
