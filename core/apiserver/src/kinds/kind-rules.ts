// What one built-in kind adds to the common rules.

import { dnsSubdomainProblems } from '@tweendeck/kube';
import type { Draft } from '../draft.ts';
import type { ScalePaths } from '../registry.ts';
import type { Codec } from '../stored-object.ts';
import type { Strategy } from '../strategy.ts';
import type { TableColumns } from '../table/table.ts';

/** Everything may be left out; see {@link baseStrategy} for what holds then. */
export interface KindRules {
  readonly strategy?: Partial<Strategy>;
  readonly shownOf?: Codec['shownOf'];
  readonly columns?: TableColumns;
  /** Names for field selectors, each also its path in the stored form unless {@link selectableAs} has another. */
  readonly selectable?: readonly string[];
  readonly selectableAs?: Readonly<Record<string, string>>;
  readonly scale?: ScalePaths;
  /** Set where a kind is stored as another version or group's. */
  readonly storedAs?: {
    readonly group: string;
    readonly apiVersion: string;
    readonly toStored: (draft: Draft) => Draft;
    readonly fromStored: (draft: Draft) => Draft;
    /** Names for field selectors to paths in the stored form. */
    readonly selectable: Readonly<Record<string, string>>;
  };
}

export const baseStrategy: Strategy = {
  nameProblems: dnsSubdomainProblems,
  createOnUpdate: false,
  unconditionalUpdate: true,
  generation: 'none',
  statusApart: false,
  returnsDeleted: false,
};
