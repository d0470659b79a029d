// The controller of every engine: what it looks after, and when it looks.

import { type Controller, defineController, watching } from '@tweendeck/controller';
import {
  type Kind,
  type KubeObject,
  persistentVolumeClaimResource,
  podResource,
  refKey,
  secretResource,
} from '@tweendeck/kube';
import { ClusterPass, keepsData, ownedResources, type PassMemory } from './cluster-pass.ts';
import type { ClusterObject, ClusterSpec, ClusterStatus } from './cluster-spec.ts';
import type { Engine } from './engine.ts';
import { Listeners } from './listeners.ts';
import { Renderings } from './renderings.ts';
import { PasswordSecrets } from './secrets/password-secret.ts';
import { TlsSecrets } from './secrets/tls-secret.ts';
import { EngineFigures } from './telemetry/figures.ts';

/** Clusters looked at at once: a pass waits for members more than it works. */
const passesAtOnce = 16;

/** Runs the clusters of an engine; field manager and event source is the engine's component. What it sees is told in `figures`. */
export function engineController<Options, Facts>(
  kind: Kind<ClusterSpec<Options>, ClusterStatus>,
  engine: Engine<Options, Facts>,
  figures: EngineFigures = new EngineFigures(),
): Controller {
  let ears: PassMemory<Options>['ears'];
  const secrets = new PasswordSecrets(engine);
  const certificates = new TlsSecrets(engine);
  const renderings = new Renderings<Options>(engine);
  return defineController<ClusterObject<Options>>({
    name: engine.component,
    resource: kind,
    concurrency: passesAtOnce,
    owns: ownedResources(engine),
    ends: [podResource],
    marks: [
      ...(engine.services?.byRole ? [podResource] : []),
      ...(keepsData(engine) ? [persistentVolumeClaimResource] : []),
    ],
    ...(engine.passwords || engine.tls ? { keeps: [secretResource] } : {}),
    watches: [
      watching(podResource, (pod) => clustersOf(pod, engine.component)),
      ...(keepsData(engine)
        ? [watching(persistentVolumeClaimResource, (claim) => clustersOf(claim, engine.component))]
        : []),
    ],
    begin: ({ signal, log, wake }) => {
      ears = { listeners: new Listeners(signal, log), wake };
    },
    reconcile: async (object, context) => {
      const { clock } = context;
      const account = figures.of(object);
      const pass = new ClusterPass(engine, object, context);
      let succeeded = false;
      try {
        const outcome = await pass.run({
          ears,
          secrets,
          certificates,
          renderings,
          figures,
          account,
        });
        succeeded = true;
        return outcome;
      } finally {
        account.passed(clock.nowMs(), succeeded);
      }
    },
    forget: (ref) => {
      figures.forget(engine.kind, ref);
      ears?.listeners.set(refKey(ref), []);
      secrets.forget(refKey(ref));
      certificates.forget(refKey(ref));
      renderings.forget(refKey(ref));
    },
  });
}

function clustersOf({ metadata: { labels = {}, namespace } }: KubeObject, component: string) {
  const name = labels['app.kubernetes.io/instance'];
  if (labels['app.kubernetes.io/name'] !== component || !name || !namespace) return [];
  return [{ namespace, name }];
}
