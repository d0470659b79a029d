// The file that Unity's transaction exporter writes: which assets there are, and where their files lie.

import { readFile } from 'node:fs/promises';
import { isJsonObject, PlatformError } from '@tweendeck/std';
import { parseUnityCacheId, type UnityCacheFileType } from '@tweendeck/wire';

/** A file of an asset; the path counts from the project's root, `ts` is its modification time in seconds. */
export interface ExportedFile {
  readonly type: UnityCacheFileType;
  readonly path: string;
  readonly ts: number;
}

/** One asset: guid and hash in Unity's text form. */
export interface ExportedTransaction {
  readonly assetPath: string;
  readonly guid: string;
  readonly hash: string;
  readonly files: readonly ExportedFile[];
}

export interface ExportFile {
  readonly projectRoot: string;
  readonly transactions: readonly ExportedTransaction[];
}

/** Reads an export; throws CACHE_IMPORT_UNREADABLE or CACHE_IMPORT_MALFORMED. */
export async function readExportFile(path: string, signal: AbortSignal): Promise<ExportFile> {
  let text: string;
  try {
    text = await readFile(path, { encoding: 'utf8', signal });
  } catch (cause) {
    signal.throwIfAborted();
    throw new PlatformError('CACHE_IMPORT_UNREADABLE', `reading ${path}`, { cause });
  }
  let value: unknown;
  try {
    value = JSON.parse(text.replace(/^\uFEFF/, ''));
  } catch (cause) {
    throw new PlatformError('CACHE_IMPORT_MALFORMED', `${path} is not JSON`, { cause });
  }
  return parseExport(value);
}

/** Checks the shape of an export; throws CACHE_IMPORT_MALFORMED with the first field that is wrong. */
export function parseExport(value: unknown): ExportFile {
  const root = objectAt(value, 'the export');
  return {
    projectRoot: textAt(root['projectRoot'], 'projectRoot'),
    transactions: listAt(root['transactions'], 'transactions').map((item, index) =>
      parseTransaction(item, `transactions[${index}]`),
    ),
  };
}

function parseTransaction(value: unknown, at: string): ExportedTransaction {
  const item = objectAt(value, at);
  const guid = textAt(item['guid'], `${at}.guid`);
  const hash = textAt(item['hash'], `${at}.hash`);
  if (!parseUnityCacheId(guid, hash))
    throw malformed(`${at}: guid and hash are 32 hex digits each`);
  const files = listAt(item['files'], `${at}.files`).map((file, index) =>
    parseFile(file, `${at}.files[${index}]`),
  );
  return { assetPath: textAt(item['assetPath'], `${at}.assetPath`), guid, hash, files };
}

function parseFile(value: unknown, at: string): ExportedFile {
  const file = objectAt(value, at);
  const type = file['type'];
  const ts = file['ts'];
  if (type !== 'a' && type !== 'i' && type !== 'r') throw malformed(`${at}.type is not a, i or r`);
  if (typeof ts !== 'number') throw malformed(`${at}.ts is not a number`);
  return { type, path: textAt(file['path'], `${at}.path`), ts };
}

function objectAt(value: unknown, at: string): Record<string, unknown> {
  if (isJsonObject(value)) return value;
  throw malformed(`${at} is not an object`);
}

function listAt(value: unknown, at: string): readonly unknown[] {
  if (Array.isArray(value)) return value;
  throw malformed(`${at} is not a list`);
}

function textAt(value: unknown, at: string): string {
  if (typeof value === 'string') return value;
  throw malformed(`${at} is not a string`);
}

function malformed(message: string): PlatformError {
  return new PlatformError('CACHE_IMPORT_MALFORMED', message, {
    hint: 'Export the project again with CacheServerTransactionExporter.cs.',
  });
}
