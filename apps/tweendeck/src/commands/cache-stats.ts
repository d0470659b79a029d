// `tweendeck cache stats`: what the data planes say about themselves.

import { stringify } from 'yaml';
import { askCaches } from '../cache-status.ts';
import type { Invocation } from '../command-line.ts';

export async function run({ world, options, operands }: Invocation): Promise<number> {
  const form = options.choice('output', ['json'] as const);
  const asked = { world, options, name: operands[0] };
  const stats = await askCaches(asked, { method: 'GET', path: '/stats' });
  if (form === 'json') world.write(JSON.stringify(stats, undefined, 2));
  else if (Object.keys(stats).length === 0) world.write('No running cache servers.');
  else world.write(stringify(stats).trimEnd());
  return 0;
}
