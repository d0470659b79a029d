// Generic ephemeral volumes: a claim of its own for every pod, gone with the pod. Rules: upstream's ephemeral volume controller.

import { type Controller, defineController, watching } from '@tweendeck/controller';
import {
  controllerOf,
  controllerReference,
  type Input,
  type PersistentVolumeClaim,
  type Pod,
  persistentVolumeClaimResource,
  podResource,
} from '@tweendeck/kube';
import { messageOf } from '@tweendeck/std';
import { isNamespaceEnding } from '../owner/namespace-ending.ts';

export function ephemeralVolumeController(): Controller {
  return defineController<Pod>({
    name: 'ephemeral-volume-controller',
    resource: podResource,
    watches: [
      watching(persistentVolumeClaimResource, (claim) => {
        const owner = controllerOf(claim);
        if (owner?.kind !== 'Pod') return [];
        return [{ namespace: claim.metadata.namespace ?? '', name: owner.name }];
      }),
    ],
    async reconcile(pod, context): Promise<void> {
      const { client, signal } = context;
      for (const claim of ephemeralClaims(pod)) {
        const ref = { namespace: pod.metadata.namespace ?? '', name: claim.metadata.name ?? '' };
        const present = context.cache(persistentVolumeClaimResource).get(ref);
        if (present && controllerOf(present)?.uid === pod.metadata.uid) continue;
        try {
          await client.create(persistentVolumeClaimResource, claim, {}, signal);
        } catch (error) {
          if (isNamespaceEnding(error)) return;
          const message = `ephemeral volume: PVC ${ref.namespace}/${ref.name}: ${messageOf(error)}`;
          context.event('Warning', 'FailedBinding', message);
          throw error;
        }
      }
    },
  });
}

/** The claims that a pod brings along. */
function ephemeralClaims(pod: Pod): readonly Input<PersistentVolumeClaim>[] {
  return (pod.spec.volumes ?? []).flatMap(({ name, ephemeral }): Input<PersistentVolumeClaim>[] => {
    const template = ephemeral?.volumeClaimTemplate;
    if (!template) return [];
    const { labels, annotations } = template.metadata ?? {};
    return [
      {
        apiVersion: 'v1',
        kind: 'PersistentVolumeClaim',
        metadata: {
          name: `${pod.metadata.name}-${name}`,
          namespace: pod.metadata.namespace ?? '',
          ...(labels ? { labels } : {}),
          ...(annotations ? { annotations } : {}),
          ownerReferences: [controllerReference(pod)],
        },
        spec: template.spec,
      },
    ];
  });
}
