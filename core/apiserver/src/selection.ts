// Which objects of a resource a list, watch or deletecollection is about.

import {
  everyLabel,
  type FieldSelector,
  type LabelMatcher,
  parseFieldSelector,
  parseLabelSelector,
} from '@tweendeck/kube';
import { isPlatformError, messageOf } from '@tweendeck/std';
import { badRequest } from './failures.ts';
import type { ServedResource } from './registry.ts';
import type { ResourceRequest } from './request.ts';
import type { StoredObject } from './stored-object.ts';

export interface Selection {
  /** Key prefix: `namespace/`, or empty. */
  readonly prefix: string;
  /** The key of the only object that can match, when the selector names one. */
  readonly only: string | undefined;
  /** False when everything under the prefix matches. */
  readonly selective: boolean;
  matches(object: StoredObject): boolean;
}

/** Reads namespace, name and selectors of a request. @throws ApiError BadRequest for selectors that are wrong or not served. */
export function selectionOf(request: ResourceRequest, resource: ServedResource): Selection {
  const labels = labelsOf(request.query.get('labelSelector'));
  const fields = fieldsOf(request.query.get('fieldSelector'), resource);
  const name = request.name === '' ? fields?.exact('metadata.name') : request.name;
  const namespace = request.namespace || (fields?.exact('metadata.namespace') ?? '');
  const prefix = resource.namespaced && namespace !== '' ? `${namespace}/` : '';
  const only =
    name === undefined || (resource.namespaced && prefix === '') ? undefined : `${prefix}${name}`;
  const selective = labels.requirements.length > 0 || fields !== undefined || request.name !== '';
  return {
    prefix,
    only,
    selective,
    matches: (object) =>
      object.key.startsWith(prefix) &&
      (request.name === '' || object.name === request.name) &&
      (labels.requirements.length === 0 || labels.matches(object.labels)) &&
      (fields === undefined || fieldsMatch(fields, object, resource)),
  };
}

function labelsOf(text: string | null): LabelMatcher {
  if (!text) return everyLabel;
  try {
    return parseLabelSelector(text);
  } catch (error) {
    if (!isPlatformError(error)) throw error;
    throw badRequest(messageOf(error));
  }
}

function fieldsOf(text: string | null, resource: ServedResource): FieldSelector | undefined {
  if (!text) return undefined;
  let selector: FieldSelector;
  try {
    selector = parseFieldSelector(text);
  } catch (error) {
    if (!isPlatformError(error)) throw error;
    throw badRequest(messageOf(error));
  }
  for (const { field } of selector.requirements) {
    if (!isSelectable(field, resource)) {
      throw badRequest(
        resource.selectableFields.size > 0
          ? `field label not supported: ${field}`
          : `"${field}" is not a known field selector: only "metadata.name", "metadata.namespace"`,
      );
    }
  }
  return selector.requirements.length === 0 ? undefined : selector;
}

function isSelectable(field: string, resource: ServedResource): boolean {
  if (field === 'metadata.name') return true;
  if (field === 'metadata.namespace') return true;
  return resource.selectableFields.has(field);
}

function fieldsMatch(
  selector: FieldSelector,
  object: StoredObject,
  resource: ServedResource,
): boolean {
  const values: Record<string, string> = {};
  for (const { field } of selector.requirements) values[field] = fieldOf(object, field, resource);
  return selector.matches(values);
}

function fieldOf(object: StoredObject, field: string, resource: ServedResource): string {
  if (field === 'metadata.name') return object.name;
  if (field === 'metadata.namespace') return object.namespace;
  const text = object.field(field, resource.selectableFields.get(field) ?? []);
  if (text !== '' || resource.custom) return text;
  // Who reports an event may say so in one of two places.
  if (field === 'source') return fieldOf(object, 'reportingComponent', resource);
  return zeroTexts[field] ?? '';
}

/** What fields of built-in kinds say that are no texts in Go, and not there. */
const zeroTexts: Readonly<Record<string, string>> = {
  'spec.hostNetwork': 'false',
  'spec.unschedulable': 'false',
  'status.replicas': '0',
  'status.successful': '0',
};
