// Asks all members at once, each within its time.

import { type Clock, linkedAbort, messageOf } from '@tweendeck/std';
import { observeMs } from './engine.ts';
import type { Member, MemberView, Observed, Role } from './member.ts';

/** Of an engine what it takes to look at members. `Subject` is what it is told of that they belong to. */
interface Observer<Subject, Facts> {
  readonly observe: (
    member: Member<Facts>,
    cluster: Subject,
    signal: AbortSignal,
  ) => Promise<MemberView<Facts>>;
  readonly roles?: (observed: Observed<Facts>) => ReadonlyMap<string, Role>;
}

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
  const ask = async (member: Member<Facts>): Promise<Member<Facts>> => {
    if (member.pod?.ip === undefined) return member;
    using limit = linkedAbort(signal);
    const late = new Error(`no answer within ${observeMs / 1_000} s`);
    using _timer = clock.timer(observeMs, () => limit.abort(late));
    try {
      return { ...member, view: await engine.observe(member, cluster, limit.signal) };
    } catch (error) {
      signal.throwIfAborted();
      return { ...member, silence: messageOf(limit.signal.aborted ? late : error) };
    }
  };
  const asked = await Promise.all(members.map(ask));
  const roles = engine.roles?.({ members: asked });
  return {
    members: asked.map((member) => {
      const role = roles?.get(member.name);
      return member.view && role ? { ...member, view: { ...member.view, role } } : member;
    }),
  };
}
