// Tells kubelets, on their nodes, for how long they may keep secrets and config maps: the longer the more nodes there are.

import { type Controller, defineController } from '@tweendeck/controller';
import { type Node, nodeResource, refOf } from '@tweendeck/kube';

const annotation = 'node.alpha.kubernetes.io/ttl';

/** Up to how many nodes, how many seconds: upstream's, without its overlaps, which keep it from going to and fro. */
const steps: readonly (readonly [nodesMax: number, seconds: number])[] = [
  [100, 0],
  [500, 15],
  [1_000, 30],
  [2_000, 60],
];
const secondsMax = 300;

export function secondsFor(nodeCount: number): number {
  return steps.find(([nodesMax]) => nodeCount <= nodesMax)?.[1] ?? secondsMax;
}

export function nodeTtlController(): Controller {
  return defineController<Node>({
    name: 'ttl-controller',
    resource: nodeResource,
    async reconcile(node, { cache, client, signal }) {
      const seconds = String(secondsFor(cache(nodeResource).list().length));
      if (node.metadata.annotations?.[annotation] === seconds) return undefined;
      const body = { metadata: { uid: node.metadata.uid, annotations: { [annotation]: seconds } } };
      await client.patch(nodeResource, refOf(node), { type: 'merge', body }, {}, signal);
      return undefined;
    },
  });
}
