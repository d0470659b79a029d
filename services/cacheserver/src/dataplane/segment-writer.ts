// Appends commits to the active segment: values first, then the record that makes them real.

import type { CacheDisk, CacheFile } from './cache-disk.ts';
import { CommitGroup, GroupBuffers, type Staged } from './commit-group.ts';
import { commitRecordBytes, encodeCommitRecord, type FilePlaces } from './commit-record.ts';
import { CommitSync } from './commit-sync.ts';
import { blocksOf, type OpenFiles, Segment } from './segment.ts';
import type { SegmentSpace } from './segment-space.ts';
import type { StoreClock } from './store-clock.ts';
import type { PutRefusal } from './value-store.ts';

export interface SegmentWriterOptions {
  readonly disk: CacheDisk;
  readonly files: OpenFiles;
  readonly space: SegmentSpace;
  readonly time: StoreClock;
  readonly segmentBytesMax: number;
  readonly durability: 'none' | 'commit';
  /** A segment is about to be appended to. */
  readonly onSegment: (segment: Segment) => void;
  readonly onTrouble: (error: unknown) => PutRefusal;
  readonly onWritten: () => void;
  /** Keeps the store open until the promise settles. */
  readonly track: <Value>(promise: Promise<Value>) => Promise<Value>;
}

/** What one commit record is to say. Offsets of files count from the start of `parts`. */
export interface Commit {
  readonly id: Uint8Array;
  /** All files, one behind the other. */
  readonly parts: readonly Buffer[];
  readonly usedBytes: number;
  readonly files: FilePlaces;
  readonly removed: number;
  /** Of a version that is moved; omitted: the next sequence, now. */
  readonly moved?: { readonly sequence: number; readonly committedMs: number };
}

type RecordOf = Pick<Commit, 'id' | 'files' | 'removed' | 'moved'>;

export interface WrittenCommit {
  readonly segment: Segment;
  readonly sequence: number;
  /** The files with their offsets in the segment. */
  readonly files: FilePlaces;
  /**
   * Settles when the disk has it, with why not, and `release` is owed then: until that the segment stays. Undefined:
   * nobody waits for the disk. The same for all commits of one `appendAll`.
   */
  readonly synced: Promise<PutRefusal | undefined> | undefined;
}

/** A commit that is written with the others of its group, by `flush` at the latest. */
export interface StagedWrite {
  readonly written: WrittenCommit;
  readonly group: CommitGroup;
}

interface ActiveSegment {
  readonly segment: Segment;
  readonly log: CacheFile;
}

export class SegmentWriter {
  nextNumber = 1;
  nextSequence = 1;
  /** The last sequence that the index knows: every commit up to it was made visible, or refused. */
  appliedSequence = 0;
  readonly #options: SegmentWriterOptions;
  readonly #sync = new CommitSync();
  readonly #record = Buffer.alloc(commitRecordBytes);
  /** The shared segment that takes small transactions, pinned, with its open log. */
  #active: ActiveSegment | undefined;
  /** What is to be written next to the active segment, before anything else. */
  #group: CommitGroup | undefined;
  readonly #groupBuffers = new GroupBuffers();

  constructor(options: SegmentWriterOptions) {
    this.#options = options;
  }

  get segmentBytesMax(): number {
    return this.#options.segmentBytesMax;
  }

  get active(): Segment | undefined {
    return this.#active?.segment;
  }

  /** Whether commits may wait for one another: else each of them waits for the disk. */
  get stages(): boolean {
    return this.#options.durability === 'none';
  }

  /** Takes a commit into the group. Room is made by dropping other segments. */
  stage(commit: Omit<Commit, 'moved'>): StagedWrite | PutRefusal {
    if (this.#group?.takes(commit.usedBytes) === false) this.flush();
    const active = this.#activeFor(commit.usedBytes, 'made');
    if (typeof active === 'string') return active;
    const { segment } = active;
    const { valuesBytes, logBytes } = segment;
    this.#group ??= new CommitGroup(segment, this.#groupBuffers, () => this.flush());
    const group = this.#group;
    const files = shifted(commit.files, valuesBytes);
    const { id, removed, parts, usedBytes } = commit;
    const sequence = this.nextSequence++;
    const committedMs = this.#options.time.nowMs();
    group.add(parts, usedBytes, { sequence, committedMs, id, files, removed });
    segment.stagedBytes += commit.usedBytes;
    this.#options.space.resize(
      segment,
      valuesBytes + commit.usedBytes,
      logBytes + commitRecordBytes,
    );
    return { written: { segment, sequence, files, synced: undefined }, group };
  }

  /** The group in which what lies there waits for the disk. */
  stagedAt(segment: Segment, offset: number): Staged | undefined {
    const group = this.#group;
    return group?.segment === segment && offset >= group.valuesAt ? group : undefined;
  }

  /** Writes the group, or takes it back. */
  flush(): void {
    const group = this.#group;
    const active = this.#active;
    if (group === undefined || active === undefined) return;
    this.#group = undefined;
    const { segment, log } = active;
    try {
      const values = this.#options.files.use(segment);
      const { records } = group;
      values.writePartsNow(group.values, group.valuesAt);
      log.writeNow(records, records.length, group.logAt);
      segment.stagedBytes = 0;
      group.state = 'written';
      this.#options.onWritten();
    } catch (error) {
      group.takeBack(this.#options.onTrouble(error));
      segment.stagedBytes = 0;
      this.#options.space.resize(segment, group.valuesAt, group.logAt);
      this.#cutBack(active);
    }
  }

  /** Writes a commit at once. Room is made by dropping other segments. */
  append(commit: Commit): WrittenCommit | PutRefusal {
    this.flush();
    const active = this.#activeFor(commit.usedBytes, 'made');
    if (typeof active === 'string') return active;
    const { segment, log } = active;
    const { valuesBytes, logBytes } = segment;
    const files = shifted(commit.files, valuesBytes);
    const values = this.#options.files.use(segment);
    try {
      if (commit.usedBytes > 0) values.writePartsNow(commit.parts, valuesBytes);
      const sequence = this.#encode({ ...commit, files });
      log.writeNow(this.#record, commitRecordBytes, logBytes);
      this.#options.space.resize(
        segment,
        valuesBytes + commit.usedBytes,
        logBytes + commitRecordBytes,
      );
      const synced = this.#written(segment, [values, log]);
      return { segment, sequence, files, synced };
    } catch (error) {
      this.#cutBack(active);
      return this.#options.onTrouble(error);
    }
  }

  /** Writes several commits at once, all in one segment. Room must be spare. */
  appendAll(commits: readonly Commit[]): readonly WrittenCommit[] | PutRefusal {
    this.flush();
    const usedBytes = commits.reduce((sum, commit) => sum + commit.usedBytes, 0);
    const active = this.#activeFor(usedBytes + commits.length * commitRecordBytes, 'spare');
    if (typeof active === 'string') return active;
    const { segment, log } = active;
    const { valuesBytes, logBytes } = segment;
    const parts = commits.flatMap((commit) => commit.parts);
    const records = Buffer.allocUnsafe(commits.length * commitRecordBytes);
    let offset = 0;
    const placed = commits.map((commit, at) => {
      const files = shifted(commit.files, valuesBytes + offset);
      const sequence = this.#encode({ ...commit, files });
      this.#record.copy(records, at * commitRecordBytes);
      const written = { segment, sequence, files };
      offset += commit.usedBytes;
      return written;
    });
    const values = this.#options.files.use(segment);
    try {
      if (usedBytes > 0) values.writePartsNow(parts, valuesBytes);
      log.writeNow(records, records.length, logBytes);
      this.#options.space.resize(segment, valuesBytes + usedBytes, logBytes + records.length);
      const synced = this.#written(segment, [values, log]);
      return placed.map((commit) => ({ ...commit, synced }));
    } catch (error) {
      this.#cutBack(active);
      return this.#options.onTrouble(error);
    }
  }

  /** Writes the record in front of a single segment. */
  appendHead(segment: Segment, id: Uint8Array, files: FilePlaces): WrittenCommit | PutRefusal {
    this.flush();
    try {
      const file = this.#options.files.use(segment);
      const sequence = this.#encode({ id, files, removed: 0 });
      file.writeNow(this.#record, commitRecordBytes, 0);
      return { segment, sequence, files, synced: this.#written(segment, [file]) };
    } catch (error) {
      return this.#options.onTrouble(error);
    }
  }

  /** Appends no more to the active segment. */
  seal(): void {
    this.flush();
    const active = this.#active;
    if (active === undefined) return;
    this.#active = undefined;
    if (active.segment.waitingCommits === 0) active.log.close();
    else active.segment.whenSynced = () => active.log.close();
    this.#options.space.unpin(active.segment);
  }

  /** To be called once for each `synced` that settled, as soon as what was written is visible. */
  release(segment: Segment): void {
    if (--segment.waitingCommits === 0) {
      segment.whenSynced?.();
      segment.whenSynced = undefined;
    }
    this.#options.space.unpin(segment);
  }

  #written(
    segment: Segment,
    files: readonly CacheFile[],
  ): Promise<PutRefusal | undefined> | undefined {
    this.#options.onWritten();
    if (this.#options.durability !== 'commit') return undefined;
    this.#options.space.pin(segment);
    segment.waitingCommits++;
    const settled = this.#sync
      .sync(files)
      .then((failure) => (failure === undefined ? undefined : this.#options.onTrouble(failure)));
    return this.#options.track(settled);
  }

  #encode({ id, files, removed, moved }: RecordOf): number {
    const sequence = moved?.sequence ?? this.nextSequence++;
    const committedMs = moved?.committedMs ?? this.#options.time.nowMs();
    encodeCommitRecord({ sequence, committedMs, id, files, removed }, this.#record, 0);
    return sequence;
  }

  #activeFor(bytes: number, room: 'made' | 'spare'): ActiveSegment | PutRefusal {
    const { disk, files, space, segmentBytesMax } = this.#options;
    const needed = blocksOf(bytes) + 2 * blocksOf(commitRecordBytes);
    if (room === 'spare' && !space.hasRoom(needed)) return 'storage-full';
    if (!space.takeRoom(needed)) {
      this.seal(); // with everything else gone, what the active segment holds has to go as well
      if (!space.takeRoom(needed)) return 'storage-full';
    }
    if (this.#active && this.#active.segment.valuesBytes + bytes > segmentBytesMax) this.seal();
    if (this.#active) return this.#active;
    const segment = new Segment(this.nextNumber++, 'shared');
    try {
      files.create(segment);
      const log = disk.create(segment.logName);
      space.pin(segment);
      space.add(segment);
      this.#options.onSegment(segment);
      this.#active = { segment, log };
      return this.#active;
    } catch (error) {
      files.close(segment);
      return this.#unmade(segment) ?? this.#options.onTrouble(error);
    }
  }

  /** Takes the file of a segment away that never was; where that fails, the next start does. */
  #unmade(segment: Segment): PutRefusal | undefined {
    try {
      this.#options.disk.remove(segment.valuesName);
      return undefined;
    } catch (error) {
      return this.#options.onTrouble(error);
    }
  }

  /** Takes a failed write back; where even that fails, nothing is appended there any more. */
  #cutBack({ segment, log }: ActiveSegment): void {
    try {
      this.#options.files.use(segment).truncateNow(segment.valuesBytes);
      log.truncateNow(segment.logBytes);
    } catch {
      this.seal(); // the next start cuts the torn end
    }
  }
}

function shifted(files: FilePlaces, by: number): FilePlaces {
  const [asset, info, resource] = files;
  return [
    asset && { ...asset, offset: asset.offset + by },
    info && { ...info, offset: info.offset + by },
    resource && { ...resource, offset: resource.offset + by },
  ];
}
