// The passwords of a cluster in a pass: made where there are none, and changed step by step.

import { Buffer } from 'node:buffer';
import type { ReconcileContext } from '@tweendeck/controller';
import type { ClusterObject } from '../cluster-spec.ts';
import type { Trouble } from '../engine.ts';
import type { Observed } from '../member.ts';
import type { PasswordSecrets } from './password-secret.ts';
import { nextPasswords, type PasswordState, passwordBytes } from './passwords.ts';

export interface Keeping<Options> {
  readonly secrets: PasswordSecrets;
  readonly object: ClusterObject<Options>;
  readonly context: ReconcileContext<ClusterObject<Options>>;
}

/** What there is of them, or why there can be none; `made`: they are there for the next pass. */
export async function currentPasswords<Options>(
  keeping: Keeping<Options>,
): Promise<PasswordState | Trouble | 'made'> {
  const { secrets, object, context } = keeping;
  const isUnsure = object.status?.phase !== 'Ready';
  const known = await secrets.read(object, isUnsure, context);
  if (known) return known;
  const first = nextPasswords({ ...inputOf(keeping), state: undefined, inForce: false });
  await secrets.write(object, first, true, context);
  return 'made';
}

/** Brings a change of the password on. Whether anything changed. */
export async function renewPasswords<Options>(
  state: PasswordState,
  { members }: Observed<unknown>,
  keeping: Keeping<Options>,
): Promise<boolean> {
  const { secrets, object, context } = keeping;
  const wanted = members.filter((member) => member.wanted);
  const inForce = wanted.every(({ view }) => view?.takesPasswords === true);
  const next = nextPasswords({ ...inputOf(keeping), state, inForce });
  if (next === state) return false;
  await secrets.write(object, next, false, context);
  if (next.current !== state.current)
    context.event('Normal', 'PasswordChanged', 'every member takes the new password');
  return true;
}

function inputOf<Options>({ object, context: { clock, random } }: Keeping<Options>) {
  const { change = '', keepPreviousSeconds = 0 } = object.spec.auth ?? {};
  return {
    ...{ change, keepPreviousMs: keepPreviousSeconds * 1_000, nowMs: clock.nowMs() },
    make: () => Buffer.from(random.bytes(passwordBytes)).toString('hex'),
  };
}
