// `HOST:PORT` as people write it.

import { usage } from './command-line.ts';

export interface HostPort {
  readonly host: string;
  readonly port: number;
}

/** Reads `host:port`, `[v6]:port`, `:port` (127.0.0.1) or `host` (with the default port). Throws CLI_USAGE. */
export function parseHostPort(text: string, defaultPort: number): HostPort {
  const match = /^(?:\[([^\]]+)\]|([^:]*))(?::(\d+))?$/.exec(text);
  const port = Number(match?.[3] ?? defaultPort);
  if (!match || port > 65_535) throw usage(`"${text}" is no HOST:PORT`);
  return { host: match[1] ?? (match[2] || '127.0.0.1'), port };
}

/** The cache server a command means. */
export function cacheAddress(given: string | undefined): HostPort {
  return parseHostPort(given ?? '127.0.0.1:8126', 8_126);
}
