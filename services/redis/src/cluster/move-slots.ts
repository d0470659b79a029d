// Moves slots with their keys from one master to another while clients use them, in pieces that can be taken up again.
//
// The order is that of the Redis cluster specification ("Live reconfiguration"): the taker opens the slot, the giver opens it,
// keys go over, then the taker owns it, then the giver and all others know. At no point is a key nowhere. All but MIGRATE
// expires: a script with a password would show it to whoever reads the slow log, and what a late one gives the taker is of a
// slot that is open there yet, or is refused.

import { PlatformError } from '@tweendeck/std';
import type { RespValue } from '@tweendeck/wire';
import { askOne, type Command, type OpenLink, type RedisLink } from '../redis-link.ts';
import { parseClusterNodes } from './cluster-nodes.ts';
import { utf8 } from './facts.ts';
import { FreshLink } from './fresh-link.ts';
import type { SlotMove } from './plan-moves.ts';
import { addressOf, type Seen } from './seen.ts';
import { holds } from './slots.ts';

/** A pass moves so much at most; the next one goes on. */
const slotsInPass = 512;
const keysInPass = 20_000;
/** Slots that are on their way at the same time: a server writes its file of nodes once for all of them. */
const slotsAtOnce = 64;
/** Keys in one MIGRATE, for which the giver stands still. */
const keysAtOnce = 100;
const migrateMs = 10_000;

export interface MoveWay {
  readonly open: OpenLink;
  /** What members ask one another for. */
  readonly password: string | undefined;
}

/** Returns when all are moved, or between two bundles of them when it is enough for once. */
export async function moveSlots(
  { move: { from, to, slots }, all }: { readonly move: SlotMove; readonly all: readonly Seen[] },
  { open, password }: MoveWay,
  signal: AbortSignal,
): Promise<void> {
  using giver = await FreshLink.open(from, open, signal);
  using taker = await FreshLink.open(to, open, signal);
  const others = all.filter(
    (one) => one !== from && one !== to && one.view.facts.self.masterId === undefined,
  );
  using heirs = await openHeirs({ from, all }, open, signal);
  let keys = 0;
  for (let at = 0; at < Math.min(slots.length, slotsInPass) && keys < keysInPass; ) {
    const bundle = slots.slice(at, at + slotsAtOnce);
    const moved = await moveBundle(
      { slots: bundle, from, to, giver, taker, password, heirs: heirs.links },
      signal,
    );
    if (moved === 'taken over') return;
    keys += moved;
    await tellOthers(others, { slots: bundle, owner: to }, open, signal);
    at += bundle.length;
  }
}

interface Bundle {
  readonly slots: readonly number[];
  readonly from: Seen;
  readonly to: Seen;
  readonly giver: FreshLink;
  readonly taker: FreshLink;
  readonly password: string | undefined;
  /** To whoever may have taken over from the giver. */
  readonly heirs: readonly RedisLink[];
}

interface HeirLinks extends Disposable {
  readonly links: readonly RedisLink[];
}

/** All of them, or none is left open. */
async function openHeirs(
  { from, all }: { readonly from: Seen; readonly all: readonly Seen[] },
  open: OpenLink,
  signal: AbortSignal,
): Promise<HeirLinks> {
  using opened = new DisposableStack();
  const links: RedisLink[] = [];
  for (const heir of all.filter(({ view }) => view.facts.self.masterId === from.view.facts.id)) {
    links.push(opened.use(await open(addressOf(heir), signal)));
  }
  const held = opened.move();
  return { links, [Symbol.dispose]: () => held.dispose() };
}

/** Gives how many keys went. */
async function moveBundle(bundle: Bundle, signal: AbortSignal): Promise<number | 'taken over'> {
  const { slots, from, to, giver, taker } = bundle;
  const [fromId, toId] = [from.view.facts.id, to.view.facts.id];
  const setSlots = (...rest: readonly string[]): readonly Command[] =>
    slots.map((slot) => ['CLUSTER', 'SETSLOT', slot, ...rest]);
  await taker.tell(setSlots('IMPORTING', fromId), signal);
  // Gossip does not tell who owns a slot that is open: without an owner its keys are taken from nobody.
  const untold = slots.filter(
    (slot) => !to.view.facts.nodes.some((node) => holds(node.slots, slot)),
  );
  const tell = untold.map((slot) => ['CLUSTER', 'SETSLOT', slot, 'NODE', fromId]);
  if (tell.length > 0) await taker.tell(tell, signal);
  await giver.tell(setSlots('MIGRATING', toId), signal);
  const moved = await moveKeys(bundle, signal);
  // Its clock first: what it is told then is no older than what is looked at here.
  await taker.ask([], signal);
  if (await isTakenOver(bundle, signal)) return 'taken over';
  await taker.tell(setSlots('NODE', toId), signal);
  await giver.tell(setSlots('NODE', toId), signal);
  return moved;
}

/**
 * A giver that was frozen goes on before it hears that another one leads in its place: what it gave is old then, and what
 * the other one acknowledged would be lost with the slots.
 */
async function isTakenOver({ from, heirs }: Bundle, signal: AbortSignal): Promise<boolean> {
  const { id } = from.view.facts;
  for (const heir of heirs) {
    const said = await askOne(heir, ['CLUSTER', 'NODES'], signal);
    const self = parseClusterNodes(utf8(said)).find(({ flags }) => flags.has('myself'));
    if (self?.masterId !== id) return true;
  }
  return false;
}

/** Until none is left: a slot on its way gets no new ones. */
async function moveKeys(
  { slots, to, giver, password }: Bundle,
  signal: AbortSignal,
): Promise<number> {
  const { host, port } = addressOf(to);
  const auth = password === undefined ? [] : ['AUTH', password];
  let moved = 0;
  for (let left = slots; left.length > 0; ) {
    const questions = left.map((slot) => ['CLUSTER', 'GETKEYSINSLOT', slot, keysAtOnce] as const);
    const held = (await giver.ask(questions, signal)).map(keyNames);
    // One after another, so that clients have their turn between them.
    for (const names of held.filter(({ length }) => length > 0)) {
      // What a broken MIGRATE left over there is of the same key, and older than what is here.
      const options = [migrateMs, 'REPLACE', ...auth, 'KEYS', ...names];
      await giver.ask([['MIGRATE', host, port, '', 0, ...options]], signal);
      moved += names.length;
    }
    left = left.filter((_, index) => (held[index]?.length ?? 0) > 0);
  }
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
  { slots, owner }: { readonly slots: readonly number[]; readonly owner: Seen },
  open: OpenLink,
  signal: AbortSignal,
): Promise<void> {
  const { id } = owner.view.facts;
  const commands = slots.map((slot) => ['CLUSTER', 'SETSLOT', slot, 'NODE', id] as const);
  const tell = async (one: Seen): Promise<void> => {
    using link = await FreshLink.open(one, open, signal);
    await link.ask([], signal);
    await link.tell(commands, signal);
  };
  await Promise.all(others.map((one) => tell(one).catch(() => undefined)));
}
