// `tweendeck alerts` and `tweendeck dashboard`: what of an engine Prometheus and Grafana want to know.

import { stringify } from 'yaml';
import type { Invocation } from '../command-line.ts';
import { engineNamed } from '../engine-named.ts';
import { platformEngines } from '../platform.ts';

/** One rule file. */
export function alerts({ world, operands }: Invocation): Promise<number> {
  const engines = operands.length === 0 ? platformEngines : operands.map(engineNamed);
  const groups = engines.flatMap((engine) => engine.alerts.groups);
  world.write(stringify({ groups }, { lineWidth: 0 }).trimEnd());
  return Promise.resolve(0);
}

export function dashboard({ world, operands: [word = ''] }: Invocation): Promise<number> {
  world.write(JSON.stringify(engineNamed(word).dashboard, undefined, 2));
  return Promise.resolve(0);
}
