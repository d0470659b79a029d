// Objects, lists and watch events in the form that was asked for.

import type { Draft } from './draft.ts';
import type { Form } from './negotiation.ts';
import type { ServedResource } from './registry.ts';
import type { WatchRecord } from './resource-cache.ts';
import { type StoredObject, withOtherRevision } from './stored-object.ts';

export interface ListMeta {
  readonly resourceVersion: string;
  readonly continue?: string;
  readonly remainingItemCount?: number;
}

export interface Rendering {
  readonly resource: ServedResource;
  readonly form: Form;
  readonly nowMs: number;
}

const comma = Buffer.from(',');
const open = Buffer.from('{');
const listEnd = Buffer.from(']}\n');
const lineEnd = Buffer.from('\n');
const eventEnd = Buffer.from('}\n');

/** One object, for an answer. */
export function renderObject(rendering: Rendering, object: StoredObject): readonly Uint8Array[] {
  if (rendering.form.type === 'object') return [object.bytes(rendering.resource), lineEnd];
  return [Buffer.from(`${JSON.stringify(projected(rendering, [object]))}\n`)];
}

/** A list: the cached bytes of its objects between its own. */
export function renderList(
  rendering: Rendering,
  objects: readonly StoredObject[],
  meta: ListMeta,
): readonly Uint8Array[] {
  const { resource, form } = rendering;
  if (form.type === 'table') {
    return [Buffer.from(`${JSON.stringify({ ...tableOf(rendering, objects), metadata: meta })}\n`)];
  }
  const listKind = form.type === 'metadata' ? 'PartialObjectMetadataList' : resource.listKind;
  const apiVersion = form.type === 'metadata' ? 'meta.k8s.io/v1' : apiVersionText(resource);
  // Upstream's lists of custom objects say that there is no next page, those of built-in ones leave it out.
  const metadata = resource.custom && form.type === 'object' ? { continue: '', ...meta } : meta;
  const head = JSON.stringify({ kind: listKind, apiVersion, metadata });
  const pieces: Uint8Array[] = [Buffer.from(`${head.slice(0, -1)},"items":[`)];
  const opening = openingOf(resource);
  for (const object of objects) {
    if (pieces.length > 1) pieces.push(comma);
    if (form.type === 'metadata') {
      pieces.push(Buffer.from(JSON.stringify(projected(rendering, [object]))));
    } else pieces.push(...itemOf(resource, object, opening));
  }
  pieces.push(listEnd);
  return pieces;
}

/** An object within a list: of built-in kinds the list alone says which kind they are. */
function itemOf(
  resource: ServedResource,
  object: StoredObject,
  opening: Buffer,
): readonly Uint8Array[] {
  const bytes = object.bytes(resource);
  if (resource.custom || !bytes.subarray(0, opening.length).equals(opening)) return [bytes];
  return [open, bytes.subarray(opening.length)];
}

/** How the bytes of an object begin, up to what tells it from others of its kind. */
function openingOf(resource: ServedResource): Buffer {
  const type = { kind: resource.kind, apiVersion: apiVersionText(resource) };
  return Buffer.from(`${JSON.stringify(type).slice(0, -1)},`);
}

export type EventType = 'ADDED' | 'MODIFIED' | 'DELETED';

/** A watch event for an object as it is. */
export function renderEvent(rendering: Rendering, type: EventType, object: StoredObject): Buffer {
  const body =
    rendering.form.type === 'object'
      ? object.bytes(rendering.resource)
      : Buffer.from(JSON.stringify(projected(rendering, [object])));
  return eventOf(type, body);
}

/** A watch event for a change, encoded once for all watchers that want the same form. */
export function renderRecord(rendering: Rendering, type: EventType, record: WatchRecord): Buffer {
  const { form, resource } = rendering;
  const include = form.type === 'table' ? form.include : '';
  const key = `${type} ${resource.version} ${form.type} ${include}`;
  const known = record.encoded.get(key);
  if (known) return known;
  const made = encodeRecord(rendering, type, record);
  record.encoded.set(key, made);
  return made;
}

function encodeRecord(rendering: Rendering, type: EventType, record: WatchRecord): Buffer {
  if (type !== 'DELETED') {
    return record.current ? renderEvent(rendering, type, record.current) : Buffer.alloc(0);
  }
  // What left is told in its last state, with the revision of its leaving.
  const last = record.previous;
  if (!last) return Buffer.alloc(0);
  if (rendering.form.type === 'object') {
    const bytes = withOtherRevision(last.bytes(rendering.resource), record.revision);
    return eventOf(type, bytes);
  }
  const body = JSON.stringify(projected(rendering, [last], record.revision));
  return eventOf(type, Buffer.from(body));
}

function eventOf(type: string, body: Buffer): Buffer {
  return Buffer.concat([Buffer.from(`{"type":"${type}","object":`), body, eventEnd]);
}

/** A bookmark, or another event of its own making. */
export function renderValueEvent(type: 'BOOKMARK' | 'ERROR', value: unknown): Buffer {
  return eventOf(type, Buffer.from(JSON.stringify(value)));
}

export function bookmarkObject(
  { resource, form }: Rendering,
  revision: number,
  initialEventsEnd: boolean,
): unknown {
  const metadata = {
    resourceVersion: String(revision),
    ...(initialEventsEnd ? { annotations: { 'k8s.io/initial-events-end': 'true' } } : {}),
  };
  switch (form.type) {
    case 'object':
      return { kind: resource.kind, apiVersion: apiVersionText(resource), metadata };
    case 'metadata':
      return { kind: 'PartialObjectMetadata', apiVersion: 'meta.k8s.io/v1', metadata };
    case 'table':
      return {
        kind: 'Table',
        apiVersion: 'meta.k8s.io/v1',
        metadata: { resourceVersion: metadata.resourceVersion },
        columnDefinitions: null,
        rows: [
          {
            cells: resource.columns.definitions.map(() => null),
            object: { kind: 'PartialObjectMetadata', apiVersion: 'meta.k8s.io/v1', metadata },
          },
        ],
      };
  }
}

function projected(
  rendering: Rendering,
  objects: readonly StoredObject[],
  revision?: number,
): unknown {
  if (rendering.form.type === 'table') {
    const [first] = objects;
    const resourceVersion = String(revision ?? first?.revision ?? '');
    return { ...tableOf(rendering, objects, revision), metadata: { resourceVersion } };
  }
  const [object] = objects;
  return object ? partialOf(object, revision) : undefined;
}

function partialOf(object: StoredObject, revision?: number): unknown {
  const { metadata } = object.peek();
  return {
    kind: 'PartialObjectMetadata',
    apiVersion: 'meta.k8s.io/v1',
    metadata:
      revision === undefined ? metadata : { ...metadata, resourceVersion: String(revision) },
  };
}

function tableOf(
  { resource, form, nowMs }: Rendering,
  objects: readonly StoredObject[],
  revision?: number,
): Record<string, unknown> {
  const include = form.type === 'table' ? form.include : 'None';
  const rows = objects.map((object) => {
    const draft = servedDraft(resource, object);
    const conditions = resource.columns.conditions?.(draft);
    return {
      cells: resource.columns.cells(draft, nowMs),
      ...(conditions ? { conditions } : {}),
      object:
        include === 'None'
          ? null
          : include === 'Object'
            ? fullOf(resource, object)
            : partialOf(object, revision),
    };
  });
  return {
    kind: 'Table',
    apiVersion: 'meta.k8s.io/v1',
    columnDefinitions: resource.columns.definitions,
    rows,
  };
}

/** What columns are read from: built-in ones know the stored form, custom ones belong to a version. */
function servedDraft(resource: ServedResource, object: StoredObject): Draft {
  return resource.custom && resource.fromStored
    ? resource.fromStored(object.draft())
    : object.peek();
}

function fullOf(resource: ServedResource, object: StoredObject): unknown {
  return JSON.parse(object.bytes(resource).toString());
}

/** `v1` or `group/version`. */
export function apiVersionText({
  group,
  version,
}: {
  readonly group: string;
  readonly version: string;
}): string {
  return group === '' ? version : `${group}/${version}`;
}
