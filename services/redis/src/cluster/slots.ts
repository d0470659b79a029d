// The 16,384 parts that the keys of a Redis cluster are divided into, as sets and as ranges. Pure.

export const slotCount = 16_384;

/** Inclusive at both ends. */
export type SlotRange = readonly [first: number, last: number];

/** `0-5460` or `7`; undefined for anything else. */
export function parseSlotRange(text: string): SlotRange | undefined {
  const [, first, last = first] = /^(\d{1,5})(?:-(\d{1,5}))?$/.exec(text) ?? [];
  if (first === undefined) return undefined;
  const range: SlotRange = [Number(first), Number(last)];
  return range[0] <= range[1] && range[1] < slotCount ? range : undefined;
}

export function slotsIn(ranges: readonly SlotRange[]): readonly number[] {
  return ranges.flatMap(([first, last]) =>
    Array.from({ length: last - first + 1 }, (_, at) => first + at),
  );
}

export function slotsHeld(ranges: readonly SlotRange[]): number {
  return ranges.reduce((sum, [first, last]) => sum + last - first + 1, 0);
}

export function holds(ranges: readonly SlotRange[], slot: number): boolean {
  return ranges.some(([first, last]) => first <= slot && slot <= last);
}

export function overlap(some: readonly SlotRange[], others: readonly SlotRange[]): boolean {
  return some.some(([first, last]) => others.some(([from, to]) => first <= to && from <= last));
}

/** Of sorted slots. */
export function rangesOf(slots: readonly number[]): readonly SlotRange[] {
  const ranges: [number, number][] = [];
  for (const slot of slots) {
    const last = ranges.at(-1);
    if (last && last[1] === slot - 1) last[1] = slot;
    else ranges.push([slot, slot]);
  }
  return ranges;
}

/** Even shares of all slots, as redis-cli divides them: rounded, the last one takes the rest. */
export function evenShares(count: number): readonly SlotRange[] {
  return Array.from({ length: count }, (_, at) => {
    const first = Math.round((slotCount / count) * at);
    const next = Math.round((slotCount / count) * (at + 1));
    return [first, (at === count - 1 ? slotCount : next) - 1] as const;
  });
}
