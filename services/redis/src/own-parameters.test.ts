// What is rendered for servers is the platform's own, or may be chosen: nothing else, and never both.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { RenderContext } from '@tweendeck/engine';
import { redisClusterEngine } from './cluster/redis-cluster.ts';
import { redisSentinelEngine } from './sentinel/redis-sentinel.ts';

const passwords = { current: 'a' };
const resources = { limits: {} };
const groups = { data: { shards: 3, members: 2, resources }, sentinels: { members: 3, resources } };
const tls = { authority: '', serverName: 's', fingerprint: 'AB' };

/** Names of settings that a server is started with: of arguments, and of lines of files. */
function rendered<Options>(
  {
    recipes,
    passwords: rule,
  }: Pick<ReturnType<typeof redisClusterEngine>, 'recipes' | 'passwords'>,
  context: RenderContext<Options>,
): readonly string[] {
  const { command, files } = recipes['data'] ?? {};
  // Options are those of the engine that is rendered.
  const own = context as RenderContext<{ readonly nodeTimeoutMs: number }>;
  const flags = (command?.(own) ?? []).filter((word) => word.startsWith('--'));
  const secrets = rule?.files(passwords)['auth.conf'] ?? '';
  const lines = [...Object.values(files?.(own) ?? {}), secrets].join('\n').split('\n');
  return [
    ...flags.map((flag) => flag.slice(2)),
    ...lines.flatMap((line) => (line === '' ? [] : [line.split(' ', 1)[0] ?? ''])),
  ];
}

for (const engine of [redisClusterEngine(), redisSentinelEngine()]) {
  const { kind, parameters, ownParameters = {} } = engine;
  const options = { nodeTimeoutMs: 5_000, downAfterMs: 5_000 };

  test(`${kind}: whatever is rendered has its reason, or may be chosen`, () => {
    for (const mode of ['off', 'required'] as const) {
      for (const appendonly of ['yes', 'no']) {
        const spec = { version: '7.0', groups, options, config: { appendonly }, tls: { mode } };
        const cluster = {
          ...{ name: 'c', namespace: 'n', spec, passwords },
          ...(mode === 'required' ? { tls } : {}),
        };
        const place = { group: 'data', shard: 0, ordinal: 0 };
        const names = rendered(engine as ReturnType<typeof redisClusterEngine>, {
          ...{ cluster, place, name: 'c-data-0-0', hostName: 'h' },
        });
        assert.ok(names.includes('maxmemory') && names.includes('masterauth'), names.join(' '));
        const nobodys = names.filter((name) => !(name in parameters) && !(name in ownParameters));
        assert.deepEqual(nobodys, []);
      }
    }
  });

  test(`${kind}: nothing is both the platform’s own and to be chosen`, () => {
    const both = Object.keys(ownParameters).filter((name) => name in parameters);
    assert.deepEqual(both, []);
  });
}
