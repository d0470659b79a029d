// Asks all members at once, each within its time; who is known to be down has less of it.

import { type Clock, linkedAbort, messageOf } from '@tweendeck/std';
import { observeDownMs, observeMs } from './engine.ts';
import type { Member, MemberView, Observed, Role } from './member.ts';

/** Of an engine what it takes to look at members. `Subject` is what it is told of that they belong to. */
interface Observer<Subject, Facts> {
  readonly observe: (
    member: Member<Facts>,
    cluster: Subject,
    signal: AbortSignal,
  ) => Promise<MemberView<Facts>>;
  readonly isDown?: (member: Member<Facts>, observed: Observed<Facts>) => boolean;
  readonly roles?: (observed: Observed<Facts>) => ReadonlyMap<string, Role>;
}

const late = new Error(`no answer within ${observeMs / 1_000} s`);
const down = new Error(
  `no answer within ${observeDownMs / 1_000} s, and others say that it is down`,
);

/** Members without a running pod are not asked. */
export async function observe<Subject, Facts>(
  engine: Observer<Subject, Facts>,
  {
    cluster,
    members,
    clock,
  }: {
    readonly cluster: Subject;
    readonly members: readonly Member<Facts>[];
    readonly clock: Clock;
  },
  signal: AbortSignal,
): Promise<Observed<Facts>> {
  const answered = new Map<string, Member<Facts>>();
  const waiting = new Map<Member<Facts>, () => void>();
  let mayGiveUp = false;
  const giveUp = (): void => {
    if (!mayGiveUp || engine.isDown === undefined) return;
    const told = { members: members.map((member) => answered.get(member.name) ?? member) };
    for (const [member, end] of waiting) if (engine.isDown(member, told)) end();
  };
  const ask = async (member: Member<Facts>): Promise<Member<Facts>> => {
    if (member.pod?.ip === undefined) return member;
    using limit = linkedAbort(signal);
    using _timer = clock.timer(observeMs, () => limit.abort(late));
    waiting.set(member, () => limit.abort(down));
    try {
      const seen = { ...member, view: await engine.observe(member, cluster, limit.signal) };
      answered.set(member.name, seen);
      return seen;
    } catch (error) {
      signal.throwIfAborted();
      return { ...member, silence: messageOf(limit.signal.aborted ? limit.signal.reason : error) };
    } finally {
      waiting.delete(member);
      giveUp();
    }
  };
  using _soon = clock.timer(observeDownMs, () => {
    mayGiveUp = true;
    giveUp();
  });
  const asked = await Promise.all(members.map(ask));
  const roles = engine.roles?.({ members: asked });
  return {
    members: asked.map((member) => {
      const role = roles?.get(member.name);
      return member.view && role ? { ...member, view: { ...member.view, role } } : member;
    }),
  };
}
