// What a scenario is.

import type { ScenarioHome } from './scenario-home.ts';
import type { Stage } from './stage.ts';

export interface Scenario {
  /** A sentence; a row of the table. */
  readonly name: string;
  /** `alone`: it disturbs what else runs in the home. */
  readonly company?: 'alone';
  /** Why this home cannot show it; undefined: it can. */
  readonly notApplicable?: (home: ScenarioHome) => string | undefined;
  readonly play: (stage: Stage) => Promise<void>;
}
