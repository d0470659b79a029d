// A member as another one knows it.

import type { BusLink, Failing } from './bus-message.ts';
import { SlotSet } from './slot-set.ts';

export class KnownNode {
  id: string;
  host: string;
  master: KnownNode | undefined;
  isReplica = false;
  /** Not yet known by its true id. */
  inHandshake = false;
  /** To be met, not only pinged. */
  isMet = false;
  hasAddress = true;
  failing: Failing = 'no';
  failedMs = 0;
  epoch = 0;
  readonly slots: SlotSet = new SlotSet();
  link: BusLink | undefined;
  readonly createdMs: number;
  /** 0: none is under way. */
  pingSentMs = 0;
  pongReceivedMs = 0;
  heardMs = 0;
  offset = 0;
  votedMs: number = -Infinity;
  /** Who says that it fails, and when. */
  readonly reports: Map<KnownNode, number> = new Map();

  constructor(id: string, host: string, createdMs: number) {
    this.id = id;
    this.host = host;
    this.createdMs = createdMs;
  }

  closeLink(): void {
    if (this.link) this.link.isOpen = false;
    this.link = undefined;
  }
}
