// What a container finds in its environment: values, references, and `$(NAME)` expansion as the kubelet does it.

import { Buffer } from 'node:buffer';
import type { ConfigMap, Container, EnvVar, Pod, Secret } from '@tweendeck/kube';
import { parseQuantity } from '@tweendeck/kube';
import { PlatformError } from '@tweendeck/std';

/** Replaces `$(NAME)` by its value. `$$` is a dollar sign; an unknown name stays as it is written. */
export function expandVariables(text: string, values: Readonly<Record<string, string>>): string {
  let expanded = '';
  for (let at = 0; at < text.length; at++) {
    const char = text[at] ?? '';
    const next = text[at + 1];
    if (char !== '$' || next === undefined) {
      expanded += char;
    } else if (next === '$') {
      expanded += '$';
      at++;
    } else if (next === '(') {
      const end = text.indexOf(')', at);
      const name = end < 0 ? undefined : text.slice(at + 2, end);
      if (name === undefined) {
        expanded += '$(';
        at++;
      } else {
        expanded += Object.hasOwn(values, name) ? values[name] : `$(${name})`;
        at = end;
      }
    } else {
      expanded += char + next;
      at++;
    }
  }
  return expanded;
}

/** What references in a container's environment are resolved against. */
export interface EnvironmentSources {
  readonly pod: Pod;
  readonly podIP: string;
  readonly hostIP: string;
  /** What a container without a limit is told it has; bytes and cores as quantities. */
  readonly allocatable: Readonly<Record<string, string>>;
  readonly configMap: (name: string) => ConfigMap | undefined;
  readonly secret: (name: string) => Secret | undefined;
  /** Service account tokens of the volume at hand, by {@link tokenKey}. */
  readonly tokens?: ReadonlyMap<string, string>;
}

/**
 * The variables that `envFrom` and `env` of a container define, in that order.
 * @throws PlatformError AGENT_CONFIG_INVALID, its message in the kubelet's words, when a reference that is not optional leads nowhere.
 */
export function containerVariables(
  container: Container,
  sources: EnvironmentSources,
): Record<string, string> {
  const values: Record<string, string> = {};
  for (const from of container.envFrom ?? []) {
    const found = bulkValues(from, sources);
    for (const [key, value] of Object.entries(found)) values[`${from.prefix ?? ''}${key}`] = value;
  }
  for (const variable of container.env ?? []) {
    const value = variableValue(variable, { container, sources, values });
    if (value !== undefined) values[variable.name] = value;
  }
  return values;
}

/** Names of the config maps and secrets that a container's environment refers to, for fetching them beforehand. */
export function environmentReferences(container: Container): {
  readonly configMaps: ReadonlySet<string>;
  readonly secrets: ReadonlySet<string>;
} {
  const configMaps = new Set<string>();
  const secrets = new Set<string>();
  for (const from of container.envFrom ?? []) {
    if (from.configMapRef) configMaps.add(from.configMapRef.name ?? '');
    if (from.secretRef) secrets.add(from.secretRef.name ?? '');
  }
  for (const { valueFrom } of container.env ?? []) {
    if (valueFrom?.configMapKeyRef) configMaps.add(valueFrom.configMapKeyRef.name ?? '');
    if (valueFrom?.secretKeyRef) secrets.add(valueFrom.secretKeyRef.name ?? '');
  }
  return { configMaps, secrets };
}

function bulkValues(
  from: NonNullable<Container['envFrom']>[number],
  sources: EnvironmentSources,
): Readonly<Record<string, string>> {
  if (from.configMapRef) {
    const { name = '', optional = false } = from.configMapRef;
    const found = sources.configMap(name);
    if (!found && !optional) throw configError(`configmap "${name}" not found`);
    return found?.data ?? {};
  }
  if (from.secretRef) {
    const { name = '', optional = false } = from.secretRef;
    const found = sources.secret(name);
    if (!found && !optional) throw configError(`secret "${name}" not found`);
    return Object.fromEntries(
      Object.entries(found?.data ?? {}).map(([key, value]) => [key, decodeSecret(value)]),
    );
  }
  return {};
}

function variableValue(
  variable: EnvVar,
  context: {
    readonly container: Container;
    readonly sources: EnvironmentSources;
    readonly values: Readonly<Record<string, string>>;
  },
): string | undefined {
  const { container, sources, values } = context;
  const from = variable.valueFrom;
  if (!from) return expandVariables(variable.value ?? '', values);
  if (from.fieldRef) return fieldValue(from.fieldRef.fieldPath, sources);
  if (from.resourceFieldRef) return resourceValue(from.resourceFieldRef, container, sources);
  if (from.configMapKeyRef) {
    const { name = '', key, optional = false } = from.configMapKeyRef;
    const map = sources.configMap(name);
    const value = map?.data?.[key];
    if (value !== undefined || optional) return value;
    throw configError(
      map
        ? `couldn't find key ${key} in ConfigMap ${sources.pod.metadata.namespace}/${name}`
        : `configmap "${name}" not found`,
    );
  }
  if (from.secretKeyRef) {
    const { name = '', key, optional = false } = from.secretKeyRef;
    const secret = sources.secret(name);
    const value = secret?.data?.[key];
    if (value !== undefined) return decodeSecret(value);
    if (optional) return undefined;
    throw configError(
      secret
        ? `couldn't find key ${key} in Secret ${sources.pod.metadata.namespace}/${name}`
        : `secret "${name}" not found`,
    );
  }
  throw configError(
    `the source of environment variable ${variable.name} is not known to this home`,
  );
}

/** The text of a downward API field; whole label and annotation maps are written one `key="value"` a line, sorted. */
export function fieldValue(
  fieldPath: string,
  sources: Pick<EnvironmentSources, 'pod' | 'podIP' | 'hostIP'>,
): string {
  const { metadata, spec } = sources.pod;
  const subscript = /^metadata\.(labels|annotations)\['([^']*)'\]$/.exec(fieldPath);
  if (subscript?.[1] === 'labels') return metadata.labels?.[subscript[2] ?? ''] ?? '';
  if (subscript) return metadata.annotations?.[subscript[2] ?? ''] ?? '';
  switch (fieldPath) {
    case 'metadata.name':
      return metadata.name;
    case 'metadata.namespace':
      return metadata.namespace ?? '';
    case 'metadata.uid':
      return metadata.uid;
    case 'metadata.labels':
      return mapText(metadata.labels ?? {});
    case 'metadata.annotations':
      return mapText(metadata.annotations ?? {});
    case 'spec.nodeName':
      return spec.nodeName ?? '';
    case 'spec.serviceAccountName':
      return spec.serviceAccountName ?? '';
    case 'status.podIP':
    case 'status.podIPs':
      return sources.podIP;
    case 'status.hostIP':
    case 'status.hostIPs':
      return sources.hostIP;
    default:
      throw configError(`unsupported fieldPath: ${fieldPath}`);
  }
}

/** The amount of a resource of a container in units of the divisor, rounded up. */
export function resourceValue(
  ref: { readonly containerName?: string; readonly divisor?: string; readonly resource: string },
  own: Container | undefined,
  sources: Pick<EnvironmentSources, 'pod' | 'allocatable'>,
): string {
  const all = [...(sources.pod.spec.initContainers ?? []), ...sources.pod.spec.containers];
  const container = ref.containerName ? all.find((one) => one.name === ref.containerName) : own;
  if (!container) throw configError(`container ${ref.containerName ?? ''} not found`);
  const [side = '', ...rest] = ref.resource.split('.');
  const resource = rest.join('.');
  const { limits = {}, requests = {} } = container.resources ?? {};
  if (side !== 'limits' && side !== 'requests') {
    throw configError(`unsupported container resource : ${ref.resource}`);
  }
  const fallback = side === 'limits' ? sources.allocatable[resource] : '0';
  const amount = (side === 'limits' ? limits : requests)[resource] ?? fallback ?? '0';
  const divisor = parseQuantity(ref.divisor ?? '1').nanos || 1_000_000_000n;
  const { nanos } = parseQuantity(amount);
  return ((nanos + divisor - 1n) / divisor).toString();
}

function mapText(map: Readonly<Record<string, string>>): string {
  return Object.keys(map)
    .sort()
    .map((key) => `${key}=${JSON.stringify(map[key])}`)
    .join('\n');
}

function decodeSecret(value: string): string {
  return Buffer.from(value, 'base64').toString('utf8');
}

function configError(message: string): PlatformError {
  return new PlatformError('AGENT_CONFIG_INVALID', message, {
    hint: 'Create what is missing, or mark the reference optional.',
  });
}
