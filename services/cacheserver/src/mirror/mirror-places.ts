// How far each mirror is, and who we are, over restarts.

import { createHash } from 'node:crypto';
import type { Random } from '@tweendeck/std';
import type { CacheDisk, CacheFile } from '../dataplane/cache-disk.ts';
import { RecordJournal } from '../journal/record-journal.ts';
import { type NodeId, nodeIdBytes } from './mirror-mark.ts';
import type { QueuePlace } from './mirror-queue.ts';

/** Where a mirror is. */
export interface MirrorPlace extends QueuePlace {
  /** Whether it has still to be asked for everything that is stored. */
  readonly backfill: boolean;
}

const recordBytes = 40;
const nameBytes = 16;
const backfillAt = nameBytes + 16;
const forgottenAt = backfillAt + 1;
const rewriteRecordsMin = 2_048;
const self = Buffer.alloc(nameBytes);

export class MirrorPlaces implements Disposable {
  readonly node: NodeId;
  readonly #journal: RecordJournal;
  readonly #records = new Map<string, Buffer>();
  /** Changes of who there is, and how many of them are on the disk. */
  #changes = 0;
  #synced = 0;

  /** Throws what the disk throws. */
  constructor(disk: CacheDisk, random: Pick<Random, 'bytes'>) {
    const options = { disk, kind: 'cache mirror places 1', recordBytes };
    this.#journal = RecordJournal.open(options, (source, at) => {
      const record = Buffer.from(source.subarray(at, at + recordBytes));
      this.#records.set(record.toString('latin1', 0, nameBytes), record);
    });
    const known = this.#records.get(self.toString('latin1'));
    const fresh = Buffer.alloc(recordBytes);
    fresh.set(random.bytes(nodeIdBytes), nameBytes);
    this.node = (known ?? fresh).subarray(nameBytes, nameBytes + nodeIdBytes);
    if (known === undefined) this.#keep(fresh);
  }

  get(target: string): MirrorPlace | undefined {
    const record = this.#records.get(nameOf(target).toString('latin1'));
    return record === undefined || isForgotten(record) ? undefined : decode(record);
  }

  /** Forgets all mirrors but these: should one come back, it is as new, since nothing was queued for it meanwhile. */
  keepOnly(targets: readonly string[]): void {
    const kept = new Set(targets.map((target) => nameOf(target).toString('latin1')));
    for (const [name, record] of this.#records) {
      if (kept.has(name) || name === self.toString('latin1') || isForgotten(record)) continue;
      const forgotten = Buffer.from(record);
      forgotten[forgottenAt] = 1;
      this.#changes++;
      this.#keep(forgotten);
    }
  }

  set(target: string, place: MirrorPlace): void {
    const record = Buffer.alloc(recordBytes);
    nameOf(target).copy(record);
    record.writeDoubleLE(place.sequence, nameBytes);
    record.writeDoubleLE(place.totalBytes, nameBytes + 8);
    record[backfillAt] = place.backfill ? 1 : 0;
    if (this.get(target) === undefined) this.#changes++;
    this.#keep(record);
  }

  /**
   * What has to be synced so that it stays known who there is and since when; nothing, when it is on the disk. How far each
   * is may be forgotten: it is asked for what it has then. `synced` is told when that was done.
   */
  get unsynced(): { readonly files: readonly CacheFile[]; readonly synced: () => void } {
    const { files } = this.#journal;
    const changes = this.#changes;
    const synced = (): void => {
      this.#synced = changes;
    };
    return { files: this.#synced < changes ? files : [], synced };
  }

  /** The furthest place of all mirrors there ever were. */
  furthest(): QueuePlace {
    const places = [...this.#records].flatMap(([name, record]) =>
      name === self.toString('latin1') ? [] : [decode(record)],
    );
    return {
      sequence: Math.max(0, ...places.map(({ sequence }) => sequence)),
      totalBytes: Math.max(0, ...places.map(({ totalBytes }) => totalBytes)),
    };
  }

  [Symbol.dispose](): void {
    this.#journal[Symbol.dispose]();
  }

  #keep(record: Buffer): void {
    this.#records.set(record.toString('latin1', 0, nameBytes), record);
    this.#journal.append(record, 0); // refused by the disk: after a restart mirrors are asked for more than needed
    const { records, rewriting } = this.#journal;
    if (rewriting || records < rewriteRecordsMin) return;
    void this.#journal.rewrite(
      [...this.#records.values()].map((source) => ({ source, at: 0 })).values(),
    );
  }
}

function decode(record: Buffer): MirrorPlace {
  return {
    sequence: record.readDoubleLE(nameBytes),
    totalBytes: record.readDoubleLE(nameBytes + 8),
    backfill: record[backfillAt] === 1,
  };
}

function isForgotten(record: Buffer): boolean {
  return record[forgottenAt] === 1;
}

function nameOf(target: string): Buffer {
  return createHash('sha256').update(target).digest().subarray(0, nameBytes);
}
