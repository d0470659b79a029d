// Which step leads to an item of an associative list.

import { isJsonObject } from '@tweendeck/std';
import { goQuote } from '../go-format.ts';
import { keyElement, type PathElement, valueElement } from './path-element.ts';
import type { ListType } from './schema-type.ts';
import { TypedFault } from './typed-fault.ts';

/** The step to an item of a `set` or `map` list. Throws {@link TypedFault} for an item that has none. */
export function itemElement(list: ListType, item: unknown): PathElement {
  return list.relationship === 'map' && list.keys.length > 0
    ? keyedElement(list, item)
    : setElement(item);
}

/** The step that all items without one share. */
const noElement: PathElement = '';

/** The step to an item, where items without one are walked all the same. */
export function itemElementIfAny(list: ListType, item: unknown): PathElement {
  try {
    return itemElement(list, item);
  } catch (error) {
    if (error instanceof TypedFault) return noElement;
    throw error;
  }
}

function keyedElement(list: ListType, item: unknown): PathElement {
  if (item === null) throw new TypedFault('associative list with keys may not have a null element');
  if (!isJsonObject(item))
    throw new TypedFault('associative list with keys may not have non-map elements');
  const keys: Record<string, unknown> = {};
  for (const name of list.keys) {
    const value = Object.hasOwn(item, name) ? item[name] : list.element.map?.defaultOf(name);
    if (value !== undefined) keys[name] = value;
  }
  if (Object.keys(keys).length === 0)
    throw new TypedFault(
      `associative list with keys has an element that omits all key fields [${list.keys.map(goQuote).join(' ')}] (and doesn't have default values for any key fields)`,
    );
  return keyElement(keys);
}

function setElement(item: unknown): PathElement {
  if (isJsonObject(item))
    throw new TypedFault("associative list without keys has an element that's a map type");
  if (Array.isArray(item))
    throw new TypedFault('not supported: associative list with lists as elements');
  if (item === null)
    throw new TypedFault("associative list without keys has an element that's an explicit null");
  return valueElement(item);
}
