// The way from client-side to server-side apply: the annotation in which `kubectl apply` keeps what it last applied.

import { isJsonObject } from '@tweendeck/std';
import { goJson } from '../go-format.ts';
import { compareFields } from './compare-fields.ts';
import { fieldsOf } from './extract-fields.ts';
import { FieldSet } from './field-set.ts';
import { type JsonRecord, metadataOf, withoutManagedFields } from './managed-object.ts';
import type { SchemaType } from './schema-type.ts';
import { TypedFault } from './typed-fault.ts';
import { validateTyped } from './validate-typed.ts';

/** The one manager for whom the annotation counts. */
export const kubectlManager = 'kubectl';
const annotation = 'kubectl.kubernetes.io/last-applied-configuration';
const annotationsLengthMax = 256 * 1_024;

/** Fields that client-side apply set and nobody changed since: kubectl may take these from any owner. */
export function lastAppliedFields(
  live: JsonRecord,
  type: SchemaType,
  apiVersion: string,
): FieldSet {
  const applied = parsed(annotationOf(live));
  if (applied === undefined || applied['apiVersion'] !== apiVersion) return FieldSet.empty;
  try {
    validateTyped(type, live);
    validateTyped(type, applied);
    const { modified, added, removed } = compareFields(type, applied, withoutManagedFields(live));
    return fieldsOf(type, applied).difference(modified).difference(added).difference(removed);
  } catch (error) {
    if (error instanceof TypedFault) return FieldSet.empty;
    throw error;
  }
}

/** Keeps the annotation, where there is one, in step with what is applied server-side. */
export function withLastApplied(object: JsonRecord, applied: JsonRecord): JsonRecord {
  if (annotationOf(object) === undefined) return object;
  const annotations = annotationsOf(object);
  const text = `${goJson(withoutAnnotation(applied))}\n`;
  const length = Object.entries({ ...annotations, [annotation]: text }).reduce(
    (sum, [key, value]) => sum + key.length + String(value).length,
    0,
  );
  const { [annotation]: _, ...others } = annotations;
  return {
    ...object,
    metadata: {
      ...metadataOf(object),
      annotations: length > annotationsLengthMax ? others : { ...annotations, [annotation]: text },
    },
  };
}

function annotationsOf(object: JsonRecord): JsonRecord {
  const annotations = metadataOf(object)['annotations'];
  return isJsonObject(annotations) ? annotations : {};
}

function annotationOf(object: JsonRecord): string | undefined {
  const text = annotationsOf(object)[annotation];
  return typeof text === 'string' && text !== '' ? text : undefined;
}

function withoutAnnotation(applied: JsonRecord): JsonRecord {
  const annotations = annotationsOf(applied);
  if (!(annotation in annotations)) return applied;
  const { [annotation]: _, ...others } = annotations;
  return { ...applied, metadata: { ...metadataOf(applied), annotations: others } };
}

function parsed(text: string | undefined): JsonRecord | undefined {
  if (text === undefined) return undefined;
  try {
    const value: unknown = JSON.parse(text);
    return isJsonObject(value) && value['kind'] ? value : undefined;
  } catch {
    return undefined; // not written by kubectl: it counts as absent
  }
}
