// What a data plane counts.

import type { UnityCacheFault, UnityCacheFileType } from '@tweendeck/wire';
import type { PutDrop, PutOutcome, PutRefusal } from './value-store.ts';

/** Why a connection ended. */
export type ClosingReason =
  | UnityCacheFault
  | 'quit'
  | 'client-closed'
  | 'client-reset'
  | 'handshake-timeout'
  | 'slow-upload'
  | 'idle-transaction'
  | 'stalled-reader'
  | 'too-many-connections'
  | 'proxy-untrusted'
  | 'proxy-malformed'
  | 'tls-failed'
  | 'token-missing'
  | 'token-refused'
  | 'value-damaged'
  | 'store-failed'
  | 'drained'
  | 'stopped';

/** What became of a transaction, one word. */
export type TransactionEnd = 'stored' | 'abandoned' | PutDrop | PutRefusal;

export interface CounterValues {
  readonly connectionsOpened: number;
  readonly connectionsOpen: number;
  readonly closings: Readonly<Partial<Record<ClosingReason, number>>>;
  readonly hits: Readonly<Record<UnityCacheFileType, number>>;
  readonly misses: Readonly<Record<UnityCacheFileType, number>>;
  readonly transactions: Readonly<Partial<Record<TransactionEnd, number>>>;
  readonly receivedBytes: number;
  readonly sentBytes: number;
}

/** Plain numbers, changed in place on the hot path. */
export class Counters {
  connectionsOpened = 0;
  connectionsOpen = 0;
  receivedBytes = 0;
  sentBytes = 0;
  readonly hits: Record<UnityCacheFileType, number> = { a: 0, i: 0, r: 0 };
  readonly misses: Record<UnityCacheFileType, number> = { a: 0, i: 0, r: 0 };
  readonly closings: Partial<Record<ClosingReason, number>> = {};
  readonly transactions: Partial<Record<TransactionEnd, number>> = {};

  closed(reason: ClosingReason): void {
    this.closings[reason] = (this.closings[reason] ?? 0) + 1;
  }

  transactionEnded(end: TransactionEnd): void {
    this.transactions[end] = (this.transactions[end] ?? 0) + 1;
  }

  /** A transaction that was counted as stored is not, for this reason. */
  readonly takenBack = (reason: PutRefusal): void => {
    this.transactions.stored = (this.transactions.stored ?? 0) - 1;
    this.transactionEnded(reason);
  };

  put(outcome: PutOutcome): void {
    this.transactionEnded(outcome.outcome === 'stored' ? 'stored' : outcome.reason);
  }

  values(): CounterValues {
    return {
      connectionsOpened: this.connectionsOpened,
      connectionsOpen: this.connectionsOpen,
      closings: { ...this.closings },
      hits: { ...this.hits },
      misses: { ...this.misses },
      transactions: { ...this.transactions },
      receivedBytes: this.receivedBytes,
      sentBytes: this.sentBytes,
    };
  }
}
