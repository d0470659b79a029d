// Letters and digits as the Unity cache protocol writes them.

import type { UnityCacheFileType } from './unity-cache-key.ts';

/** The value of an ASCII hex digit in either case; -1 for every other byte. */
export function hexDigit(byte: number): number {
  if (byte >= 0x30 && byte <= 0x39) return byte - 0x30;
  const lower = byte | 0x20;
  return lower >= 0x61 && lower <= 0x66 ? lower - 0x57 : -1;
}

/** The file type of its lower-case ASCII letter. */
export function typeOfLetter(byte: number): UnityCacheFileType | undefined {
  switch (byte) {
    case 0x61:
      return 'a';
    case 0x69:
      return 'i';
    case 0x72:
      return 'r';
    default:
      return undefined;
  }
}

/** The ASCII letter of a file type. */
export function letterOfType(type: UnityCacheFileType): number {
  return type === 'a' ? 0x61 : type === 'i' ? 0x69 : 0x72;
}

/** Writes `value` as 16 lower-case hex digits at `at`. */
export function writeSizeDigits(target: Uint8Array, at: number, value: number): void {
  let rest = value;
  for (let digit = at + 15; digit >= at; digit--) {
    const nibble = rest % 16;
    target[digit] = nibble < 10 ? 0x30 + nibble : 0x57 + nibble;
    rest = (rest - nibble) / 16;
  }
}
