// What a layer is made of: files, directories and links, in any order; brought into the one order that is written.

import { PlatformError } from '@tweendeck/std';

interface EntryBase {
  /** Inside the image, with `/`; a leading `/` is allowed and means the same. */
  readonly path: string;
  /** Permission bits, set-id and sticky bits: 0 to 0o7777. */
  readonly mode?: number;
  /** 0 by default, as the group. */
  readonly uid?: number;
  readonly gid?: number;
}

/** A regular file, 0644 by default. Files on disk are read while the layer is written, never held whole. */
export interface FileEntry extends EntryBase {
  readonly kind: 'file';
  readonly content: { readonly file: string } | Uint8Array | string;
}

/** A directory, 0755 by default. */
export interface DirectoryEntry extends EntryBase {
  readonly kind: 'directory';
}

/** A symbolic link; the target is written as it is, so it may be absolute and may lead to nothing. */
export interface SymlinkEntry extends EntryBase {
  readonly kind: 'symlink';
  readonly target: string;
}

/** One member of a layer. */
export type LayerEntry = FileEntry | DirectoryEntry | SymlinkEntry;

/**
 * The entries as they are written: paths without leading or doubled `/`, directories that only the paths imply added
 * (0755, owned by root), parents before children, siblings in byte order. Throws OCI_PATH_INVALID, OCI_PATH_DUPLICATE
 * and OCI_ENTRY_INVALID.
 */
export function orderedEntries(entries: Iterable<LayerEntry>): readonly LayerEntry[] {
  const byPath = new Map<string, LayerEntry>();
  for (const entry of entries) {
    const path = normalPath(entry.path);
    checkNumbers(entry);
    if (entry.kind === 'symlink') checkTarget(entry);
    if (byPath.has(path)) {
      throw new PlatformError('OCI_PATH_DUPLICATE', `the layer has two entries for ${path}`);
    }
    byPath.set(path, { ...entry, path });
  }
  for (const path of [...byPath.keys()]) addParents(byPath, path);
  return [...byPath]
    .map(([path, entry]) => ({ key: sortKey(path), entry }))
    .sort((left, right) => Buffer.compare(left.key, right.key))
    .map(({ entry }) => entry);
}

/** `/usr//bin/` is `usr/bin`. Throws OCI_PATH_INVALID. */
function normalPath(path: string): string {
  const segments = path.split('/').filter((segment) => segment !== '' && segment !== '.');
  if (segments.length === 0 || segments.includes('..') || path.includes('\0')) {
    throw new PlatformError('OCI_PATH_INVALID', `${JSON.stringify(path)} names nothing in a layer`);
  }
  if (!path.isWellFormed()) {
    throw new PlatformError('OCI_PATH_INVALID', `${JSON.stringify(path)} is no valid Unicode text`);
  }
  return segments.join('/');
}

function checkTarget({ path, target }: SymlinkEntry): void {
  if (target === '' || target.includes('\0') || !target.isWellFormed()) {
    throw new PlatformError('OCI_PATH_INVALID', `the link ${path} leads to no valid path`);
  }
}

/** User and group ids as Linux has them: 32 bits, the last one means "unchanged". */
const idMax = 0xffff_fffe;

function checkNumbers({ path, mode = 0, uid = 0, gid = 0 }: LayerEntry): void {
  const valid = (value: number, max: number): boolean =>
    Number.isInteger(value) && value >= 0 && value <= max;
  if (!valid(mode, 0o7777) || !valid(uid, idMax) || !valid(gid, idMax)) {
    throw new PlatformError('OCI_ENTRY_INVALID', `${path}: mode ${mode}, owner ${uid}:${gid}`);
  }
}

function addParents(byPath: Map<string, LayerEntry>, path: string): void {
  for (let end = path.lastIndexOf('/'); end > 0; end = path.lastIndexOf('/', end - 1)) {
    const parent = path.slice(0, end);
    const there = byPath.get(parent);
    if (there && there.kind !== 'directory') {
      throw new PlatformError(
        'OCI_PATH_DUPLICATE',
        `${path} lies below ${parent}, a ${there.kind}`,
      );
    }
    if (!there) byPath.set(parent, { kind: 'directory', path: parent });
  }
}

/** Orders a directory directly before what it holds, whatever characters its siblings have. */
function sortKey(path: string): Buffer {
  return Buffer.from(path.replaceAll('/', '\0'), 'utf8');
}
