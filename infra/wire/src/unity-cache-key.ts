// The names of things in the Unity cache protocol: file types, and the text forms of GUID and hash.

/** The three files of an asset: `a` binary, `i` info, `r` resource. */
export type UnityCacheFileType = 'a' | 'i' | 'r';

/** The file types in the order in which tables of three keep them. */
export const unityCacheFileTypes: readonly UnityCacheFileType[] = ['a', 'i', 'r'];

/** Bytes of an id on the wire: 16 of the GUID, 16 of the hash. */
export const unityCacheIdBytes = 32;

/** The place of a type in {@link unityCacheFileTypes}. */
export function unityCacheFileTypeIndex(type: UnityCacheFileType): 0 | 1 | 2 {
  return type === 'a' ? 0 : type === 'i' ? 1 : 2;
}

/** The 16 bytes of a GUID in Unity's text form, where each byte's two hex digits are swapped; undefined when it is not 32 hex digits. */
export function parseUnityGuid(text: string): Buffer | undefined {
  const bytes = parseUnityHash(text);
  return bytes === undefined ? undefined : swapDigits(bytes);
}

/** Unity's text form of a GUID (16 bytes): `1f` on the wire is written `f1`. */
export function unityGuidText(bytes: Uint8Array): string {
  return swapDigits(Buffer.from(bytes)).toString('hex');
}

/** The 16 bytes of a hash in its text form, plain hex; undefined when it is not 32 hex digits. */
export function parseUnityHash(text: string): Buffer | undefined {
  return /^[0-9a-fA-F]{32}$/.test(text) ? Buffer.from(text, 'hex') : undefined;
}

/** The text form of a hash (16 bytes): plain lower-case hex. */
export function unityHashText(bytes: Uint8Array): string {
  return Buffer.from(bytes).toString('hex');
}

/** `guid-hash` of a 32-byte id, as the peers name their files. */
export function unityCacheIdText(id: Uint8Array): string {
  return `${unityGuidText(id.subarray(0, 16))}-${unityHashText(id.subarray(16, 32))}`;
}

/** The 32-byte id of a GUID and a hash in text form; undefined when either is malformed. */
export function parseUnityCacheId(guid: string, hash: string): Buffer | undefined {
  const guidBytes = parseUnityGuid(guid);
  const hashBytes = parseUnityHash(hash);
  return guidBytes && hashBytes ? Buffer.concat([guidBytes, hashBytes]) : undefined;
}

function swapDigits(bytes: Buffer): Buffer {
  return Buffer.from(bytes.map((byte) => ((byte & 0x0f) << 4) | (byte >>> 4)));
}
