// What `kubectl explain` says of the fields that every object has.

import type { JsonSchema } from '@tweendeck/kube';

export const apiVersionDescription =
  'APIVersion defines the schema that this object follows: its group and version.';
export const kindDescription = 'Kind says what this object is, in CamelCase. It never changes.';
export const metadataDescription =
  "Standard object's metadata: name, labels, owners and what the server keeps of every object.";
export const listMetadataDescription =
  "Standard list's metadata: the version of the list, and where its next part begins.";

const ofObjectMeta: Readonly<Record<string, string>> = {
  annotations:
    'Annotations are texts that tools and people keep with an object; no selector looks at them.',
  creationTimestamp:
    'CreationTimestamp is a timestamp of when the server made the object, in UTC. Only the server sets it.',
  deletionGracePeriodSeconds:
    'DeletionGracePeriodSeconds is how long the object may take to end before it is removed. Only the server sets it.',
  deletionTimestamp:
    'DeletionTimestamp is when the object will be gone at the soonest; there while it is being deleted. Only the server sets it.',
  finalizers:
    'Finalizers name what has to be done before the object is removed. Whoever did it takes its name away.',
  generateName:
    'GenerateName begins the name that the server makes when none is given; the rest is random.',
  generation: 'Generation counts the changes of what is desired. Only the server sets it.',
  labels: 'Labels are what selectors of other objects, and of requests, choose objects by.',
  managedFields: 'ManagedFields says who set which fields; the server keeps it for apply.',
  name: 'Name is unique among objects of its kind in a namespace, and never changes.',
  namespace: 'Namespace is where the object lives; empty for kinds outside namespaces.',
  ownerReferences:
    'OwnerReferences name the objects that this one belongs to: it goes when the last of them has gone.',
  resourceVersion:
    'ResourceVersion changes with every change of the object. Sent with a write, it must be the present one.',
  selfLink: 'SelfLink is empty: servers do not set it any more.',
  uid: 'UID is this object and no other, even one of the same name later. Only the server sets it.',
};

/** A component as it is published: with what is said of its fields. */
export function withDescriptions(name: string, schema: JsonSchema): JsonSchema {
  if (!name.endsWith('.apis.meta.v1.ObjectMeta') || !schema.properties) return schema;
  const properties = Object.entries(schema.properties).map(([field, property]) => {
    const description = ofObjectMeta[field];
    return [field, description === undefined ? property : { description, ...property }];
  });
  return { ...schema, properties: Object.fromEntries(properties) };
}
