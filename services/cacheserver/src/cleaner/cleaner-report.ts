// What one run of the cleaner did, or would have done.

export type CleanReason = 'expired' | 'max-bytes' | 'free-bytes';

export interface CleanedPart {
  /** Keys. */
  readonly objects: number;
  /** Bytes of their files. */
  readonly bytes: number;
}

export interface CleanReport extends CleanedPart {
  /** Seconds for which the longest unused key that went had not been used; 0 when none went. */
  readonly oldestSeconds: number;
  readonly durationMs: number;
  /** Nothing went: the report says what would have. */
  readonly dryRun: boolean;
  readonly reasons: Readonly<Record<CleanReason, CleanedPart>>;
  /** Keys that were looked at. */
  readonly visited: number;
  /** What the files on disk shrank by, and the segments that went; less than `bytes` while readers or other values hold them. */
  readonly reclaimedBytes: number;
  readonly reclaimedSegments: number;
  /** Segments that stay until there is room or the disk can be read. */
  readonly leftSegments: number;
  /** Bytes on disk afterwards. */
  readonly storageBytes: number;
}

/** Adds up while a run is under way. */
export class CleanTally {
  visited = 0;
  oldestSeconds = 0;
  readonly #objects: Record<CleanReason, number> = { expired: 0, 'max-bytes': 0, 'free-bytes': 0 };
  readonly #bytes: Record<CleanReason, number> = { expired: 0, 'max-bytes': 0, 'free-bytes': 0 };

  add(reason: CleanReason, sizeBytes: number, idleSeconds: number): void {
    this.#objects[reason]++;
    this.#bytes[reason] += sizeBytes;
    this.oldestSeconds = Math.max(this.oldestSeconds, idleSeconds);
  }

  part(reason: CleanReason): CleanedPart {
    return { objects: this.#objects[reason], bytes: this.#bytes[reason] };
  }

  get reasons(): Readonly<Record<CleanReason, CleanedPart>> {
    return {
      expired: this.part('expired'),
      'max-bytes': this.part('max-bytes'),
      'free-bytes': this.part('free-bytes'),
    };
  }

  get sum(): CleanedPart {
    const parts = Object.values(this.reasons);
    return {
      objects: parts.reduce((sum, { objects }) => sum + objects, 0),
      bytes: parts.reduce((sum, { bytes }) => sum + bytes, 0),
    };
  }
}
