// Readers that ask for much and then stop reading: what that costs a server in memory.

import { once } from 'node:events';
import { connect, type Socket } from 'node:net';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { tableOf } from '../support/readme.ts';
import { fillLoad } from './matrix.ts';
import { getRequests, type KeySet, sendTo } from './send.ts';
import { openSide, type SideKind, sideTitles } from './sides.ts';

const readers = 64;
/** Files that each reader asks for. */
const askedFor = 20;
const mebibyte = 2 ** 20;
const set: KeySet = { first: 30_000_000, keys: 4, a: 16 * mebibyte };
/** The bound of a pod by default; a quarter of it is `--memory`, as the operator gives it. */
const boundBytes = 512 * mebibyte;
/** A server that takes more is stopped, for the machine's sake. */
const stopBytes = 1_536 * mebibyte;
const watchedMs = 5_000;

interface ReadersOptions {
  readonly root: string;
  readonly kinds: readonly SideKind[];
  readonly peer: string | undefined;
  readonly write: (line: string) => void;
}

/** A table of the most memory of each server while 64 readers have stopped. */
export async function stoppedReaders(
  { root, kinds, peer, write }: ReadersOptions,
  signal: AbortSignal,
): Promise<readonly string[]> {
  const rows: string[][] = [];
  for (const kind of kinds) {
    const [before, peak] = await withStoppedReaders(
      kind,
      join(root, `readers-${kind}`),
      peer,
      signal,
    );
    const ended = peak > stopBytes ? '> ' : '';
    const verdict = kind !== 'ours' ? '' : peak < boundBytes ? 'met' : 'missed';
    const target = kind === 'ours' ? `< ${boundBytes / mebibyte} MiB` : '';
    rows.push([
      sideTitles[kind],
      inMiB(before),
      `${ended}${inMiB(Math.min(peak, stopBytes))}`,
      target,
      verdict,
    ]);
    write(`${readers} stopped readers, ${sideTitles[kind]}: ${inMiB(before)}, then ${inMiB(peak)}`);
  }
  const asked = `${askedFor} gets of ${(set.a ?? 0) / mebibyte} MiB`;
  return [
    `Resident memory while ${readers} clients have asked for ${asked} each and read nothing:`,
    '',
    ...tableOf(['', 'before', 'at most', 'target', ''], rows),
  ];
}

const inMiB = (bytes: number): string => `${(bytes / mebibyte).toFixed(0)} MiB`;

async function withStoppedReaders(
  kind: SideKind,
  directory: string,
  peer: string | undefined,
  signal: AbortSignal,
): Promise<readonly [before: number, peak: number]> {
  const memoryBytes = boundBytes / 4;
  await using side = await openSide(kind, { directory, peer, memoryBytes }, signal);
  await sendTo(side, fillLoad(set), signal);
  const before = side.residentBytes();
  side.forgetPeak();
  const sockets: Socket[] = [];
  try {
    for (let reader = 0; reader < readers; reader++) sockets.push(await stopped(side.port));
    const until = performance.now() + watchedMs;
    while (performance.now() < until && side.residentBytes() <= stopBytes) {
      await sleep(50, undefined, { signal });
    }
    const peak = side.peakBytes();
    if (peak <= stopBytes) await expectHit(sockets[0], kind);
    return [before, peak];
  } finally {
    for (const socket of sockets) socket.destroy();
  }
}

/** The answers that wait are files: else the figure would say nothing. */
async function expectHit(socket: Socket | undefined, kind: SideKind): Promise<void> {
  let answer = '';
  for await (const chunk of socket ?? []) {
    answer = (answer + String(chunk)).slice(0, 10);
    if (answer.length === 10) break;
  }
  if (answer !== '000000fe+a') throw new Error(`${sideTitles[kind]} answered ${answer}`);
}

/** A client that asks and reads nothing. */
async function stopped(port: number): Promise<Socket> {
  const socket = connect({ host: '127.0.0.1', port });
  socket.on('error', () => undefined); // the server is stopped before them
  await once(socket, 'connect');
  socket.pause();
  socket.write('000000fe');
  socket.write(getRequests(set, 'a', askedFor));
  return socket;
}
