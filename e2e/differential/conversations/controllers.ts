// What only happens when controllers act: rollouts, scaling, endpoints, garbage collection, namespaces that go.

import type { Conversation } from '../conversation.ts';

const labels = (name: string): string => `{app: ${name}}`;
const template = (name: string, image: string): string => `
  selector: {matchLabels: ${labels(name)}}
  template:
    metadata: {labels: ${labels(name)}}
    spec: {containers: [{name: main, image: ${image}, ports: [{containerPort: 80}]}]}`;

const stateful = `
apiVersion: apps/v1
kind: StatefulSet
metadata: {name: state}
spec:
  serviceName: state
  replicas: 2${template('state', 'nginx:1')}
`;

export const rollouts: Conversation = {
  name: 'rollouts',
  servers: 'controllers',
  files: { 'state.yaml': stateful },
  steps: [
    'kubectl create deployment web --image=nginx:1 --replicas=2 --port=80',
    'kubectl rollout status deployment/web --timeout=30s',
    'kubectl wait deployment/web --for=condition=Available --timeout=10s',
    'kubectl get deployment web',
    'kubectl get deployment web -o yaml',
    'kubectl get replicasets -o wide',
    'kubectl get pods -o wide',
    'kubectl describe deployment web',
    'kubectl expose deployment web --port=80',
    'kubectl get endpointslices',
    'kubectl describe service web',
    'kubectl set image deployment/web nginx=nginx:2',
    'kubectl rollout status deployment/web --timeout=30s',
    'kubectl rollout history deployment/web',
    'kubectl rollout history deployment/web --revision=1',
    'kubectl rollout undo deployment/web',
    'kubectl rollout status deployment/web --timeout=30s',
    'kubectl rollout history deployment/web',
    'kubectl rollout undo deployment/web --to-revision=9',
    'kubectl rollout restart deployment/web',
    'kubectl rollout status deployment/web --timeout=30s',
    'kubectl scale deployment/web --replicas=3',
    `kubectl wait deployment/web --for=jsonpath='{.status.readyReplicas}'=3 --timeout=20s`,
    'kubectl scale deployment/web --replicas=1',
    `kubectl wait deployment/web --for=jsonpath='{.status.replicas}'=1 --timeout=20s`,
    'kubectl get deployment web -o yaml',
    'kubectl create -f state.yaml',
    'kubectl rollout status statefulset/state --timeout=30s',
    'kubectl get statefulset state -o yaml',
    'kubectl get pod state-0 -o yaml',
    'kubectl describe statefulset state',
    'kubectl set image statefulset/state main=nginx:2',
    'kubectl rollout status statefulset/state --timeout=30s',
    'kubectl rollout history statefulset/state',
    'kubectl rollout undo statefulset/state',
    'kubectl rollout status statefulset/state --timeout=30s',
    'kubectl get controllerrevisions',
    'kubectl delete pod state-0',
    `kubectl wait statefulset/state --for=jsonpath='{.status.readyReplicas}'=2 --timeout=20s`,
    'kubectl scale statefulset/state --replicas=1',
    'kubectl wait pod/state-1 --for=delete --timeout=20s',
    'kubectl delete statefulset state --cascade=foreground',
    'kubectl delete deployment web --cascade=orphan',
    'kubectl get replicasets',
    'kubectl delete replicasets --all',
    'kubectl wait pods --all --for=delete --timeout=20s',
    'kubectl delete service web',
    'kubectl get all',
  ],
};

export const lifecycles: Conversation = {
  name: 'lifecycles',
  servers: 'controllers',
  steps: [
    'kubectl get serviceaccount default -o yaml',
    'kubectl get configmap kube-root-ca.crt -o yaml',
    'kubectl run one --image=nginx',
    'kubectl wait pod/one --for=condition=Ready --timeout=20s',
    'kubectl get pod one -o yaml',
    'kubectl get pod one -o wide',
    'kubectl delete pod one',
    'kubectl get pod one',
    'kubectl get nodes',
    'kubectl cordon node-a',
    'kubectl run two --image=nginx',
    'kubectl wait pod/two --for=condition=PodScheduled=false --timeout=20s',
    'kubectl get pod two -o yaml',
    'kubectl uncordon node-a',
    'kubectl wait pod/two --for=condition=Ready --timeout=30s',
    'kubectl delete pod two --now',
    'kubectl run large --image=nginx --overrides=\'{"spec":{"containers":[{"name":"large","image":"nginx","resources":{"requests":{"cpu":"64"}}}]}}\'',
    'kubectl wait pod/large --for=condition=PodScheduled=false --timeout=20s',
    'kubectl describe pod large',
    'kubectl delete pod large',
    'kubectl create namespace lifecycles-gone',
    'kubectl create configmap inside -n lifecycles-gone',
    'kubectl create deployment inside --image=nginx -n lifecycles-gone',
    'kubectl rollout status deployment/inside -n lifecycles-gone --timeout=30s',
    'kubectl delete namespace lifecycles-gone',
    'kubectl get namespace lifecycles-gone',
    'kubectl drain node-a --ignore-daemonsets --force --timeout=20s',
    'kubectl uncordon node-a',
  ],
};
