// Waits for what another process does in its own time.

import { setTimeout as sleep } from 'node:timers/promises';

const everyMs = 50;

/** Throws with what was waited for when it takes too long. */
export async function eventually(
  what: string,
  isSo: () => Promise<boolean>,
  signal: AbortSignal,
  maxSeconds = 300,
): Promise<void> {
  const endsMs = performance.now() + maxSeconds * 1_000;
  while (!(await isSo())) {
    if (performance.now() > endsMs) throw new Error(`not within ${maxSeconds} s: ${what}`);
    await sleep(everyMs, undefined, { signal });
  }
}
