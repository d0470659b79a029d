// A key of the cache as people write it.

import { parseUnityCacheId, type UnityCacheFileType } from '@tweendeck/wire';
import { type OptionValues, usage } from './command-line.ts';

/** The 32 bytes of GUID and HASH. Throws CLI_USAGE. */
export function keyOperands(operands: readonly string[]): Buffer {
  const [guid = '', hash = ''] = operands;
  const id = parseUnityCacheId(guid, hash);
  if (!id)
    throw usage(
      'GUID and HASH are 32 hex digits each',
      'As Unity prints them, such as in .meta files.',
    );
  return id;
}

export interface NamedFile {
  readonly type: UnityCacheFileType;
  readonly word: 'asset' | 'info' | 'resource';
  /** The file that was named for it. */
  readonly path: string | undefined;
}

/** The three files of a key, with those that the options name. */
export function namedFiles(options: OptionValues): readonly NamedFile[] {
  return [
    { type: 'a', word: 'asset', path: options.text('asset') },
    { type: 'i', word: 'info', path: options.text('info') },
    { type: 'r', word: 'resource', path: options.text('resource') },
  ];
}
