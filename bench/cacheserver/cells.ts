// What is measured: the cells of the matrix, each with the load that it is and what it should reach.

import type { CacheLoad, KeySet } from './send.ts';

export interface CellTarget {
  /** Share of what the limit does. */
  readonly ofLimit?: number;
  /** Times what the best peer does; it is always to be ahead. */
  readonly timesPeers?: number;
  /** Times what the better of the peer's memory modules does. */
  readonly timesRam?: number;
}

export interface Cell {
  /** Operation, size, `xN` connections, `dN` on their way on each. */
  readonly name: string;
  readonly load: CacheLoad;
  /** What has to be there before. */
  readonly stored: readonly KeySet[];
  readonly target: CellTarget;
  /** Ours is given as much memory as the peer's memory module takes by default. */
  readonly roomy?: boolean;
}

const kibibyte = 1_024;
const mebibyte = 1_024 * kibibyte;

interface Size {
  readonly name: string;
  readonly bytes: number;
  /** Keys that are asked for: few enough that everybody has them in memory, but see `wide`. */
  readonly got: number;
  /** Keys that are put, again and again. */
  readonly put: number;
}

const sizes: readonly Size[] = [
  { name: '1k', bytes: kibibyte, got: 1_024, put: 1_024 },
  { name: '64k', bytes: 64 * kibibyte, got: 256, put: 256 },
  { name: '1m', bytes: mebibyte, got: 16, put: 32 },
  { name: '16m', bytes: 16 * mebibyte, got: 4, put: 8 },
];
const smallSizes = sizes.slice(0, 2);
const small = 64 * kibibyte;
/** The largest file that our default memory takes. */
const hotMax = 4 * mebibyte;

// Every set has numbers of its own, far from those of the others.
const setAt = (index: number, keys: number, a: number): KeySet => ({
  first: index * 1_000_000,
  keys,
  a,
});
const gotSet = ({ got, bytes }: Size): KeySet => setAt(sizeIndex(bytes), got, bytes);
const putSet = ({ put, bytes }: Size): KeySet => setAt(10 + sizeIndex(bytes), put, bytes);
const wideSet: KeySet = setAt(20, 256, mebibyte);
const downloadSet: KeySet = { first: 21_000_000, keys: 1_000, i: 600, r: 3_000 };
const mixedSets: readonly KeySet[] = [
  { ...allTypes(22, 256, kibibyte), weight: 50 },
  { ...allTypes(23, 64, small), weight: 40 },
  { ...allTypes(24, 16, mebibyte), weight: 10 },
];

function sizeIndex(bytes: number): number {
  return sizes.findIndex((size) => size.bytes === bytes);
}

function allTypes(index: number, keys: number, bytes: number): KeySet {
  return { ...setAt(index, keys, bytes), i: bytes, r: bytes };
}

interface Width {
  readonly connections: number;
  readonly depth: number;
}

const widths: readonly Width[] = [1, 8, 64].map((connections) => ({ connections, depth: 1 }));
const deepWidths: readonly Width[] = [1, 8].map((connections) => ({ connections, depth: 64 }));

const nameOf = (what: string, { connections, depth }: Width): string =>
  `${what} x${connections}${depth === 1 ? '' : ` d${depth}`}`;

function getCell(size: Size, width: Width): Cell {
  return {
    name: nameOf(`get ${size.name}`, width),
    load: { ...width, sets: [gotSet(size)], types: 'a' },
    stored: [gotSet(size)],
    target: size.bytes <= hotMax ? { ofLimit: size.bytes <= small ? 0.4 : 0.8 } : {},
  };
}

/** Files that our default memory does not take. */
function hotCell(size: Size, width: Width): Cell {
  const name = nameOf(`hot get ${size.name}`, width);
  return { ...getCell(size, width), name, target: { ofLimit: 0.8 }, roomy: true };
}

function putCell(size: Size, width: Width): Cell {
  return {
    name: nameOf(`put ${size.name}`, width),
    load: { ...width, sets: [putSet(size)], types: 'a', puts: 1 },
    stored: [],
    target: { timesRam: 2, ...(size.bytes <= small ? { ofLimit: 0.4 } : {}) },
  };
}

function missCell(width: Width): Cell {
  const load = { ...width, sets: [setAt(0, 1, 1)], types: 'a', misses: 1 };
  return { name: nameOf('miss', width), load, stored: [], target: { ofLimit: 0.6 } };
}

/** As the Scriptable Build Pipeline's client: all gets of 1,000 entries at once, Nagle's algorithm on. */
function downloadCell(name: string, pieces: 1 | 3): Cell {
  const load = { connections: 1, depth: 2 * downloadSet.keys, wave: true, pieces };
  return {
    name,
    load: { ...load, sets: [downloadSet], types: 'ri' },
    stored: [downloadSet],
    target: { timesPeers: 5 },
  };
}

export const cells: readonly Cell[] = [
  ...sizes.flatMap((size) => widths.map((width) => getCell(size, width))),
  {
    ...getCell(
      { name: '1m of 256m', bytes: mebibyte, got: 256, put: 0 },
      { connections: 8, depth: 1 },
    ),
    load: { connections: 8, depth: 1, sets: [wideSet], types: 'a' },
    stored: [wideSet],
    target: {},
  },
  ...sizes
    .filter(({ bytes }) => bytes > hotMax)
    .flatMap((size) => widths.map((width) => hotCell(size, width))),
  ...sizes.flatMap((size) => widths.map((width) => putCell(size, width))),
  ...widths.map(missCell),
  ...smallSizes.flatMap((size) => deepWidths.map((width) => getCell(size, width))),
  ...smallSizes.flatMap((size) => deepWidths.map((width) => putCell(size, width))),
  ...deepWidths.map(missCell),
  downloadCell('SBP download, 3 writes a get', 3),
  downloadCell('SBP download, 1 write a get', 1),
  {
    name: 'mixed x8 d16',
    load: {
      connections: 8,
      depth: 16,
      sets: mixedSets,
      types: 'air',
      random: true,
      puts: 0.1,
      misses: 0.3,
    },
    stored: mixedSets,
    target: {},
  },
];

/** A cell that takes seconds for one operation of each connection is not done twice. */
const cold = 256 * mebibyte;

/** The load of a cell for some seconds, after a warm-up. */
export function timed({ load }: Cell, seconds: number): CacheLoad {
  const sizeMax = Math.max(...load.sets.map(({ a = 0 }) => a));
  const underWay = load.connections * load.depth * sizeMax;
  return { ...load, seconds, warmup: underWay > cold ? 0 : seconds / 4 };
}
