// Commits of one turn that go to the disk together: one write for their values, one for their records.

import { CommitLog } from './commit-log.ts';
import { type CommitRecord, commitRecordBytes } from './commit-record.ts';
import type { Segment } from './segment.ts';
import type { PutRefusal } from './value-store.ts';

/** Beyond, a group is written before more comes. */
const commitsMax = 256;
const valueBytesMax = 256 * 1_024;

/** Whom a commit of a group concerns. */
export interface StagedCommit {
  /** Makes everything as if the commit had never been; called from the last commit to the first. */
  takeBack(): void;
  /** Why it was taken back. */
  refused(reason: PutRefusal): void;
}

/** What can be seen of a commit before it is on disk. */
export interface Staged {
  /** Writes the group unless that was done; false when the disk did not take it, and nothing of it is there. */
  settle(): boolean;
}

/** Memory for groups: one at a time is filled. */
export class GroupBuffers {
  readonly log: CommitLog = new CommitLog(commitsMax);
  #values: Buffer | undefined;

  /** Used from the second commit of a group on. */
  get values(): Buffer {
    this.#values ??= Buffer.allocUnsafeSlow(valueBytesMax);
    return this.#values;
  }
}

export class CommitGroup implements Staged {
  readonly segment: Segment;
  /** Where values and records begin in their files. */
  readonly valuesAt: number;
  readonly logAt: number;
  readonly commits: StagedCommit[] = [];
  state: 'open' | 'written' | 'failed' = 'open';
  readonly #buffers: GroupBuffers;
  readonly #write: () => void;
  /** Of the first commit, until there is a second. */
  #values: readonly Buffer[] = [];
  #valueBytes = 0;
  #records = 0;

  /** `write` puts the group on disk and sets its state. */
  constructor(segment: Segment, buffers: GroupBuffers, write: () => void) {
    this.segment = segment;
    this.valuesAt = segment.valuesBytes;
    this.logAt = segment.logBytes;
    this.#buffers = buffers;
    this.#write = write;
  }

  takes(valueBytes: number): boolean {
    const first = this.#records === 0;
    return first || (this.#records < commitsMax && this.#valueBytes + valueBytes <= valueBytesMax);
  }

  /** The first commit's values are not copied: often it stays the only one. */
  add(values: readonly Buffer[], valueBytes: number, record: CommitRecord): void {
    if (this.#records === 1) copyTo(this.#buffers.values, 0, this.#values);
    if (this.#records === 0) this.#values = values;
    else copyTo(this.#buffers.values, this.#valueBytes, values);
    this.#valueBytes += valueBytes;
    this.#buffers.log.set(this.#records++, record);
  }

  /** What is to be written to the values file. */
  get values(): readonly Buffer[] {
    if (this.#records === 1) return this.#values;
    return [this.#buffers.values.subarray(0, this.#valueBytes)];
  }

  get records(): Buffer {
    return this.#buffers.log.bytes.subarray(0, this.#records * commitRecordBytes);
  }

  settle(): boolean {
    if (this.state === 'open') this.#write();
    return this.state === 'written';
  }

  /** From the last commit to the first: the later may stand on the earlier. */
  takeBack(reason: PutRefusal): void {
    this.state = 'failed';
    for (const commit of this.commits.reverse()) commit.takeBack();
    for (const commit of this.commits.reverse()) commit.refused(reason);
  }
}

function copyTo(target: Buffer, at: number, parts: readonly Buffer[]): void {
  let end = at;
  for (const part of parts) end += part.copy(target, end);
}
