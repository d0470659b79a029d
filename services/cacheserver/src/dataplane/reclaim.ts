// Which segments are worth giving back, and in which order.

import type { Pace } from '../cleaner/pace.ts';
import { type CompactionHost, compactSegment } from './compaction.ts';
import { collectShadowed, type Segment } from './segment.ts';

export interface ReclaimGoal {
  /** Segments with this share of dead bytes are always given back; default one half. */
  readonly deadShare?: number;
  /** While more than this is used, segments with a tenth of dead bytes are, too; omitted: only those of `deadShare`. */
  readonly storageBytesTarget?: number;
}

export interface Reclaimed {
  readonly segments: number;
  /** What the files on disk shrank by. */
  readonly bytes: number;
  /** Segments that were left because there was no room to move their values to, or they could not be read. */
  readonly left: number;
}

/** A large value of a transaction that partly lives is not worth a copy: it goes with its key. */
const movedSingleBytesMax = 1_048_576;
/** Less is not worth the copy, however much is used. */
const deadShareMin = 0.1;

/** Gives space back until the goal is reached or nothing more can be had. */
export async function reclaimSpace(
  host: CompactionHost,
  goal: ReclaimGoal,
  pace: Pace,
): Promise<Reclaimed> {
  const deadShare = goal.deadShare ?? 0.5;
  const target = goal.storageBytesTarget ?? Number.POSITIVE_INFINITY;
  const left = new Set<Segment>();
  const beforeBytes = host.space.usedBytes;
  let segments = 0;
  for (let progress = true; progress; ) {
    progress = false;
    const { active } = host.writer;
    const pressed = host.space.usedBytes > target;
    if (
      active &&
      active.deadBytes > 0 &&
      shareOf(active) >= (pressed ? Math.min(deadShare, deadShareMin) : deadShare)
    )
      host.writer.seal();
    segments += await dropDead(host, pace);
    for (const segment of candidates(host, left)) {
      const pressed = host.space.usedBytes > target;
      const worthIt = shareOf(segment) >= (pressed ? Math.min(deadShare, deadShareMin) : deadShare);
      if (!worthIt || !isIdle(host, segment)) continue;
      const outcome = await compactSegment(host, segment, pace);
      if (outcome === 'dropped') segments++;
      if (outcome === 'dropped') progress = true;
      if (outcome === 'no-room' || outcome === 'unreadable') left.add(segment);
      await pace.turn();
    }
  }
  const bytes = Math.max(0, beforeBytes - host.space.usedBytes);
  return { segments, bytes, left: left.size };
}

/** Drops what is dead together with everything it shadows: nothing has to be moved, nothing can come back. */
async function dropDead(host: CompactionHost, pace: Pace): Promise<number> {
  let dropped = 0;
  for (const segment of [...host.space.segments]) {
    if (segment.dropped || !isDead(host, segment)) continue;
    const going = new Set<Segment>();
    collectShadowed(segment, going);
    if ([...going].every((one) => isDead(host, one))) {
      if (!host.space.dropDead([...going].reverse())) return dropped;
      dropped += going.size;
    }
    const rest = pace.turn();
    if (rest !== undefined) await rest;
  }
  return dropped;
}

/** The most dead first. */
function candidates(host: CompactionHost, left: ReadonlySet<Segment>): Segment[] {
  return [...host.space.segments]
    .filter((segment) => segment.deadBytes > 0 && !left.has(segment) && isIdle(host, segment))
    .filter(({ kind, liveBytes }) => kind === 'shared' || liveBytes <= movedSingleBytesMax)
    .sort((one, other) => shareOf(other) - shareOf(one));
}

function isDead(host: CompactionHost, segment: Segment): boolean {
  return segment.liveBytes === 0 && isIdle(host, segment);
}

function isIdle({ writer }: CompactionHost, segment: Segment): boolean {
  return !segment.dropped && segment !== writer.active && segment.waitingCommits === 0;
}

function shareOf(segment: Segment): number {
  return segment.deadBytes / Math.max(1, segment.valuesBytes);
}
