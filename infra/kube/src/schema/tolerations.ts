// The tolerations of a pod, as users of our kinds give them.

import type { Toleration } from '../generated/kinds.ts';
import { type Type, t } from './type.ts';

/** A list as in a pod's spec. */
export const tolerationsType: Type<readonly Toleration[]> = t.list(
  t.object({
    key: t.string().optional().describe('The taint this tolerates; empty with Exists: all.'),
    operator: t.enum(['Exists', 'Equal']).optional().describe('Equal by default.'),
    value: t.string().optional(),
    effect: t.enum(['NoExecute', 'NoSchedule', 'PreferNoSchedule']).optional(),
    tolerationSeconds: t.int64().optional(),
  }),
);
