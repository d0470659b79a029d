// A process that dies between any two calls: after the n-th one nothing it does has an effect any more.

import type { ApiTransport } from '@tweendeck/kube';
import { linkedAbort, type Random } from '@tweendeck/std';
import type { World } from './simulate.ts';

/** Why a crashed process' calls fail. */
export class Crash extends Error {
  override name = 'Crash';
}

/** A transport that dies at call `atCall` (from 1), or the first after it that may: half the time before the call arrives, half the time after it took effect. */
export function crashingTransport(
  transport: ApiTransport,
  options: {
    readonly atCall: number;
    readonly random: Pick<Random, 'next'>;
    /** Whether a crash is allowed now; omitted: always. */
    readonly mayCrash?: (() => boolean) | undefined;
    readonly onCrash: (crash: Crash) => void;
  },
): ApiTransport {
  let calls = 0;
  let dead: Crash | undefined;
  const die = (path: string): Crash => {
    dead = new Crash(`crashed at call ${calls}: ${path}`);
    options.onCrash(dead);
    return dead;
  };
  return {
    async request(request, signal) {
      if (dead) throw dead;
      calls++;
      const at = `${request.method} ${request.path}`;
      const last = calls >= options.atCall && (options.mayCrash?.() ?? true);
      if (last && options.random.next() < 0.5) throw die(`${at}, not sent`);
      const response = await transport.request(request, signal);
      // The process may have died while this call was under way.
      if (dead) throw dead;
      if (last) throw die(`${at}, answer not seen`);
      return response;
    },
  };
}

export interface LivesOptions {
  /** What the process talks through; each life gets a wrapped one. */
  readonly transport: ApiTransport;
  /** A life ends at a call chosen from 1 to this. */
  readonly callsMax: number;
  /** Lives after this many crash no more. */
  readonly crashesMax: number;
  /** Whether a crash is allowed now; omitted: always. */
  readonly mayCrash?: () => boolean;
  /** From a crash to the next start. */
  readonly restartMs: number;
  /** One life. A failure that is not due to its crash or its end fails the world. */
  readonly run: (transport: ApiTransport, signal: AbortSignal, life: number) => Promise<void>;
}

/** Runs a process that crashes and is started again until the world ends. */
export function startLives(world: World, name: string, options: LivesOptions): void {
  world.start(name, async (signal) => {
    for (let life = 0; !signal.aborted; life++) {
      using running = linkedAbort(signal);
      let crashed = false;
      const transport = crashingTransport(options.transport, {
        atCall: life < options.crashesMax ? 1 + world.random.integer(options.callsMax) : Infinity,
        random: world.random,
        mayCrash: options.mayCrash,
        onCrash: (crash) => {
          crashed = true;
          running.abort(crash);
        },
      });
      try {
        await options.run(transport, running.signal, life);
      } catch (error) {
        if (!crashed && !signal.aborted) throw error;
      }
      if (!signal.aborted) await world.clock.sleep(options.restartMs, signal);
    }
  });
}
