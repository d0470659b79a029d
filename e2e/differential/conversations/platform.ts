// The platform's own controller at work on both servers: it sees what the reference says, and writes to both.

import { cacheServerKind } from '@tweendeck/cacheserver';
import type { Conversation } from '../conversation.ts';

const cache = (storage: string): string => `
apiVersion: tweendeck.io/v1alpha1
kind: CacheServer
metadata: {name: cache}
spec: {storage: ${storage}, resources: {limits: {cpu: 100m, memory: 128Mi}}}
`;

const observed = (generation: number): string =>
  `kubectl wait cacheserver/cache --for=jsonpath='{.status.observedGeneration}'=${generation} --timeout=15s`;

export const platform: Conversation = {
  name: 'platform',
  servers: 'bare',
  held: 'once',
  files: {
    'cache-servers.json': JSON.stringify(cacheServerKind.crd()),
    'cache.yaml': cache('1000000000'),
    'cache-2.yaml': cache('2000000000'),
  },
  steps: [
    'kubectl apply -f cache-servers.json --server-side --field-manager=tweendeck',
    'kubectl wait crd/cacheservers.tweendeck.io --for=condition=Established --timeout=10s',
    {
      run: 'tweendeck controllers --namespace=platform --leader-elect=false --metrics-bind-address=0 --health-probe-bind-address=0',
      during: [
        'kubectl apply -f cache.yaml',
        observed(1),
        'kubectl apply -f cache-2.yaml',
        observed(2),
        'kubectl scale cacheserver cache --replicas=2',
        observed(3),
      ],
    },
    'kubectl get cacheserver cache -o yaml --show-managed-fields',
    'kubectl get deployments,services,configmaps -o yaml --show-managed-fields',
    'kubectl delete cacheserver cache --wait=false',
  ],
};
