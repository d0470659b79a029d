// Objects of every built-in kind with mistakes in them: what is refused, and in which words.

import type { Conversation } from '../conversation.ts';

const core = (kind: string, name: string, rest: string): string =>
  `apiVersion: v1\nkind: ${kind}\nmetadata: {name: ${name}}\n${rest}\n`;
const pod = (spec: string, name = 'x'): string => core('Pod', name, `spec: ${spec}`);
const apps = (kind: string, spec: string): string =>
  `apiVersion: apps/v1\nkind: ${kind}\nmetadata: {name: x}\nspec: ${spec}\n`;
const service = (spec: string): string => core('Service', 'x', `spec: ${spec}`);
const container = 'name: a, image: nginx';
const template = `template: {metadata: {labels: {a: b}}, spec: {containers: [{${container}}]}}`;

const wrong: Readonly<Record<string, string>> = {
  'map-name': core('ConfigMap', 'Upper_Case', ''),
  'map-key': core('ConfigMap', 'x', 'data: {"a b": c}'),
  'map-both': core('ConfigMap', 'x', 'data: {a: b}\nbinaryData: {a: Yg==}'),
  'map-labels': 'apiVersion: v1\nkind: ConfigMap\nmetadata: {name: x, labels: {"a b": "c d"}}\n',
  'map-annotations':
    'apiVersion: v1\nkind: ConfigMap\nmetadata: {name: x, annotations: {"a b": c}}\n',
  'map-finalizers':
    'apiVersion: v1\nkind: ConfigMap\nmetadata: {name: x, finalizers: [nonsense]}\n',
  'map-owner':
    'apiVersion: v1\nkind: ConfigMap\nmetadata: {name: x, ownerReferences: [{apiVersion: v1, kind: Pod, name: ""}]}\n',
  'map-long-name': core('ConfigMap', 'a'.repeat(254), ''),
  'secret-data': core('Secret', 'x', 'data: {a: "not base64!"}'),
  'secret-tls': core('Secret', 'x', 'type: kubernetes.io/tls\ndata: {}'),
  'secret-docker': core(
    'Secret',
    'x',
    'type: kubernetes.io/dockerconfigjson\nstringData: {.dockerconfigjson: nonsense}',
  ),
  'secret-basic': core('Secret', 'x', 'type: kubernetes.io/basic-auth\nstringData: {a: b}'),
  'secret-ssh': core('Secret', 'x', 'type: kubernetes.io/ssh-auth\nstringData: {a: b}'),
  'secret-account': core('Secret', 'x', 'type: kubernetes.io/service-account-token'),
  'account-name': core('ServiceAccount', 'Upper', ''),
  'namespace-name': core('Namespace', 'a.b', ''),
  'pod-empty': pod('{}'),
  'pod-no-image': pod('{containers: [{name: a}]}'),
  'pod-names': pod(
    `{containers: [{name: A_b, image: x}, {name: c, image: x}, {name: c, image: x}]}`,
  ),
  'pod-policy': pod(
    `{restartPolicy: Sometimes, dnsPolicy: Odd, containers: [{${container}, imagePullPolicy: Maybe}]}`,
  ),
  'pod-ports': pod(
    `{containers: [{${container}, ports: [{containerPort: 0}, {containerPort: 80, name: UPPER, protocol: ABC}, {containerPort: 80, hostPort: 99999}]}]}`,
  ),
  'pod-env': pod(
    `{containers: [{${container}, env: [{name: "a=b", value: x}, {name: c, value: x, valueFrom: {fieldRef: {fieldPath: metadata.nonsense}}}]}]}`,
  ),
  'pod-resources': pod(
    `{containers: [{${container}, resources: {limits: {cpu: 1, nonsense: 1}, requests: {cpu: 2, memory: -1}}}]}`,
  ),
  'pod-mounts': pod(
    `{containers: [{${container}, volumeMounts: [{name: absent, mountPath: /a}, {name: v, mountPath: /b}, {name: v, mountPath: /b}]}], volumes: [{name: v, emptyDir: {}}]}`,
  ),
  'pod-volumes': pod(
    `{containers: [{${container}}], volumes: [{name: A}, {name: b, emptyDir: {}, hostPath: {path: /x}}, {name: b, secret: {}}, {name: c, configMap: {items: [{key: a, path: ../up}]}}]}`,
  ),
  'pod-probes': pod(
    `{containers: [{${container}, livenessProbe: {}, readinessProbe: {httpGet: {port: 0}, exec: {command: [a]}, periodSeconds: -1}}]}`,
  ),
  'pod-probe-success': pod(
    `{containers: [{${container}, livenessProbe: {tcpSocket: {port: 80}, successThreshold: 2}}]}`,
  ),
  'pod-tolerations': pod(
    `{tolerations: [{operator: Exists, value: x}, {key: a, operator: Odd}, {effect: Odd, operator: Exists}], containers: [{${container}}]}`,
  ),
  'pod-affinity': pod(
    `{affinity: {nodeAffinity: {requiredDuringSchedulingIgnoredDuringExecution: {nodeSelectorTerms: []}}, podAntiAffinity: {requiredDuringSchedulingIgnoredDuringExecution: [{labelSelector: {matchLabels: {a: b}}}]}}, containers: [{${container}}]}`,
  ),
  'pod-spread': pod(
    `{topologySpreadConstraints: [{maxSkew: 0, topologyKey: "", whenUnsatisfiable: Odd}], containers: [{${container}}]}`,
  ),
  'pod-selector': pod(`{nodeSelector: {"a b": "c d"}, containers: [{${container}}]}`),
  'pod-security': pod(
    `{securityContext: {runAsUser: -1, fsGroup: -1}, containers: [{${container}, securityContext: {runAsUser: -2, privileged: true, allowPrivilegeEscalation: false}}]}`,
  ),
  'pod-grace': pod(
    `{terminationGracePeriodSeconds: -1, activeDeadlineSeconds: 0, containers: [{${container}}]}`,
  ),
  'pod-hostname': pod(`{hostname: A_B, subdomain: C_D, containers: [{${container}}]}`),
  'pod-account': pod(`{serviceAccountName: absent, containers: [{${container}}]}`),
  'pod-init': pod(
    `{initContainers: [{name: a, image: x, readinessProbe: {tcpSocket: {port: 1}}}], containers: [{${container}}]}`,
  ),
  'pod-lifecycle': pod(`{containers: [{${container}, lifecycle: {preStop: {}}}]}`),
  'pod-host-network': pod(
    `{hostNetwork: true, containers: [{${container}, ports: [{containerPort: 80, hostPort: 81}]}]}`,
  ),
  'pod-aliases': pod(
    `{hostAliases: [{ip: nonsense, hostnames: [A_B]}], containers: [{${container}}]}`,
  ),
  'pod-pull-secrets': pod(`{imagePullSecrets: [{}], containers: [{${container}}]}`),
  'pod-priority': pod(`{priorityClassName: absent, containers: [{${container}}]}`),
  'pod-priority-number': pod(`{priority: 5, containers: [{${container}}]}`),
  'pod-gates': pod(`{schedulingGates: [{name: "a b"}], containers: [{${container}}]}`),
  'pod-name': pod(`{containers: [{${container}}]}`, 'A_B'),
  'deployment-empty': apps('Deployment', '{}'),
  'deployment-selector': apps('Deployment', `{selector: {matchLabels: {a: c}}, ${template}}`),
  'deployment-no-selector': apps('Deployment', `{${template}}`),
  'deployment-empty-selector': apps('Deployment', `{selector: {}, ${template}}`),
  'deployment-strategy': apps(
    'Deployment',
    `{selector: {matchLabels: {a: b}}, ${template}, strategy: {type: Odd}}`,
  ),
  'deployment-recreate': apps(
    'Deployment',
    `{selector: {matchLabels: {a: b}}, ${template}, strategy: {type: Recreate, rollingUpdate: {maxSurge: 1}}}`,
  ),
  'deployment-surge': apps(
    'Deployment',
    `{selector: {matchLabels: {a: b}}, ${template}, strategy: {rollingUpdate: {maxSurge: 0, maxUnavailable: 0}}}`,
  ),
  'deployment-percent': apps(
    'Deployment',
    `{selector: {matchLabels: {a: b}}, ${template}, strategy: {rollingUpdate: {maxSurge: 1x, maxUnavailable: 200%}}}`,
  ),
  'deployment-numbers': apps(
    'Deployment',
    `{selector: {matchLabels: {a: b}}, ${template}, replicas: -1, minReadySeconds: -1, revisionHistoryLimit: -1, progressDeadlineSeconds: -1}`,
  ),
  'deployment-deadline': apps(
    'Deployment',
    `{selector: {matchLabels: {a: b}}, ${template}, minReadySeconds: 30, progressDeadlineSeconds: 10}`,
  ),
  'deployment-restart': apps(
    'Deployment',
    `{selector: {matchLabels: {a: b}}, template: {metadata: {labels: {a: b}}, spec: {restartPolicy: Never, containers: [{${container}}]}}}`,
  ),
  'deployment-type': apps(
    'Deployment',
    `{replicas: many, selector: {matchLabels: {a: b}}, ${template}}`,
  ),
  'deployment-expression': apps(
    'Deployment',
    `{selector: {matchExpressions: [{key: a, operator: In}, {key: b, operator: Exists, values: [x]}, {key: c, operator: Odd}]}, ${template}}`,
  ),
  'replicaset-selector': apps('ReplicaSet', `{selector: {matchLabels: {a: c}}, ${template}}`),
  'replicaset-replicas': apps(
    'ReplicaSet',
    `{replicas: -1, selector: {matchLabels: {a: b}}, ${template}}`,
  ),
  'statefulset-empty': apps('StatefulSet', '{}'),
  'statefulset-policy': apps(
    'StatefulSet',
    `{serviceName: x, podManagementPolicy: Odd, updateStrategy: {type: Odd}, selector: {matchLabels: {a: b}}, ${template}}`,
  ),
  'statefulset-partition': apps(
    'StatefulSet',
    `{serviceName: x, replicas: -1, updateStrategy: {rollingUpdate: {partition: -1}}, selector: {matchLabels: {a: b}}, ${template}}`,
  ),
  'statefulset-ordinals': apps(
    'StatefulSet',
    `{serviceName: x, ordinals: {start: -1}, persistentVolumeClaimRetentionPolicy: {whenDeleted: Odd, whenScaled: Odd}, selector: {matchLabels: {a: b}}, ${template}}`,
  ),
  'daemonset-empty': apps('DaemonSet', '{}'),
  'service-empty': service('{}'),
  'service-ports': service('{ports: [{port: 0}, {port: 80}, {port: 80}]}'),
  'service-names': service(
    '{ports: [{name: A_B, port: 80, targetPort: 0, protocol: ABC}, {name: b, port: 81, targetPort: TOO_LONG_NAME_HERE}]}',
  ),
  'service-type': service('{type: Odd, ports: [{port: 80}]}'),
  'service-external': service('{type: ExternalName}'),
  'service-external-name': service('{type: ExternalName, externalName: "a b"}'),
  'service-address': service('{clusterIP: 1.2.3.4, ports: [{port: 80}]}'),
  'service-address-text': service('{clusterIP: nonsense, ports: [{port: 80}]}'),
  'service-node-port': service('{type: NodePort, ports: [{port: 80, nodePort: 80}]}'),
  'service-node-port-plain': service('{ports: [{port: 80, nodePort: 30080}]}'),
  'service-affinity': service('{sessionAffinity: Odd, ports: [{port: 80}]}'),
  'service-affinity-timeout': service(
    '{sessionAffinity: ClientIP, sessionAffinityConfig: {clientIP: {timeoutSeconds: 0}}, ports: [{port: 80}]}',
  ),
  'service-policy': service(
    '{internalTrafficPolicy: Odd, externalTrafficPolicy: Local, ports: [{port: 80}]}',
  ),
  'service-families': service('{ipFamilies: [IPv6], ports: [{port: 80}]}'),
  'service-dual': service('{ipFamilyPolicy: RequireDualStack, ports: [{port: 80}]}'),
  'service-external-ips': service('{externalIPs: [nonsense, 127.0.0.1], ports: [{port: 80}]}'),
  'service-name': core('Service', '9number', 'spec: {ports: [{port: 80}]}'),
  'service-selector': service('{selector: {"a b": c}, ports: [{port: 80}]}'),
  'service-headless-node-port': service('{type: NodePort, clusterIP: None, ports: [{port: 80}]}'),
  'node-taints': core(
    'Node',
    'refused',
    'spec: {taints: [{key: a, effect: Odd}, {key: "a b", effect: NoSchedule}]}',
  ),
  'node-range': core('Node', 'refused', 'spec: {podCIDR: nonsense, podCIDRs: [nonsense]}'),
  'lease-times':
    'apiVersion: coordination.k8s.io/v1\nkind: Lease\nmetadata: {name: x}\nspec: {leaseDurationSeconds: 0, leaseTransitions: -1, holderIdentity: ""}\n',
  'lease-time-text':
    'apiVersion: coordination.k8s.io/v1\nkind: Lease\nmetadata: {name: x}\nspec: {renewTime: yesterday}\n',
  'slice-type':
    'apiVersion: discovery.k8s.io/v1\nkind: EndpointSlice\nmetadata: {name: x}\naddressType: Odd\nendpoints: []\n',
  'slice-addresses':
    'apiVersion: discovery.k8s.io/v1\nkind: EndpointSlice\nmetadata: {name: x}\naddressType: IPv4\nendpoints: [{addresses: []}, {addresses: [nonsense]}]\nports: [{name: UPPER, port: 0, protocol: ABC}]\n',
  'event-empty': 'apiVersion: v1\nkind: Event\nmetadata: {name: x}\ninvolvedObject: {}\n',
  'event-namespace':
    'apiVersion: v1\nkind: Event\nmetadata: {name: x}\ninvolvedObject: {kind: Pod, namespace: elsewhere, name: a}\n',
  'event-new':
    'apiVersion: events.k8s.io/v1\nkind: Event\nmetadata: {name: x}\nregarding: {kind: Pod, namespace: refusals, name: a}\n',
  'revision-empty':
    'apiVersion: apps/v1\nkind: ControllerRevision\nmetadata: {name: x}\nrevision: -1\n',
};

export const refusals: Conversation = {
  name: 'refusals',
  servers: 'bare',
  held: 'once',
  // Each has a name of its own: one that is taken by mistake must not stand in the way of the next.
  files: Object.fromEntries(
    Object.entries(wrong).map(([name, text]) => [
      `${name}.yaml`,
      text.replace(/\{name: (x|refused)\b/, `{name: ${name}`),
    ]),
  ),
  steps: Object.keys(wrong).map((name) => `kubectl create -f ${name}.yaml`),
};

const right: Readonly<Record<string, string>> = {
  pod: pod(`{containers: [{${container}}]}`, 'plain'),
  'pod-rich': pod(
    `{initContainers: [{name: first, image: busybox, restartPolicy: Always, startupProbe: {exec: {command: [a]}}}], affinity: {podAntiAffinity: {preferredDuringSchedulingIgnoredDuringExecution: [{weight: 1, podAffinityTerm: {topologyKey: a, labelSelector: {matchLabels: {a: b}}}}]}}, topologySpreadConstraints: [{maxSkew: 1, topologyKey: a, whenUnsatisfiable: DoNotSchedule, labelSelector: {matchLabels: {a: b}}}], tolerations: [{key: a, effect: NoExecute, tolerationSeconds: 5}], containers: [{name: a, image: 'nginx:1.2', imagePullPolicy: Never, ports: [{containerPort: 80, name: http}], env: [{name: A, valueFrom: {fieldRef: {fieldPath: status.podIP}}}, {name: B, valueFrom: {resourceFieldRef: {resource: limits.cpu}}}, {name: C, valueFrom: {secretKeyRef: {name: s, key: k, optional: true}}}], resources: {limits: {cpu: 0.5, memory: 1024Ki}, requests: {cpu: 100m}}, livenessProbe: {httpGet: {port: http}}, readinessProbe: {tcpSocket: {port: 80}}, startupProbe: {grpc: {port: 1}}, lifecycle: {preStop: {sleep: {seconds: 1}}, postStart: {httpGet: {port: 80}}}, securityContext: {capabilities: {drop: [ALL]}}, volumeMounts: [{name: p, mountPath: /p}]}], volumes: [{name: p, projected: {sources: [{serviceAccountToken: {path: t}}, {configMap: {name: c}}, {downwardAPI: {items: [{path: l, fieldRef: {fieldPath: metadata.labels}}]}}]}}, {name: s, secret: {secretName: s}}, {name: c, configMap: {name: c}}, {name: h, hostPath: {path: /x}}, {name: d, downwardAPI: {items: []}}, {name: e, ephemeral: {volumeClaimTemplate: {spec: {accessModes: [ReadWriteOnce], resources: {requests: {storage: 1Gi}}}}}}]}`,
    'rich',
  ),
  'pod-guaranteed': pod(
    `{automountServiceAccountToken: false, hostNetwork: true, containers: [{${container}, ports: [{containerPort: 80}], resources: {limits: {cpu: 1, memory: 1Gi}}}]}`,
    'guaranteed',
  ),
  deployment: apps('Deployment', `{selector: {matchLabels: {a: b}}, ${template}}`),
  statefulset: apps(
    'StatefulSet',
    `{serviceName: x, selector: {matchLabels: {a: b}}, ${template}, volumeClaimTemplates: [{metadata: {name: data}, spec: {accessModes: [ReadWriteOnce], resources: {requests: {storage: 1Gi}}}}]}`,
  ),
  replicaset: apps('ReplicaSet', `{selector: {matchLabels: {a: b}}, ${template}}`),
  daemonset: apps('DaemonSet', `{selector: {matchLabels: {a: b}}, ${template}}`),
  job: `apiVersion: batch/v1\nkind: Job\nmetadata: {name: x}\nspec: {template: {spec: {restartPolicy: Never, containers: [{${container}}]}}}\n`,
  cronjob: `apiVersion: batch/v1\nkind: CronJob\nmetadata: {name: x}\nspec: {schedule: '* * * * *', jobTemplate: {spec: {template: {spec: {restartPolicy: Never, containers: [{${container}}]}}}}}\n`,
  budget:
    'apiVersion: policy/v1\nkind: PodDisruptionBudget\nmetadata: {name: x}\nspec: {minAvailable: 1, selector: {matchLabels: {a: b}}}\n',
  claim:
    'apiVersion: v1\nkind: PersistentVolumeClaim\nmetadata: {name: x}\nspec: {accessModes: [ReadWriteOnce], resources: {requests: {storage: 1Gi}}}\n',
  volume:
    'apiVersion: v1\nkind: PersistentVolume\nmetadata: {name: defaults-x}\nspec: {capacity: {storage: 1Gi}, accessModes: [ReadWriteOnce], hostPath: {path: /x}}\n',
  'storage-class':
    'apiVersion: storage.k8s.io/v1\nkind: StorageClass\nmetadata: {name: defaults-x}\nprovisioner: example.com/x\n',
  'network-policy':
    'apiVersion: networking.k8s.io/v1\nkind: NetworkPolicy\nmetadata: {name: x}\nspec: {podSelector: {}, ingress: [{ports: [{port: 80}]}]}\n',
  service: core('Service', 'plain', 'spec: {selector: {a: b}, ports: [{port: 80}]}'),
  'service-node-port': core(
    'Service',
    'node',
    'spec: {type: NodePort, sessionAffinity: ClientIP, selector: {a: b}, ports: [{port: 80, nodePort: 30555}]}',
  ),
  'service-local': core(
    'Service',
    'local',
    'spec: {type: LoadBalancer, externalTrafficPolicy: Local, selector: {a: b}, ports: [{port: 80, appProtocol: http}]}',
  ),
  'service-headless': core(
    'Service',
    'headless',
    'spec: {clusterIP: None, publishNotReadyAddresses: true, selector: {a: b}, ports: [{port: 80, targetPort: http}]}',
  ),
  'service-outside': core(
    'Service',
    'outside',
    'spec: {type: ExternalName, externalName: example.com}',
  ),
  'service-without': core('Service', 'without', 'spec: {ports: [{port: 80, protocol: UDP}]}'),
  secret: core('Secret', 'x', 'stringData: {a: b}\ndata: {c: ZA==}'),
  'secret-immutable': core('Secret', 'fixed', 'immutable: true\nstringData: {a: b}'),
  lease:
    'apiVersion: coordination.k8s.io/v1\nkind: Lease\nmetadata: {name: x}\nspec: {holderIdentity: a, leaseDurationSeconds: 15, renewTime: "2026-01-01T00:00:00.000000Z"}\n',
  slice:
    'apiVersion: discovery.k8s.io/v1\nkind: EndpointSlice\nmetadata: {name: x, labels: {kubernetes.io/service-name: plain}}\naddressType: IPv4\nendpoints: [{addresses: [10.1.1.1]}]\nports: [{port: 80}]\n',
  event:
    'apiVersion: v1\nkind: Event\nmetadata: {name: x}\ninvolvedObject: {kind: Pod, namespace: defaults, name: plain}\nreason: Tried\nmessage: text\ntype: Normal\n',
};

/** What the server fills in, columns, and what people are shown. */
export const defaults: Conversation = {
  name: 'defaults',
  servers: 'bare',
  held: 'newest',
  files: Object.fromEntries(Object.entries(right).map(([name, text]) => [`${name}.yaml`, text])),
  steps: [
    ...Object.keys(right).map((name) => `kubectl create -f ${name}.yaml -o yaml`),
    'kubectl get pods,services,deployments,statefulsets,replicasets -o wide',
    'kubectl get secrets,leases,endpointslices,events -o wide',
    'kubectl describe pod rich',
    'kubectl describe pod guaranteed',
    'kubectl describe statefulset x',
    'kubectl describe replicaset x',
    'kubectl describe service node',
    'kubectl describe service local',
    'kubectl describe service outside',
    'kubectl describe endpointslice x',
    'kubectl describe lease x',
    'kubectl describe event x',
    'kubectl patch secret fixed -p \'{"stringData":{"a":"c"}}\'',
    'kubectl patch service plain -p \'{"spec":{"type":"ExternalName","externalName":"example.com"}}\'',
    'kubectl patch service plain -p \'{"spec":{"type":"NodePort"}}\'',
    'kubectl patch service plain -p \'{"spec":{"clusterIP":"10.96.0.77"}}\'',
    'kubectl patch statefulset x -p \'{"spec":{"serviceName":"other"}}\'',
    'kubectl patch pod plain -p \'{"spec":{"restartPolicy":"Never"}}\'',
    'kubectl patch pod plain -p \'{"spec":{"activeDeadlineSeconds":30}}\'',
    'kubectl patch lease x --type=merge -p \'{"spec":{"holderIdentity":"b"}}\'',
    'kubectl patch endpointslice x --type=merge -p \'{"addressType":"IPv6"}\'',
    'kubectl create namespace defaults-gone',
    'kubectl create configmap kept -n defaults-gone',
    'kubectl delete namespace defaults-gone --wait=false',
    'kubectl get namespace defaults-gone -o yaml',
    'kubectl get namespaces',
    'kubectl create configmap late -n defaults-gone',
    'kubectl delete namespace default',
    'kubectl delete namespace kube-system',
  ],
};
