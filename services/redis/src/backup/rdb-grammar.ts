// How values are written in an RDB file, type by type (rdb.c of Redis 7.0): what a reader has to step over to find the next key.

/** A part of a value: a string, a number of varying length, a decimal text, or so many bytes. */
export type RdbPart = 'string' | 'number' | 'decimal' | number | RdbRepeat;

/** A number, and then these parts as often as it says. */
interface RdbRepeat {
  readonly each: readonly RdbPart[];
}

const many = (...each: readonly RdbPart[]): RdbRepeat => ({ each });

const streamIdBytes = 16;
const timeBytes = 8;

/** `offsets`: what came with 7.0; `active`: with 7.2. */
function stream(has: { readonly offsets: boolean; readonly active: boolean }): readonly RdbPart[] {
  const pending = many(streamIdBytes, timeBytes, 'number');
  const consumers = many(
    ...(['string', timeBytes, ...(has.active ? [timeBytes] : [])] as const),
    many(streamIdBytes),
  );
  return [
    many('string', 'string'), // entries, in listpacks
    ...(['number', 'number', 'number'] as const), // length, last id
    ...(has.offsets ? (['number', 'number', 'number', 'number', 'number'] as const) : []),
    many(
      ...(['string', 'number', 'number', ...(has.offsets ? ['number' as const] : [])] as const),
      ...[pending, consumers],
    ),
  ];
}

/** By type. What is not here (values of modules, and what later versions brought) cannot be read. */
export const rdbTypes: ReadonlyMap<number, readonly RdbPart[]> = new Map([
  [0, ['string']],
  [1, [many('string')]],
  [2, [many('string')]],
  [3, [many('string', 'decimal')]],
  [4, [many('string', 'string')]],
  [5, [many('string', 8)]],
  ...[9, 10, 11, 12, 13].map((type) => [type, ['string']] as const),
  [14, [many('string')]],
  [15, stream({ offsets: false, active: false })],
  [16, ['string']],
  [17, ['string']],
  [18, [many('number', 'string')]],
  [19, stream({ offsets: true, active: false })],
  [20, ['string']],
  [21, stream({ offsets: true, active: true })],
]);
