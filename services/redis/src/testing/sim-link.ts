// A connection to a pretended redis-server. What was sent lies in the server's socket: it is done when the server gets to it, in
// the order in which it came, whether somebody still waits for the answer or not.

import { PlatformError } from '@tweendeck/std';
import { type RespArgument, RespError, type RespValue } from '@tweendeck/wire';
import { type Command, commandFailed, type RedisLink } from '../redis-link.ts';
import type { SimRedis } from './sim-redis.ts';
import type { SimRedisNetwork } from './sim-redis-network.ts';

/** What connections suffer: a throw cuts one before a command is sent (`before`) or when its answer is there (`after`). */
export interface LinkFaults {
  /** What may happen to the server when something is about to be sent. */
  readonly sending?: (member: SimRedis, commands: readonly Command[]) => void;
  readonly before?: (command: Command) => void;
  readonly after?: (command: Command) => void;
  /** Of one way, in milliseconds; 0 takes no turn of the clock. */
  readonly delayMs?: () => number;
}

interface LinkEnds {
  /** Of who asks. */
  readonly name: string;
  readonly member: SimRedis;
  readonly faults: LinkFaults;
}

/** Commands behind one another, and what came of them so far. */
interface Sent {
  readonly commands: readonly (readonly string[])[];
  readonly answers: RespValue[];
}

export class SimLink implements RedisLink {
  readonly #network: SimRedisNetwork;
  readonly #ends: LinkEnds;
  #isAsking = false;
  #isLeft = false;

  constructor(network: SimRedisNetwork, ends: LinkEnds) {
    this.#network = network;
    this.#ends = ends;
  }

  async ask(commands: readonly Command[], signal: AbortSignal): Promise<readonly RespValue[]> {
    const { faults, member } = this.#ends;
    await this.#pass(signal);
    if (this.#isLeft) throw away(member.host, 'it was left');
    this.#network.look();
    const answers = await this.#answersTo(this.#send(commands), signal);
    for (const command of commands) faults.after?.(command);
    await this.#pass(signal);
    for (const [at, answer] of answers.entries()) {
      if (answer instanceof RespError) {
        throw commandFailed(`${member.host}:6379`, commands[at] ?? [], answer);
      }
    }
    return answers;
  }

  [Symbol.dispose](): void {
    this.#isLeft = true;
  }

  /** What a fault keeps from being sent is not; what was sent before it is. */
  #send(commands: readonly Command[]): Sent {
    const { faults, member } = this.#ends;
    const sent: string[][] = [];
    faults.sending?.(member, commands);
    try {
      for (const command of commands) {
        faults.before?.(command);
        sent.push(command.map(textOf));
      }
    } catch (error) {
      this.#carry({ commands: sent, answers: [] });
      throw error;
    }
    const whole = { commands: sent, answers: [] };
    this.#carry(whole);
    return whole;
  }

  /** What a cut keeps away arrives when it has ended, also when its sender has gone. */
  #carry(sent: Sent): void {
    const { name, member } = this.#ends;
    const network = this.#network;
    if (!network.reach(name, member.name)) network.after(resendMs, () => this.#carry(sent));
    else member.whenAwake(() => this.#run(sent));
  }

  #run(sent: Sent): void {
    const { member } = this.#ends;
    const { commands, answers } = sent;
    for (const words of commands.slice(answers.length)) {
      const isHeld = member.isPaused && writes.has(words[0]?.toUpperCase() ?? '');
      if (isHeld) {
        member.after(heldMs, () => this.#run(sent));
        return;
      }
      const { reply, isAsking } = member.answer(words, this.#isAsking);
      this.#isAsking = isAsking;
      answers.push(reply);
    }
  }

  async #answersTo(
    { commands, answers }: Sent,
    signal: AbortSignal,
  ): Promise<readonly RespValue[]> {
    const { name, member } = this.#ends;
    while (answers.length < commands.length || !this.#network.reach(name, member.name)) {
      const isReached = this.#network.reach(name, member.name);
      if (isReached && !member.isRunning) throw away(member.host, 'read ECONNRESET');
      await this.#network.clock.sleep(member.isPaused ? heldMs : resendMs, signal);
      this.#network.look();
    }
    return answers;
  }

  async #pass(signal: AbortSignal): Promise<void> {
    const delayMs = this.#ends.faults.delayMs?.() ?? 0;
    if (delayMs > 0) await this.#network.clock.sleep(delayMs, signal);
    signal.throwIfAborted();
  }
}

const heldMs = 5;
const resendMs = 200;
const writes: ReadonlySet<string> = new Set(['SET', 'DEL', 'MIGRATE', 'FLUSHALL', 'RESTORE']);

export function away(host: string, fact: string): PlatformError {
  return new PlatformError('REDIS_AWAY', `${host}:6379: ${fact}`, {
    hint: 'Look at the pod of this member and at its log.',
  });
}

function textOf(argument: RespArgument): string {
  return typeof argument === 'object' ? Buffer.from(argument).toString('latin1') : String(argument);
}
