// Some kinds as Kubernetes 1.34 publishes them, cut down to the fields that tests speak about.
import { componentSource, type RootedSchema, type SchemaNode } from '../src/schema-node.ts';

const ref = (name: string, extra: SchemaNode = {}): SchemaNode => ({
  allOf: [{ $ref: `#/components/schemas/${name}` }],
  ...extra,
});
const text: SchemaNode = { type: 'string' };
const required: SchemaNode = { type: 'string', default: '' };
const int: SchemaNode = { type: 'integer', format: 'int32' };
const texts: SchemaNode = { type: 'object', additionalProperties: required };
const object = (properties: Record<string, SchemaNode>, extra: SchemaNode = {}): SchemaNode => ({
  type: 'object',
  properties,
  ...extra,
});
const keyed = (item: string, keys: string[], mergeKey = keys[0] ?? ''): SchemaNode => ({
  type: 'array',
  items: ref(item, { default: {} }),
  'x-kubernetes-list-type': 'map',
  'x-kubernetes-list-map-keys': keys,
  'x-kubernetes-patch-merge-key': mergeKey,
  'x-kubernetes-patch-strategy': 'merge',
});
const atomic = (items: SchemaNode): SchemaNode => ({
  type: 'array',
  items,
  'x-kubernetes-list-type': 'atomic',
});
const kind = { apiVersion: text, kind: text, metadata: ref('ObjectMeta', { default: {} }) };

const components: Record<string, SchemaNode> = {
  Time: { type: 'string', format: 'date-time' },
  Quantity: {},
  IntOrString: { format: 'int-or-string' },
  ObjectMeta: object({
    name: text,
    namespace: text,
    generateName: text,
    uid: text,
    resourceVersion: text,
    generation: int,
    creationTimestamp: ref('Time'),
    labels: texts,
    annotations: texts,
    finalizers: {
      type: 'array',
      items: required,
      'x-kubernetes-list-type': 'set',
      'x-kubernetes-patch-strategy': 'merge',
    },
    ownerReferences: keyed('OwnerReference', ['uid']),
    managedFields: atomic({ type: 'object' }),
  }),
  OwnerReference: object(
    { apiVersion: required, kind: required, name: required, uid: required },
    { 'x-kubernetes-map-type': 'atomic' },
  ),
  LabelSelector: object({ matchLabels: texts }, { 'x-kubernetes-map-type': 'atomic' }),
  EnvVar: object({ name: required, value: text }),
  ContainerPort: object({
    containerPort: { ...int, default: 0 },
    protocol: { type: 'string', default: 'TCP' },
    name: text,
    hostPort: int,
  }),
  ResourceRequirements: object({
    limits: { type: 'object', additionalProperties: ref('Quantity') },
    requests: { type: 'object', additionalProperties: ref('Quantity') },
  }),
  VolumeMount: object({ name: required, mountPath: required, subPath: text }),
  Container: object(
    {
      name: required,
      image: text,
      args: atomic(required),
      command: atomic(required),
      env: keyed('EnvVar', ['name']),
      ports: keyed('ContainerPort', ['containerPort', 'protocol']),
      resources: ref('ResourceRequirements', { default: {} }),
      volumeMounts: keyed('VolumeMount', ['mountPath']),
      imagePullPolicy: text,
    },
    { required: ['name'] },
  ),
  Toleration: object({ key: text, operator: text, value: text, effect: text }),
  Volume: object({
    name: required,
    emptyDir: object({ medium: text, sizeLimit: ref('Quantity') }),
    configMap: object({ name: text }),
  }),
  PodSpec: object(
    {
      containers: keyed('Container', ['name']),
      nodeSelector: { ...texts, 'x-kubernetes-map-type': 'atomic' },
      tolerations: atomic(ref('Toleration', { default: {} })),
      volumes: {
        ...keyed('Volume', ['name']),
        'x-kubernetes-patch-strategy': 'merge,retainKeys',
      },
      restartPolicy: text,
      terminationGracePeriodSeconds: int,
    },
    { required: ['containers'] },
  ),
  PodTemplateSpec: object({
    metadata: ref('ObjectMeta', { default: {} }),
    spec: ref('PodSpec', { default: {} }),
  }),
  DeploymentStrategy: object({
    type: text,
    rollingUpdate: object({ maxSurge: ref('IntOrString'), maxUnavailable: ref('IntOrString') }),
  }),
  DeploymentSpec: object(
    {
      replicas: int,
      selector: ref('LabelSelector'),
      strategy: ref('DeploymentStrategy', { default: {} }),
      template: ref('PodTemplateSpec', { default: {} }),
      paused: { type: 'boolean' },
    },
    { required: ['selector', 'template'] },
  ),
  DeploymentCondition: object({ type: required, status: required, message: text }),
  DeploymentStatus: object({
    replicas: int,
    observedGeneration: int,
    conditions: keyed('DeploymentCondition', ['type']),
  }),
  Deployment: object({
    ...kind,
    spec: ref('DeploymentSpec', { default: {} }),
    status: ref('DeploymentStatus', { default: {} }),
  }),
  ServicePort: object({
    port: { ...int, default: 0 },
    protocol: { type: 'string', default: 'TCP' },
    name: text,
    targetPort: ref('IntOrString'),
  }),
  Service: object({
    ...kind,
    spec: object(
      {
        ports: keyed('ServicePort', ['port', 'protocol']),
        selector: { ...texts, 'x-kubernetes-map-type': 'atomic' },
        type: text,
        clusterIP: text,
      },
      { default: {} },
    ),
  }),
};

const source = componentSource(components);
const rooted = (name: string): RootedSchema => ({ root: components[name] ?? {}, source });

export const deploymentSchema: RootedSchema = rooted('Deployment');
export const podSpecSchema: RootedSchema = rooted('PodSpec');
export const serviceSchema: RootedSchema = rooted('Service');
