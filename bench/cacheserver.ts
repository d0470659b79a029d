// The cache beside the loopback's own limit and beside Unity's server in four ways: same client, same run, in turns.
// ARGS: --rounds=N (3), --seconds=S (0.4) of a cell, --only=PATTERN of cells, --peers=none, --check to compare every byte
// that comes back, --write to put the tables into bench/README.md.

import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { clockOf } from '@tweendeck/std';
import { cells } from './cacheserver/cells.ts';
import { measureCells } from './cacheserver/matrix.ts';
import { ensurePeer } from './cacheserver/peer.ts';
import { openSide, peerKinds, type SideKind } from './cacheserver/sides.ts';
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
      peers: { type: 'string', default: 'all' },
      check: { type: 'boolean', default: false },
      write: { type: 'boolean', default: false },
    },
  });
  const only = new RegExp(values.only, 'i');
  const peer = values.peers === 'none' ? undefined : await ensurePeer(write);
  const root = await mkdtemp(join(tmpdir(), 'bench-cache-'));
  const tables: string[] = [];
  try {
    await using opened = new AsyncDisposableStack();
    const kinds: readonly SideKind[] = ['limit', 'ours', ...(peer ? peerKinds : [])];
    const sides = [];
    for (const kind of kinds) {
      const options = { directory: join(root, kind), peer };
      sides.push(opened.use(await openSide(kind, options, signal)));
    }
    const settings = {
      cells: cells.filter(({ name }) => only.test(name)),
      rounds: Number(values.rounds),
      seconds: Number(values.seconds),
      check: values.check,
      sides,
      write,
    };
    tables.push(...cellTables(await measureCells(settings, signal)));
  } finally {
    await rm(root, { recursive: true, force: true });
  }
  for (const line of tables) write(line);
  if (values.write) await keepInReadme('cacheserver', clock.nowMs(), tables);
}
