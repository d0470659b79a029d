// One object as it lies in memory: its JSON, revision spliced in, and what is read from it on demand.

import { assert } from '@tweendeck/std';
import { type Draft, type DraftMeta, valueAt } from './draft.ts';
import { oneOf, type Piece, SplicedPiece } from './piece.ts';

const metadataMark = Buffer.from('"metadata":{');

/** The bytes that are stored: kind, apiVersion and metadata come first, and metadata has no resourceVersion. */
export function encodeForStore(object: Draft): Buffer {
  const { apiVersion, kind, metadata, ...rest } = object;
  const { resourceVersion: _, name, ...meta } = metadata;
  assert(name, 'an object that is stored has a name');
  return lasting([JSON.stringify({ kind, apiVersion, metadata: { name, ...meta }, ...rest })]);
}

/** Where the object that is the metadata begins. */
function metadataStart(stored: Buffer): number {
  const mark = stored.indexOf(metadataMark);
  assert(mark > 0, 'a stored object has metadata');
  return mark + metadataMark.length - 1;
}

/**
 * Memory of its own for what is kept long: small buffers that Node makes share 64 KiB slabs, and one object that stays
 * would keep the whole slab.
 */
function lasting(parts: readonly (string | Uint8Array)[]): Buffer {
  const sizes = parts.map((part) => Buffer.byteLength(part));
  const bytes = Buffer.allocUnsafeSlow(sizes.reduce((total, size) => total + size, 0));
  let at = 0;
  for (const part of parts) {
    if (typeof part === 'string') at += bytes.write(part, at);
    else {
      bytes.set(part, at);
      at += part.byteLength;
    }
  }
  return bytes;
}

/** How a served version's form of an object is made from the stored one. */
export interface Codec {
  /** Undefined: both are the same. */
  readonly fromStored: ((object: Draft) => Draft) | undefined;
  /** Those that are the same may hide something from readers, though not from writers; asked of every object that is read. Undefined: all is shown. */
  readonly shownOf?: ((object: StoredObject) => Draft | undefined) | undefined;
  /** How what was made is written; usually type and version come first. */
  readonly toJson?: (object: Draft) => string;
}

/** An object of the cache. Immutable; a change makes a new one. */
export class StoredObject {
  /** `namespace/name`, or the name alone. */
  readonly key: string;
  readonly revision: number;
  /** As it is in the store, which shares this memory. */
  readonly #stored: Buffer;
  readonly #metadataAt: number;
  #parsed: WeakRef<Draft> | undefined;
  #encoded: { readonly codec: Codec; readonly bytes: Buffer } | undefined;
  #labels: Readonly<Record<string, string>> | undefined;
  #fields: Map<string, string> | undefined;

  constructor(key: string, stored: Uint8Array, revision: number) {
    this.key = key;
    this.revision = revision;
    this.#stored = Buffer.from(stored.buffer, stored.byteOffset, stored.byteLength);
    this.#metadataAt = metadataStart(this.#stored);
  }

  /** A copy in the stored version, to change at will. */
  draft(): Draft {
    // Only encodeForStore makes what is stored.
    const draft = JSON.parse(this.#stored.toString()) as Draft;
    draft.metadata = this.#withRevision(draft.metadata);
    return draft;
  }

  /** The object in the stored version, shared: not to be changed. */
  peek(): Draft {
    const known = this.#parsed?.deref();
    if (known) return known;
    const parsed = this.draft();
    this.#parsed = new WeakRef(parsed);
    return parsed;
  }

  /** Its metadata alone, which is much faster to read. Not to be changed. */
  get metadata(): DraftMeta {
    const known = this.#parsed?.deref();
    if (known) return known.metadata;
    const start = this.#metadataAt;
    const text = this.#stored.toString('utf8', start, objectEnd(this.#stored, start));
    // Only encodeForStore makes what is stored.
    return this.#withRevision(JSON.parse(text) as DraftMeta);
  }

  /** What is stored, with a revision as resourceVersion; revision 0 was never stored, and has none. */
  #at(revision: number): Piece {
    if (revision === 0) return this.#stored;
    const text = `"resourceVersion":"${revision}",`;
    return new SplicedPiece(this.#stored, { at: this.#metadataAt + 1, text });
  }

  #withRevision(metadata: DraftMeta): DraftMeta {
    const { revision } = this;
    return revision === 0 ? metadata : { resourceVersion: String(revision), ...metadata };
  }

  /** The object's JSON as this version is served. */
  bytes(codec: Codec): Buffer {
    return bufferOf(this.piece(codec));
  }

  /** As {@link bytes}, sharing memory with what is kept. */
  piece(codec: Codec): Piece {
    if (this.#encoded?.codec === codec) return this.#encoded.bytes;
    const converted = this.#converted(codec);
    if (!converted) return this.#at(this.revision);
    const bytes = encodeAs(codec, converted);
    this.#encoded = { codec, bytes };
    return bytes;
  }

  /** As {@link bytes}, but for the revision: that of its deletion. */
  bytesAt(codec: Codec, revision: number): Buffer {
    const converted = this.#converted(codec);
    if (!converted) return bufferOf(this.#at(revision));
    converted.metadata.resourceVersion = String(revision);
    return encodeAs(codec, converted);
  }

  /** A copy as the codec has it; undefined: as it is in memory. */
  #converted({ fromStored, shownOf }: Codec): Draft | undefined {
    return fromStored ? fromStored(this.draft()) : shownOf?.(this);
  }

  /** The labels, read from the object once. */
  get labels(): Readonly<Record<string, string>> {
    this.#labels ??= this.metadata.labels ?? {};
    return this.#labels;
  }

  /** A selectable field as text, empty without a value; read from the object once. */
  field(name: string, path: readonly string[]): string {
    const known = this.#fields?.get(name);
    if (known !== undefined) return known;
    const value = valueAt(this.peek(), path);
    const text = value === undefined || value === null ? '' : String(value);
    this.#fields ??= new Map();
    this.#fields.set(name, text);
    return text;
  }

  get byteLength(): number {
    return this.#stored.byteLength;
  }

  get namespace(): string {
    const slash = this.key.indexOf('/');
    return slash < 0 ? '' : this.key.slice(0, slash);
  }

  get name(): string {
    return this.key.slice(this.key.indexOf('/') + 1);
  }
}

const quote = 0x22;
const backslash = 0x5c;
const opened = 0x7b;
const closed = 0x7d;

/** Where the JSON object ends that begins at `start`. */
function objectEnd(bytes: Uint8Array, start: number): number {
  let depth = 0;
  for (let at = start; at < bytes.length; at++) {
    const byte = bytes[at];
    if (byte === quote) {
      for (at++; at < bytes.length && bytes[at] !== quote; at++) if (bytes[at] === backslash) at++;
    } else if (byte === opened) depth++;
    else if (byte === closed && --depth === 0) return at + 1;
  }
  return bytes.length;
}

function bufferOf(piece: Piece): Buffer {
  const { buffer, byteOffset, byteLength } = oneOf([piece]);
  return Buffer.from(buffer, byteOffset, byteLength);
}

function encodeAs({ toJson }: Codec, object: Draft): Buffer {
  return lasting([toJson ? toJson(object) : JSON.stringify(resourceVersionFirst(object))]);
}

function resourceVersionFirst(object: Draft): Draft {
  const { apiVersion, kind, metadata, ...rest } = object;
  const { resourceVersion, ...meta } = metadata;
  const ordered: DraftMeta = resourceVersion === undefined ? meta : { resourceVersion, ...meta };
  return { kind, apiVersion, metadata: ordered, ...rest };
}
