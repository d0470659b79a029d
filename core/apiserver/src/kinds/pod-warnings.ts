// What deserves a warning in a pod or a template of one, though it is allowed. Rules and texts: upstream's pod warnings.

import { goQuote, parseQuantity, quantityProblem } from '@tweendeck/kube';
import { isJsonObject } from '@tweendeck/std';
import { type Draft, type Fields, listAt, numberAt, objectAt, textAt } from '../draft.ts';

export function podWarnings(pod: Draft): readonly string[] {
  return warningsOf(pod, '');
}

/** `base` is the path of the template, such as `spec.template`. */
export function podTemplateWarnings(template: Fields, base: string): readonly string[] {
  return warningsOf(template, `${base}.`);
}

interface Container {
  readonly fields: Fields;
  readonly at: string;
}

function warningsOf(holder: object, base: string): readonly string[] {
  const spec = objectAt(holder, 'spec');
  const annotations = objectAt(objectAt(holder, 'metadata'), 'annotations');
  const containers = ['initContainers', 'containers', 'ephemeralContainers'].flatMap((list) =>
    listAt(spec, list).map(
      (fields, index): Container => ({ fields, at: `${base}spec.${list}[${index}]` }),
    ),
  );
  return [
    ...spreadWarnings(spec, base),
    ...annotationWarnings(annotations, base),
    ...volumeWarnings(spec, base),
    ...repeatedWarnings(spec, base),
    ...fractionWarnings(objectAt(spec, 'overhead'), `${base}spec.overhead`),
    ...containers.flatMap(containerWarnings),
    ...portWarnings(containers),
    ...portNameWarnings(containers),
    ...((numberAt(spec, 'terminationGracePeriodSeconds') ?? 0) < 0
      ? [
          `${base}spec.terminationGracePeriodSeconds: must be >= 0; negative values are invalid and will be treated as 1`,
        ]
      : []),
    ...affinityWarnings(objectAt(spec, 'affinity'), base),
  ];
}

const noSelector = 'a null labelSelector results in matching no pod';

function spreadWarnings(spec: Fields, base: string): readonly string[] {
  return listAt(spec, 'topologySpreadConstraints').flatMap((each, index) =>
    each['labelSelector'] === undefined
      ? [`${base}spec.topologySpreadConstraints[${index}].labelSelector: ${noSelector}`]
      : [],
  );
}

const deprecatedAnnotations: readonly (readonly [key: string, message: string])[] = [
  [
    'scheduler.alpha.kubernetes.io/critical-pod',
    'non-functional in v1.16+; use the "priorityClassName" field instead',
  ],
  [
    'security.alpha.kubernetes.io/sysctls',
    'non-functional in v1.11+; use the "sysctls" field instead',
  ],
  [
    'security.alpha.kubernetes.io/unsafe-sysctls',
    'non-functional in v1.11+; use the "sysctls" field instead',
  ],
];

function annotationWarnings(annotations: Fields, base: string): readonly string[] {
  return deprecatedAnnotations
    .filter(([key]) => key in annotations)
    .map(([key, message]) => `${base}metadata.annotations[${key}]: ${message}`);
}

const deprecatedVolumes: Readonly<Record<string, string>> = {
  photonPersistentDisk: 'deprecated in v1.11, non-functional in v1.16+',
  gitRepo: 'deprecated in v1.11, and disabled by default in v1.33+',
  scaleIO: 'deprecated in v1.16, non-functional in v1.22+',
  flocker: 'deprecated in v1.22, non-functional in v1.25+',
  storageos: 'deprecated in v1.22, non-functional in v1.25+',
  quobyte: 'deprecated in v1.22, non-functional in v1.25+',
  glusterfs: 'deprecated in v1.25, non-functional in v1.26+',
  cephfs: 'deprecated in v1.28, non-functional in v1.31+',
  rbd: 'deprecated in v1.28, non-functional in v1.31+',
};

function volumeWarnings(spec: Fields, base: string): readonly string[] {
  return listAt(spec, 'volumes').flatMap((volume, index) =>
    Object.entries(deprecatedVolumes)
      .filter(([kind]) => isJsonObject(volume[kind]))
      .map(([kind, message]) => {
        const shown = kind === 'storageos' ? 'storageOS' : kind;
        return `${base}spec.volumes[${index}].${shown}: ${message}`;
      }),
  );
}

function repeatedWarnings(spec: Fields, base: string): readonly string[] {
  const warnings: string[] = [];
  for (const [list, key] of [
    ['hostAliases', 'ip'],
    ['imagePullSecrets', 'name'],
  ] as const) {
    const seen = new Set<string>();
    for (const [index, item] of listAt(spec, list).entries()) {
      const value = textAt(item, key);
      const at = `${base}spec.${list}[${index}].${key}`;
      if (seen.has(value)) warnings.push(`${at}: duplicate ${key} ${goQuote(value)}`);
      seen.add(value);
    }
  }
  for (const [index, item] of listAt(spec, 'imagePullSecrets').entries()) {
    if (textAt(item, 'name') !== '') continue;
    warnings.push(`${base}spec.imagePullSecrets[${index}].name: invalid empty name ""`);
  }
  return warnings;
}

/** Amounts of bytes that are no whole number. */
export function fractionWarnings(
  amounts: Fields,
  at: string,
  names: readonly string[] = ['memory', 'ephemeral-storage'],
): readonly string[] {
  return names.flatMap((name) => {
    const text = amounts[name];
    if (typeof text !== 'string' || quantityProblem(text) !== undefined) return [];
    if (parseQuantity(text).nanos % 1_000_000_000n === 0n) return [];
    return [
      `${at}[${name}]: fractional byte value ${goQuote(text)} is invalid, must be an integer`,
    ];
  });
}

function containerWarnings({ fields, at }: Container): readonly string[] {
  const resources = objectAt(fields, 'resources');
  const [limits, requests] = [objectAt(resources, 'limits'), objectAt(resources, 'requests')];
  return [
    ...['memory', 'ephemeral-storage'].flatMap((name) => [
      ...fractionWarnings(limits, `${at}.resources.limits`, [name]),
      ...fractionWarnings(requests, `${at}.resources.requests`, [name]),
    ]),
    ...variableWarnings(listAt(fields, 'env'), at),
  ];
}

function variableWarnings(variables: readonly Fields[], at: string): readonly string[] {
  const seen = new Set<string>();
  return variables.flatMap((variable, index) => {
    const name = textAt(variable, 'name');
    const value = textAt(variable, 'value');
    const again = seen.has(name);
    seen.add(name);
    const reference = `$(${name})`;
    const hides =
      variable['valueFrom'] !== undefined || value === reference || !value.includes(reference);
    if (!again || !hides) return [];
    return [
      `${at}.env[${index}]: hides previous definition of ${goQuote(name)}, which may be dropped when using apply`,
    ];
  });
}

interface Port {
  readonly at: string;
  readonly hostIP: string;
  readonly hostPort: number;
}

function portWarnings(containers: readonly Container[]): readonly string[] {
  const known = new Map<string, Port[]>();
  const warnings: string[] = [];
  for (const { fields, at } of containers) {
    for (const [index, port] of listAt(fields, 'ports').entries()) {
      const here: Port = {
        at: `${at}.ports[${index}]`,
        hostIP: textAt(port, 'hostIP'),
        hostPort: numberAt(port, 'hostPort') ?? 0,
      };
      const key = `${numberAt(port, 'containerPort') ?? 0}/${textAt(port, 'protocol')}`;
      const others = known.get(key) ?? [];
      for (const other of others) {
        const clash = clashOf(here, other);
        if (clash) warnings.push(`${here.at}: ${clash} port definition with ${other.at}`);
      }
      known.set(key, [...others, here]);
    }
  }
  return warnings;
}

function clashOf(port: Port, other: Port): string | undefined {
  if (port.hostIP === other.hostIP && port.hostPort === other.hostPort) return 'duplicate';
  if (port.hostPort === 0 || other.hostPort === 0) return 'overlapping';
  const oneIsAny = (port.hostIP === '') !== (other.hostIP === '');
  return port.hostPort === other.hostPort && oneIsAny ? 'dangerously ambiguous' : undefined;
}

function portNameWarnings(containers: readonly Container[]): readonly string[] {
  const known = new Map<string, string>();
  return containers.flatMap(({ fields, at }) =>
    listAt(fields, 'ports').flatMap((port, index) => {
      const name = textAt(port, 'name');
      if (name === '') return [];
      const other = known.get(name);
      if (other === undefined) {
        known.set(name, `${at}.ports[${index}]`);
        return [];
      }
      return [
        `${at}.ports[${index}]: duplicate port name ${goQuote(name)} with ${other}, services and probes that select ports by name will use ${other}`,
      ];
    }),
  );
}

function affinityWarnings(affinity: Fields, base: string): readonly string[] {
  return ['podAffinity', 'podAntiAffinity'].flatMap((kind) => {
    const terms = objectAt(affinity, kind);
    const at = `${base}spec.affinity.${kind}`;
    const required = 'requiredDuringSchedulingIgnoredDuringExecution';
    const preferred = 'preferredDuringSchedulingIgnoredDuringExecution';
    return [
      ...listAt(terms, required).flatMap((term, index) =>
        term['labelSelector'] === undefined
          ? [`${at}.${required}[${index}].labelSelector: ${noSelector}`]
          : [],
      ),
      ...listAt(terms, preferred).flatMap((term, index) =>
        objectAt(term, 'podAffinityTerm')['labelSelector'] === undefined
          ? [`${at}.${preferred}[${index}].podAffinityTerm.labelSelector: ${noSelector}`]
          : [],
      ),
    ];
  });
}
