// Things that are done at the same time, none of which goes on when the caller hears of a failure.

/** Waits for all of them, then throws what failed first in their order. */
export async function together<Value>(
  promises: readonly Promise<Value>[],
): Promise<readonly Value[]> {
  const settled = await Promise.allSettled(promises);
  return settled.map((one) => {
    if (one.status === 'rejected') throw one.reason;
    return one.value;
  });
}
