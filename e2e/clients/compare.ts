// Compares what a client saw of two servers, line by line.

import { isJsonObject } from '@tweendeck/std';
import type { Played } from './play.ts';

const differencesShownMax = 60;

/** What differs, a sentence each; empty when the client saw the same and said in the end that all is well. */
export function differences(real: Played, embedded: Played): readonly string[] {
  const found: string[] = [];
  for (let at = 0; at < Math.max(real.lines.length, embedded.lines.length); at++) {
    const [left, right] = [real.lines[at], embedded.lines[at]];
    const step = left?.['step'];
    if (!left || !right || step !== right['step']) {
      found.push(`line ${at + 1}: ${brief(left)}, here ${brief(right)}`);
      break; // what comes after has no counterpart
    }
    found.push(...pathsThatDiffer(left, right, '').map((path) => `${step}: ${path}`));
  }
  for (const [server, played] of Object.entries({ real, embedded })) {
    const last = played.lines.at(-1);
    if (played.code === 0 && last?.['step'] === 'verdict' && last['ok'] === true) continue;
    found.push(`${server}: ended with ${played.code}: ${brief(last)} ${played.complaint}`);
  }
  const more = found.length - differencesShownMax;
  return more > 0 ? [...found.slice(0, differencesShownMax), `and ${more} more`] : found;
}

function pathsThatDiffer(left: unknown, right: unknown, path: string): readonly string[] {
  if (JSON.stringify(left) === JSON.stringify(right)) return [];
  if (isJsonObject(left) && isJsonObject(right)) {
    return [...new Set([...Object.keys(left), ...Object.keys(right)])].flatMap((name) =>
      pathsThatDiffer(left[name], right[name], `${path}.${name}`),
    );
  }
  if (Array.isArray(left) && Array.isArray(right) && left.length === right.length) {
    return left.flatMap((item, at) => pathsThatDiffer(item, right[at], `${path}[${at}]`));
  }
  return [`${path}: ${brief(left)}, here ${brief(right)}`];
}

const shownMax = 600;

function brief(value: unknown): string {
  const text = JSON.stringify(value) ?? 'nothing';
  return text.length > shownMax ? `${text.slice(0, shownMax)}…` : text;
}
