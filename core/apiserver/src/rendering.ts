// Objects, lists and watch events in the form that was asked for.

import type { Draft } from './draft.ts';
import type { Form } from './negotiation.ts';
import type { Pace } from './pace.ts';
import { type Piece, SplicedPiece } from './piece.ts';
import type { ServedResource } from './registry.ts';
import type { WatchRecord } from './resource-cache.ts';
import { sortedJson } from './sorted-json.ts';
import type { StoredObject } from './stored-object.ts';

export interface ListMeta {
  readonly resourceVersion: string;
  readonly continue?: string;
  readonly remainingItemCount?: number;
}

export interface Rendering {
  readonly resource: ServedResource;
  readonly form: Form;
  readonly nowMs: number;
  /** Whether a table leaves out its columns, which an earlier event of a watch has told. */
  readonly isHeadless?: boolean;
}

const comma = Buffer.from(',');
const open = Buffer.from('{');
const listEnd = Buffer.from(']}\n');
const lineEnd = Buffer.from('\n');
const eventEnd = Buffer.from('}\n');

/** One object, for an answer. */
export function renderObject(rendering: Rendering, object: StoredObject): readonly Piece[] {
  if (rendering.form.type === 'object') return [object.piece(rendering.resource), lineEnd];
  return [Buffer.from(`${JSON.stringify(projected(rendering, [object]))}\n`)];
}

/** A list: the cached bytes of its objects between its own. */
export async function renderList(
  rendering: Rendering,
  objects: readonly StoredObject[],
  { meta, pace }: { readonly meta: ListMeta; readonly pace: Pace },
): Promise<readonly Piece[]> {
  const { opening, ending, itemOf } = listForm(rendering, meta);
  const { resource, form } = rendering;
  if (form.type === 'table' && objects.length === 0 && resource.columns.isDefault) {
    const head = tableHead(resource, meta);
    return [Buffer.from(`${JSON.stringify({ ...head, rows: null })}\n`)]; // as upstream's default columns
  }
  const pieces: Piece[] = [opening];
  for (const object of objects) {
    const pause = pace.step();
    if (pause) await pause;
    if (pieces.length > 1) pieces.push(comma);
    pieces.push(...itemOf(object));
  }
  pieces.push(ending);
  return pieces;
}

interface ListForm {
  readonly opening: Buffer;
  readonly ending: Buffer;
  readonly itemOf: (object: StoredObject) => readonly Piece[];
}

function listForm(rendering: Rendering, meta: ListMeta): ListForm {
  const { resource, form } = rendering;
  const textOf = (value: unknown): readonly Uint8Array[] => [Buffer.from(JSON.stringify(value))];
  switch (form.type) {
    case 'table':
      return {
        ...itemsLast(tableHead(resource, meta), 'rows'),
        itemOf: (object) => textOf(rowOf(rendering, object)),
      };
    case 'metadata': {
      const type = { kind: 'PartialObjectMetadataList', apiVersion: 'meta.k8s.io/v1' };
      return {
        ...itemsLast({ ...type, metadata: meta }, 'items'),
        itemOf: (object) => textOf(partialOf(object)),
      };
    }
    case 'object':
      return resource.custom ? customListForm(resource, meta) : builtInListForm(resource, meta);
  }
}

function itemsLast(head: object, items: string): Omit<ListForm, 'itemOf'> {
  const opening = `${JSON.stringify(head).slice(0, -1)},${JSON.stringify(items)}:[`;
  return { opening: Buffer.from(opening), ending: listEnd };
}

function builtInListForm(resource: ServedResource, metadata: ListMeta): ListForm {
  const opening = openingOf(resource);
  const head = { kind: resource.listKind, apiVersion: apiVersionText(resource), metadata };
  return {
    ...itemsLast(head, 'items'),
    itemOf: (object) => untyped(object.piece(resource), opening),
  };
}

/** Upstream's lists of custom objects are maps, and say that there is no next page; those of built-in ones leave it out. */
function customListForm(resource: ServedResource, meta: ListMeta): ListForm {
  const { listKind: kind } = resource;
  const rest = { kind, metadata: { continue: '', ...meta } };
  return {
    opening: Buffer.from(`{"apiVersion":${JSON.stringify(apiVersionText(resource))},"items":[`),
    ending: Buffer.from(`],${sortedJson(rest).slice(1)}\n`),
    itemOf: (object) => [object.piece(resource)],
  };
}

/** An object within a list: of built-in kinds the list alone says which kind they are. */
function untyped(piece: Piece, opening: Buffer): readonly Piece[] {
  const rest =
    piece instanceof SplicedPiece
      ? piece.without(opening)
      : piece instanceof Buffer && piece.subarray(0, opening.length).equals(opening)
        ? piece.subarray(opening.length)
        : undefined;
  return rest ? [open, rest] : [piece];
}

/** How the bytes of an object begin, up to what tells it from others of its kind. */
function openingOf(resource: ServedResource): Buffer {
  const type = { kind: resource.kind, apiVersion: apiVersionText(resource) };
  return Buffer.from(`${JSON.stringify(type).slice(0, -1)},`);
}

export type EventType = 'ADDED' | 'MODIFIED' | 'DELETED';

/** A watch event for an object as it is. */
function renderEvent(rendering: Rendering, type: EventType, object: StoredObject): Buffer {
  const body =
    rendering.form.type === 'object'
      ? object.bytes(rendering.resource)
      : Buffer.from(JSON.stringify(projected(rendering, [object])));
  return eventOf(type, body);
}

/** As {@link renderEvent}, in pieces of which the large one is the object's own: who waits long holds no copy. */
export function renderEventPieces(
  rendering: Rendering,
  type: EventType,
  object: StoredObject,
): readonly Piece[] {
  if (rendering.form.type !== 'object') return [renderEvent(rendering, type, object)];
  const start = Buffer.from(`{"type":"${type}","object":`);
  return [start, object.piece(rendering.resource), eventEnd];
}

/** A watch event for a change, encoded once for all watchers that want the same form. */
export function renderRecord(rendering: Rendering, type: EventType, record: WatchRecord): Buffer {
  const { form, resource } = rendering;
  const include = form.type === 'table' ? form.include : '';
  const headless = rendering.isHeadless ? ' headless' : '';
  const key = `${type} ${resource.version} ${form.type} ${include}${headless}`;
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
    return eventOf(type, last.bytesAt(rendering.resource, record.revision));
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
    case 'object': {
      const type = { kind: resource.kind, apiVersion: apiVersionText(resource) };
      const object = { ...type, ...emptyOf(resource), metadata };
      return resource.custom ? JSON.parse(sortedJson(object)) : object;
    }
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

/** What upstream's structure of a built-in kind says when nothing is in it. */
function emptyOf(resource: ServedResource): Readonly<Record<string, unknown>> {
  if (resource.custom) return {};
  const { empty = {} } = resource.objectSchema() ?? {};
  const isScaled = resource.group === 'apps' && resource.scale !== undefined;
  if (!isScaled || typeof empty['spec'] !== 'object') return empty;
  return { ...empty, spec: { replicas: 0, ...empty['spec'] } };
}

function projected(
  rendering: Rendering,
  objects: readonly StoredObject[],
  revision?: number,
): unknown {
  const [object] = objects;
  if (rendering.form.type === 'table') {
    const resourceVersion = String(revision ?? object?.revision ?? '');
    const head = tableHead(rendering.resource, { resourceVersion });
    return {
      ...head,
      ...(rendering.isHeadless ? { columnDefinitions: null } : {}),
      rows: objects.map((each) => rowOf(rendering, each, revision)),
    };
  }
  return object ? partialOf(object, revision) : undefined;
}

function partialOf(object: StoredObject, revision?: number): unknown {
  const { metadata } = object;
  return {
    kind: 'PartialObjectMetadata',
    apiVersion: 'meta.k8s.io/v1',
    metadata:
      revision === undefined ? metadata : { ...metadata, resourceVersion: String(revision) },
  };
}

function tableHead(resource: ServedResource, metadata: ListMeta): object {
  const columnDefinitions = resource.columns.definitions;
  return { kind: 'Table', apiVersion: 'meta.k8s.io/v1', metadata, columnDefinitions };
}

function rowOf(
  { resource, form, nowMs }: Rendering,
  object: StoredObject,
  revision?: number,
): object {
  const include = form.type === 'table' ? form.include : 'None';
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
