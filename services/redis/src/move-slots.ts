// Moves slots with their keys from one master to another while clients use them, in pieces that can be taken up again.
//
// The order is that of the Redis cluster specification ("Live reconfiguration"): the taker opens the slot, the giver opens it,
// keys go over, then the taker owns it, then the giver and all others know. At no point is a key nowhere.

import { PlatformError } from '@tweendeck/std';
import type { RespValue } from '@tweendeck/wire';
import type { SlotMove } from './plan-moves.ts';
import { askOne, type OpenLink, type RedisLink } from './redis-link.ts';
import { addressOf, type Seen, withLink } from './seen.ts';

/** A pass moves so much at most; the next one goes on. */
const slotsAtOnce = 400;
const keysInPass = 20_000;
/** Keys in one MIGRATE. */
const keysAtOnce = 100;
const migrateMs = 10_000;

/** Returns when all are moved, or between two of them when it is enough for once. */
export async function moveSlots(
  { move: { from, to, slots }, all }: { readonly move: SlotMove; readonly all: readonly Seen[] },
  open: OpenLink,
  signal: AbortSignal,
): Promise<void> {
  let keys = 0;
  const others = all.filter(
    (one) => one !== from && one !== to && one.view.facts.self.masterId === undefined,
  );
  await withLink(
    from,
    open,
    (giver) =>
      withLink(
        to,
        open,
        async (taker) => {
          for (const slot of slots.slice(0, slotsAtOnce)) {
            keys += await moveSlot({ slot, from, to, giver, taker }, signal);
            await tellOthers(others, { slot, owner: to }, open, signal);
            if (keys >= keysInPass) return;
          }
        },
        signal,
      ),
    signal,
  );
}

interface SlotOnItsWay {
  readonly slot: number;
  readonly from: Seen;
  readonly to: Seen;
  readonly giver: RedisLink;
  readonly taker: RedisLink;
}

async function moveSlot(
  { slot, from, to, giver, taker }: SlotOnItsWay,
  signal: AbortSignal,
): Promise<number> {
  let moved = 0;
  const [fromId, toId] = [from.view.facts.id, to.view.facts.id];
  const setSlot = (...rest: readonly string[]) => ['CLUSTER', 'SETSLOT', slot, ...rest] as const;
  await askOne(taker, setSlot('IMPORTING', fromId), signal);
  await askOne(giver, setSlot('MIGRATING', toId), signal);
  for (;;) {
    const keys = await askOne(giver, ['CLUSTER', 'GETKEYSINSLOT', slot, keysAtOnce], signal);
    const names = keyNames(keys);
    if (names.length === 0) break;
    moved += names.length;
    const { host, port } = addressOf(to);
    // What a broken MIGRATE left over there is of the same key, and older than what is here.
    await askOne(
      giver,
      ['MIGRATE', host, port, '', 0, migrateMs, 'REPLACE', 'KEYS', ...names],
      signal,
    );
  }
  await askOne(taker, setSlot('NODE', toId), signal);
  await askOne(giver, setSlot('NODE', toId), signal);
  return moved;
}

function keyNames(value: RespValue): readonly Uint8Array[] {
  if (!Array.isArray(value)) throw unexpected('CLUSTER GETKEYSINSLOT');
  return value.map((name) => {
    if (!(name instanceof Uint8Array)) throw unexpected('CLUSTER GETKEYSINSLOT');
    return name;
  });
}

function unexpected(command: string): PlatformError {
  return new PlatformError('REDIS_COMMAND_FAILED', `${command}: it answered something else`, {
    hint: 'Look whether a redis-server runs in the pod of this member.',
  });
}

/** Gossip would tell them, too; until then they send clients to the giver, which sends them on. */
async function tellOthers(
  others: readonly Seen[],
  { slot, owner }: { readonly slot: number; readonly owner: Seen },
  open: OpenLink,
  signal: AbortSignal,
): Promise<void> {
  const command = ['CLUSTER', 'SETSLOT', slot, 'NODE', owner.view.facts.id];
  await Promise.all(
    others.map((one) =>
      withLink(one, open, (link) => askOne(link, command, signal), signal).catch(() => undefined),
    ),
  );
}
