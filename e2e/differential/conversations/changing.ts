// Apply, edit, patch, label, set, scale and the rest that changes what is there.

import type { Conversation } from '../conversation.ts';

const deployment = (image: string, more = ''): string => `
apiVersion: apps/v1
kind: Deployment
metadata: {name: web, labels: {app: web}}
spec:
  replicas: 2
  selector: {matchLabels: {app: web}}
  template:
    metadata: {labels: {app: web}}
    spec:
      containers:
      - name: web
        image: ${image}
        ports: [{containerPort: 80}]
        env: [{name: MODE, value: before}]
${more}`;

const map = (name: string, value: string): string => `
apiVersion: v1
kind: ConfigMap
metadata: {name: ${name}, labels: {set: pruned}}
data: {key: ${value}}
`;

export const applying: Conversation = {
  name: 'applying',
  servers: 'bare',
  files: {
    'web.yaml': deployment('nginx:1'),
    'web-2.yaml': deployment('nginx:2', '      - {name: side, image: busybox}\n'),
    'web-other-selector.yaml': deployment('nginx:1').replaceAll('app: web', 'app: other'),
    'map.yaml': map('one', 'before'),
    'map-2.yaml': map('one', 'after'),
    'maps.yaml': `${map('one', 'before')}---${map('two', 'before')}`,
    'service.yaml': `
apiVersion: v1
kind: Service
metadata: {name: web}
spec: {selector: {app: web}, ports: [{port: 80, name: http}]}
`,
    'service-2.yaml': `
apiVersion: v1
kind: Service
metadata: {name: web}
spec: {selector: {app: web}, type: NodePort, ports: [{port: 80, name: http}, {port: 443, name: https}]}
`,
  },
  steps: [
    'kubectl apply -f web.yaml --dry-run=server',
    'kubectl apply -f web.yaml --dry-run=client',
    'kubectl diff -f web.yaml',
    'kubectl apply -f web.yaml',
    'kubectl apply -f web.yaml',
    'kubectl diff -f web.yaml',
    'kubectl diff -f web-2.yaml',
    'kubectl apply -f web-2.yaml --dry-run=server -o yaml',
    'kubectl apply -f web-2.yaml',
    'kubectl get deployment web -o yaml --show-managed-fields',
    'kubectl apply view-last-applied deployment/web',
    'kubectl apply set-last-applied -f web.yaml',
    'kubectl apply -f web-other-selector.yaml',
    'kubectl apply -f service.yaml',
    'kubectl apply -f service-2.yaml',
    'kubectl get service web -o yaml',
    'kubectl apply -f maps.yaml',
    'kubectl apply -f map-2.yaml --prune -l set=pruned --prune-allowlist=core/v1/ConfigMap',
    'kubectl get configmaps -l set=pruned',
    'kubectl apply -f map.yaml --server-side',
    'kubectl apply -f map-2.yaml --server-side --field-manager=other',
    'kubectl apply -f map-2.yaml --server-side --field-manager=other --force-conflicts',
    'kubectl apply -f map-2.yaml --server-side --field-manager=other',
    'kubectl get configmap one -o yaml --show-managed-fields',
    'kubectl apply -f web.yaml --server-side --field-manager=other',
    'kubectl apply -f web.yaml --server-side --field-manager=other --force-conflicts',
    'kubectl apply -f web-2.yaml --server-side --force-conflicts --dry-run=server -o yaml --show-managed-fields',
    'kubectl diff -f web-2.yaml --server-side --force-conflicts',
    'kubectl get deployment web -o yaml --show-managed-fields',
    'kubectl replace -f map.yaml',
    'kubectl replace -f web-other-selector.yaml',
    'kubectl replace -f map.yaml --force',
    'kubectl get configmap one -o yaml --show-managed-fields',
    'kubectl delete configmap one',
    'kubectl replace -f map.yaml',
    'kubectl edit deployment web',
    'kubectl edit configmap absent',
  ],
};

export const changing: Conversation = {
  name: 'changing',
  servers: 'bare',
  files: { 'web.yaml': deployment('nginx:1'), 'map.yaml': map('one', 'before') },
  steps: [
    'kubectl create -f web.yaml',
    'kubectl create -f map.yaml',
    'kubectl edit configmap one',
    `kubectl patch configmap one -p '{"data":{"more":"x"}}'`,
    `kubectl patch configmap one --type=merge -p '{"data":{"more":null}}'`,
    `kubectl patch configmap one --type=json -p '[{"op":"add","path":"/data/third","value":"x"}]'`,
    `kubectl patch configmap one --type=json -p '[{"op":"remove","path":"/data/absent"}]'`,
    `kubectl patch configmap one --type=json -p '[{"op":"test","path":"/data/key","value":"no"}]'`,
    `kubectl patch configmap one --type=merge -p '{"data":{"number":1}}'`,
    `kubectl patch configmap one --type=merge -p 'nonsense'`,
    `kubectl patch configmap absent -p '{"data":{}}'`,
    `kubectl patch deployment web -p '{"spec":{"template":{"spec":{"containers":[{"name":"web","image":"nginx:2"}]}}}}'`,
    `kubectl patch deployment web --type=merge -p '{"spec":{"replicas":-1}}'`,
    `kubectl patch deployment web --type=merge -p '{"spec":{"selector":{"matchLabels":{"app":"no"}}}}'`,
    `kubectl patch deployment web --subresource=status --type=merge -p '{"status":{"replicas":5}}'`,
    `kubectl patch deployment web --subresource=scale --type=merge -p '{"spec":{"replicas":4}}'`,
    'kubectl get deployment web --subresource=status -o yaml',
    'kubectl get deployment web --subresource=scale -o yaml',
    'kubectl get deployment web --subresource=scale',
    'kubectl get deployment web -o yaml --show-managed-fields',
    'kubectl label configmap one tier=front',
    'kubectl label configmap one tier=back',
    'kubectl label configmap one tier=back --overwrite',
    'kubectl label configmap one tier=back --overwrite --resource-version=1',
    'kubectl label configmap one tier-',
    'kubectl label configmap one bad_=_bad',
    'kubectl label configmaps --all all=yes',
    'kubectl annotate configmap one note=text',
    'kubectl annotate configmap one note-',
    'kubectl annotate configmap absent note=text',
    'kubectl set image deployment/web web=nginx:3',
    'kubectl set image deployment/web absent=nginx:3',
    'kubectl set env deployment/web MORE=1 MODE-',
    'kubectl set env deployment/web --list',
    'kubectl set resources deployment/web --limits=cpu=200m,memory=64Mi --requests=cpu=100m',
    'kubectl set resources deployment/web --limits=cpu=50m',
    'kubectl set serviceaccount deployment/web default',
    'kubectl set selector service/absent a=b',
    'kubectl scale deployment/web --replicas=3',
    'kubectl scale deployment/web --replicas=2 --current-replicas=7',
    'kubectl scale deployment/absent --replicas=1',
    'kubectl autoscale deployment web --min=1 --max=3 --cpu-percent=80',
    'kubectl rollout restart deployment/web',
    'kubectl rollout pause deployment/web',
    'kubectl rollout pause deployment/web',
    'kubectl rollout resume deployment/web',
    'kubectl rollout history deployment/web',
    'kubectl rollout undo deployment/web',
    'kubectl rollout status deployment/web --timeout=1s',
    'kubectl wait deployment/web --for=condition=Available --timeout=1s',
    `kubectl wait deployment/web --for=jsonpath='{.spec.replicas}'=3 --timeout=1s`,
    'kubectl wait configmap/absent --for=delete --timeout=1s',
    'kubectl describe deployment web',
    'kubectl get deployment web -o yaml --show-managed-fields',
    'kubectl delete configmap one --dry-run=server',
    'kubectl delete configmap one --wait=false',
    'kubectl delete configmap one',
    'kubectl delete configmap one --ignore-not-found',
    'kubectl create configmap one',
    'kubectl create configmap two',
    'kubectl delete configmap one two',
    'kubectl create configmap one',
    'kubectl label configmap one sweep=yes',
    'kubectl delete configmaps -l sweep=yes',
    'kubectl create configmap one',
    'kubectl delete configmaps --all',
    'kubectl delete -f map.yaml',
    'kubectl delete deployment web --cascade=orphan',
    'kubectl create deployment web --image=nginx',
    'kubectl delete deployment web --cascade=foreground --wait=false',
    'kubectl get deployment web -o yaml',
    'kubectl delete nonsense x',
  ],
};

const node = `
apiVersion: v1
kind: Node
metadata: {name: bare-node, labels: {kubernetes.io/hostname: bare-node}}
`;

export const nodesAndPods: Conversation = {
  name: 'nodes-and-pods',
  servers: 'bare',
  files: {
    'node.yaml': node,
    'pod.yaml': `
apiVersion: v1
kind: Pod
metadata: {name: bound, labels: {app: bound}}
spec:
  nodeName: bare-node
  terminationGracePeriodSeconds: 5
  containers:
  - name: main
    image: nginx
    resources: {limits: {cpu: 100m, memory: 64Mi}}
    livenessProbe: {httpGet: {path: /, port: 80}}
    volumeMounts: [{name: scratch, mountPath: /scratch}]
  volumes: [{name: scratch, emptyDir: {}}]
`,
  },
  steps: [
    'kubectl create -f node.yaml',
    'kubectl get nodes',
    'kubectl get nodes -o wide',
    'kubectl get node bare-node -o yaml',
    'kubectl describe node bare-node',
    'kubectl label node bare-node node-role.kubernetes.io/worker=',
    'kubectl taint node bare-node key=value:NoSchedule',
    'kubectl taint node bare-node key=other:NoSchedule',
    'kubectl taint node bare-node key:NoSchedule-',
    'kubectl taint node bare-node key=value:Nonsense',
    'kubectl cordon bare-node',
    'kubectl cordon bare-node',
    'kubectl uncordon bare-node',
    'kubectl create -f pod.yaml',
    'kubectl get pod bound -o yaml',
    'kubectl get pods -o wide',
    'kubectl describe pod bound',
    'kubectl logs bound',
    'kubectl logs absent',
    'kubectl logs bound -c nonsense',
    'kubectl exec bound -- true',
    'kubectl exec absent -- true',
    'kubectl attach bound',
    'kubectl cp text.txt bound:/tmp/text',
    'kubectl port-forward pod/bound 0:80',
    'kubectl debug bound --copy-to=copied --image=busybox -- true',
    'kubectl set image pod/bound main=nginx:2',
    `kubectl patch pod bound -p '{"spec":{"nodeName":"other"}}'`,
    `kubectl patch pod bound --subresource=status --type=merge -p '{"status":{"phase":"Running","podIP":"10.1.1.1","conditions":[{"type":"Ready","status":"True"}]}}'`,
    'kubectl get pods',
    'kubectl wait pod/bound --for=condition=Ready --timeout=5s',
    'kubectl wait pod/bound --for=condition=Nonsense --timeout=1s',
    'kubectl drain bare-node --ignore-daemonsets --force --timeout=2s',
    'kubectl get pod bound -o yaml',
    'kubectl delete pod bound --wait=false',
    'kubectl get pod bound -o yaml',
    'kubectl delete pod bound --grace-period=0 --force',
    'kubectl get pods',
    'kubectl delete pod bound --now',
    'kubectl run quick --image=nginx --restart=Never',
    'kubectl delete pod quick --now',
    'kubectl delete node bare-node',
    'kubectl get events',
  ],
};

/** What is left out of the embedded Kubernetes: its consequences stay here. */
export const leftOut: Conversation = {
  name: 'left-out',
  servers: 'bare',
  held: 'newest',
  files: {
    'node.yaml': node.replaceAll('bare-node', 'left-out-node'),
    'pod.yaml': `
apiVersion: v1
kind: Pod
metadata: {name: bound, labels: {app: bound}}
spec:
  nodeName: left-out-node
  terminationGracePeriodSeconds: 5
  containers:
  - name: main
    image: nginx
    resources: {limits: {cpu: 100m, memory: 64Mi}}
    livenessProbe: {httpGet: {path: /, port: 80}}
    volumeMounts: [{name: scratch, mountPath: /scratch}]
  volumes: [{name: scratch, emptyDir: {}}]
`,
  },
  steps: [
    'kubectl create -f node.yaml',
    'kubectl create -f pod.yaml',
    'kubectl debug bound --image=busybox --target=main -- true',
    `kubectl patch pod bound --subresource=resize -p '{"spec":{"containers":[{"name":"main","resources":{"limits":{"cpu":"200m","memory":"64Mi"},"requests":{"cpu":"200m","memory":"64Mi"}}}]}}'`,
  ],
};
