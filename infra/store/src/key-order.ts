// Keys in the order of their UTF-8 bytes, without encoding them.

/** Keys of one leaf; a fuller one is split in halves. */
const leafLengthMax = 512;

/**
 * Orders well-formed strings as their UTF-8 bytes do: as code points. That differs from the order of UTF-16 units only
 * where a surrogate meets a unit from U+E000 on, so such units are rotated below the surrogates before they are compared.
 */
export function compareKeys(left: string, right: string): number {
  const length = Math.min(left.length, right.length);
  for (let index = 0; index < length; index++) {
    const a = left.charCodeAt(index);
    const b = right.charCodeAt(index);
    if (a === b) continue;
    return a < 0xd800 || b < 0xd800 ? a - b : rank(a) - rank(b);
  }
  return left.length - right.length;
}

/** U+E000 to U+FFFF before the surrogates, which stand for everything above. */
function rank(unit: number): number {
  return unit >= 0xe000 ? unit - 0x2000 : unit + 0x2000;
}

/** A sorted set of keys: a list of sorted leaves. Insertion and removal cost a leaf, counting a range costs the list. */
export class SortedKeys {
  #leaves: string[][] = [];

  /** Adds a key that is not in the set. */
  add(key: string): void {
    const at = Math.max(0, this.#leafOf(key));
    const leaf = this.#leaves[at];
    if (leaf === undefined) {
      this.#leaves.push([key]);
      return;
    }
    leaf.splice(lowerBound(leaf, key), 0, key);
    if (leaf.length > leafLengthMax) this.#leaves.splice(at + 1, 0, leaf.splice(leaf.length >> 1));
  }

  /** Removes a key that is in the set. */
  delete(key: string): void {
    const at = this.#leafOf(key);
    const leaf = this.#leaves[at];
    const index = leaf === undefined ? -1 : lowerBound(leaf, key);
    if (leaf === undefined || leaf[index] !== key) return;
    leaf.splice(index, 1);
    if (leaf.length === 0) this.#leaves.splice(at, 1);
  }

  /** Replaces the whole set; `keys` may be in any order. */
  load(keys: string[]): void {
    keys.sort(compareKeys);
    this.#leaves = [];
    for (let start = 0; start < keys.length; start += leafLengthMax / 2) {
      this.#leaves.push(keys.slice(start, start + leafLengthMax / 2));
    }
  }

  /** Up to `lengthMax` keys that start with `prefix` and come after `after`, and how many more there are. */
  range(
    prefix: string,
    options: { readonly after?: string | undefined; readonly lengthMax?: number | undefined } = {},
  ): { readonly keys: readonly string[]; readonly remaining: number } {
    const { after, lengthMax = Number.POSITIVE_INFINITY } = options;
    const skipsToAfter = after !== undefined && compareKeys(after, prefix) >= 0;
    const from = skipsToAfter ? after : prefix;
    const keys: string[] = [];
    let remaining = 0;
    for (let at = Math.max(0, this.#leafOf(from)); at < this.#leaves.length; at++) {
      const leaf = this.#leaves[at] ?? [];
      const start = startIn(leaf, from, skipsToAfter);
      const end = endIn(leaf, start, prefix);
      const taken = Math.min(end, start + Math.max(0, lengthMax - keys.length));
      for (let index = start; index < taken; index++) keys.push(leaf[index] as string); // below its length
      remaining += end - taken;
      if (end < leaf.length) break;
    }
    return { keys, remaining };
  }

  /** The last leaf whose first key is not after `key`; -1 when there is none. */
  #leafOf(key: string): number {
    let low = 0;
    let high = this.#leaves.length;
    while (low < high) {
      const middle = (low + high) >> 1;
      if (compareKeys(this.#leaves[middle]?.[0] ?? '', key) <= 0) low = middle + 1;
      else high = middle;
    }
    return low - 1;
  }
}

function startIn(leaf: readonly string[], from: string, exclusive: boolean): number {
  const start = lowerBound(leaf, from);
  return exclusive && leaf[start] === from ? start + 1 : start;
}

/** Where the keys with `prefix` end that begin at `start`; keys with one prefix stand together. */
function endIn(leaf: readonly string[], start: number, prefix: string): number {
  if (start >= leaf.length || leaf.at(-1)?.startsWith(prefix)) return leaf.length;
  let low = start;
  let high = leaf.length;
  while (low < high) {
    const middle = (low + high) >> 1;
    if (leaf[middle]?.startsWith(prefix)) low = middle + 1;
    else high = middle;
  }
  return low;
}

/** The first index whose key is not before `key`. */
function lowerBound(leaf: readonly string[], key: string): number {
  let low = 0;
  let high = leaf.length;
  while (low < high) {
    const middle = (low + high) >> 1;
    if (compareKeys(leaf[middle] as string, key) < 0)
      low = middle + 1; // below its length
    else high = middle;
  }
  return low;
}
