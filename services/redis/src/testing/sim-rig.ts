// Pretended redis-servers for one observation, on time of their own.

import { Happenings, SimClock } from '@tweendeck/sim';
import { isPlatformError, seededRandom } from '@tweendeck/std';
import { RespError, type RespValue } from '@tweendeck/wire';
import { nodeTimeoutMs, type Rig } from './rig.ts';
import type { SimRedis } from './sim-redis.ts';
import { SimRedisNetwork } from './sim-redis-network.ts';
import { emptyVolume, type SimVolume } from './sim-volume.ts';

const patienceMs = 120_000;

export class SimRig implements Rig {
  readonly port: number = 6_379;
  readonly #clock: SimClock;
  readonly #network: SimRedisNetwork;
  readonly #servers: SimRedis[] = [];
  readonly #volumes: SimVolume[] = [];
  #hosts = 0;

  constructor(servers: number, seed: number) {
    const random = seededRandom(seed);
    const clock = new SimClock({ random: seededRandom(seed + 1) });
    this.#clock = clock;
    const happenings = new Happenings(clock);
    this.#network = new SimRedisNetwork({ clock, happenings, random, syncDelayMs: 0 });
    for (let server = 0; server < servers; server++) {
      this.#volumes.push(emptyVolume());
      this.#run(server, this.#host());
    }
  }

  async ask(
    server: number,
    ...commands: readonly (readonly (string | number)[])[]
  ): Promise<readonly string[]> {
    const open = this.#network.opener('observer');
    const { signal } = new AbortController();
    const host = this.host(server);
    const answers: string[] = [];
    const asked = async (): Promise<void> => {
      using link = await open({ host, port: this.port }, signal);
      for (const command of commands) {
        try {
          const [answer = null] = await link.ask([command], signal);
          answers.push(textOf(answer));
        } catch (error) {
          const isAnswer =
            isPlatformError(error, 'REDIS_COMMAND_FAILED') ||
            isPlatformError(error, 'REDIS_COMMAND_LATE');
          if (!isAnswer) throw error;
          answers.push(error.message.replace(/^[^ ]+ [A-Z]+: /, ''));
        }
      }
    };
    await this.#clock.until(asked(), patienceMs);
    return answers;
  }

  async tell(
    server: number,
    ...commands: readonly (readonly (string | number)[])[]
  ): Promise<void> {
    const left = new AbortController();
    const { signal } = left;
    using link = await this.#network.opener('observer')(
      { host: this.host(server), port: this.port },
      signal,
    );
    const asked = link.ask(commands, signal).catch(() => undefined);
    await this.pass(1);
    left.abort();
    await asked;
  }

  async kill(server: number): Promise<void> {
    this.#network.look();
    this.#servers[server]?.kill();
  }

  freeze(server: number): void {
    this.#network.look();
    this.#servers[server]?.freeze();
  }

  thaw(server: number): void {
    this.#network.look();
    this.#servers[server]?.thaw();
  }

  async start(
    server: number,
    { address, volume }: { readonly address?: 'another'; readonly volume?: 'lost' } = {},
  ): Promise<void> {
    if (volume === 'lost') this.#volumes[server] = emptyVolume();
    this.#run(server, address === 'another' ? this.#host() : this.host(server));
  }

  host(server: number): string {
    return this.#servers[server]?.host ?? '';
  }

  async until(what: string, check: () => Promise<boolean>): Promise<void> {
    const lastMs = this.#clock.monotonicMs() + patienceMs;
    while (!(await check())) {
      if (this.#clock.monotonicMs() > lastMs) throw new Error(`in vain: ${what}`);
      await this.pass(50);
    }
  }

  async pass(milliseconds: number): Promise<void> {
    await this.#clock.advance(milliseconds);
    this.#network.look();
  }

  #run(server: number, host: string): void {
    const volume = this.#volumes[server] ?? emptyVolume();
    this.#servers[server] = this.#network.start({
      ...{ name: `server ${server}`, host, nodeTimeoutMs, volume },
    });
  }

  #host(): string {
    return `10.0.0.${++this.#hosts}`;
  }
}

function textOf(answer: RespValue): string {
  if (answer === null) return 'nil';
  if (Buffer.isBuffer(answer)) return answer.toString('latin1');
  if (Array.isArray(answer)) return answer.map(textOf).join(' ');
  return answer instanceof RespError ? answer.message : String(answer);
}
