// What members of a Redis cluster say to each other on their bus, as far as anything follows from it.

/** What every message says of its sender. */
export interface BusHeader {
  readonly sender: string;
  readonly host: string;
  /** Whom it follows. */
  readonly masterId: string | undefined;
  readonly currentEpoch: number;
  /** Of the sender, or of the master it follows. */
  readonly epoch: number;
  /** Slots of the sender, or of the master it follows. */
  readonly slots: Uint8Array;
  readonly slotCount: number;
  readonly offset: number;
  /** It holds its writes back for a manual failover. */
  readonly isPaused: boolean;
}

export interface Gossip {
  readonly id: string;
  readonly host: string;
  readonly masterId: string | undefined;
  readonly failing: Failing;
  readonly pongReceivedMs: number;
  readonly hasAddress: boolean;
}

/** `maybe`: it does not answer; `yes`: most masters say so. */
export type Failing = 'no' | 'maybe' | 'yes';

export type BusMessage = BusHeader &
  (
    | { readonly type: 'ping' | 'pong' | 'meet'; readonly gossip: readonly Gossip[] }
    | { readonly type: 'fail'; readonly about: string }
    | { readonly type: 'vote for me'; readonly isForced: boolean }
    | { readonly type: 'vote' | 'pause' }
    | {
        readonly type: 'update';
        readonly about: string;
        readonly aboutEpoch: number;
        readonly aboutSlots: Uint8Array;
        readonly aboutCount: number;
      }
  );

/** A connection that one member opened to another. */
export interface BusLink {
  readonly host: string;
  readonly createdMs: number;
  isOpen: boolean;
  /** When the last of what was sent arrives: nothing overtakes on a way. */
  arrivesMs: { there: number; back: number };
}
