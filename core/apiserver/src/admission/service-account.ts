// Pods run as a service account, and find its token. After upstream's ServiceAccount admission plugin.

import type { Clock, Random } from '@tweendeck/std';
import { nameSuffix } from '@tweendeck/std';
import type { ClusterState } from '../cluster-state.ts';
import { copyOf, type Draft, type Fields, listAt, objectIn, textAt } from '../draft.ts';
import { forbidden } from '../failures.ts';
import type { ResourceCache } from '../resource-cache.ts';
import { storagePrefix } from '../storage-key.ts';
import type { Admission, Intent } from '../writing.ts';

const defaultName = 'default';
const tokenDirectory = '/var/run/secrets/kubernetes.io/serviceaccount';
const volumeName = 'kube-api-access';
const tokenSeconds = 3_607; // tells a token that pods did not ask for from one that they did
const mirror = 'kubernetes.io/config.mirror';

/** A namespace's own account is made by a controller, a moment after the namespace. */
const patienceTries = 20;
const patienceMs = 100;

export function serviceAccountAdmission(
  state: ClusterState,
  {
    clock,
    random,
    closed,
  }: { readonly clock: Clock; readonly random: Random; readonly closed: AbortSignal },
): Pick<Admission, 'mutate'> {
  const accounts = state.resource(storagePrefix({ group: '', plural: 'serviceaccounts' }));
  return {
    mutate(intent) {
      const { object: pod } = intent;
      if (!pod || !isNewPod(intent) || pod.metadata.annotations?.[mirror]) return undefined;
      const name = textAt(pod['spec'], 'serviceAccountName') || defaultName;
      const account = findAccount(accounts, pod, name);
      if (account) return withAccount(pod, { account, name, random });
      const missing = forbidden(
        intent.writing.resource,
        intent.name,
        `error looking up service account ${pod.metadata.namespace}/${name}: serviceaccount "${name}" not found`,
      );
      if (name !== defaultName) throw missing;
      return (async () => {
        for (let tries = 0; tries < patienceTries; tries++) {
          await clock.sleep(patienceMs, closed);
          const late = findAccount(accounts, pod, name);
          if (late) return withAccount(pod, { account: late, name, random });
        }
        throw missing;
      })();
    },
  };
}

function isNewPod({ writing: { resource }, operation, subresource }: Intent): boolean {
  return (
    operation === 'CREATE' &&
    subresource === '' &&
    resource.group === '' &&
    resource.plural === 'pods'
  );
}

function findAccount(accounts: ResourceCache, pod: Draft, name: string): Draft | undefined {
  return accounts.get(`${pod.metadata.namespace}/${name}`)?.peek();
}

interface Identity {
  readonly account: Draft;
  readonly name: string;
  readonly random: Random;
}

function withAccount(pod: Draft, { account, name, random }: Identity): Draft {
  const next = copyOf(pod);
  const spec = objectIn(next, 'spec');
  spec['serviceAccountName'] = name;
  spec['serviceAccount'] = name;
  const automount = spec['automountServiceAccountToken'] ?? account['automountServiceAccountToken'];
  if (automount !== false) mountToken(spec, random);
  if (listAt(spec, 'imagePullSecrets').length === 0) {
    const pull = listAt(account, 'imagePullSecrets').map((each) => ({
      name: textAt(each, 'name'),
    }));
    if (pull.length > 0) spec['imagePullSecrets'] = pull;
  }
  return next;
}

/** Where a container has something else at that path it stays. */
function mountToken(spec: Fields, random: Random): void {
  const volumes = listAt(spec, 'volumes');
  const known = volumes.find((volume) => textAt(volume, 'name').startsWith(`${volumeName}-`));
  const name = known ? textAt(known, 'name') : `${volumeName}-${nameSuffix(random, 5)}`;
  let used = false;
  for (const key of ['initContainers', 'containers']) {
    for (const container of listAt(spec, key)) {
      const mounts = listAt(container, 'volumeMounts');
      if (mounts.some((mount) => mount['mountPath'] === tokenDirectory)) continue;
      const mount = { name, readOnly: true, mountPath: tokenDirectory };
      container['volumeMounts'] = [...mounts, mount];
      used = true;
    }
  }
  if (used && !known) spec['volumes'] = [...volumes, tokenVolume(name)];
}

function tokenVolume(name: string): Fields {
  const certificate = { key: 'ca.crt', path: 'ca.crt' };
  const namespace = {
    path: 'namespace',
    fieldRef: { apiVersion: 'v1', fieldPath: 'metadata.namespace' },
  };
  return {
    name,
    projected: {
      sources: [
        { serviceAccountToken: { expirationSeconds: tokenSeconds, path: 'token' } },
        { configMap: { name: 'kube-root-ca.crt', items: [certificate] } },
        { downwardAPI: { items: [namespace] } },
      ],
      defaultMode: 0o644,
    },
  };
}
