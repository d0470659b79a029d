// A Scale as kubectl prints it.

import { type Draft, numberAt } from '../draft.ts';
import descriptions from '../generated/schema-descriptions.json' with { type: 'json' };
import type { Form } from '../negotiation.ts';
import { ageSince, type ColumnDefinition } from './table.ts';

const meta = descriptions['io.k8s.apimachinery.pkg.apis.meta.v1.ObjectMeta'];
const spec = descriptions['io.k8s.api.autoscaling.v1.ScaleSpec'];
const status = descriptions['io.k8s.api.autoscaling.v1.ScaleStatus'];

const common = { format: '', priority: 0 };
const columns: readonly ColumnDefinition[] = [
  { ...common, name: 'Name', type: 'string', description: meta.name },
  { ...common, name: 'Desired', type: 'integer', description: spec.replicas },
  { ...common, name: 'Available', type: 'integer', description: status.replicas },
  { ...common, name: 'Age', type: 'string', description: meta.creationTimestamp },
];

export function scaleTable(
  scale: Draft,
  { form, nowMs }: { readonly form: Form & { readonly type: 'table' }; readonly nowMs: number },
): unknown {
  const { metadata } = scale;
  const numbers = [scale['spec'], scale['status']].map(replicasOf);
  const partial = { kind: 'PartialObjectMetadata', apiVersion: 'meta.k8s.io/v1', metadata };
  const object = { None: null, Metadata: partial, Object: scale }[form.include];
  return {
    kind: 'Table',
    apiVersion: 'meta.k8s.io/v1',
    metadata: { resourceVersion: metadata.resourceVersion },
    columnDefinitions: columns,
    rows: [
      { cells: [metadata.name, ...numbers, ageSince(metadata.creationTimestamp, nowMs)], object },
    ],
  };
}

function replicasOf(part: unknown): number {
  return numberAt(part, 'replicas') ?? 0;
}
