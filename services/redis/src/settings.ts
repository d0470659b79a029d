// What users may choose of a redis-server, what is asked of it about that, and how it is told while it runs.

import type { Parameter } from '@tweendeck/engine';
import { PlatformError } from '@tweendeck/std';
import type { RespValue } from '@tweendeck/wire';
import table from './generated/redis-parameters-7.0.json' with { type: 'json' };
import type { Command, RedisLink } from './redis-link.ts';

type Parameters = Readonly<Record<string, Parameter>>;
type Settings = Readonly<Record<string, string>>;

/** What servers of the platform have that are told nothing. */
export const ownDefaults: Settings = {
  appendonly: 'yes',
  // A replica that starts is waited for: it is not to wait for others first.
  'repl-diskless-sync-delay': '0',
};

/** What only a start changes. */
const atStart: Parameters = {
  'io-threads': {
    ...{ type: 'integer', min: 1, max: 128, applies: 'restart', default: '1' },
    description: 'Threads that read and write connections; commands stay on one.',
  },
  'tcp-backlog': {
    ...{ type: 'integer', min: 1, max: 65_535, applies: 'restart', default: '511' },
    description: 'Connections that may wait to be taken.',
  },
};

const descriptions: Settings = {
  appendonly: 'Whether writes are logged to disk; yes unless said otherwise.',
  appendfsync: 'When the log is brought to the disk.',
  hz: 'How often a second background work is done.',
  'maxmemory-policy': 'What goes when memory is full; nothing unless said otherwise.',
  'min-replicas-to-write': 'A leader with fewer replicas in step takes no writes.',
  'min-replicas-max-lag': 'Seconds without a word after which a replica is not in step.',
  'notify-keyspace-events': 'Which events are published, as letters.',
  save: 'When a snapshot is written: seconds and changes, in pairs; empty: never.',
  'slowlog-log-slower-than': 'Microseconds; what takes longer is written down.',
  timeout: 'Seconds after which an idle client is closed; 0: never.',
};

/** As the server itself tells them (`npm run generate:redis`). */
export const redisParameters: Parameters = {
  ...Object.fromEntries(
    // Generated in this shape; a JSON module has wider types.
    Object.entries(table as unknown as Parameters).map(([name, parameter]) => {
      const description = descriptions[name];
      const own = ownDefaults[name];
      return [
        name,
        {
          ...parameter,
          ...(description === undefined ? {} : { description }),
          ...(own === undefined ? {} : { default: own }),
        },
      ];
    }),
  ),
  ...atStart,
};

/** A file of settings that a server starts with. */
export function settingsFile(settings: Readonly<Record<string, string | number>>): string {
  const lines = Object.entries(settings).map(
    ([name, value]) => `${name} ${value === '' ? '""' : value}`,
  );
  return `${lines.join('\n')}\n`;
}

/** None when nothing is wanted. */
export function settingsQuestions(wanted: Settings): readonly Command[] {
  const names = Object.keys(wanted);
  return names.length === 0 ? [] : [['CONFIG', 'GET', ...names]];
}

/** What a server has of them; in the words of `wanted` where it means the same. */
export function settingsIn(wanted: Settings, answer: RespValue): Settings {
  if (!Array.isArray(answer)) return {};
  const words = answer.map((one) =>
    one instanceof Uint8Array ? Buffer.from(one).toString() : String(one),
  );
  return Object.fromEntries(
    Object.entries(wanted).flatMap(([name, value]) => {
      const at = words.findIndex((word, index) => index % 2 === 0 && word === name);
      const has = words[at + 1];
      if (at < 0 || has === undefined) return [];
      return [[name, meansTheSame(name, has, value) ? value : has]];
    }),
  );
}

/** Sets all of them or none, and looks whether they hold. */
export async function setLive(
  link: RedisLink,
  settings: Settings,
  signal: AbortSignal,
): Promise<void> {
  const [, answer = null] = await link.ask(
    [['CONFIG', 'SET', ...Object.entries(settings).flat()], ...settingsQuestions(settings)],
    signal,
  );
  const has = settingsIn(settings, answer);
  for (const [name, value] of Object.entries(settings)) {
    if (has[name] === value) continue;
    throw new PlatformError('REDIS_SETTING_LOST', `${name} is ${has[name]}, not ${value}`, {
      hint: 'The server takes the value and uses another one: choose one that it uses.',
    });
  }
}

const units: Readonly<Record<string, number>> = {
  ...{ '': 1, b: 1, k: 1_000, kb: 1_024, m: 1_000_000, mb: 1_048_576 },
  ...{ g: 1_000_000_000, gb: 1_073_741_824 },
};

function bytesOf(text: string): number {
  const [, digits = '', unit = ''] = /^(\d+)([a-z]*)$/i.exec(text) ?? [];
  return Number(digits) * (units[unit.toLowerCase()] ?? Number.NaN);
}

/** Letters of `notify-keyspace-events`; `A` stands for those of all types. */
function eventLetters(text: string): string {
  return [...new Set(text.replace('A', 'g$lshzxetd'))].sort().join('');
}

function meansTheSame(name: string, has: string, wanted: string): boolean {
  if (has === wanted) return true;
  if (name === 'notify-keyspace-events') return eventLetters(has) === eventLetters(wanted);
  return redisParameters[name]?.type === 'bytes' && bytesOf(has) === bytesOf(wanted);
}
