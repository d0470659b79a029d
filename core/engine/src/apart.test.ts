// What is said of members that share a host.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { apartConditions } from './apart.ts';
import type { Member } from './member.ts';
import { toyEngine } from './testing/toy-engine.ts';

const engine = toyEngine(() => ({ role: 'peer', synced: true, facts: null }));

function member(name: string, host: string | undefined, wanted = true): Member<null> {
  const [group = '', shard = '0', ordinal = '0'] = name.split('-');
  return {
    ...{ name, place: { group, shard: Number(shard), ordinal: Number(ordinal) }, wanted },
    ...{ revision: 'r', view: undefined, silence: undefined },
    pod: {
      ...{ name: `${name}-0`, uid: name, ip: undefined, host, ready: true, terminating: false },
      ...{ revision: 'r', trouble: undefined },
    },
  };
}

for (const { name, members, said } of [
  {
    name: 'on hosts of their own',
    members: [member('data-0-0', 'a'), member('data-0-1', 'b'), member('data-1-0', 'a')],
    said: 'True: each member of a shard has a host of its own',
  },
  {
    name: 'of one shard on one host',
    members: [member('data-0-0', 'a'), member('data-0-1', 'a'), member('data-1-0', 'b')],
    said: 'False: data-0-0 and data-0-1 share a: ',
  },
  {
    name: 'of two shards on one host each',
    members: ['data-0-0', 'data-0-1', 'data-1-0', 'data-1-1'].map((one) => member(one, 'a')),
    said: 'False: data-0-0 and data-0-1 share a, and 1 more like it: ',
  },
  {
    name: 'of which one has no host yet',
    members: [member('data-0-0', 'a'), member('data-0-1', undefined)],
    said: 'True: each member of a shard has a host of its own',
  },
  {
    name: 'of which one is to leave',
    members: [member('data-0-0', 'a'), member('data-0-1', 'b'), member('data-0-2', 'a', false)],
    said: 'True: each member of a shard has a host of its own',
  },
  { name: 'that are alone in their shards', members: [member('data-0-0', 'a')], said: undefined },
  {
    name: 'that keep nothing',
    members: [member('watch-0-0', 'a'), member('watch-0-1', 'a')],
    said: undefined,
  },
] as readonly {
  name: string;
  members: readonly Member<null>[];
  said: string | undefined;
}[]) {
  test(`members ${name}`, () => {
    const [condition] = apartConditions(engine, members);
    const told = condition && `${condition.status}: ${condition.message}`;
    if (said === undefined) assert.equal(told, undefined);
    else assert.ok(told?.startsWith(said), told);
  });
}
