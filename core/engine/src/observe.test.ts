// How long members are waited for.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { SimClock } from '@tweendeck/sim';
import { abortable, seededRandom } from '@tweendeck/std';
import { observeDownMs, observeMs } from './engine.ts';
import type { Member, MemberView, Observed } from './member.ts';
import { observe } from './observe.ts';

type Facts = readonly string[];

/** It answers after so many milliseconds, with whom it takes for down. */
interface Given {
  readonly afterMs: number;
  readonly says?: Facts;
}

function member(name: string): Member<Facts> {
  return {
    ...{ name, place: { group: 'g', shard: 0, ordinal: 0 }, wanted: true, revision: '' },
    pod: {
      ...{ name, uid: name, ip: '10.0.0.1', host: 'h', ready: true, terminating: false },
      ...{ revision: '', trouble: undefined },
    },
    ...{ view: undefined, silence: undefined },
  };
}

const isDown = ({ name }: Member<Facts>, { members }: Observed<Facts>): boolean =>
  members.some(({ view }) => view?.facts.includes(name));

const never = 60_000;
const given = 'no answer within 0.3 s, and others say that it is down';
const late = 'no answer within 1.5 s';

for (const { name, members, ms, silence } of [
  {
    name: 'whoever answers is waited for, though others say that it is down',
    members: { a: { afterMs: 200 }, b: { afterMs: 1, says: ['a'] } },
    ms: 200,
    silence: {},
  },
  {
    name: 'who is known to be down has less time',
    members: { a: { afterMs: never }, b: { afterMs: 1, says: ['a'] } },
    ms: observeDownMs,
    silence: { a: given },
  },
  {
    name: 'who is said to be down later is given up at once then',
    members: { a: { afterMs: never }, b: { afterMs: 700, says: ['a'] } },
    ms: 700,
    silence: { a: given },
  },
  {
    name: 'of whom nobody says so has all its time',
    members: { a: { afterMs: never }, b: { afterMs: 1 }, c: { afterMs: never, says: ['a'] } },
    ms: observeMs,
    silence: { a: late, c: late },
  },
] satisfies readonly {
  name: string;
  members: Readonly<Record<string, Given>>;
  ms: number;
  silence: Readonly<Record<string, string>>;
}[]) {
  test(name, async () => {
    const clock = new SimClock({ random: seededRandom(1) });
    const { signal } = new AbortController();
    const all: Readonly<Record<string, Given>> = members;
    const engine = {
      isDown,
      observe: async (one: Member<Facts>, _cluster: null, ended: AbortSignal) => {
        const { afterMs = never, says = [] } = all[one.name] ?? {};
        await abortable(clock.sleep(afterMs, ended), ended);
        return { role: 'peer', synced: true, facts: says } satisfies MemberView<Facts>;
      },
    };
    const began = clock.monotonicMs();
    const input = { cluster: null, members: Object.keys(all).map(member), clock };
    const { members: seen } = await clock.until(observe(engine, input, signal));
    assert.equal(clock.monotonicMs() - began, ms);
    const silent = seen.flatMap((one) => (one.silence ? [[one.name, one.silence]] : []));
    assert.deepEqual(Object.fromEntries(silent), silence);
  });
}
