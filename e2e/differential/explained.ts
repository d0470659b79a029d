// The differences that are meant to be: what is left out of the embedded Kubernetes, and what follows from that. Each is
// named exactly or nearly so; whatever is not named here is to be mended.

import type { Difference } from './answers.ts';

export interface Explanation {
  readonly reason: string;
  readonly area: string;
  /** Of the whole key of a difference. */
  readonly key: RegExp;
  /** Of the step that met it, where the key does not tell enough. */
  readonly line?: RegExp;
}

/** An API that is left out. Every difference that says nothing but that it is not served follows from this. */
interface LeftOut {
  readonly reason: string;
  /** Whole groups with their versions. */
  readonly groups?: Readonly<Record<string, readonly string[]>>;
  /** As differences name them: `resource.group` or, of the core group, `resource`; with their subresources. */
  readonly resources: readonly string[];
}

const networking: string =
  'ingresses, network policies and address objects: pods share the network of their machine';

const leftOut: readonly LeftOut[] = [
  {
    reason: 'certificate signing requests',
    groups: { 'certificates.k8s.io': ['v1'] },
    resources: ['', '/approval', '/status'].map(
      (part) => `certificatesigningrequests${part}.certificates.k8s.io`,
    ),
  },
  {
    reason: 'API aggregation',
    groups: { 'apiregistration.k8s.io': ['v1'] },
    resources: ['apiservices.apiregistration.k8s.io', 'apiservices/status.apiregistration.k8s.io'],
  },
  {
    reason: 'ValidatingAdmissionPolicy',
    resources: [
      'validatingadmissionpolicies.admissionregistration.k8s.io',
      'validatingadmissionpolicies/status.admissionregistration.k8s.io',
      'validatingadmissionpolicybindings.admissionregistration.k8s.io',
    ],
  },
  { reason: 'ResourceQuota', resources: ['resourcequotas', 'resourcequotas/status'] },
  {
    reason: 'priority-and-fairness objects',
    groups: { 'flowcontrol.apiserver.k8s.io': ['v1'] },
    resources: [
      ...['flowschemas', 'prioritylevelconfigurations'],
      ...['flowschemas/status', 'prioritylevelconfigurations/status'],
    ].map((name) => `${name}.flowcontrol.apiserver.k8s.io`),
  },
  { reason: 'port-forward over SPDY', resources: ['pods/portforward'] },
  {
    reason: 'horizontal pod autoscaling',
    groups: { autoscaling: ['v1', 'v2'] },
    resources: ['horizontalpodautoscalers', 'horizontalpodautoscalers/status'].map(
      (name) => `${name}.autoscaling`,
    ),
  },
  {
    reason: 'ReplicationController',
    resources: [
      'replicationcontrollers',
      'replicationcontrollers/scale',
      'replicationcontrollers/status',
    ],
  },
  {
    reason: networking,
    groups: { 'networking.k8s.io': ['v1'] },
    resources: [
      ...['ingressclasses', 'ingresses', 'ingresses/status', 'ipaddresses', 'networkpolicies'],
      ...['servicecidrs', 'servicecidrs/status', 'NetworkPolicy'],
    ].map((name) => `${name}.networking.k8s.io`),
  },
  {
    reason: 'runtime classes: pods are processes',
    groups: { 'node.k8s.io': ['v1'] },
    resources: ['runtimeclasses.node.k8s.io'],
  },
  {
    reason: 'dynamic resource allocation',
    groups: { 'resource.k8s.io': ['v1'] },
    resources: [
      ...['deviceclasses', 'resourceclaims', 'resourceclaims/status'],
      ...['resourceclaimtemplates', 'resourceslices'],
    ].map((name) => `${name}.resource.k8s.io`),
  },
  {
    reason: 'ephemeral containers and resizing in place: a process is started with all it gets',
    resources: ['pods/ephemeralcontainers', 'pods/resize'],
  },
  {
    reason: 'proxying through the API server',
    resources: ['nodes/proxy', 'pods/proxy', 'services/proxy'],
  },
  { reason: 'what Kubernetes itself gives up', resources: ['componentstatuses', 'endpoints'] },
  { reason: 'limit ranges', resources: ['limitranges'] },
  {
    reason: 'storage drivers: volumes are made by the home itself',
    resources: [
      ...['csidrivers', 'csinodes', 'csistoragecapacities', 'volumeattachments'],
      ...['volumeattachments/status', 'volumeattributesclasses'],
    ].map((name) => `${name}.storage.k8s.io`),
  },
];

const escaped = (text: string): string => text.replace(/[.*+?^$(){}|[\]\\/]/g, '\\$&');
const oneOf = (texts: readonly string[]): RegExp =>
  new RegExp(`^(?:${texts.map(escaped).join('|')})$`);

/** What names an API as not served: in discovery and OpenAPI documents, by its own paths, and as kubectl says it. */
function ofLeftOut({ reason, groups = {}, resources }: LeftOut): readonly Explanation[] {
  const versions = Object.entries(groups).flatMap(([group, all]) =>
    all.map((version) => `${group}/${version}`),
  );
  const names = [...Object.keys(groups), ...versions];
  const served = [
    ...resources,
    // As a person names them.
    ...resources.map((name) => name.replace(/\..*/, '')),
    ...names.map((name) => `*.${name}`),
    ...names.map((name) => `OpenAPI document of apis/${name}`),
    ...names.map((name) => `OpenAPI path /apis/${name}/`),
    ...versions.flatMap((name) => [`OpenAPI document.${name}`, `discovery document.${name}`]),
  ];
  const paths = names.map((name) => `get / paths[]: missing ("/apis/${name}")`);
  return [
    { reason, area: 'APIs that are not served', key: oneOf(served) },
    ...(paths.length > 0 ? [{ reason, area: 'Other paths', key: oneOf(paths) }] : []),
  ];
}

const person = 'What a person sees';

export const explanations: readonly Explanation[] = [
  ...leftOut.flatMap(ofLeftOut),
  {
    reason: "the home's own parts: their rights are roles beside those of Kubernetes",
    area: 'Other parts of answers',
    key: /^clusterroles table rows\[\]: added \(\{"cells":\{"Created At":"<time>","Name":"system:tweendeck:[a-z-]+"\}/,
  },
  {
    reason: "the home's own parts: their rights are roles beside those of Kubernetes",
    area: person,
    key: /^printed nothing, here "system:tweendeck:[a-z-]+ {2}<time>" \(and 2 lines more\)$/,
  },
  {
    reason: 'set-up: each server names its own parts in health checks and numbers',
    area: 'Other paths',
    key: /^get \/ paths\[\]: (?:missing \("(?:single health checks|\/metrics\/slis)"\)|added \("\/(?:healthz|livez|readyz)\/store"\))$/,
  },
  {
    reason: 'set-up: each server names its own parts in health checks and numbers',
    area: 'Other paths',
    key: /^get \/readyz: text of the answer$/,
    line: /^GET \/readyz\?verbose$/,
  },
  {
    reason: 'answers in protobuf: bodies are read in it, and answered in JSON',
    area: 'OpenAPI documents',
    key: /^\/openapi\/v[23]\S* operations\[\]\.(?:responses\[\]\.content\[application\/vnd\.kubernetes\.protobuf(?:;stream=watch)?\]|produces\[\] application\/vnd\.kubernetes\.protobuf(?:;stream=watch)?): missing, \d+ times$/,
  },
  {
    reason: 'ResourceQuota',
    area: person,
    key: /^printed "No resource quota\." \(and 1 lines more\), here nothing$/,
    line: /^kubectl describe namespace /,
  },
  {
    reason: 'ResourceQuota',
    area: person,
    key: /^exit code 0, here 1 \(resourcequota\/quota created\)$/,
  },
  {
    reason: networking,
    area: person,
    key: /^exit code 0, here 1 \((?:ingress\.networking\.k8s\.io\/front created| {2}- Ingress)\)$/,
  },
  {
    reason: 'ephemeral containers and resizing in place: a process is started with all it gets',
    area: person,
    key: /^exit code 0, here 1 \(/,
    line: /^kubectl (?:debug bound --image=busybox --target=main|patch pod bound --subresource=resize) /,
  },
  {
    reason: 'horizontal pod autoscaling',
    area: person,
    key: /^exit code 0, here 1 \(Flag --cpu-percent has been deprecated/,
    line: /^kubectl autoscale /,
  },
];

/** The first explanation of a difference; undefined: it is to be mended. */
export function explanationOf(
  { area, key }: Pick<Difference, 'area' | 'key'>,
  line: string,
): Explanation | undefined {
  return explanations.find(
    (one) => one.area === area && one.key.test(key) && (one.line?.test(line) ?? true),
  );
}
