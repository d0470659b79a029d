// A link to a member over which much is told behind one another: each command is good for a while after the member showed its
// clock last, which it does with every answer.

import type { RespValue } from '@tweendeck/wire';
import { clockMsIn, clockQuestion, commandLifeMs, expiring } from '../expiring.ts';
import type { Command, OpenLink, RedisLink } from '../redis-link.ts';
import { addressOf, type Seen } from './seen.ts';

export class FreshLink implements Disposable {
  readonly #link: RedisLink;
  #clockMs: number;

  private constructor(link: RedisLink, clockMs: number) {
    this.#link = link;
    this.#clockMs = clockMs;
  }

  /** What is told first is good for a while after the member was seen. */
  static async open(member: Seen, open: OpenLink, signal: AbortSignal): Promise<FreshLink> {
    return new FreshLink(await open(addressOf(member), signal), member.view.facts.clockMs);
  }

  /** Plain commands, which it does whenever it gets to them; none: it only shows its clock. */
  async ask(commands: readonly Command[], signal: AbortSignal): Promise<readonly RespValue[]> {
    const answers = await this.#link.ask([...commands, clockQuestion], signal);
    this.#clockMs = clockMsIn(answers.at(-1) ?? null);
    return answers.slice(0, -1);
  }

  /** Commands that it does while what it said last is fresh. */
  async tell(commands: readonly Command[], signal: AbortSignal): Promise<void> {
    const untilMs = this.#clockMs + commandLifeMs;
    await this.ask(
      commands.map((command) => expiring(command, { untilMs })),
      signal,
    );
  }

  [Symbol.dispose](): void {
    this.#link[Symbol.dispose]();
  }
}
