// What a pretended redis-server keeps when its process ends: nodes.conf and its data.

import type { Failing } from './bus-message.ts';

export interface NodesFile {
  readonly selfId: string;
  readonly currentEpoch: number;
  readonly lastVoteEpoch: number;
  readonly nodes: readonly {
    readonly id: string;
    readonly host: string;
    readonly hasAddress: boolean;
    readonly failing: Failing;
    readonly epoch: number;
    readonly slots: Uint8Array;
    /** Of a replica; empty when it is not known. */
    readonly masterId: string | undefined;
  }[];
  readonly migrating: readonly (readonly [slot: number, id: string])[];
  readonly importing: readonly (readonly [slot: number, id: string])[];
}

/** Written at every change, as redis-server does; the log of writes is, before they are acknowledged. */
export interface SimVolume {
  nodes: NodesFile | undefined;
  values: ReadonlyMap<string, string>;
}

export function emptyVolume(): SimVolume {
  return { nodes: undefined, values: new Map() };
}
