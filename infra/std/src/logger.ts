// Structured logging: a message, fields, and one sink chosen by the composition root.

import type { Clock } from './clock.ts';
import { messageOf, PlatformError } from './error.ts';

export type LogLevel = 'debug' | 'info' | 'warn' | 'error';
export type LogFields = Readonly<Record<string, unknown>>;

export interface Logger {
  debug(message: string, fields?: LogFields): void;
  info(message: string, fields?: LogFields): void;
  warn(message: string, fields?: LogFields): void;
  error(message: string, fields?: LogFields): void;
  /** A logger that adds these fields to every line. */
  with(fields: LogFields): Logger;
}

export interface LoggerOptions {
  readonly clock: Pick<Clock, 'nowMs'>;
  readonly format: 'text' | 'json';
  readonly level: LogLevel;
  /** Takes one line without its line end. */
  readonly write: (line: string) => void;
}

const ranks: Readonly<Record<LogLevel, number>> = { debug: 0, info: 1, warn: 2, error: 3 };

export function createLogger(options: LoggerOptions, fields: LogFields = {}): Logger {
  const log = (level: LogLevel, message: string, own: LogFields = {}): void => {
    if (ranks[level] < ranks[options.level]) return;
    const time = new Date(options.clock.nowMs()).toISOString();
    const all = Object.entries({ ...fields, ...own }).filter(([, value]) => value !== undefined);
    if (options.format === 'json') {
      const plain = Object.fromEntries(all.map(([key, value]) => [key, plainOf(value)]));
      options.write(JSON.stringify({ time, level, message, ...plain }));
    } else {
      const tail = all.map(([key, value]) => ` ${key}=${textOf(plainOf(value))}`).join('');
      options.write(`${time} ${level.toUpperCase().padEnd(5)} ${message}${tail}`);
    }
  };
  return {
    debug: (message, own) => log('debug', message, own),
    info: (message, own) => log('info', message, own),
    warn: (message, own) => log('warn', message, own),
    error: (message, own) => log('error', message, own),
    with: (more) => createLogger(options, { ...fields, ...more }),
  };
}

/** Drops every line. */
export const silentLogger: Logger = {
  debug: () => undefined,
  info: () => undefined,
  warn: () => undefined,
  error: () => undefined,
  with: () => silentLogger,
};

function plainOf(value: unknown): unknown {
  if (typeof value === 'bigint') return value.toString();
  if (!(value instanceof Error)) return value;
  return value instanceof PlatformError ? `${value.code}: ${messageOf(value)}` : messageOf(value);
}

function textOf(value: unknown): string {
  const text = typeof value === 'string' ? value : (JSON.stringify(value) ?? String(value));
  return /^[^\s"=]+$/.test(text) ? text : JSON.stringify(text);
}
