// Whom an inquiry asks, and how often.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { SimClock } from '@tweendeck/sim';
import { seededRandom } from '@tweendeck/std';
import { observeMs } from '../engine.ts';
import type { Member, MemberPod, MemberView } from '../member.ts';
import { askEveryMs, Inquiry } from './inquiry.ts';

const pod: MemberPod = {
  ...{ name: 'a', uid: 'u', ip: '10.0.0.1', host: 'h', ready: true, terminating: false },
  ...{ revision: '', trouble: undefined },
};

function member(name: string, more: Partial<MemberPod> = {}): Member<string> {
  return {
    ...{ name, place: { group: 'g', shard: 0, ordinal: 0 }, wanted: true, revision: '' },
    ...{ pod: { ...pod, name, ...more }, view: undefined, silence: undefined },
  };
}

/** Members that say their name, but for one that fails and one that never answers. */
class World {
  readonly clock = new SimClock({ random: seededRandom(1) });
  readonly inquiry = new Inquiry<string>();
  readonly asked: string[] = [];

  async answers(members: readonly Member<string>[]) {
    const { signal } = new AbortController();
    const ask = (one: Member<string>, ended: AbortSignal): Promise<MemberView<string>> => {
      this.asked.push(one.name);
      if (one.name === 'fails') return Promise.reject(new Error('refused'));
      const answer = { ...({ role: 'peer', synced: true } as const), facts: one.name };
      if (one.name !== 'hangs') return Promise.resolve(answer);
      return new Promise((_, reject) => {
        ended.addEventListener('abort', () => reject(new Error('aborted')), { once: true });
      });
    };
    const { clock } = this;
    const answer = this.inquiry.answers('k', { members, ask, clock }, signal);
    const { members: told, isNew } = await answer;
    return { isNew, told: told.map(({ name, view, silence }) => [name, view?.facts ?? silence]) };
  }
}

test('members are asked that serve; the others are told of without an answer', async () => {
  const world = new World();
  const members = [
    member('serves'),
    member('starts', { ready: false }),
    member('nowhere', { ip: undefined }),
    member('fails'),
  ];
  assert.deepEqual(await world.answers(members), {
    isNew: true,
    told: [
      ['serves', 'serves'],
      ['starts', undefined],
      ['nowhere', undefined],
      ['fails', 'refused'],
    ],
  });
  assert.deepEqual(world.asked, ['serves', 'fails']);
});

test('a member that hangs is silent after its time, and keeps nobody else', async () => {
  const world = new World();
  const answer = await world.clock.until(
    world.answers([member('hangs'), member('serves')]),
    observeMs + 1,
  );
  assert.deepEqual(answer.told, [
    ['hangs', 'no answer within 1.5 s'],
    ['serves', 'serves'],
  ]);
});

test('a burst of passes asks once, until it is time again or others are there', async () => {
  const world = new World();
  await world.answers([member('a')]);
  const again = await world.answers([member('a')]);
  assert.deepEqual(again, { isNew: false, told: [['a', 'a']] });
  await world.clock.advance(askEveryMs);
  assert.equal((await world.answers([member('a')])).isNew, true);
  assert.equal((await world.answers([member('a', { uid: 'another' })])).isNew, true);
  assert.equal((await world.answers([member('a', { uid: 'another' }), member('b')])).isNew, true);
  world.inquiry.forget('k');
  assert.equal((await world.answers([member('a'), member('b')])).isNew, true);
});
