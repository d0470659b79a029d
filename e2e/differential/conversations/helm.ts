// A chart through its life, with Helm 3 and Helm 4.

import type { Conversation } from '../conversation.ts';

const chart: Readonly<Record<string, string>> = {
  'chart/Chart.yaml': 'apiVersion: v2\nname: small\nversion: 1.0.0\nappVersion: "1"\n',
  'chart/values.yaml': 'replicas: 1\ntext: before\n',
  'chart/templates/map.yaml': `
apiVersion: v1
kind: ConfigMap
metadata: {name: {{ .Release.Name }}-map, labels: {app: {{ .Release.Name }}}}
data: {text: {{ .Values.text }}, kubernetes: "{{ .Capabilities.KubeVersion.Minor }}"}
`,
  'chart/templates/deployment.yaml': `
apiVersion: apps/v1
kind: Deployment
metadata: {name: {{ .Release.Name }}}
spec:
  replicas: {{ .Values.replicas }}
  selector: {matchLabels: {app: {{ .Release.Name }}}}
  template:
    metadata: {labels: {app: {{ .Release.Name }}}}
    spec: {containers: [{name: main, image: nginx}]}
`,
  'chart/templates/service.yaml': `
apiVersion: v1
kind: Service
metadata: {name: {{ .Release.Name }}}
spec: {selector: {app: {{ .Release.Name }}}, ports: [{port: 80}]}
`,
  'chart/templates/NOTES.txt': 'Say {{ .Values.text }}.\n',
};

const steps = (more: readonly string[]): readonly string[] => [
  'helm template one chart --validate',
  'helm install one chart --dry-run=server',
  'helm install one chart',
  'helm install one chart',
  'helm list',
  'helm status one',
  'helm get manifest one',
  'helm get values one',
  'helm get all one',
  'kubectl get deployment one -o yaml --show-managed-fields',
  'helm upgrade one chart --set text=after,replicas=2',
  'helm upgrade one chart --set replicas=many',
  'helm history one',
  'helm rollback one 1',
  ...more,
  'helm history one',
  'kubectl get configmap one-map -o yaml --show-managed-fields',
  'kubectl get secrets -l owner=helm',
  'helm uninstall one',
  'helm status one',
  'helm list -A',
  'kubectl get all',
];

export const helm: Conversation = {
  name: 'helm',
  servers: 'bare',
  files: chart,
  steps: steps([]),
};

export const helmWithControllers: Conversation = {
  name: 'helm-waits',
  servers: 'controllers',
  files: chart,
  steps: [
    'helm install one chart --wait --timeout=30s',
    'helm status one',
    'helm upgrade one chart --set replicas=2 --wait --timeout=30s',
    'helm rollback one 1 --wait --timeout=30s',
    'helm uninstall one --wait',
  ],
};
