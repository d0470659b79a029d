import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Container, Pod, Service, ServiceSpec } from '@tweendeck/kube';
import { frontsOf, sameFronts } from './fronts.ts';

const meta = { namespace: 'a', uid: 'u', resourceVersion: '1', creationTimestamp: '' };

function service(spec: ServiceSpec, ingress: readonly string[] = [], namespace = 'a'): Service {
  return {
    apiVersion: 'v1',
    kind: 'Service',
    metadata: { ...meta, name: 's', namespace },
    spec,
    status: { loadBalancer: { ingress: ingress.map((ip) => ({ ip })) } },
  };
}

const app: Container = {
  name: 'app',
  ports: [
    { name: 'main', containerPort: 8_126 },
    { containerPort: 53, protocol: 'UDP' },
  ],
};
const side: Container = { name: 'side', ports: [{ containerPort: 9_100 }] };
const pod: Pod = {
  apiVersion: 'v1',
  kind: 'Pod',
  metadata: { ...meta, name: 'p', labels: { app: 'x', tier: 'y' } },
  spec: { containers: [app, side] },
};
const selector = { app: 'x' };

for (const { name, services, container = app, nodeAddress = '127.0.0.1', want } of [
  {
    name: 'the cluster address',
    services: [
      service({ selector, clusterIP: '127.96.0.1', ports: [{ port: 80, targetPort: 8_126 }] }),
    ],
    want: ['127.96.0.1:80>8126'],
  },
  {
    name: 'a named port',
    services: [
      service({ selector, clusterIP: '127.96.0.1', ports: [{ port: 80, targetPort: 'main' }] }),
    ],
    want: ['127.96.0.1:80>8126'],
  },
  {
    name: 'the port itself where there is no target',
    services: [service({ selector, clusterIP: '127.96.0.1', ports: [{ port: 8_126 }] })],
    want: ['127.96.0.1:8126>8126'],
  },
  {
    name: 'the load balancer and external addresses',
    services: [
      service(
        { selector, clusterIP: 'None', externalIPs: ['10.0.0.1'], ports: [{ port: 8_126 }] },
        ['127.0.0.1'],
      ),
    ],
    want: ['10.0.0.1:8126>8126', '127.0.0.1:8126>8126'],
  },
  {
    name: 'a node port on loopback',
    services: [
      service({
        type: 'NodePort',
        selector,
        clusterIP: '127.96.0.1',
        ports: [{ port: 8_126, nodePort: 30_001 }],
      }),
    ],
    want: ['127.0.0.1:30001>8126', '127.96.0.1:8126>8126'],
  },
  {
    name: 'nothing of a headless service',
    services: [service({ selector, clusterIP: 'None', ports: [{ port: 8_126 }] })],
    want: [],
  },
  {
    name: 'nothing of a service that selects others',
    services: [
      service({ selector: { app: 'z' }, clusterIP: '127.96.0.1', ports: [{ port: 8_126 }] }),
    ],
    want: [],
  },
  {
    name: 'nothing of a service without selector',
    services: [service({ clusterIP: '127.96.0.1', ports: [{ port: 8_126 }] })],
    want: [],
  },
  {
    name: 'nothing of another namespace',
    services: [service({ selector, clusterIP: '127.96.0.1', ports: [{ port: 8_126 }] }, [], 'b')],
    want: [],
  },
  {
    name: 'nothing of UDP',
    services: [
      service({ selector, clusterIP: '127.96.0.1', ports: [{ port: 53, protocol: 'UDP' }] }),
    ],
    want: [],
  },
  {
    name: 'nothing of a port of another container',
    services: [service({ selector, clusterIP: '127.96.0.1', ports: [{ port: 9_100 }] })],
    want: [],
  },
  {
    name: 'its own port beside others',
    services: [service({ selector, clusterIP: '127.96.0.1', ports: [{ port: 9_100 }] })],
    container: side,
    want: ['127.96.0.1:9100>9100'],
  },
  {
    name: 'a number nobody declares, as the first container',
    services: [service({ selector, clusterIP: '127.96.0.1', ports: [{ port: 7_000 }] })],
    want: ['127.96.0.1:7000>7000'],
  },
  {
    name: 'a host port on loopback',
    services: [],
    container: { name: 'app', ports: [{ containerPort: 80, hostPort: 8_080 }] },
    want: ['127.0.0.1:8080>80'],
  },
  {
    name: 'a host port where it says',
    services: [],
    container: { name: 'app', ports: [{ containerPort: 80, hostPort: 8_080, hostIP: '10.0.0.9' }] },
    want: ['10.0.0.9:8080>80'],
  },
  {
    name: "host ports on the node's own address, node ports on the home's too",
    services: [
      service({
        selector,
        type: 'NodePort',
        ports: [{ port: 80, targetPort: 80, nodePort: 30_080 }],
      }),
    ],
    container: { name: 'app', ports: [{ containerPort: 80, hostPort: 8_080 }] },
    nodeAddress: '127.130.1.1',
    want: ['127.0.0.1:30080>80', '127.130.1.1:30080>80', '127.130.1.1:8080>80'],
  },
] as readonly {
  name: string;
  services: readonly Service[];
  container?: Container;
  nodeAddress?: string;
  want: readonly string[];
}[]) {
  test(`fronts: ${name}`, () => {
    const fronts = frontsOf(container, pod, { services, nodeAddress });
    assert.deepEqual(
      fronts.map(({ address, port, containerPort }) => `${address}:${port}>${containerPort}`),
      want,
    );
  });
}

test('fronts are the same when they say the same', () => {
  const one = [{ address: 'a', port: 1, containerPort: 2 }];
  assert.ok(sameFronts(one, structuredClone(one)));
  assert.ok(!sameFronts(one, []));
});
