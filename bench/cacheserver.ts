// The cache beside the loopback's own limit and beside Unity's server in four ways: same client, same run, in turns.
// ARGS: --rounds=N (3), --seconds=S (0.4) of a cell, --only=PATTERN of cells, --peers=none, --check to compare every byte
// that comes back, --keys-max=N (4000000) of the doubling series, 0 leaves it out, --parts=cells,readers,growth for some of
// it, --write to put the tables into bench/README.md.

import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { clockOf } from '@tweendeck/std';
import { ensurePeer } from '../tools/unity-cache-server/peer.ts';
import { cells } from './cacheserver/cells.ts';
import { growth } from './cacheserver/growth.ts';
import { type MatrixSettings, measureCells } from './cacheserver/matrix.ts';
import { stoppedReaders } from './cacheserver/readers.ts';
import { type CacheSide, openSide, peerKinds, type SideKind } from './cacheserver/sides.ts';
import { cellTables } from './cacheserver/tables.ts';
import { keepInReadme } from './support/readme.ts';

const clock = clockOf(globalThis);

export async function run(
  { args, write }: { readonly args: readonly string[]; readonly write: (line: string) => void },
  signal: AbortSignal,
): Promise<void> {
  const { values } = parseArgs({
    args: [...args],
    options: {
      rounds: { type: 'string', default: '3' },
      seconds: { type: 'string', default: '0.4' },
      only: { type: 'string', default: '' },
      parts: { type: 'string', default: 'cells,readers,growth' },
      'keys-max': { type: 'string', default: '4000000' },
      peers: { type: 'string', default: 'all' },
      check: { type: 'boolean', default: false },
      write: { type: 'boolean', default: false },
    },
  });
  const only = new RegExp(values.only, 'i');
  const peer = values.peers === 'none' ? undefined : await peerOrHint(write);
  const kinds: readonly SideKind[] = ['limit', 'ours', ...(peer ? peerKinds : [])];
  const root = await mkdtemp(join(tmpdir(), 'bench-cache-'));
  const parts = values.parts.split(',');
  const tables: string[] = [];
  const began = performance.now();
  try {
    if (parts.includes('cells')) {
      const settings = {
        cells: cells.filter(({ name }) => only.test(name)),
        rounds: Number(values.rounds),
        seconds: Number(values.seconds),
        check: values.check,
        write,
      };
      tables.push(...(await measured(settings, { root, kinds, peer }, signal)), '');
    }
    if (parts.includes('readers')) {
      const held = kinds.filter((kind) => kind !== 'limit' && !kind.endsWith('nodelay'));
      tables.push(...(await stoppedReaders({ root, kinds: held, peer, write }, signal)), '');
    }
    const keysMax = Number(values['keys-max']);
    if (parts.includes('growth') && keysMax > 0) {
      const directory = join(root, 'growth');
      tables.push(...(await growth({ directory, keysMax, write }, signal)), '');
    }
  } finally {
    await rm(root, { recursive: true, force: true });
  }
  tables.pop();
  for (const line of tables) write(line);
  write(`That took ${((performance.now() - began) / 60_000).toFixed(1)} minutes.`);
  if (values.write) await keepInReadme('cacheserver', clock.nowMs(), tables);
}

async function peerOrHint(write: (line: string) => void): Promise<string> {
  try {
    return await ensurePeer(write);
  } catch (cause) {
    throw new Error('there is no peer; without it, run with --peers=none', { cause });
  }
}

/** What `cache_ram` takes at most by default: ten pages of 100 MB. */
const peerMemoryBytes = 1_000_000_000;

interface Places {
  readonly root: string;
  readonly kinds: readonly SideKind[];
  readonly peer: string | undefined;
}

async function measured(
  settings: Omit<MatrixSettings, 'sides'>,
  { root, kinds, peer }: Places,
  signal: AbortSignal,
): Promise<readonly string[]> {
  await using opened = new AsyncDisposableStack();
  const sides: CacheSide[] = [];
  for (const kind of kinds) {
    const options = { directory: join(root, kind), peer };
    sides.push(opened.use(await openSide(kind, options, signal)));
  }
  if (settings.cells.some(({ roomy }) => roomy)) {
    const options = { directory: join(root, 'roomy'), memoryBytes: peerMemoryBytes };
    sides.push(opened.use(await openSide('ours', options, signal)));
  }
  return cellTables(await measureCells({ ...settings, sides }, signal));
}
