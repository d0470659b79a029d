// Makes a case smaller as long as it still shows the difference.

import { isJsonObject } from '@tweendeck/std';

const triesMax = 3_000;

/** The smallest case found for which `differs` holds; it holds for `found`. */
export async function shrink<Case>(
  found: Case,
  differs: (smaller: Case) => Promise<boolean>,
  texts: boolean,
): Promise<Case> {
  let best = found;
  let tries = 0;
  let better = true;
  while (better && tries < triesMax) {
    better = false;
    for (const smaller of smallerThan(best, texts)) {
      if (++tries > triesMax) break;
      // A case without a part of it: whether it is a case at all is for `differs` to say.
      if (await differs(smaller as Case)) {
        best = smaller as Case;
        better = true;
        break;
      }
    }
  }
  return best;
}

/** The value with one part less, coarse steps first. */
function* smallerThan(value: unknown, texts: boolean): Generator<unknown> {
  if (Array.isArray(value)) {
    if (value.length > 3) {
      const half = value.length >> 1;
      yield value.slice(0, half);
      yield value.slice(half);
    }
    for (const index of value.keys()) yield value.toSpliced(index, 1);
    for (const [index, item] of value.entries()) {
      for (const smaller of smallerThan(item, texts)) yield value.with(index, smaller);
    }
  } else if (isJsonObject(value)) {
    for (const key of Object.keys(value)) {
      const { [key]: _, ...rest } = value;
      yield rest;
    }
    for (const [key, member] of Object.entries(value)) {
      for (const smaller of smallerThan(member, texts)) yield { ...value, [key]: smaller };
    }
  } else if (texts && typeof value === 'string' && value.length > 1) {
    for (const index of [...value].keys()) yield [...value].toSpliced(index, 1).join('');
  }
}
