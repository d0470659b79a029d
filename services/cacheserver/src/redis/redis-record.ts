// How a key looks in a Redis-protocol server: one hash with a head per file, and small files beside their heads.

import { crc32 } from 'node:zlib';
import {
  type RespArgument,
  RespMap,
  type RespValue,
  type UnityCacheFileType,
} from '@tweendeck/wire';

/** Files up to this size stand in the record; larger ones in a hash of their own, in chunks. */
export const inlineBytesMax: number = 64 * 1_024;
export const chunkBytes: number = 256 * 1_024;

/** What a record says of one file. */
export interface FileHead {
  readonly sizeBytes: number;
  readonly crc: number;
  /** Wall time of the plane that stored it. */
  readonly storedMs: number;
  /** 32 hex digits. */
  readonly version: string;
  readonly where: 'inline' | 'chunks';
  /** Of each chunk but the last. */
  readonly chunkBytes: number;
}

/** How long what has no time to live stays. */
export const foreverMs: number = 10 * 365 * 86_400_000;
const headBytes = 40;
const formatNow = 1;
const recordName = 'k:';
const valueName = 'v:';

/** Field of a file's head. */
export const headFields = ['a', 'i', 'r'] as const;

/** Field of the bytes of a file that stands in the record. */
export function bytesField(type: UnityCacheFileType): 'A' | 'I' | 'R' {
  return type === 'a' ? 'A' : type === 'i' ? 'I' : 'R';
}

export function encodeHead(head: FileHead): Buffer {
  const bytes = Buffer.alloc(headBytes);
  bytes[0] = formatNow;
  bytes[1] = head.where === 'inline' ? 0 : 1;
  bytes.writeUInt32BE(head.sizeBytes, 2);
  bytes.writeUInt32BE(head.crc, 6);
  bytes.writeUIntBE(Math.min(Math.max(0, Math.floor(head.storedMs)), 2 ** 48 - 1), 10, 6);
  bytes.write(head.version, 16, 'hex');
  bytes.writeUInt32BE(head.chunkBytes, 32);
  bytes.writeUInt32BE(crc32(bytes.subarray(0, headBytes - 4)), headBytes - 4);
  return bytes;
}

/** Undefined for what is no head, a damaged one included. */
export function decodeHead(value: RespValue | undefined): FileHead | undefined {
  if (!Buffer.isBuffer(value) || value.length !== headBytes || value[0] !== formatNow)
    return undefined;
  if (crc32(value.subarray(0, headBytes - 4)) !== value.readUInt32BE(headBytes - 4))
    return undefined;
  return {
    where: value[1] === 0 ? 'inline' : 'chunks',
    sizeBytes: value.readUInt32BE(2),
    crc: value.readUInt32BE(6),
    storedMs: value.readUIntBE(10, 6),
    version: value.toString('hex', 16, 32),
    chunkBytes: value.readUInt32BE(32),
  };
}

/** Fields of a hash, as HGETALL answers in either protocol; undefined when it is none or not there. */
export function fieldsOf(reply: RespValue | undefined): ReadonlyMap<string, RespValue> | undefined {
  const fields = new Map<string, RespValue>();
  if (reply instanceof RespMap) {
    for (const [name, value] of reply.entries) fields.set(String(name), value);
  } else if (Array.isArray(reply)) {
    const items: readonly RespValue[] = reply;
    for (let at = 0; at + 1 < items.length; at += 2)
      fields.set(String(items[at]), items[at + 1] ?? null);
  }
  return fields.size === 0 ? undefined : fields;
}

/** The names of keys under a prefix. */
export class RedisNames {
  readonly #prefix: string;

  constructor(prefix: string) {
    this.#prefix = prefix;
  }

  record(id: Uint8Array): string {
    return `${this.#prefix}${recordName}${Buffer.from(id.buffer, id.byteOffset, 32).toString('hex')}`;
  }

  /** The hash with the chunks of one version of a file. */
  value(id: Uint8Array, type: UnityCacheFileType, version: string): string {
    const hex = Buffer.from(id.buffer, id.byteOffset, 32).toString('hex');
    return `${this.#prefix}${valueName}${hex}:${type}:${version}`;
  }

  /** Matches records, those that begin with `guid` only. */
  recordPattern(guid?: Uint8Array): string {
    const hex = guid === undefined ? '' : Buffer.from(guid).toString('hex');
    return `${escaped(this.#prefix)}${recordName}${hex}*`;
  }

  /** Matches values. */
  get valuePattern(): string {
    return `${escaped(this.#prefix)}${valueName}*`;
  }

  idOf(key: RespValue): Buffer | undefined {
    const hex = this.#behind(key, recordName);
    return hex !== undefined && /^[0-9a-f]{64}$/.test(hex) ? Buffer.from(hex, 'hex') : undefined;
  }

  valueOf(
    key: RespValue,
  ):
    | { readonly id: Buffer; readonly type: UnityCacheFileType; readonly version: string }
    | undefined {
    const found = /^([0-9a-f]{64}):([air]):([0-9a-f]{32})$/.exec(
      this.#behind(key, valueName) ?? '',
    );
    const [, hex, type, version] = found ?? [];
    if (hex === undefined || version === undefined) return undefined;
    if (type !== 'a' && type !== 'i' && type !== 'r') return undefined;
    return { id: Buffer.from(hex, 'hex'), type, version };
  }

  #behind(key: RespValue, name: string): string | undefined {
    const text = Buffer.isBuffer(key) ? key.toString('latin1') : '';
    const start = `${this.#prefix}${name}`;
    return text.startsWith(start) ? text.slice(start.length) : undefined;
  }
}

/** A command with which the server drops a key after `ms`; undefined: in ten years. PERSIST is not used: some servers know it for strings only. */
export function expiry(key: string, ms: number | undefined): readonly RespArgument[] {
  return ['PEXPIRE', key, Math.ceil(ms ?? foreverMs)];
}

function escaped(text: string): string {
  return text.replaceAll(/[*?[\]\\^]/g, '\\$&');
}
