// Histories in which some change the object by way of its subresource `scale`.

import type { SchemaNode } from '@tweendeck/kube';
import type { Source } from './source.ts';
import type { History, HistoryStep, WidgetSchemas } from './ssa-cases.ts';

const replicas: SchemaNode = { type: 'integer' };

/** The schemas with the fields that `scale` is about. */
export function scalableSchemas(schemas: WidgetSchemas): WidgetSchemas {
  const entries = Object.entries(schemas).map(([version, schema]): [string, SchemaNode] => {
    const { spec, status } = schema.properties ?? {};
    const properties = { ...schema.properties, spec: scalable(spec), status: scalable(status) };
    return [version, { ...schema, properties }];
  });
  return Object.fromEntries(entries);
}

function scalable(node: SchemaNode = { type: 'object' }): SchemaNode {
  const { additionalProperties: _, ...rest } = node;
  return { ...rest, type: 'object', properties: { ...node.properties, replicas } };
}

/** What a definition says of `scale`. */
export const scaleSubresource = {
  specReplicasPath: '.spec.replicas',
  statusReplicasPath: '.status.replicas',
};

/** Some of the steps scale instead of what they did. */
export function withScaling(source: Source, history: History): History {
  const steps = history.steps.map((step) => (source.maybe(0.25) ? scaling(source, step) : step));
  return { ...history, steps };
}

/** Updates and patches: `scale` of ours takes no applies. */
function scaling(source: Source, { object: _, patch: __, ...given }: HistoryStep): HistoryStep {
  const step = { ...given, op: 'update' } as const;
  const spec = source.maybe(0.9) ? { replicas: source.maybe(0.9) ? source.below(4) : -1 } : {};
  if (source.maybe(0.6)) return { ...step, subresource: 'scale', patch: { spec } };
  const metadata = { name: 'x' };
  const object = { apiVersion: 'autoscaling/v1', kind: 'Scale', metadata, spec };
  return { ...step, subresource: 'scale', object };
}
