// Asks all members at once, each within its time.

import { type Clock, linkedAbort, messageOf } from '@tweendeck/std';
import { type Cluster, type Engine, observeMs } from './engine.ts';
import type { Member, Observed } from './member.ts';

/** Members without a running pod are not asked. */
export async function observe<Options, Facts>(
  engine: Pick<Engine<Options, Facts>, 'observe' | 'roles'>,
  {
    cluster,
    members,
    clock,
  }: {
    readonly cluster: Cluster<Options>;
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
