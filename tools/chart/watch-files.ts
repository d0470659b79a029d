// What of the Helm chart follows from the tables of engines: their default alerts and their dashboards.

import { stringify } from 'yaml';
import { platformEngines } from '../../apps/tweendeck/src/platform.ts';

const chart = 'charts/tweendeck';
const notice = '# Generated from the code by "npm run generate:chart"; do not edit.\n';

/** Files by their path from the root of the checkout. */
export function watchFiles(): readonly (readonly [path: string, text: string])[] {
  return platformEngines.flatMap(({ kind, alerts, dashboard }) => {
    const name = kind.kind.toLowerCase();
    return [
      [`${chart}/alerts/${name}.rules.yaml`, notice + stringify(alerts, { lineWidth: 0 })],
      [`${chart}/dashboards/${name}.json`, `${JSON.stringify(dashboard, undefined, 2)}\n`],
    ] as const;
  });
}
