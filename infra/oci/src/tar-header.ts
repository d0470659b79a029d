// The header blocks of one archive member: POSIX ustar, with a pax header before it for what ustar cannot carry.

import { assert, PlatformError } from '@tweendeck/std';

/** Archives are written in blocks of this many bytes. */
const tarBlockBytes = 512;

const nameBytesMax = 100;
/** Eleven octal digits. */
const sizeMax = 0o77777777777;
/** Seven octal digits. */
const idMax = 0o7777777;

const typeFlags = { file: '0', symlink: '2', directory: '5', pax: 'x' } as const;

/** What the header of one member says. */
export interface TarMember {
  readonly kind: 'file' | 'directory' | 'symlink';
  /** Without a trailing `/`. */
  readonly path: string;
  readonly mode: number;
  readonly uid: number;
  readonly gid: number;
  readonly size: number;
  /** Seconds since 1970, 0 or later. */
  readonly mtimeSeconds: number;
  /** Of a symbolic link. */
  readonly target?: string;
}

/** The blocks before the content: one, or three and more where a pax header is needed. Throws OCI_ENTRY_INVALID. */
export function tarHeader(member: TarMember): Buffer {
  const { mtimeSeconds, size } = member;
  if (!Number.isInteger(mtimeSeconds) || mtimeSeconds < 0 || mtimeSeconds > sizeMax) {
    throw new PlatformError('OCI_ENTRY_INVALID', `${member.path}: time ${mtimeSeconds} s`);
  }
  assert(Number.isSafeInteger(size) && size >= 0, `${member.path} has ${size} bytes`);
  const path = member.kind === 'directory' ? `${member.path}/` : member.path;
  const target = member.target ?? '';
  const records = paxRecords({ ...member, path, target });
  const ustar = block({ ...member, path, target, typeFlag: typeFlags[member.kind] });
  if (records.length === 0) return ustar;
  const body = Buffer.concat(records);
  const name = `PaxHeaders.0/${member.path.slice(member.path.lastIndexOf('/') + 1)}`;
  const pax = block({
    path: name,
    target: '',
    mode: 0o644,
    uid: 0,
    gid: 0,
    size: body.length,
    mtimeSeconds,
    typeFlag: typeFlags.pax,
  });
  return Buffer.concat([pax, body, tarPadding(body.length), ustar]);
}

/** The zeros that fill the last block of a content of this size. */
export function tarPadding(size: number): Buffer {
  return Buffer.alloc((tarBlockBytes - (size % tarBlockBytes)) % tarBlockBytes);
}

/** The two blocks of zeros that end an archive. */
export function tarEnd(): Buffer {
  return Buffer.alloc(2 * tarBlockBytes);
}

type PaxFacts = Pick<TarMember, 'size' | 'uid' | 'gid'> & {
  readonly path: string;
  readonly target: string;
};

/** What does not fit: long names, names beyond ASCII, large sizes and ids. In the order of their keys. */
function paxRecords({ path, target, size, uid, gid }: PaxFacts): readonly Buffer[] {
  const records: Buffer[] = [];
  if (gid > idMax) records.push(paxRecord('gid', String(gid)));
  if (!fitsName(target)) records.push(paxRecord('linkpath', target));
  if (!fitsName(path)) records.push(paxRecord('path', path));
  if (size > sizeMax) records.push(paxRecord('size', String(size)));
  if (uid > idMax) records.push(paxRecord('uid', String(uid)));
  return records;
}

function fitsName(text: string): boolean {
  // biome-ignore lint/suspicious/noControlCharactersInRegex: exactly what ASCII is
  return text.length <= nameBytesMax && /^[\x00-\x7f]*$/.test(text);
}

/** `LENGTH KEY=VALUE\n`, where the length counts its own digits. */
function paxRecord(key: string, value: string): Buffer {
  const rest = Buffer.byteLength(` ${key}=${value}\n`);
  let length = rest + String(rest).length;
  if (String(length).length > String(rest).length) length = rest + String(length).length;
  return Buffer.from(`${length} ${key}=${value}\n`);
}

type BlockFacts = Omit<TarMember, 'kind'> & { readonly target: string; readonly typeFlag: string };

/** One ustar header. What does not fit is cut or zero here: the pax header before it tells the truth. */
function block(facts: BlockFacts): Buffer {
  const bytes = Buffer.alloc(tarBlockBytes);
  bytes.write(ascii(facts.path), 0, nameBytesMax, 'latin1');
  octal(bytes, facts.mode, { at: 100, digits: 7 });
  octal(bytes, facts.uid > idMax ? 0 : facts.uid, { at: 108, digits: 7 });
  octal(bytes, facts.gid > idMax ? 0 : facts.gid, { at: 116, digits: 7 });
  octal(bytes, facts.size > sizeMax ? 0 : facts.size, { at: 124, digits: 11 });
  octal(bytes, facts.mtimeSeconds, { at: 136, digits: 11 });
  bytes.write(facts.typeFlag, 156, 'latin1');
  bytes.write(ascii(facts.target), 157, nameBytesMax, 'latin1');
  bytes.write('ustar\x0000', 257, 'latin1');
  octal(bytes, 0, { at: 329, digits: 7 });
  octal(bytes, 0, { at: 337, digits: 7 });
  bytes.write('        ', 148, 'latin1'); // the sum counts its own field as spaces
  const sum = bytes.reduce((total, byte) => total + byte, 0);
  bytes.write(`${sum.toString(8).padStart(6, '0')}\0 `, 148, 'latin1');
  return bytes;
}

function ascii(text: string): string {
  // biome-ignore lint/suspicious/noControlCharactersInRegex: exactly what ASCII is
  return text.replace(/[^\x00-\x7f]/gu, '_');
}

function octal(
  bytes: Buffer,
  value: number,
  { at, digits }: { readonly at: number; readonly digits: number },
): void {
  bytes.write(value.toString(8).padStart(digits, '0'), at, 'latin1');
}
