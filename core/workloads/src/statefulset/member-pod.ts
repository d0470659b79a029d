// The pods of a StatefulSet.

import type { Input, Pod, PodTemplateSpec, StatefulSet } from '@tweendeck/kube';
import { revisionLabel } from '../owner/revision.ts';
import { podOfTemplate } from '../pod/template.ts';
import { identityLabels, podName } from './identity.ts';
import { withClaims } from './storage.ts';

/** The pod with this ordinal, of this revision's template. */
export function podFor(
  set: StatefulSet,
  ordinal: number,
  revision: { readonly name: string; readonly template: PodTemplateSpec },
): Input<Pod> {
  const name = podName(set, ordinal);
  const { serviceName } = set.spec;
  const volumes = withClaims(revision.template.spec?.volumes ?? [], set, ordinal);
  return podOfTemplate(revision.template, set, {
    metadata: {
      name,
      generateName: `${set.metadata.name}-`,
      labels: { ...identityLabels(set, ordinal), [revisionLabel]: revision.name },
    },
    spec: {
      hostname: name,
      ...(serviceName ? { subdomain: serviceName } : {}),
      ...(volumes.length > 0 ? { volumes } : {}),
    },
  });
}
