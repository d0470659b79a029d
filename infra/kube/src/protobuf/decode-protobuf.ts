// Decodes Kubernetes protobuf request bodies to the objects that their JSON would give.

import { isJsonObject } from '@tweendeck/std';
import { setOwn } from '../patch/merge-patch.ts';
import type { ProtobufField, ProtobufTables } from './protobuf-tables.ts';
import { embeddedJson, specialValues, wrappedBytes } from './special-values.ts';
import { malformed, textOf, WireReader, type WireType } from './wire-reader.ts';

/** `k8s` and a zero byte open every body. */
const magic = [0x6b, 0x38, 0x73, 0x00];
/** Deeper messages are refused; only schemas of custom resources nest without end. */
const depthMax = 100;

/** Whether a body opens as Kubernetes' protobuf envelope does. */
export function isProtobuf(bytes: Uint8Array): boolean {
  return magic.every((byte, index) => bytes[index] === byte);
}

/**
 * The object in a `application/vnd.kubernetes.protobuf` body, with `apiVersion` and `kind`. Throws ApiError 400 for
 * malformed bodies and for kinds that are not in the tables.
 */
export function decodeProtobuf(bytes: Uint8Array, tables: ProtobufTables): Record<string, unknown> {
  return decodeEnvelope(bytes, tables, 0);
}

function decodeEnvelope(
  bytes: Uint8Array,
  tables: ProtobufTables,
  depth: number,
): Record<string, unknown> {
  if (!isProtobuf(bytes)) throw malformed('it does not open with k8s and a zero byte');
  const { apiVersion, kind, raw } = readUnknown(bytes.subarray(magic.length));
  const message = tables.messageOf(apiVersion, kind);
  if (message === undefined)
    throw malformed(`no kind ${JSON.stringify(kind)} is served in version "${apiVersion}"`);
  const fields = new MessageDecoder(tables).decode(message, raw, depth);
  return { apiVersion, kind, ...fields };
}

/** `runtime.Unknown`: type (1), the message (2), content encoding (3), content type (4). */
function readUnknown(bytes: Uint8Array): {
  readonly apiVersion: string;
  readonly kind: string;
  readonly raw: Uint8Array;
} {
  const reader = new WireReader(bytes);
  let type = { apiVersion: '', kind: '' };
  let raw = new Uint8Array();
  while (!reader.done) {
    const { number, wire } = reader.tag();
    if (wire !== 2) reader.skip(wire);
    else if (number === 1) type = readType(reader.bytes());
    else if (number === 2) raw = new Uint8Array(reader.bytes());
    else if (number === 3) {
      const encoding = textOf(reader.bytes());
      if (encoding !== '') throw malformed(`content encoding "${encoding}"`);
    } else reader.skip(wire);
  }
  return { ...type, raw };
}

function readType(bytes: Uint8Array): { apiVersion: string; kind: string } {
  const type = { apiVersion: '', kind: '' };
  const reader = new WireReader(bytes);
  while (!reader.done) {
    const { number, wire } = reader.tag();
    if (number === 1 && wire === 2) type.apiVersion = textOf(reader.bytes());
    else if (number === 2 && wire === 2) type.kind = textOf(reader.bytes());
    else reader.skip(wire);
  }
  return type;
}

class MessageDecoder {
  readonly #tables: ProtobufTables;

  constructor(tables: ProtobufTables) {
    this.#tables = tables;
  }

  decode(message: string, bytes: Uint8Array, depth: number): Record<string, unknown> {
    const fields = this.#tables.fieldsOf(message);
    if (fields === undefined) throw malformed(`the tables lack ${message}`);
    if (depth > depthMax) throw malformed(`messages nested deeper than ${depthMax}`);
    const result: Record<string, unknown> = {};
    const reader = new WireReader(bytes);
    while (!reader.done) {
      const { number, wire } = reader.tag();
      const field = fields.get(number);
      if (field === undefined) reader.skip(wire);
      else this.#readInto(result, field, reader, wire, depth);
    }
    return result;
  }

  #readInto(
    result: Record<string, unknown>,
    field: ProtobufField,
    reader: WireReader,
    wire: WireType,
    depth: number,
  ): void {
    const { name } = field;
    if (field.shape === 'map') {
      const [key, value] = this.#entry(field.type, reader.bytes(), depth);
      const map = result[name];
      if (isJsonObject(map)) setOwn(map, key, value);
      else {
        const made: Record<string, unknown> = {};
        setOwn(made, key, value);
        result[name] = made;
      }
      return;
    }
    if (field.shape === 'list') {
      const list = result[name];
      const items = this.#items(field.type, reader, wire, depth);
      result[name] = Array.isArray(list) ? [...list, ...items] : items;
      return;
    }
    const value = this.#value(field.type, reader, wire, depth);
    if (name === '>inline') {
      if (isJsonObject(value)) Object.assign(result, value);
    } else if (value === undefined || (field.zeroIsUnset && isZero(value))) delete result[name];
    else result[name] = value;
  }

  /** One item, or all those of a packed list of numbers. */
  #items(type: string, reader: WireReader, wire: WireType, depth: number): unknown[] {
    if (wire !== 2 || !numeric.has(type)) return [this.#value(type, reader, wire, depth) ?? null];
    const packed = new WireReader(reader.bytes());
    const items: unknown[] = [];
    while (!packed.done) items.push(this.#value(type, packed, type === 'float64' ? 1 : 0, depth));
    return items;
  }

  /** Key (1) and value (2); a missing value is the zero of its type. */
  #entry(type: string, bytes: Uint8Array, depth: number): readonly [string, unknown] {
    const reader = new WireReader(bytes);
    let key = '';
    let value: unknown;
    while (!reader.done) {
      const { number, wire } = reader.tag();
      if (number === 1 && wire === 2) key = textOf(reader.bytes());
      else if (number === 2) value = this.#value(type, reader, wire, depth);
      else reader.skip(wire);
    }
    return [key, value ?? zeroOf(type)];
  }

  #value(type: string, reader: WireReader, wire: WireType, depth: number): unknown {
    const expected = type === 'float64' ? 1 : numeric.has(type) ? 0 : 2;
    if (wire !== expected) throw malformed(`wire type ${wire} for a field of type ${type}`);
    switch (type) {
      case 'string':
        return textOf(reader.bytes());
      case 'bytes':
        return Buffer.from(reader.bytes()).toString('base64');
      case 'bool':
        return reader.varint() !== 0n;
      case 'int32':
        return Number(BigInt.asIntN(32, reader.varint()));
      case 'int64':
        return exactNumber(BigInt.asIntN(64, reader.varint()));
      case 'float64':
        return reader.double();
      default:
        return this.#message(type, reader.bytes(), depth + 1);
    }
  }

  #message(type: string, bytes: Uint8Array, depth: number): unknown {
    const special = specialValues.get(type);
    if (special !== undefined) return special(bytes);
    switch (type) {
      case 'runtime.RawExtension': {
        const raw = wrappedBytes(bytes);
        return isProtobuf(raw) ? decodeEnvelope(raw, this.#tables, depth) : embeddedJson(raw);
      }
      case 'apiextensions/v1.JSONSchemaPropsOrArray':
      case 'apiextensions/v1.JSONSchemaPropsOrBool':
      case 'apiextensions/v1.JSONSchemaPropsOrStringArray':
        return this.#alternative(type, bytes, depth);
      default:
        return this.decode(type, bytes, depth);
    }
  }

  /** A message of two fields without names, of which one counts: a list before a schema before a truth value. */
  #alternative(type: string, bytes: Uint8Array, depth: number): unknown {
    const fields = this.#tables.fieldsOf(type);
    const reader = new WireReader(bytes);
    const list: unknown[] = [];
    let schema: unknown;
    let flag = false;
    while (!reader.done) {
      const { number, wire } = reader.tag();
      const field = fields?.get(number);
      if (field === undefined) reader.skip(wire);
      else if (field.shape === 'list') list.push(this.#value(field.type, reader, wire, depth));
      else if (field.type === 'bool') flag = this.#value('bool', reader, wire, depth) === true;
      else schema = this.#value(field.type, reader, wire, depth);
    }
    if (list.length > 0) return list;
    if (schema !== undefined) return schema;
    return type.endsWith('OrBool') ? flag : undefined;
  }
}

const numeric: ReadonlySet<string> = new Set(['bool', 'int32', 'int64', 'float64']);

function isZero(value: unknown): boolean {
  return value === '' || value === 0 || value === false;
}

function zeroOf(type: string): unknown {
  if (type === 'string' || type === 'bytes') return '';
  if (type === 'resource.Quantity') return '0';
  if (/Or(StringArray|Array)$/.test(type)) return null;
  return type === 'bool' ? false : numeric.has(type) ? 0 : {};
}

function exactNumber(value: bigint): number {
  const number = Number(value);
  if (!Number.isSafeInteger(number)) throw malformed(`${value} is beyond the integers of JSON`);
  return number;
}
