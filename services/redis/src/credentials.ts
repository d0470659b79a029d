// Passwords of redis-servers: all that a member is to take it takes at once, and it uses the current one towards its leader.

import { createHash } from 'node:crypto';
import type { PasswordRule, Passwords } from '@tweendeck/engine';
import type { RespValue } from '@tweendeck/wire';
import type { Command } from './redis-link.ts';

/** Of clients and members alike. */
const user = 'default';

function all({ current, next, previous }: Passwords): readonly string[] {
  return [current, next, previous].filter((one) => one !== undefined);
}

/** `auth.conf` is what a server starts with. */
export const redisPasswords: PasswordRule = {
  user,
  files: (passwords) => ({
    'auth.conf': [
      `user ${user} on sanitize-payload ~* &* +@all ${all(passwords)
        .map((one) => `>${one}`)
        .join(' ')}`,
      `masterauth ${passwords.current}`,
      '',
    ].join('\n'),
  }),
};

/** What tells which passwords a server takes, in this order to {@link takesAll}. */
export const passwordQuestions: readonly Command[] = [
  ['ACL', 'GETUSER', user],
  ['CONFIG', 'GET', 'masterauth'],
];

/** Whether these, and only these, are taken, and the current one is used. */
export function takesAll(
  passwords: Passwords,
  [account = null, masterauth = null]: readonly RespValue[],
): boolean {
  const hashes = fieldOf(account, 'passwords');
  const known = new Set(Array.isArray(hashes) ? hashes.map(textOf) : []);
  const wanted = all(passwords).map((one) => createHash('sha256').update(one).digest('hex'));
  const isKnown = known.size === wanted.length && wanted.every((hash) => known.has(hash));
  return isKnown && textOf(fieldOf(masterauth, 'masterauth')) === passwords.current;
}

/** Connections that are open stay so. */
export function passwordCommands(passwords: Passwords): readonly Command[] {
  const words = all(passwords).map((one) => `>${one}`);
  return [
    ['ACL', 'SETUSER', user, 'resetpass', ...words],
    ['CONFIG', 'SET', 'masterauth', passwords.current],
  ];
}

/** Of an answer that lists names and values in turn. */
function fieldOf(answer: RespValue, name: string): RespValue {
  if (!Array.isArray(answer)) return null;
  const at = answer.findIndex((one, index) => index % 2 === 0 && textOf(one) === name);
  return at < 0 ? null : (answer[at + 1] ?? null);
}

function textOf(value: RespValue): string {
  return value instanceof Uint8Array ? Buffer.from(value).toString() : String(value ?? '');
}
