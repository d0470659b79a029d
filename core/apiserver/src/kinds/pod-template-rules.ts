// PodTemplates: nothing makes pods of them, they are kept for whoever reads them. Rules: upstream's podtemplate strategy.

import { dnsSubdomainProblems, path } from '@tweendeck/kube';
import { objectAt } from '../draft.ts';
import { podTemplateColumns } from '../table/workload-columns.ts';
import type { KindRules } from './kind-rules.ts';
import { defaultPodTemplate, podTemplateProblems } from './pod-template.ts';
import { podTemplateWarnings } from './pod-warnings.ts';

export const podTemplateRules: KindRules = {
  columns: podTemplateColumns,
  strategy: {
    nameProblems: dnsSubdomainProblems,
    generation: 'counted',
    returnsDeleted: true,
    defaults: defaultPodTemplate,
    validate: (draft) => podTemplateProblems(objectAt(draft, 'template'), path('template')),
    warnings: (draft) => podTemplateWarnings(objectAt(draft, 'template'), 'template'),
  },
};
