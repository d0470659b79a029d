// Ends namespaces, and furnishes new ones with a service account and the root certificate.

import type { Client } from '@tweendeck/client';
import {
  type Controller,
  defineController,
  type Outcome,
  type ReconcileContext,
  watching,
} from '@tweendeck/controller';
import {
  type ConfigMap,
  configMapResource,
  isApiError,
  type Namespace,
  namespaceResource,
  podResource,
  type ServiceAccount,
  serviceAccountResource,
} from '@tweendeck/kube';
import { jsonEqual, timestampOf } from '@tweendeck/std';
import { isNamespaceEnding } from '../owner/namespace-ending.ts';
import { isEmpty, namespaceConditions } from './plan.ts';
import { sweepNamespace } from './sweep.ts';

/** The namespaces that are always there. */
export const systemNamespaces: readonly string[] = [
  'default',
  'kube-node-lease',
  'kube-public',
  'kube-system',
];

/** Creates the namespaces that are always there and are missing. */
export async function ensureSystemNamespaces(client: Client, signal: AbortSignal): Promise<void> {
  for (const name of systemNamespaces) {
    const namespace = {
      apiVersion: 'v1',
      kind: 'Namespace',
      metadata: { name },
      spec: {},
    } as const; // literals of the kind
    try {
      await client.create(namespaceResource, namespace, {}, signal);
    } catch (error) {
      if (!isApiError(error, 'AlreadyExists')) throw error;
    }
  }
}

const finalizer = 'kubernetes';
/** How often the contents of an ending namespace are looked at when nothing tells that something went. */
const lookAgainMs = 1_000;

/** Empties namespaces under deletion, and lets them go when they are known to be empty. */
export function namespaceController(): Controller {
  return defineController<Namespace>({
    name: 'namespace-controller',
    resource: namespaceResource,
    underDeletion: 'reconcile',
    watches: [
      watching(podResource, (pod, cache) => {
        const name = pod.metadata.namespace ?? '';
        const ending = cache(namespaceResource).get({ name })?.metadata.deletionTimestamp;
        return ending && pod.metadata.deletionTimestamp ? [{ name }] : [];
      }),
    ],
    reconcile: empty,
  });
}

async function empty(namespace: Namespace, context: ReconcileContext<Namespace>): Promise<Outcome> {
  const { client, clock, signal } = context;
  const { name, deletionTimestamp } = namespace.metadata;
  const held = namespace.spec.finalizers ?? [];
  if (!deletionTimestamp || !held.includes(finalizer)) return undefined;
  const sweep = await sweepNamespace(name, client, signal);
  if (isEmpty(sweep)) {
    const live = await client.get(namespaceResource, { name }, signal);
    if (live?.metadata.uid !== namespace.metadata.uid) return undefined;
    const finalizers = (live.spec.finalizers ?? []).filter((each) => each !== finalizer);
    const next = { ...live, spec: { ...live.spec, finalizers } };
    await client.update(namespaceResource, next, { subresource: 'finalize' }, signal);
    return undefined;
  }
  const before = namespace.status?.conditions ?? [];
  const conditions = namespaceConditions(sweep, before, timestampOf(clock.nowMs()));
  const status = { ...namespace.status, phase: 'Terminating' as const, conditions };
  if (!jsonEqual(namespace.status, status)) {
    const next = { ...namespace, status };
    await client.update(namespaceResource, next, { subresource: 'status' }, signal);
  }
  return { requeueAfterMs: lookAgainMs };
}

/** A service account `default` in every namespace, made again when it is deleted. */
export function serviceAccountController(): Controller {
  return defineController<Namespace>({
    name: 'serviceaccount-controller',
    resource: namespaceResource,
    watches: [
      watching(serviceAccountResource, ({ metadata }) =>
        metadata.name === 'default' ? [{ name: metadata.namespace ?? '' }] : [],
      ),
    ],
    async reconcile({ metadata: { name: namespace } }, context) {
      if (context.cache(serviceAccountResource).get({ namespace, name: 'default' })) return;
      const metadata = { name: 'default', namespace };
      await create(() =>
        context.client.create<ServiceAccount>(
          serviceAccountResource,
          { apiVersion: 'v1', kind: 'ServiceAccount', metadata },
          {},
          context.signal,
        ),
      );
    },
  });
}

const rootCertificate = 'kube-root-ca.crt';
const described = {
  'kubernetes.io/description':
    'Contains a CA bundle that can be used to verify the kube-apiserver when using internal endpoints such as the internal service IP or kubernetes.default.svc. No other usage is guaranteed across distributions of Kubernetes clusters.',
};

/** A config map `kube-root-ca.crt` with the certificate that clients should trust, in every namespace. `certificate` is PEM. */
export function rootCertificateController({
  certificate,
}: {
  readonly certificate: string;
}): Controller {
  return defineController<Namespace>({
    name: 'root-ca-certificate-publisher',
    resource: namespaceResource,
    watches: [
      watching(configMapResource, ({ metadata }) =>
        metadata.name === rootCertificate ? [{ name: metadata.namespace ?? '' }] : [],
      ),
    ],
    async reconcile({ metadata: { name: namespace } }, context) {
      const { client, signal } = context;
      const known = context.cache(configMapResource).get({ namespace, name: rootCertificate });
      const data = { 'ca.crt': certificate };
      const annotations = { ...known?.metadata.annotations, ...described };
      if (jsonEqual(known?.data, data) && jsonEqual(known?.metadata.annotations, annotations)) {
        return;
      }
      const metadata = { ...known?.metadata, name: rootCertificate, namespace, annotations };
      const map = { apiVersion: 'v1', kind: 'ConfigMap', metadata, data } as const; // literals of the kind
      await create(() =>
        known
          ? client.update<ConfigMap>(configMapResource, map, {}, signal)
          : client.create<ConfigMap>(configMapResource, map, {}, signal),
      );
    },
  });
}

/** Somebody else may have been first, and an ending namespace takes nothing new. */
async function create(run: () => Promise<unknown>): Promise<void> {
  try {
    await run();
  } catch (error) {
    if (!isApiError(error, 'AlreadyExists') && !isNamespaceEnding(error)) throw error;
  }
}
