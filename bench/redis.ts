// RedisClusters and a RedisSentinel beside bare redis-servers: death of a master, rolling restart, shards added and taken away;
// and what a thousand of them cost as objects.
// ARGS: --parts=failover,sentinel,rolling,scaling,objects for some of it, --runs=N (20) of failover and sentinel, --rounds=N (3) of rolling,
// --mebibytes=N (1024) of data to move (--no-peer: without redis-cli), --objects=N (1000) watched for --steady=SECONDS (60) and
// changed one --every=MS (100), --write to put the tables into bench/README.md.

import { mkdir, mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { clockOf } from '@tweendeck/std';
import { failover } from './redis/failover.ts';
import { objects } from './redis/objects.ts';
import { rolling } from './redis/rolling.ts';
import { scaling } from './redis/scaling.ts';
import { sentinel } from './redis/sentinel.ts';
import { keepInReadme } from './support/readme.ts';

const clock = clockOf(globalThis);

export async function run(
  { args, write }: { readonly args: readonly string[]; readonly write: (line: string) => void },
  signal: AbortSignal,
): Promise<void> {
  const { values } = parseArgs({
    args: [...args],
    allowNegative: true,
    options: {
      parts: { type: 'string', default: 'failover,sentinel,rolling,scaling,objects' },
      runs: { type: 'string', default: '20' },
      rounds: { type: 'string', default: '3' },
      mebibytes: { type: 'string', default: '1024' },
      peer: { type: 'boolean', default: true },
      objects: { type: 'string', default: '1000' },
      steady: { type: 'string', default: '60' },
      every: { type: 'string', default: '100' },
      write: { type: 'boolean', default: false },
    },
  });
  const root = await mkdtemp(join(tmpdir(), 'bench-redis-'));
  const begunMs = performance.now();
  const all = {
    failover: (directory: string) =>
      failover({ runs: Number(values.runs), directory, write }, signal),
    sentinel: (directory: string) =>
      sentinel({ runs: Number(values.runs), directory, write }, signal),
    rolling: (directory: string) =>
      rolling({ rounds: Number(values.rounds), directory, write }, signal),
    scaling: (directory: string) =>
      scaling({ mebibytes: Number(values.mebibytes), peer: values.peer, directory, write }, signal),
    objects: () =>
      objects(
        {
          count: Number(values.objects),
          steadySeconds: Number(values.steady),
          changeEveryMs: Number(values.every),
          write,
        },
        signal,
      ),
  };
  try {
    for (const [name, measure] of Object.entries(all)) {
      if (!values.parts.split(',').includes(name)) continue;
      const directory = join(root, name);
      await mkdir(directory);
      const lines = await measure(directory);
      for (const line of lines) write(line);
      if (values.write) await keepInReadme(`redis --parts=${name}`, clock.nowMs(), lines);
      await rm(directory, { recursive: true });
    }
  } finally {
    await rm(root, { recursive: true, force: true });
  }
  write(`That took ${((performance.now() - begunMs) / 60_000).toFixed(1)} minutes.`);
}
