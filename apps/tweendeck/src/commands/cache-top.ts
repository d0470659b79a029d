// `tweendeck cache top`: who uses a cache most.

import { isJsonObject } from '@tweendeck/std';
import { askCaches } from '../cache-status.ts';
import type { Invocation } from '../command-line.ts';
import { alignColumns } from '../output/table.ts';

export async function run({ world, options, operands }: Invocation): Promise<number> {
  const by = options.choice('by', ['bytes', 'requests'] as const) ?? 'bytes';
  const asked = { world, options, name: operands[0] };
  const all = await askCaches(asked, { method: 'GET', path: '/stats' });
  const field = by === 'bytes' ? 'byBytes' : 'byRequests';
  const rows = Object.entries(all).flatMap(([cache, stats]) => rowsOf(cache, stats, field));
  if (rows.length === 0) {
    world.write('Nobody used a cache yet.');
    return 0;
  }
  world.write(alignColumns([['CACHE', 'NAMESPACE', 'CLIENT', by.toUpperCase()], ...rows]));
  return 0;
}

function rowsOf(
  cache: string,
  stats: Readonly<Record<string, unknown>>,
  field: 'byBytes' | 'byRequests',
): readonly (readonly string[])[] {
  const namespaces = isJsonObject(stats['namespaces']) ? stats['namespaces'] : {};
  return Object.entries(namespaces).flatMap(([namespace, figures]) => {
    const top = isJsonObject(figures) ? figures['topClients'] : undefined;
    const clients = isJsonObject(top) ? top[field] : undefined;
    if (!Array.isArray(clients)) return [];
    return clients
      .filter(isJsonObject)
      .map(({ client, count }) => [cache, namespace, String(client), String(count)]);
  });
}
