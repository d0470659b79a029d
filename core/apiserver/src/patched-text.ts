// An object that a patch made and that is none of its kind, as upstream shows it to whoever sent the patch.

import { type RootedSchema, referenceOf, type SchemaNode } from '@tweendeck/kube';
import { isJsonObject } from '@tweendeck/std';
import fieldOrder from './generated/field-order.json' with { type: 'json' };

/**
 * Its JSON. Upstream's library takes apart what a patch touches and puts it together again with keys in order; what it
 * does not touch stays as upstream's structures are written, custom objects as maps. `touched` has the keys of a merge
 * patch; what it says in lists stays as it says it.
 */
export function patchedText(
  object: unknown,
  touched: unknown,
  schema: RootedSchema | undefined,
): string {
  const anew = (value: unknown, said: unknown, node: SchemaNode | undefined): unknown => {
    if (Array.isArray(value)) {
      if (Array.isArray(said)) return value;
      const { items } = followed(node);
      return value.map((item, at) => anew(item, isJsonObject(said) ? said[at] : undefined, items));
    }
    if (!isJsonObject(value)) return value;
    const isTouched = isJsonObject(said);
    const names = isTouched ? Object.keys(value).toSorted() : writtenOrder(value, node);
    const { properties = {}, additionalProperties } = followed(node);
    const others = typeof additionalProperties === 'object' ? additionalProperties : undefined;
    return Object.fromEntries(
      names.map((name) => {
        const inner = Object.hasOwn(properties, name) ? properties[name] : others;
        return [name, anew(value[name], isTouched ? said[name] : undefined, inner)];
      }),
    );
  };
  const followed = (node: SchemaNode | undefined): SchemaNode => {
    const reference = node && referenceOf(node);
    return (reference === undefined ? node : schema?.source.resolve(reference)) ?? {};
  };
  return JSON.stringify(anew(object, touched, schema?.root));
}

/** Of structures the order in which upstream declares their fields; keys of maps in order. */
function writtenOrder(
  value: Readonly<Record<string, unknown>>,
  node: SchemaNode | undefined,
): readonly string[] {
  const reference = (node && referenceOf(node)) ?? '';
  const orders: Readonly<Record<string, readonly string[]>> = fieldOrder;
  const order = orders[reference.slice(reference.lastIndexOf('/') + 1)];
  const names = Object.keys(value).toSorted();
  if (!order) return names;
  const rank = (name: string): number => (order.indexOf(name) + 1 || order.length + 1) - 1;
  return names.toSorted((left, right) => rank(left) - rank(right));
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
