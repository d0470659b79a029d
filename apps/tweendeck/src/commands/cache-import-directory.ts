// `tweendeck cache import-directory`: fills a cache from the directory of Unity's own cache server.

import { type DirectoryImportResult, importDirectory } from '@tweendeck/cacheserver/data-plane';
import { cacheAddress } from '../cache-address.ts';
import { type Invocation, usage } from '../command-line.ts';

const linesShown = 50;

export async function run({ world, options, operands }: Invocation): Promise<number> {
  const startedMs = world.clock.monotonicMs();
  const from = options.text('from') ?? '00';
  if (!/^[0-9a-f]{2}$/.test(from)) throw usage('--from takes a folder from 00 to ff');
  const quiet = options.flag('quiet');
  let next = from;
  let saidMs = startedMs;
  try {
    const result = await importDirectory(
      {
        directory: operands[0] ?? '',
        ...cacheAddress(options.text('server')),
        from,
        verify: options.flag('verify') ? 'content' : 'presence',
        onFolder: ({ folder, doneFolders, folders, storedTransactions, sentBytes }) => {
          next = (Number.parseInt(folder, 16) + 1).toString(16).padStart(2, '0');
          const nowMs = world.clock.monotonicMs();
          if (quiet || nowMs - saidMs < (world.interactive ? 200 : 5_000)) return;
          saidMs = nowMs;
          world.writeError(
            `${doneFolders} of ${folders} folders, ${storedTransactions} transactions, ${megabytes(sentBytes)} MB`,
          );
        },
        clock: world.clock,
      },
      world.signal,
    );
    tellLeftovers(result, world.writeError);
    const seconds = ((world.clock.monotonicMs() - startedMs) / 1_000).toFixed(1);
    world.write(
      `stored ${result.storedTransactions} of ${result.transactions} transactions, ` +
        `${result.sentFiles} files, ${megabytes(result.sentBytes)} MB in ${seconds} s`,
    );
    return result.losses.length === 0 ? 0 : 1;
  } catch (error) {
    if (next !== '00')
      world.writeError(`everything before folder ${next} is done: go on with --from ${next}`);
    throw error;
  }
}

function tellLeftovers(
  { losses, leftovers }: DirectoryImportResult,
  tell: (line: string) => void,
): void {
  for (const { assetPath, path, reason } of losses.slice(0, linesShown))
    tell(`lost ${assetPath}: ${reason}${path === undefined ? '' : ` (${path})`}`);
  if (losses.length > linesShown) tell(`... and ${losses.length - linesShown} more`);
  for (const { path, leftover } of leftovers.slice(0, linesShown))
    tell(`left alone ${path}: ${leftover}`);
  if (leftovers.length > linesShown)
    tell(`... and ${leftovers.length - linesShown} more left alone`);
}

function megabytes(bytes: number): string {
  return (bytes / 1e6).toFixed(1);
}
