// An object that a patch made and that is none of its kind, as upstream shows it to whoever sent the patch.

import { isJsonObject } from '@tweendeck/std';

type Fields = Readonly<Record<string, unknown>>;

/**
 * Its JSON. Upstream's library takes apart what a patch touches and puts it together again with keys in order; what it
 * does not touch stays as upstream's structures are written. `touched` has the keys of a merge patch.
 */
export function patchedText(object: unknown, touched: unknown): string {
  return JSON.stringify(ordered(object, touched, 'object'));
}

/** What the operations of a JSON patch touch, in the form of a merge patch. */
export function touchedBy(operations: unknown): unknown {
  const root: Record<string, unknown> = {};
  if (!Array.isArray(operations)) return root;
  for (const operation of operations) {
    const pointer: unknown = isJsonObject(operation) ? operation['path'] : undefined;
    if (typeof pointer !== 'string') continue;
    let place = root;
    for (const step of pointer.split('/').slice(1, -1)) {
      const next = isJsonObject(place[step]) ? place[step] : {};
      place[step] = next;
      place = next;
    }
  }
  return root;
}

function ordered(
  value: unknown,
  touched: unknown,
  place: 'object' | 'metadata' | 'other',
): unknown {
  if (!isJsonObject(value)) return value;
  const isTouched = isJsonObject(touched);
  const names = isTouched ? Object.keys(value).toSorted() : writtenOrder(value, place);
  return Object.fromEntries(
    names.map((name) => {
      const inner = place === 'object' && name === 'metadata' ? 'metadata' : 'other';
      return [name, ordered(value[name], isTouched ? touched[name] : undefined, inner)];
    }),
  );
}

const metadataFields: readonly string[] = [
  ...['name', 'generateName', 'namespace', 'uid', 'resourceVersion', 'generation'],
  ...['creationTimestamp', 'deletionTimestamp', 'deletionGracePeriodSeconds', 'labels'],
  ...['annotations', 'ownerReferences', 'finalizers', 'managedFields'],
];

/** Of metadata the order of upstream's structure; anything else as it lies there. */
function writtenOrder(value: Fields, place: 'object' | 'metadata' | 'other'): readonly string[] {
  if (place !== 'metadata') return Object.keys(value);
  const rank = (name: string): number => (metadataFields.indexOf(name) + 1 || 99) - 1;
  return Object.keys(value).toSorted((left, right) => rank(left) - rank(right));
}
