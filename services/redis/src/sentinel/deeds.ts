// What can be done about a Sentinel set, as data, and how each is told. Pure.

import type { Cluster, EnginePlan, Passwords } from '@tweendeck/engine';
import type { Mark } from './mark.ts';
import {
  dataSettings,
  type SentinelOptions,
  type WatchSettings,
  watchSettings,
} from './settings.ts';
import type { SeenData, SeenSentinel, Standing } from './standing.ts';

/** What is done outside the API, as data: `do-sentinel.ts` does it. */
export type SentinelDeed =
  | { readonly kind: 'wait' }
  | {
      readonly kind: 'lead';
      readonly by: SeenData;
      readonly settings: ReadonlyMap<string, string>;
    }
  | { readonly kind: 'follow'; readonly by: SeenData; readonly leader: SeenData }
  | { readonly kind: 'set'; readonly on: SeenData; readonly settings: ReadonlyMap<string, string> }
  | { readonly kind: 'mark'; readonly on: SeenData; readonly mark: Mark }
  | { readonly kind: 'tell passwords'; readonly on: SeenData; readonly passwords: Passwords }
  | { readonly kind: 'admit'; readonly by: SeenSentinel; readonly passwords: Passwords }
  | {
      readonly kind: 'log in';
      readonly by: SeenSentinel;
      readonly password: string;
      /** Undefined: it watches nobody. */
      readonly masterName: string | undefined;
    }
  | {
      readonly kind: 'watch';
      readonly by: SeenSentinel;
      readonly leader: Pick<SeenData, 'address'>;
      readonly settings: WatchSettings;
    }
  | { readonly kind: 'adjust'; readonly by: SeenSentinel; readonly settings: WatchSettings }
  | {
      readonly kind: 'fail over';
      readonly by: SeenSentinel;
      readonly masterName: string;
      readonly from: SeenData;
    }
  | {
      readonly kind: 'hand over';
      readonly by: SeenSentinel;
      readonly masterName: string;
      readonly from: SeenData;
      readonly heirs: readonly SeenData[];
    };

export interface PlannedDeed {
  readonly id: string;
  readonly why: string;
  readonly on: string;
  readonly risk: 'safe' | 'disruptive' | 'dataLoss';
  readonly deed: SentinelDeed;
}

export interface SentinelPlan extends Pick<EnginePlan, 'troubles' | 'holds'> {
  readonly deeds: readonly PlannedDeed[];
}

export type SentinelSet = Pick<
  Cluster<SentinelOptions>,
  'name' | 'namespace' | 'spec' | 'passwords'
>;

export const nothing: SentinelPlan = { deeds: [], troubles: [] };
export const only = (...deeds: readonly PlannedDeed[]): SentinelPlan => ({ deeds, troubles: [] });

export function waitFor({ data, sentinels }: Standing, why: string): PlannedDeed {
  const on = data[0]?.name ?? sentinels[0]?.name ?? '';
  return { id: 'wait for Sentinels', why, on, risk: 'disruptive', deed: { kind: 'wait' } };
}

export function lead(
  set: SentinelSet,
  by: SeenData,
  why: string,
  risk: PlannedDeed['risk'] = 'disruptive',
): PlannedDeed {
  const settings = dataSettings(set.spec, { mayLead: true });
  return {
    id: `lead with ${by.name}`,
    why,
    on: by.name,
    risk,
    deed: { kind: 'lead', by, settings },
  };
}

export function watch(
  set: SentinelSet,
  by: SeenSentinel,
  leader: SeenData,
  why: string,
): PlannedDeed {
  const settings = watchSettings(set);
  return {
    ...{ id: `watch ${leader.name} with ${by.name}`, why, on: by.name, risk: 'safe' },
    deed: { kind: 'watch', by, leader, settings },
  };
}
