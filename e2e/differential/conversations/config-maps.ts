// ConfigMaps through their whole life.

import type { Conversation } from '../conversation.ts';

export const configMaps: Conversation = {
  name: 'config-maps',
  servers: 'bare',
  files: {
    'map.yaml': `
apiVersion: v1
kind: ConfigMap
metadata: {name: applied, labels: {app: one}}
data: {key: before}
`,
  },
  steps: [
    'kubectl version',
    'kubectl create configmap made --from-literal=key=value',
    'kubectl get configmaps',
    'kubectl get configmap made -o yaml',
    'kubectl apply -f map.yaml',
    'kubectl get configmap absent',
    'kubectl delete configmap made',
  ],
};
