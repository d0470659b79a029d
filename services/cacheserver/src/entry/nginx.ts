// An nginx that belongs to us: started with a configuration, reloaded without dropping connections, stopped in good order.
// A configuration is never tried with `nginx -t`: it would listen on shared addresses for a moment, and take connections
// into its grave. One that a running nginx does not understand it does not take over, and says so.

import { type ChildProcess, spawn } from 'node:child_process';
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Readable } from 'node:stream';
import { type Clock, type Logger, PlatformError } from '@tweendeck/std';

export interface NginxOptions {
  /** The program. */
  readonly program: string;
  /** Where its files lie; its own. */
  readonly directory: string;
  readonly clock: Clock;
  readonly log: Logger;
}

const linesKeptMax = 10;

/** A running nginx. It has a process group of its own: whoever stops ours leaves its connections to it. */
export class Nginx {
  /** Settles when it has ended. */
  readonly ended: Promise<'ended'>;
  readonly #options: NginxOptions;
  readonly #child: ChildProcess;
  readonly #lastLines: string[] = [];
  #how = '';

  constructor(options: NginxOptions, config: string) {
    const { program, directory } = options;
    this.#options = options;
    endStale(directory);
    writeFileSync(configPath(directory), config);
    const files = ['-p', directory, '-c', configPath(directory), '-e', 'stderr'];
    this.#child = spawn(program, [...files, '-g', 'daemon off;'], {
      detached: true,
      stdio: ['ignore', 'ignore', 'pipe'],
    });
    this.ended = new Promise((resolve) => {
      const end = (how: string): void => {
        this.#how = how;
        resolve('ended');
      };
      this.#child.once('close', (code, signal) => end(signal ?? `code ${code}`));
      this.#child.once('error', (error) => end(error.message));
    });
    eachLine(this.#child.stderr, (line) => this.#said(line));
  }

  /** What it came to when it ended by itself. */
  failure(): PlatformError {
    const said = this.#lastLines.join('\n');
    return new PlatformError(
      'CACHE_ENTRY_ENDED',
      `nginx ended with ${this.#how}\n${said}`.trimEnd(),
      {
        hint: 'When it or its stream module is missing: apt-get install nginx-light libnginx-mod-stream',
      },
    );
  }

  /** New connections follow this configuration from soon on; those that are there go on. */
  reload(config: string): void {
    writeFileSync(configPath(this.#options.directory), config);
    this.#child.kill('SIGHUP');
  }

  /** Takes no more connections, lets those that are there end, and cuts what is left after the deadline. */
  async stop(deadlineMs: number): Promise<void> {
    this.#child.kill('SIGQUIT');
    using _cut = this.#options.clock.timer(deadlineMs, () => void this.#child.kill('SIGTERM'));
    using _kill = this.#options.clock.timer(deadlineMs + 2_000, () => this.killAll());
    await this.ended;
  }

  /** At once, with all its workers. */
  killAll(): void {
    if (this.#child.pid !== undefined) killGroup(this.#child.pid);
  }

  #said(line: string): void {
    this.#lastLines.push(line);
    if (this.#lastLines.length > linesKeptMax) this.#lastLines.shift();
    this.#options.log.warn('nginx', { said: line });
  }
}

function configPath(directory: string): string {
  return join(directory, 'nginx.conf');
}

/** One that an earlier start in this directory left behind, because it was killed, still holds our addresses. */
function endStale(directory: string): void {
  try {
    const pid = Number(readFileSync(join(directory, 'nginx.pid'), 'utf8'));
    const name = /^\d+ \((.*)\)/.exec(readFileSync(`/proc/${pid}/stat`, 'utf8'))?.[1];
    if (name === 'nginx') killGroup(pid);
  } catch {
    // there is none
  }
}

function killGroup(pid: number): void {
  try {
    process.kill(-pid, 'SIGKILL');
  } catch {
    // it is gone
  }
}

function eachLine(output: Readable | null, take: (line: string) => void): void {
  let rest = '';
  output?.setEncoding('utf8');
  output?.on('data', (part: string) => {
    const lines = `${rest}${part}`.split('\n');
    rest = (lines.pop() ?? '').slice(-4_096);
    for (const line of lines) if (line !== '') take(line);
  });
}
