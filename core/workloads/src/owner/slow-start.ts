// Many like calls, begun gently: 1, then 2, then 4 at once, and no more after the first batch that has a failure.

/** What a pass got done. `failure` is the first error met; what was not tried is left for the next pass. */
export interface BatchResult {
  readonly doneCount: number;
  readonly failure: unknown;
}

/** Calls `run` with 0 to `count - 1`. A quota or a broken connection so costs a few refusals, not hundreds. */
export async function slowStart(
  count: number,
  run: (index: number) => Promise<unknown>,
): Promise<BatchResult> {
  let doneCount = 0;
  for (let size = 1, next = 0; next < count; size *= 2) {
    const indexes = Array.from({ length: Math.min(size, count - next) }, (_, at) => next + at);
    const results = await Promise.allSettled(indexes.map(run));
    doneCount += results.filter((result) => result.status === 'fulfilled').length;
    const failed = results.find((result) => result.status === 'rejected');
    if (failed) return { doneCount, failure: failed.reason };
    next += indexes.length;
  }
  return { doneCount, failure: undefined };
}
