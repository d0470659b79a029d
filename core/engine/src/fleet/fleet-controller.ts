// The controller of every fleet: what it looks after, and when it looks.

import { type Controller, defineController, watching } from '@tweendeck/controller';
import { type KindObject, type Pod, podResource, refKey, secretResource } from '@tweendeck/kube';
import { EngineFigures } from '../telemetry/figures.ts';
import type { FleetEngine, FleetStatus } from './fleet-engine.ts';
import { FleetPass } from './fleet-pass.ts';
import { Inquiry } from './inquiry.ts';
import { OnceSecrets } from './once-secret.ts';

/** Runs the objects of an engine; field manager and event source is its component. What it sees is told in `figures`. */
export function fleetController<Spec, Status extends FleetStatus, Facts>(
  engine: FleetEngine<Spec, Status, Facts>,
  figures: EngineFigures = new EngineFigures(),
): Controller {
  const { kind, component, podNames, owns, handsOn = [] } = engine;
  const secrets = new OnceSecrets(component);
  const inquiry = new Inquiry<Facts>();
  return defineController<KindObject<Spec, Status>>({
    name: component,
    resource: kind,
    owns,
    ...(engine.secret ? { makes: [secretResource] } : {}),
    watches: [
      watching(podResource, (pod) => owners(pod, podNames)),
      ...handsOn.map((resource) => watching(resource, () => [])),
    ],
    reconcile: async (object, context) => {
      const account = figures.of(object);
      let succeeded = false;
      try {
        const pass = new FleetPass(engine, object, context);
        const outcome = await pass.run({ secrets, inquiry, figures, account });
        succeeded = true;
        return outcome;
      } finally {
        account.passed(context.clock.nowMs(), succeeded);
      }
    },
    forget: (ref) => {
      figures.forget(kind.kind, ref);
      inquiry.forget(refKey(ref));
      secrets.forget(refKey(ref));
    },
  });
}

function owners({ metadata: { labels = {}, namespace } }: Pod, podNames: readonly string[]) {
  const name = labels['app.kubernetes.io/instance'];
  const isOurs = podNames.includes(labels['app.kubernetes.io/name'] ?? '');
  if (!isOurs || name === undefined || namespace === undefined) return [];
  return [{ namespace, name }];
}
