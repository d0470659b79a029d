// A stop that always comes to an end.

import type { Ambient } from '../ambient.ts';

/** Pods get 30 s of grace at most, stuck ones 20 s more; what follows takes seconds. */
const stopMsMax = 75_000;

/**
 * Ends the process when it has not ended by itself in time, whatever hangs: a disk that does not answer, a bug. The next
 * start ends what is left of its pods, as after a crash.
 */
export function limitStop({
  clock,
  writeError,
  endNow,
}: Pick<Ambient, 'clock' | 'writeError' | 'endNow'>): void {
  const seconds = stopMsMax / 1_000;
  clock.timer(
    stopMsMax,
    () => {
      writeError(
        `tweendeck: not stopped within ${seconds} s, ending at once; the next start ends what is left of the pods.`,
      );
      endNow();
    },
    { keepAlive: false },
  );
}
