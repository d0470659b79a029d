// `FieldsV1`, the spelling of a field set in `metadata.managedFields`.

import { isJsonObject } from '@tweendeck/std';
import { FieldSet } from './field-set.ts';
import { comparePathElements, type PathElement, parsePathElement } from './path-element.ts';

/** Encodes a set, keys in upstream's order. */
export function encodeFieldsV1(set: FieldSet): Readonly<Record<string, unknown>> {
  return encode(set, 'not-itself');
}

function encode(set: FieldSet, itself: 'itself' | 'not-itself'): Record<string, unknown> {
  const result: Record<string, unknown> = {};
  if (itself === 'itself' && !set.isEmpty) result['.'] = {};
  const elements = new Set([...set.members, ...set.children.keys()]);
  for (const element of [...elements].sort(comparePathElements))
    result[element] = encode(
      set.behind(element),
      set.members.has(element) ? 'itself' : 'not-itself',
    );
  return result;
}

/** Decodes a set; steps of kinds not known here are left out. Throws SyntaxError for what is no FieldsV1. */
export function decodeFieldsV1(fields: unknown): FieldSet {
  return decode(fields).set;
}

function decode(fields: unknown): { readonly set: FieldSet; readonly itself: boolean } {
  if (!isJsonObject(fields)) throw new SyntaxError('FieldsV1 consists of objects only');
  const members = new Set<PathElement>();
  const children = new Map<PathElement, FieldSet>();
  let itself = false;
  for (const [key, value] of Object.entries(fields)) {
    if (key === '.') {
      itself = true;
      continue;
    }
    const element = parsePathElement(key);
    if (element === undefined) continue;
    const child = decode(value);
    if (child.itself) members.add(element);
    if (!child.set.isEmpty) children.set(element, child.set);
  }
  const set = new FieldSet(members, children);
  return { set, itself: itself || set.isEmpty };
}
