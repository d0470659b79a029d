// Writes requests and replies of the Unity cache protocol into buffers that the caller owns.

import type { UnityCacheFileType } from './unity-cache-key.ts';
import { letterOfType, writeSizeDigits } from './unity-cache-letters.ts';

/** What the server answers to a version it speaks. */
export const unityCacheVersionAccepted: string = '000000fe';
/** What the server answers to every other version, before it closes. */
export const unityCacheVersionRefused: string = '00000000';

/** Bytes of a hit before its body. */
export const unityCacheHitBytes = 50;
/** Bytes of a miss. */
export const unityCacheMissBytes = 34;
/** Bytes of a get, and of the opening of a transaction. */
export const unityCacheIdCommandBytes = 34;
/** Bytes of a put before its body. */
export const unityCachePutBytes = 18;

/** Writes the 50 bytes before a hit's body at `at`; the id is 32 bytes at `idAt` of `id`. */
export function writeUnityCacheHit(
  target: Uint8Array,
  at: number,
  reply: {
    readonly type: UnityCacheFileType;
    readonly sizeBytes: number;
    readonly id: Uint8Array;
    readonly idAt: number;
  },
): void {
  target[at] = 0x2b;
  target[at + 1] = letterOfType(reply.type);
  writeSizeDigits(target, at + 2, reply.sizeBytes);
  copyId(target, at + 18, reply.id, reply.idAt);
}

/** Writes the 34 bytes of a miss at `at`. */
export function writeUnityCacheMiss(
  target: Uint8Array,
  at: number,
  reply: { readonly type: UnityCacheFileType; readonly id: Uint8Array; readonly idAt: number },
): void {
  target[at] = 0x2d;
  target[at + 1] = letterOfType(reply.type);
  copyId(target, at + 2, reply.id, reply.idAt);
}

/** A get of one file. */
export function unityCacheGet(type: UnityCacheFileType, id: Uint8Array): Buffer {
  return idCommand(0x67, letterOfType(type), id);
}

/** The opening of a transaction. */
export function unityCacheBegin(id: Uint8Array): Buffer {
  return idCommand(0x74, 0x73, id);
}

/** A put before its body of exactly `sizeBytes`. */
export function unityCachePut(type: UnityCacheFileType, sizeBytes: number): Buffer {
  const command = Buffer.allocUnsafe(unityCachePutBytes);
  command[0] = 0x70;
  command[1] = letterOfType(type);
  writeSizeDigits(command, 2, sizeBytes);
  return command;
}

/** The end of a transaction. */
export function unityCacheCommit(): Buffer {
  return Buffer.from('te');
}

/** The goodbye; the server drops what it has not yet sent. */
export function unityCacheQuit(): Buffer {
  return Buffer.from('q');
}

function idCommand(first: number, second: number, id: Uint8Array): Buffer {
  const command = Buffer.allocUnsafe(unityCacheIdCommandBytes);
  command[0] = first;
  command[1] = second;
  copyId(command, 2, id, 0);
  return command;
}

function copyId(target: Uint8Array, at: number, id: Uint8Array, idAt: number): void {
  for (let index = 0; index < 32; index++) target[at + index] = id[idAt + index] ?? 0;
}
