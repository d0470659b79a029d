// What an engine's part of a backup does, in the Job that carries the bytes.

import type { Clock } from '@tweendeck/std';

/** A member as its pod shows it. */
export interface BackupMember {
  readonly name: string;
  readonly group: string;
  readonly shard: number;
  readonly host: string;
}

/** How members are reached. */
export interface BackupAccess {
  readonly members: readonly BackupMember[];
  /** Tried in this order; none: nobody asks for one. */
  readonly passwords: readonly string[];
  /** PEM of who vouches for them by that name; undefined: they do not speak TLS. */
  readonly tls: { readonly authority: string; readonly serverName: string } | undefined;
  readonly clock: Clock;
}

/** A part of the data that one file holds: that of a shard, or all. */
export interface BackupPart {
  /** Lower case letters, digits and dashes. */
  readonly name: string;
  /** What it holds, in the engine's own words: `slots 0-5460`. */
  readonly holds: string;
  readonly leader: BackupMember;
  /** In step with the leader: it is asked in its place. */
  readonly follower: BackupMember | undefined;
}

export interface BackupSurvey {
  readonly version: string;
  readonly parts: readonly BackupPart[];
  /** Who holds what. When it is another at the end, parts may not fit together. */
  readonly state: string;
}

export interface PartReading {
  /** Who gives it. */
  readonly member: string;
  /** Of the leader's stream of writes: all up to there are in it. */
  readonly offset: number;
  /** Throws when it breaks off, or holds what could not be restored. */
  readonly chunks: AsyncIterable<Uint8Array>;
  /** Once all chunks were taken. */
  readonly keys: () => number;
}

export interface FillCounts {
  readonly keys: number;
  /** Of these, keys that were there already: of an attempt before, or written by a client since. They are left as they are. */
  readonly present: number;
}

export interface BackupProgram {
  /** Of its files, such as `.rdb`. */
  readonly suffix: string;
  /** Throws when no backup could be taken that is whole. */
  readonly survey: (access: BackupAccess, signal: AbortSignal) => Promise<BackupSurvey>;
  /** What every write up to now is in. */
  readonly read: (
    part: BackupPart,
    access: BackupAccess,
    signal: AbortSignal,
  ) => Promise<PartReading>;
  /** Who holds something; undefined: nobody. Throws when they cannot take anything yet. */
  readonly contents: (access: BackupAccess, signal: AbortSignal) => Promise<string | undefined>;
  /** Gives the members what a file holds, wherever each of it belongs now. What is there already stays. */
  readonly fill: (
    file: AsyncIterable<Uint8Array>,
    access: BackupAccess,
    signal: AbortSignal,
  ) => Promise<FillCounts>;
}
