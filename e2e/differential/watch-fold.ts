// Watch events as they are compared: per object, in order, without what only timing decides.

import { isJsonObject, jsonEqual } from '@tweendeck/std';

export interface WatchEvent {
  readonly type: string;
  readonly object: unknown;
}

/** The complete lines of a watch's body; what follows the last line feed was not yet whole. */
export function watchEvents(body: string): readonly WatchEvent[] {
  const lines = body.split('\n').slice(0, -1);
  return lines
    .filter((line) => line !== '')
    .map((line) => {
      const event: unknown = JSON.parse(line);
      if (!isJsonObject(event)) return { type: '', object: event };
      return { type: String(event['type']), object: event['object'] };
    });
}

/**
 * The events by object, `NAMESPACE/NAME`, each in its order. Left out:
 * - bookmarks that only keep a resourceVersion fresh: when they come is timing. The one that ends the initial events stays;
 * - with `statusSteps: 'folded'`, of several MODIFIED in a row that differ in status and managed fields alone all but
 *   the last: controllers may take more or fewer steps to the same end.
 */
export function foldEvents(
  events: readonly WatchEvent[],
  { statusSteps }: { readonly statusSteps: 'kept' | 'folded' },
): Readonly<Record<string, readonly WatchEvent[]>> {
  const byObject: Record<string, WatchEvent[]> = {};
  for (const event of events) {
    if (event.type === 'BOOKMARK' && !isInitialEnd(event.object)) continue;
    const name = nameOf(event);
    const sequence = byObject[name] ?? [];
    byObject[name] = sequence;
    const last = sequence.at(-1);
    const folds =
      statusSteps === 'folded' && last?.type === 'MODIFIED' && event.type === 'MODIFIED';
    if (folds && jsonEqual(essence(last.object), essence(event.object))) sequence.pop();
    sequence.push(event);
  }
  return byObject;
}

function isInitialEnd(object: unknown): boolean {
  return JSON.stringify(object).includes('"k8s.io/initial-events-end"');
}

function nameOf({ type, object }: WatchEvent): string {
  if (type === 'BOOKMARK' || type === 'ERROR') return type;
  const metadata = metadataOf(object);
  const namespace = metadata?.['namespace'];
  const name = String(metadata?.['name']);
  return typeof namespace === 'string' ? `${namespace}/${name}` : name;
}

/** Of an object, or of the one row of a table. */
function metadataOf(object: unknown): Record<string, unknown> | undefined {
  if (!isJsonObject(object)) return undefined;
  if (isJsonObject(object['metadata']) && typeof object['metadata']['name'] === 'string') {
    return object['metadata'];
  }
  const rows: unknown = object['rows'];
  const row: unknown = Array.isArray(rows) ? rows[0] : undefined;
  return isJsonObject(row) ? metadataOf(row['object']) : undefined;
}

/** What is left of an object without what controllers report. */
function essence(object: unknown): unknown {
  if (!isJsonObject(object)) return object;
  const { status: _, metadata, ...rest } = object;
  if (!isJsonObject(metadata)) return rest;
  const { resourceVersion: _version, managedFields: _managed, ...kept } = metadata;
  return { ...rest, metadata: kept };
}
