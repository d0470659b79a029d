// Asks the members of fleets, no more often than a status is worth: their answers are figures, and decide nothing.

import type { Clock } from '@tweendeck/std';
import type { Member, MemberView } from '../member.ts';
import { observe } from '../observe.ts';

/** How often members are asked. */
export const askEveryMs = 15_000;

interface Remembered<Facts> {
  readonly askedMs: number;
  /** Names and addresses of those who were asked. */
  readonly who: string;
  readonly members: readonly Member<Facts>[];
}

export interface Answers<Facts> {
  /** All, in the order that they came in; those that are ready with a view, or with why there is none. */
  readonly members: readonly Member<Facts>[];
  /** Whether they were asked just now; else they are what was said before. */
  readonly isNew: boolean;
}

type Ask<Facts> = (member: Member<Facts>, signal: AbortSignal) => Promise<MemberView<Facts>>;

/** Remembers the last answers of each object, so that a burst of passes asks once. */
export class Inquiry<Facts> {
  readonly #remembered = new Map<string, Remembered<Facts>>();

  forget(key: string): void {
    this.#remembered.delete(key);
  }

  /** Never throws for a member: silence is an answer. */
  async answers(
    key: string,
    {
      members,
      ask,
      clock,
    }: {
      readonly members: readonly Member<Facts>[];
      readonly ask: Ask<Facts>;
      readonly clock: Clock;
    },
    signal: AbortSignal,
  ): Promise<Answers<Facts>> {
    const asked = members.filter(({ pod }) => pod?.ready && pod.ip !== undefined);
    const who = JSON.stringify(asked.map(({ name, pod }) => [name, pod?.uid, pod?.ip]));
    const known = this.#remembered.get(key);
    const nowMs = clock.monotonicMs();
    // A little less than the interval: the pass that is due may come early.
    const isFresh = known !== undefined && nowMs - known.askedMs < askEveryMs - 1_000;
    if (isFresh && known.who === who)
      return { members: join(members, known.members), isNew: false };
    const engine = {
      observe: (member: Member<Facts>, _cluster: undefined, ended: AbortSignal) =>
        ask(member, ended),
    };
    const observed = await observe(engine, { cluster: undefined, members: asked, clock }, signal);
    signal.throwIfAborted();
    this.#remembered.set(key, { askedMs: nowMs, who, members: observed.members });
    return { members: join(members, observed.members), isNew: true };
  }
}

/** Pods as they are now, with what was said. */
function join<Facts>(
  members: readonly Member<Facts>[],
  asked: readonly Member<Facts>[],
): readonly Member<Facts>[] {
  const said = new Map(asked.map(({ name, view, silence }) => [name, { view, silence }]));
  return members.map((member) => ({ ...member, ...said.get(member.name) }));
}
