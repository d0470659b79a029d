// `tweendeck cache import`: fills a cache from an export, and ends with 1 when anything was lost.

import {
  type ImportLoss,
  type ImportProgress,
  importTransactions,
} from '@tweendeck/cacheserver/data-plane';
import { cacheAddress } from '../cache-address.ts';
import type { Invocation } from '../command-line.ts';

const lossesShown = 50;

export async function run({ world, options, operands }: Invocation): Promise<number> {
  const startedMs = world.clock.monotonicMs();
  const quiet = options.flag('quiet');
  const verifyOnly = options.flag('verify-only');
  let saidMs = startedMs;
  const result = await importTransactions(
    {
      file: operands[0] ?? '',
      ...cacheAddress(options.text('server')),
      ignoreTimestamps: options.flag('no-timestamp-check'),
      skip: options.integer('skip', { min: 0, max: 1e9 }) ?? 0,
      verify: verifyOnly || options.flag('verify') ? 'content' : 'presence',
      send: !verifyOnly,
      onProgress: (progress) => {
        const nowMs = world.clock.monotonicMs();
        if (quiet || nowMs - saidMs < (world.interactive ? 200 : 5_000)) return;
        saidMs = nowMs;
        world.writeError(progressLine(progress));
      },
      clock: world.clock,
    },
    world.signal,
  );
  for (const loss of result.losses.slice(0, lossesShown)) world.writeError(lossLine(loss));
  const unsaid = result.losses.length - lossesShown;
  if (unsaid > 0) world.writeError(`... and ${unsaid} more`);
  const seconds = ((world.clock.monotonicMs() - startedMs) / 1_000).toFixed(1);
  const did = verifyOnly ? 'found' : 'stored';
  world.write(
    `${did} ${result.storedTransactions} of ${result.transactions} transactions, ` +
      `${result.sentFiles} files, ${megabytes(result.sentBytes)} MB in ${seconds} s`,
  );
  return result.losses.length === 0 ? 0 : 1;
}

function progressLine(progress: ImportProgress): string {
  const { doneTransactions, transactions, sentBytes, lostTransactions } = progress;
  const lost = lostTransactions > 0 ? `, ${lostTransactions} lost` : '';
  return `${doneTransactions} of ${transactions} transactions, ${megabytes(sentBytes)} MB${lost}`;
}

function lossLine({ assetPath, path, reason }: ImportLoss): string {
  return `lost ${assetPath}: ${reason}${path === undefined || path === assetPath ? '' : ` (${path})`}`;
}

function megabytes(bytes: number): string {
  return (bytes / 1e6).toFixed(1);
}
