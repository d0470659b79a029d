// Reads kubeconfig files and the credentials a pod is given into a Connection.

import { isJsonObject, PlatformError } from '@tweendeck/std';
import { parse } from 'yaml';
import type { Connection } from './https-transport.ts';

export interface KubeconfigOptions {
  /** Omitted: the file's `current-context`. */
  readonly context?: string | undefined;
  /** Reads a file that the kubeconfig names; relative paths are relative to the kubeconfig's directory. */
  readonly readFile: (path: string) => string;
}

/** A {@link Connection} with the context it comes from. */
export interface KubeconfigConnection extends Connection {
  readonly context: string;
  /** The namespace that commands mean when they name none. */
  readonly namespace: string;
}

type Entry = Readonly<Record<string, unknown>>;

/** The connection of one context. Throws KUBECONFIG_INVALID, or KUBECONFIG_AUTH_UNSUPPORTED for users that log in by a plug-in or password. */
export function parseKubeconfig(text: string, options: KubeconfigOptions): KubeconfigConnection {
  const file = yamlOf(text);
  const name = options.context ?? stringIn(file, 'current-context');
  if (!name) throw invalid('there is no current-context; name a context');
  const context = namedIn(file, 'contexts', 'context', name);
  const cluster = namedIn(file, 'clusters', 'cluster', stringIn(context, 'cluster') ?? '');
  const userName = stringIn(context, 'user');
  const user = userName ? namedIn(file, 'users', 'user', userName) : {};
  refuseUnsupported(user, userName ?? '');
  const server = stringIn(cluster, 'server');
  if (!server || !URL.canParse(server))
    throw invalid(`context ${name}: the cluster's server is not a URL: ${server ?? 'missing'}`);
  const token = stringIn(user, 'token') ?? pathIn(user, 'tokenFile', options.readFile)?.trim();
  return {
    context: name,
    namespace: stringIn(context, 'namespace') ?? 'default',
    server,
    ca: pemIn(cluster, 'certificate-authority', options.readFile),
    clientCertificate: pemIn(user, 'client-certificate', options.readFile),
    clientKey: pemIn(user, 'client-key', options.readFile),
    token,
    serverName: stringIn(cluster, 'tls-server-name'),
    skipServerVerification: cluster['insecure-skip-tls-verify'] === true,
  };
}

/** The names of a kubeconfig's contexts, and which is current. */
export function kubeconfigContexts(text: string): {
  readonly names: readonly string[];
  readonly current: string | undefined;
} {
  const file = yamlOf(text);
  const contexts = Array.isArray(file['contexts']) ? file['contexts'] : [];
  const names = contexts.flatMap((entry: unknown) =>
    isJsonObject(entry) && typeof entry['name'] === 'string' ? [entry['name']] : [],
  );
  return { names, current: stringIn(file, 'current-context') };
}

/** What a pod finds in its environment and under `/var/run/secrets/kubernetes.io/serviceaccount`. */
export interface InClusterCredentials {
  /** KUBERNETES_SERVICE_HOST */
  readonly host: string;
  /** KUBERNETES_SERVICE_PORT */
  readonly port: string;
  readonly ca: string;
  /** A function when the file is to be read again: the token is renewed within the hour. */
  readonly token: string | (() => string);
}

/** The connection of a program that runs in a pod. */
export function inClusterConnection(credentials: InClusterCredentials): Connection {
  const { host, port, ca, token } = credentials;
  const server = `https://${host.includes(':') ? `[${host}]` : host}:${port}`;
  if (!host || !port || !URL.canParse(server))
    throw invalid(`not in a cluster: host "${host}", port "${port}"`);
  return { server, ca, token };
}

function yamlOf(text: string): Entry {
  let value: unknown;
  try {
    value = parse(text);
  } catch (cause) {
    throw invalid('it is not YAML', cause);
  }
  if (!isJsonObject(value)) throw invalid('it is not a YAML mapping');
  return value;
}

/** Entries are `{ name, <kind>: {...} }` in a list. */
function namedIn(file: Entry, list: string, kind: string, name: string): Entry {
  const entries = Array.isArray(file[list]) ? file[list] : [];
  const found = entries.find((entry: unknown) => isJsonObject(entry) && entry['name'] === name);
  const value: unknown = isJsonObject(found) ? found[kind] : undefined;
  if (!isJsonObject(value)) throw invalid(`there is no ${kind} named "${name}" in ${list}`);
  return value;
}

function stringIn(entry: Entry, field: string): string | undefined {
  const value = entry[field];
  return typeof value === 'string' && value !== '' ? value : undefined;
}

/** `<field>-data` in base64, or the file at `<field>`; the data wins, as in kubectl. */
function pemIn(
  entry: Entry,
  field: string,
  readFile: KubeconfigOptions['readFile'],
): string | undefined {
  const data = stringIn(entry, `${field}-data`);
  if (data === undefined) return pathIn(entry, field, readFile);
  const text = Buffer.from(data, 'base64').toString();
  if (!text.includes('-----BEGIN ')) throw invalid(`${field}-data is not a PEM text in base64`);
  return text;
}

function pathIn(
  entry: Entry,
  field: string,
  readFile: KubeconfigOptions['readFile'],
): string | undefined {
  const path = stringIn(entry, field);
  if (path === undefined) return undefined;
  try {
    return readFile(path);
  } catch (cause) {
    throw invalid(`${field}: cannot read ${path}`, cause);
  }
}

function refuseUnsupported(user: Entry, name: string): void {
  for (const field of ['exec', 'auth-provider', 'username'])
    if (user[field] !== undefined)
      throw new PlatformError(
        'KUBECONFIG_AUTH_UNSUPPORTED',
        `user ${name} logs in by ${field}, which is not supported`,
        { hint: 'Give the user a client certificate or a token.' },
      );
}

function invalid(what: string, cause?: unknown): PlatformError {
  return new PlatformError('KUBECONFIG_INVALID', `kubeconfig: ${what}`, { cause });
}
