// A control plane with nodes that run real containers: each node a machine in namespaces of its own, on one bridge.

import { join } from 'node:path';
import { buildImages } from '../../../tools/images/images.ts';
import { pinnedRelease } from '../../../tools/kubernetes/release.ts';
import { cgroupHierarchies } from './cgroups.ts';
import { type Claim, claimLab } from './claim.ts';
import { startControlPlane } from './control-plane.ts';
import type { Cluster, ClusterOptions } from './lab.ts';
import { addressPlan, makeBridge, prepareKernel } from './network.ts';
import { cgroupOf, Nodes } from './nodes.ts';
import { findPrograms } from './programs.ts';
import { makeSite } from './site.ts';
import { together } from './together.ts';

const nodesMax = 16;

/** Starts a control plane and nodes, and waits until every node takes pods. Needs root. */
export async function cluster(options: ClusterOptions): Promise<Cluster> {
  const programs = findPrograms(options.release ?? pinnedRelease, { purpose: 'cluster' });
  if (process.getuid?.() !== 0) {
    throw new Error(
      'a lab with nodes makes namespaces, bridges and control groups: run it as root',
    );
  }
  if (!(options.nodes >= 1 && options.nodes <= nodesMax)) {
    throw new Error(`a lab has 1 to ${nodesMax} nodes, not ${options.nodes}`);
  }
  const pause = buildImages(['pause']);
  pause.catch(() => undefined); // awaited below
  await using opened = new AsyncDisposableStack();
  const claim = opened.use(await claimLab());
  await prepareKernel(claim);
  const plan = addressPlan(claim);
  await makeBridge(claim, plan);
  const { gateway: address, serviceRange } = plan;
  const site = await makeSite({ claim, programs, address, serviceRange, hasNodes: true, options });
  const nodes = new Nodes(site, plan, options.nodes);
  journalCgroups(claim);
  const starting = startControlPlane(site, opened);
  await together<unknown>([
    starting,
    nodes.switchOn().then(async () => {
      for (const { layout } of await pause) await nodes.loadImages(layout);
      for (const layout of options.images ?? []) await nodes.loadImages(layout);
    }),
  ]);
  const plane = await starting;
  await nodes.join(plane.client);
  const stack = opened.move();
  return {
    ...plane,
    nodes: nodes.all,
    loadImages: (layout) => nodes.loadImages(layout),
    [Symbol.asyncDispose]: () => stack.disposeAsync(),
  };
}

function journalCgroups(claim: Claim): void {
  for (const hierarchy of cgroupHierarchies()) {
    claim.journal.add({ kind: 'cgroup', path: join(hierarchy, cgroupOf(claim)) });
  }
}
