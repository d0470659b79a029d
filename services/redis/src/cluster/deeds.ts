// What may be done to the members of a Redis cluster outside the API, as data.

import type { EnginePlan, Passwords } from '@tweendeck/engine';
import type { RedisFacts } from './facts.ts';
import type { SlotAdoption } from './plan-lost.ts';
import type { SlotClosing, SlotMove } from './plan-moves.ts';
import type { Seen } from './seen.ts';

/** `do-deed.ts` does it. */
export type RedisDeed =
  | { readonly kind: 'meet'; readonly from: Seen; readonly to: Seen }
  | { readonly kind: 'take slots'; readonly by: Seen; readonly ranges: RedisFacts['self']['slots'] }
  | { readonly kind: 'drop slots'; readonly by: Seen; readonly ranges: RedisFacts['self']['slots'] }
  | { readonly kind: 'follow'; readonly replica: Seen; readonly leader: Seen }
  | { readonly kind: 'forget'; readonly by: readonly Seen[]; readonly id: string }
  | { readonly kind: 'move'; readonly move: SlotMove; readonly all: readonly Seen[] }
  | { readonly kind: 'close'; readonly closing: SlotClosing }
  | { readonly kind: 'adopt'; readonly adoptions: readonly SlotAdoption[] }
  | { readonly kind: 'tell passwords'; readonly to: Seen; readonly passwords: Passwords }
  /** `settings` are those with which it takes part. */
  | {
      readonly kind: 'let in';
      readonly on: Seen;
      readonly settings: Readonly<Record<string, string>>;
    }
  | { readonly kind: 'lead'; readonly replica: Seen; readonly how: LeadBy };

/** `forced`: by the votes of most masters, though they do not find that its master fails. */
type LeadBy = 'in order' | 'forced' | 'without votes';

export interface PlannedDeed {
  readonly id: string;
  readonly why: string;
  readonly on: string;
  readonly risk: 'safe' | 'disruptive' | 'dataLoss';
  readonly deed: RedisDeed;
}

export interface RedisPlan extends Pick<EnginePlan, 'troubles' | 'conditions' | 'holds'> {
  readonly deeds: readonly PlannedDeed[];
}
