// How commands are described, parsed and explained.

import { parseArgs } from 'node:util';
import { PlatformError } from '@tweendeck/std';
import type { Ambient } from './ambient.ts';

export interface OptionSpec {
  readonly type: 'string' | 'boolean';
  readonly short?: string;
  readonly description: string;
  /** What stands for the value in help, such as `DIR`. */
  readonly value?: string;
  /** Shown in help; the command applies it itself when the option is missing. */
  readonly defaultText?: string;
  readonly multiple?: boolean;
}

export interface Invocation {
  readonly world: Ambient;
  readonly options: OptionValues;
  readonly operands: readonly string[];
}

export interface CommandSpec {
  /** Words that select it, such as `cache put`. */
  readonly name: string;
  readonly operands?: string;
  readonly summary: string;
  readonly details?: readonly string[];
  readonly options: Readonly<Record<string, OptionSpec>>;
  readonly operandsMin?: number;
  readonly operandsMax?: number;
  /** Loaded when it runs, so that no command pays for another's code. Its result is the exit code. */
  readonly load: () => Promise<{ readonly run: (invocation: Invocation) => Promise<number> }>;
}

/** Typed access to what was given on the command line. */
export class OptionValues {
  readonly #values: Readonly<Record<string, unknown>>;

  constructor(values: Readonly<Record<string, unknown>>) {
    this.#values = values;
  }

  text(name: string): string | undefined {
    const value = this.#values[name];
    return typeof value === 'string' ? value : undefined;
  }

  texts(name: string): readonly string[] {
    const value = this.#values[name];
    return Array.isArray(value) ? value.map(String) : [];
  }

  flag(name: string): boolean {
    return this.#values[name] === true;
  }

  /** A whole number within bounds; CLI_USAGE otherwise. */
  integer(
    name: string,
    bounds: { readonly min: number; readonly max: number },
  ): number | undefined {
    const text = this.text(name);
    if (text === undefined) return undefined;
    const value = Number(text);
    if (!/^-?\d+$/.test(text) || value < bounds.min || value > bounds.max) {
      throw usage(
        `--${name} takes a whole number from ${bounds.min} to ${bounds.max}, not "${text}"`,
      );
    }
    return value;
  }

  /** One of these words; CLI_USAGE otherwise. */
  choice<Word extends string>(name: string, words: readonly Word[]): Word | undefined {
    const text = this.text(name);
    if (text === undefined) return undefined;
    const found = words.find((word) => word === text);
    if (found === undefined) throw usage(`--${name} takes ${words.join(', ')}, not "${text}"`);
    return found;
  }
}

export type ParsedCommandLine =
  | { readonly kind: 'help'; readonly command: CommandSpec | undefined }
  | { readonly kind: 'version' }
  | {
      readonly kind: 'run';
      readonly command: CommandSpec;
      readonly options: OptionValues;
      readonly operands: readonly string[];
    };

/** The error for a command line that cannot be meant; exit code 2. */
export function usage(message: string, hint = 'See "tweendeck --help".'): PlatformError {
  return new PlatformError('CLI_USAGE', message, { hint });
}

/** Finds the command and its options. Throws CLI_USAGE. */
export function parseCommandLine(
  commands: readonly CommandSpec[],
  args: readonly string[],
): ParsedCommandLine {
  const [first = '--help'] = args;
  if (first === '--version' || first === '-V') return { kind: 'version' };
  if (['--help', '-h', 'help'].includes(first)) {
    const named = find(commands, args.slice(1));
    return { kind: 'help', command: named?.command };
  }
  const found = find(commands, args);
  if (!found) {
    const family = commands.filter((command) => command.name.startsWith(`${first} `));
    if (family.length === 0) throw usage(`there is no command "${first}"`);
    const names = family.map((command) => `"tweendeck ${command.name}"`).join(', ');
    if (args[1] === undefined || args[1] === '--help' || args[1] === '-h')
      throw usage(`say which: ${names}`);
    throw usage(`there is no command "${first} ${args[1]}"`, `There is ${names}.`);
  }
  const { command, rest } = found;
  if (rest.includes('--help') || rest.includes('-h')) return { kind: 'help', command };
  const hint = `See "tweendeck ${command.name} --help".`;
  const { values, positionals } = parseRest(command, rest, hint);
  if (positionals.length < (command.operandsMin ?? 0)) {
    throw usage(`"${command.name}" wants ${command.operands ?? 'more'}`, hint);
  }
  if (positionals.length > (command.operandsMax ?? 0)) {
    throw usage(`"${command.name}" does not take "${positionals[command.operandsMax ?? 0]}"`, hint);
  }
  return { kind: 'run', command, options: new OptionValues(values), operands: positionals };
}

function parseRest(command: CommandSpec, rest: readonly string[], hint: string) {
  try {
    return parseArgs({
      args: [...rest],
      allowPositionals: true,
      options: Object.fromEntries(
        Object.entries(command.options).map(([name, { type, short, multiple }]) => [
          name,
          { type, ...(short ? { short } : {}), ...(multiple ? { multiple } : {}) },
        ]),
      ),
    });
  } catch (error) {
    if (!(error instanceof TypeError)) throw error; // parseArgs reports every bad option as a TypeError
    throw usage(error.message.split('. ')[0] ?? error.message, hint);
  }
}

function find(commands: readonly CommandSpec[], args: readonly string[]) {
  for (const command of commands) {
    const words = command.name.split(' ');
    if (words.every((word, index) => args[index] === word)) {
      return { command, rest: args.slice(words.length) };
    }
  }
  return undefined;
}

/** The list of commands. */
export function helpOfAll(commands: readonly CommandSpec[]): string {
  const width = Math.max(...commands.map((command) => command.name.length));
  return [
    'Tweendeck runs middleware for many teams: declared as Kubernetes objects, on this machine or on a cluster.',
    '',
    'Usage: tweendeck COMMAND [OPTIONS]',
    '',
    ...commands.map((command) => `  ${command.name.padEnd(width)}  ${command.summary}`),
    '',
    'tweendeck COMMAND --help explains a command; tweendeck --version prints the version.',
  ].join('\n');
}

/** One command, its operands and options. */
export function helpOfOne(command: CommandSpec): string {
  const rows = Object.entries(command.options).map(([name, option]) => {
    const value = option.type === 'string' ? `=${option.value ?? 'VALUE'}` : '';
    const left = `${option.short ? `-${option.short}, ` : '    '}--${name}${value}`;
    const tail = option.defaultText === undefined ? '' : ` (default: ${option.defaultText})`;
    return { left, right: `${option.description}${tail}` };
  });
  const width = Math.max(0, ...rows.map(({ left }) => left.length));
  return [
    `Usage: tweendeck ${command.name}${command.operands ? ` ${command.operands}` : ''}${rows.length > 0 ? ' [OPTIONS]' : ''}`,
    '',
    `${command.summary}.`,
    ...(command.details ? ['', ...command.details] : []),
    ...(rows.length > 0
      ? ['', ...rows.map(({ left, right }) => `  ${left.padEnd(width)}  ${right}`)]
      : []),
  ].join('\n');
}
