// Whether a value fits its schema well enough to be merged. Not the validation of an object: no ranges, no required fields.

import { isJsonObject } from '@tweendeck/std';
import { goJson, goQuote } from '../go-format.ts';
import { goPlain } from '../go-plain.ts';
import { itemElement } from './list-item.ts';
import { fieldElement, type PathElement, showPathElement } from './path-element.ts';
import {
  deduced,
  fieldTypeOf,
  type ListType,
  leadingKind,
  type MapType,
  type SchemaType,
} from './schema-type.ts';
import { TypedFault, TypedFaults } from './typed-fault.ts';

/** Whether items of associative lists may be there several times: stored objects may have them, applied ones not. */
export type Duplicates = 'allowed' | 'refused';

/** Throws {@link TypedFault} for wrong kinds of value, undeclared fields, and items that are there twice or have no key. */
export function validateTyped(
  type: SchemaType,
  value: unknown,
  duplicates: Duplicates = 'refused',
): void {
  const faults = new TypedFaults();
  visit(type, value, '', { faults, duplicates });
  faults.throwIfAny();
}

interface Visit {
  readonly faults: TypedFaults;
  readonly duplicates: Duplicates;
}

function visit(declared: SchemaType, value: unknown, path: string, visiting: Visit): void {
  const { faults } = visiting;
  if (value === null || value === undefined) return;
  const type = deduced(declared, value);
  switch (leadingKind(type)) {
    case 'map':
      if (!isJsonObject(value)) faults.add(path, `expected map, got &{${goPlain(value)}}`);
      else if (type.map) visitMap(type.map, value, path, visiting);
      return;
    case 'list':
      if (!Array.isArray(value)) faults.add(path, `expected list, got &{${goPlain(value)}}`);
      else if (type.list) visitList(type.list, value, path, visiting);
      return;
    case 'scalar': {
      const expected = scalarFault(type.scalar, value);
      if (expected !== undefined) faults.add(path, expected);
    }
  }
}

function visitMap(
  map: MapType,
  value: Readonly<Record<string, unknown>>,
  path: string,
  visiting: Visit,
): void {
  for (const [name, item] of Object.entries(value)) {
    const where = path + showPathElement(fieldElement(name));
    const type = fieldTypeOf(map, name);
    if (type === undefined) visiting.faults.add(where, 'field not declared in schema');
    else visit(type, item, where, visiting);
  }
}

function visitList(list: ListType, value: readonly unknown[], path: string, visiting: Visit): void {
  const { faults, duplicates } = visiting;
  const seen = new Set<PathElement>();
  for (const [index, item] of value.entries()) {
    let element = `i:${index}`;
    if (list.relationship !== 'atomic') {
      try {
        element = itemElement(list, item);
      } catch (error) {
        if (!(error instanceof TypedFault)) throw error;
        faults.add(path, `element ${index}: ${error.message}`);
        return;
      }
      if (seen.has(element) && duplicates === 'refused')
        faults.add(path, `duplicate entries for key ${showPathElement(element)}`);
      seen.add(element);
    }
    visit(list.element, item, path + showPathElement(element), visiting);
  }
}

function scalarFault(scalar: SchemaType['scalar'], value: unknown): string | undefined {
  switch (scalar) {
    case 'numeric':
      if (typeof value === 'number' || typeof value === 'bigint') return undefined;
      return `expected numeric (int or float), got ${goTypeOf(value)}`;
    case 'string':
      return typeof value === 'string' ? undefined : `expected string, got ${show(value)}`;
    case 'boolean':
      return typeof value === 'boolean' ? undefined : `expected boolean, got ${show(value)}`;
    case 'untyped':
    case undefined:
      return typeof value === 'object' ? `expected any scalar, got ${show(value)}` : undefined;
  }
}

function goTypeOf(value: unknown): string {
  if (Array.isArray(value)) return '[]interface {}';
  if (typeof value === 'object') return 'map[string]interface {}';
  return typeof value === 'boolean' ? 'bool' : 'string';
}

function show(value: unknown): string {
  return `&value.valueUnstructured{Value:${typeof value === 'string' ? goQuote(value) : goJson(value)}}`;
}
