// Makes a session that shows a difference as small as it gets: fewer steps, smaller files, plainer packets.

import type { Session, Step } from './session.ts';

const triesMax = 300;

/** The smallest session found that still `differs`; each call of it costs a play. */
export async function smallest(
  session: Session,
  differs: (session: Session) => Promise<boolean>,
): Promise<Session> {
  let best = session;
  let tries = 0;
  for (let better = true; better; ) {
    better = false;
    for (const smaller of simplerThan(best)) {
      if (tries++ >= triesMax) return best;
      if (!(await differs(smaller))) continue;
      best = smaller;
      better = true;
      break;
    }
  }
  return best;
}

/** Large cuts first, then single steps, then what is in them. */
function* simplerThan(session: Session): Generator<Session> {
  const { steps } = session;
  for (let length = Math.ceil(steps.length / 2); length >= 1; length = Math.floor(length / 2)) {
    for (let at = 0; at < steps.length; at += length) {
      yield { ...session, steps: steps.filter((_, place) => place < at || place >= at + length) };
    }
  }
  if (session.cut !== 'whole') yield { ...session, cut: 'whole' };
  if (session.cut !== 'whole' && session.cut !== 'commands') yield { ...session, cut: 'commands' };
  if (session.version !== 'whole') yield { ...session, version: 'whole' };
  if (session.upperSizes) yield { ...session, upperSizes: false };
  for (const [at, step] of steps.entries()) {
    for (const simpler of simplerSteps(step)) {
      yield { ...session, steps: steps.with(at, simpler) };
    }
  }
}

function* simplerSteps(step: Step): Generator<Step> {
  if (step.on === 1) yield { ...step, on: 0 };
  if ('key' in step && step.key > 0) yield { ...step, key: 0 };
  if (step.do !== 'file') return;
  if (step.bytes > 1) yield { ...step, bytes: 1 };
  if (step.bytes > 3) yield { ...step, bytes: Math.floor(step.bytes / 2) };
  if (step.fill !== 'x') yield { ...step, fill: 'x' };
}
