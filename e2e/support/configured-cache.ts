// A data plane by a document, on real sockets, in this process.

import assert from 'node:assert/strict';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type RunningCache, readCacheConfig, serveConfigured } from '@tweendeck/cacheserver';
import { clockOf, createLogger, randomOf } from '@tweendeck/std';

export interface ConfiguredCache extends AsyncDisposable {
  readonly running: RunningCache;
  readonly directory: string;
  /** Its log, one object per line. */
  readonly lines: readonly Readonly<Record<string, unknown>>[];
  /** The port of the listener at this place. */
  port(at: number): number;
  /** Asks the status port. */
  ask(path: string, init?: RequestInit): Promise<Response>;
  reload(document: object): Promise<readonly string[]>;
  closings(reason: string): number;
  until(what: string, condition: () => boolean): Promise<void>;
}

/** Paths in the document count from a directory of its own, which goes with it. */
export async function startConfigured(
  documentOf: (directory: string) => object,
): Promise<ConfiguredCache> {
  const directory = mkdtempSync(join(tmpdir(), 'cache-configured-'));
  const clock = clockOf(globalThis);
  const lines: Readonly<Record<string, unknown>>[] = [];
  const write = (line: string): void => void lines.push(JSON.parse(line));
  const stop = new AbortController();
  const read = (document: object) => readCacheConfig(document, { directory, source: 'document' });
  const { promise: ready, resolve } = Promise.withResolvers<RunningCache>();
  const ended = serveConfigured(
    {
      config: read(documentOf(directory)),
      onReady: resolve,
      clock,
      random: randomOf(globalThis.crypto),
      log: createLogger({ clock, format: 'json', level: 'info', write }),
    },
    stop.signal,
  );
  const close = async (): Promise<void> => {
    stop.abort();
    await ended;
    rmSync(directory, { recursive: true });
  };
  const running = await Promise.race([ready, ended.then(() => assert.fail('it ended'))]).catch(
    (error: unknown) => {
      rmSync(directory, { recursive: true });
      throw error;
    },
  );
  const { server } = running;
  return {
    running,
    directory,
    lines,
    port: (at) => server.addresses[at]?.port ?? 0,
    ask: (path, init) => fetch(`http://127.0.0.1:${server.health?.port}${path}`, init),
    reload: (document) => running.reload(read(document)),
    closings: (reason) => new Map(Object.entries(server.stats().server.closings)).get(reason) ?? 0,
    async until(what, condition) {
      const deadlineMs = clock.monotonicMs() + 10_000;
      while (!condition()) {
        assert.ok(clock.monotonicMs() < deadlineMs, `waited in vain for: ${what}`);
        await clock.sleep(2, stop.signal);
      }
    },
    [Symbol.asyncDispose]: close,
  };
}
