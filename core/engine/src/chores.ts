// What is done about a cluster of any engine: its volumes grow.

import type { ReconcileContext } from '@tweendeck/controller';
import {
  type KubeObject,
  type PersistentVolumeClaim,
  persistentVolumeClaimResource,
} from '@tweendeck/kube';
import type { Cluster, Step } from './engine.ts';
import type { Chores } from './plan.ts';
import type { MemberRendering } from './render.ts';
import { type Growth, planVolumes } from './volumes.ts';

type Client = ReconcileContext<KubeObject>['client'];

export interface ChoresInput {
  readonly cluster: Pick<Cluster<unknown>, 'namespace' | 'spec'>;
  readonly members: readonly MemberRendering[];
  /** Of the cluster. */
  readonly claims: readonly PersistentVolumeClaim[];
  readonly client: Client;
}

export function choresOf({ cluster, members, claims, client }: ChoresInput): Chores {
  const { growths, waits } = planVolumes(cluster.spec, members, claims);
  return { steps: growths.map((growth) => growStep(growth, cluster.namespace, client)), waits };
}

/** While it is used: Kubernetes asks for no restart, or says so in the claim's conditions. */
function growStep({ claim, from, to }: Growth, namespace: string, client: Client): Step {
  return {
    ...{ id: `grow ${claim}`, risk: 'safe', timeLimitSeconds: 60 },
    why: `the volume ${claim} has ${from}, the spec asks for ${to}`,
    run: async (signal) => {
      const body = { spec: { resources: { requests: { storage: to } } } };
      const patch = { type: 'merge', body } as const;
      const ref = { namespace, name: claim };
      await client.patch(persistentVolumeClaimResource, ref, patch, {}, signal);
    },
  };
}
