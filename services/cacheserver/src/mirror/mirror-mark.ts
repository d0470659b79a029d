// How cache servers know one another through a protocol that has no field for it: by keys that are never stored.

import type { BodyReader, StoredEntry } from '../dataplane/value-store.ts';

// A key with a hash of zeros is never stored, by any server: a get of it is a miss, a transaction of it is dropped. The
// GUID is free to say something to whoever listens.
const magic = Buffer.from('twndmirr', 'latin1');

/** Names a namespace to its mirrors; 8 bytes. */
export type NodeId = Buffer;

export const nodeIdBytes = 8;

/** Getting the info of this key gives the node id of a server that knows marks; others miss. */
export const whoKey: Buffer = keyOf(Buffer.alloc(nodeIdBytes));

/** An empty transaction of this key says who sends the transactions behind it on the same connection. */
export function announcementKey(node: NodeId): Buffer {
  return keyOf(node);
}

/** The node id of a mark, all zeros in `whoKey`; undefined for every other key. */
export function markedNode(bytes: Uint8Array, at: number): NodeId | undefined {
  if (bytes[at] !== magic[0]) return undefined; // nearly always enough
  const key = Buffer.from(bytes.subarray(at, at + 32));
  if (magic.compare(key, 0, magic.length) !== 0) return undefined;
  if (key.subarray(16).some((byte) => byte !== 0)) return undefined;
  return key.subarray(magic.length, magic.length + nodeIdBytes);
}

/** A small file that is not in any store, as the info file of its key. */
export function wordEntry(word: Buffer): StoredEntry {
  return {
    sizeOf: (type) => (type === 'i' ? word.length : 0),
    copy: (_type, target, at) => {
      word.copy(target, at);
      return true;
    },
    open: () => readerOf(word),
    retain: () => undefined,
    release: () => undefined,
  };
}

function readerOf(word: Buffer): BodyReader {
  let rest: Buffer | undefined = word;
  return {
    next: () => {
      const part = rest;
      rest = undefined;
      return part;
    },
    close: () => undefined,
  };
}

function keyOf(node: Buffer): Buffer {
  return Buffer.concat([magic, node, Buffer.alloc(16)]);
}
