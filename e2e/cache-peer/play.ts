// Plays a session to a server and keeps what it said, connection by connection; finds where two servers differ.

import { unityCacheGet } from '@tweendeck/wire';
import type { Outcome, Row } from './rows.ts';
import { type Action, type AnswerKind, fenceKey, keysOf, scriptOf } from './script.ts';
import type { Session } from './session.ts';
import type { Side } from './sides.ts';
import { answersOf, type Heard, inWords, Talk } from './talk.ts';

/** What was said on a connection, and what the answers are to. */
export interface Played extends Heard {
  readonly kinds: readonly AnswerKind[];
}

interface Line {
  readonly talk: Talk;
  readonly place: number;
  kinds: readonly AnswerKind[];
}

/** What a server said on each connection, in the order in which these were opened. */
export async function play(
  session: Session,
  number: number,
  side: Side,
): Promise<readonly Played[]> {
  const heard: Played[] = [];
  const open: { 0?: Line; 1?: Line } = {};
  const leave = (on: 0 | 1): void => {
    const line = open[on];
    if (line !== undefined) heard[line.place] = { ...line.talk.leave(), kinds: line.kinds };
    delete open[on];
  };
  let opened = 0;
  for (const action of scriptOf(session, keysOf(number))) {
    const { on } = action;
    if (action.do === 'open') {
      leave(on);
      open[on] = { talk: await Talk.open(side.port), place: opened++, kinds: [] };
    }
    const line = open[on];
    if (line !== undefined && action.do === 'answers') line.kinds = action.kinds;
    if (line !== undefined) await act(action, line.talk);
    if (action.do === 'ended' || action.do === 'reset') leave(on);
  }
  leave(0);
  leave(1);
  return heard;
}

async function act(action: Action, talk: Talk): Promise<void> {
  switch (action.do) {
    case 'open':
      await talk.send(action.packets);
      if (action.packets.length > 0) await talk.said(8);
      return;
    case 'send':
      return talk.send(action.packets);
    case 'answers':
      return talk.answered(action.kinds.length);
    case 'finish':
      talk.finish();
      return;
    case 'reset':
      talk.reset();
      return;
    case 'ended':
      return talk.ended();
  }
}

/** Where ours and a peer differ, in words; undefined where each byte is the same, but for what `forgets` allows. */
export function difference(
  ours: readonly Played[],
  peers: readonly Played[],
  { forgets }: { readonly forgets: boolean },
): string | undefined {
  for (let at = 0; at < Math.max(ours.length, peers.length); at++) {
    const [own, other] = [ours[at], peers[at]];
    if (own === undefined || other === undefined) return `connection ${at} is missing`;
    if (own.end === other.end && own.bytes.equals(other.bytes)) continue;
    if (own.end === other.end && forgets && hasForgotten(own, other)) continue;
    const [told, otherTold] = [inWords(own.bytes), inWords(other.bytes)];
    const same = told === otherTold ? ', and other bytes' : '';
    return `connection ${at}: [${told}] ${own.end}, [${otherTold}] ${other.end}${same}`;
  }
  return undefined;
}

/** Peer's fault "memory forgets": all is the same but for files that were put over others, and are there no more. */
function hasForgotten(own: Played, other: Played): boolean {
  const [answers, others] = [answersOf(own.bytes), answersOf(other.bytes)];
  if (answers.length !== others.length) return false;
  return answers.every((answer, at) => {
    const its = others[at];
    if (its?.equals(answer)) return true;
    const isHit = answer[0] === 0x2b;
    const miss = Buffer.concat([Buffer.from('-'), answer.subarray(1, 2), answer.subarray(18, 50)]);
    return isHit && its?.equals(miss) === true && own.kinds[at - 1] === 'overwritten';
  });
}

const silentMs = 300;

/** What a server said to a row; the fence behind it is left out. */
export async function playRow(row: Row, side: Side, expected: Outcome | undefined): Promise<Heard> {
  const { first, packets, pauseMs, finish = false } = row;
  const talk = await Talk.open(side.port);
  if (first !== undefined) {
    await talk.send(first);
    await talk.said(8);
  }
  await talk.send(packets, pauseMs);
  if (first === undefined) await talk.said(8);
  if (finish) {
    talk.finish();
    await talk.ended();
    return talk.leave();
  }
  await talk.send([unityCacheGet('i', fenceKey)]);
  const fenceMiss = Buffer.concat([Buffer.from('-i'), fenceKey]);
  await talk.until(
    (tail) => tail.equals(fenceMiss),
    expected?.end === 'silent' ? silentMs : undefined,
  );
  const heard = talk.leave();
  const fenced = heard.bytes.subarray(-34).equals(fenceMiss);
  return fenced ? { ...heard, bytes: heard.bytes.subarray(0, -34) } : heard;
}

/** How what was said to a row is not what it says; undefined when it is. */
export function rowDifference(
  row: Row,
  ours: Heard,
  name: 'fs' | 'ram',
  its: Heard,
): string | undefined {
  const outcome = row.differs?.peers[name];
  const same = ours.end === its.end && ours.bytes.equals(its.bytes);
  const told = `ours [${inWords(ours.bytes)}] ${ours.end}, ${name} [${inWords(its.bytes)}] ${its.end}`;
  if (outcome === undefined || row.differs === undefined) return same ? undefined : told;
  if (same && row.pauseMs !== undefined) return undefined; // the kernel joined what was sent apart
  const shorter = Math.min(ours.bytes.length, its.bytes.length);
  const areStarts = ours.bytes.subarray(0, shorter).equals(its.bytes.subarray(0, shorter));
  if (!isOutcome(row.differs.ours, ours)) return `${told}: not ours`;
  if (!isOutcome(outcome, its)) return `${told}: not its fault`;
  return outcome.said === anyStart && !areStarts ? told : undefined;
}

const anyStart = 'any start';

function isOutcome({ said, end }: Outcome, heard: Heard): boolean {
  return (said === anyStart || said === inWords(heard.bytes)) && end === heard.end;
}
