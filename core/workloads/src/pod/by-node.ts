// The index of pods by the node that they are bound to; controllers that want it share one function.

import type { Pod } from '@tweendeck/kube';

export const podsByNode: { readonly node: (pod: Pod) => readonly string[] } = {
  node: (pod) => (pod.spec.nodeName ? [pod.spec.nodeName] : []),
};
