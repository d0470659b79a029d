// Events are for a while: those that have not happened again for an hour are removed.

import { type Clock, isPlatformError, type Logger, messageOf } from '@tweendeck/std';
import type { ClusterState } from './cluster-state.ts';
import { eventTimeMs } from './kinds/events.ts';
import { storagePrefix } from './storage-key.ts';

const keptMs = 60 * 60_000;
const everyMs = 5 * 60_000;
const batchLengthMax = 500;

/** Runs until the signal aborts. */
export async function expireEvents(
  {
    state,
    clock,
    log,
  }: { readonly state: ClusterState; readonly clock: Clock; readonly log: Logger },
  signal: AbortSignal,
): Promise<void> {
  const prefix = storagePrefix({ group: '', plural: 'events' });
  for (;;) {
    await clock.sleep(everyMs, signal);
    try {
      await removeBefore(state, prefix, clock.nowMs() - keptMs);
    } catch (error) {
      // Somebody wrote one of them meanwhile: the next round comes soon enough.
      if (!isPlatformError(error, 'STORE_CONFLICT')) {
        log.warn('old events could not be removed', { error: messageOf(error) });
      }
    }
  }
}

async function removeBefore(state: ClusterState, prefix: string, limitMs: number): Promise<void> {
  const old = [...state.resource(prefix).range('')].filter(
    (each) => eventTimeMs(each.peek()) < limitMs,
  );
  for (let start = 0; start < old.length; start += batchLengthMax) {
    await state.commit(
      old.slice(start, start + batchLengthMax).map((each) => ({
        operation: 'delete',
        key: `${prefix}${each.key}`,
        expectedRevision: each.revision,
      })),
    );
  }
}
