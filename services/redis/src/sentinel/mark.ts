// A mark in the data themselves: which of the servers had all of them when it was written.
//
// After a start from a log of writes a server does not know any more how far it had come, so that an old copy cannot be told from
// a new one. The leader therefore keeps a number, and the servers that are in step with it, as the name of a function: functions
// are replicated and logged as keys are, and are neither evicted nor among a user's keys. Whenever a server falls out of step, or
// is in step again, or another leads, the number grows: who has the highest one missed nothing that was acknowledged while somebody looked.

import type { RespValue } from '@tweendeck/wire';
import type { Command } from '../redis-link.ts';

export interface Mark {
  readonly number: number;
  /** The ordinal of the leader that wrote it. */
  readonly leader: number;
  /** Those in step, the leader among them, and where they were. */
  readonly inStep: readonly Place[];
}

interface Place {
  readonly ordinal: number;
  /** `host:port`; Sentinels may name one where nobody is any more. */
  readonly address: string;
}

const library = 'tweendeck';

export const readMark: Command = ['FUNCTION', 'LIST', 'LIBRARYNAME', library];

export function writeMark(mark: Mark): Command {
  const name = `${library}_${mark.number}_${mark.leader}_${placesText(mark)}`;
  const code = `#!lua name=${library}\nredis.register_function('${name}', function() return ${mark.number} end)`;
  return ['FUNCTION', 'LOAD', 'REPLACE', code];
}

/** Whether two marks say the same of who is in step, and where. */
export function isSameMark(a: Mark, b: Mark): boolean {
  return a.leader === b.leader && placesText(a) === placesText(b);
}

/** `0i31302e...`: names of functions have letters, digits and underscores. */
function placesText({ inStep }: Mark): string {
  return inStep
    .toSorted((a, b) => a.ordinal - b.ordinal)
    .map(({ ordinal, address }) => `${ordinal}i${Buffer.from(address).toString('hex')}`)
    .join('_');
}

/** Out of the answer to {@link readMark}: the name stands somewhere in it. */
export function markIn(answer: RespValue | undefined): Mark | undefined {
  if (Array.isArray(answer)) {
    for (const part of answer) {
      const found = markIn(part);
      if (found) return found;
    }
    return undefined;
  }
  const text = answer instanceof Uint8Array ? Buffer.from(answer).toString() : '';
  const [, number, leader, places = ''] =
    /^tweendeck_(\d+)_(\d+)_((?:_?\d+i[\da-f]+)+)$/.exec(text) ?? [];
  if (number === undefined) return undefined;
  const inStep = places.split('_').map((place) => {
    const [ordinal, hex = ''] = place.split('i');
    return { ordinal: Number(ordinal), address: Buffer.from(hex, 'hex').toString() };
  });
  return { number: Number(number), leader: Number(leader), inStep };
}
