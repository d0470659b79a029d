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

function userLine(passwords: Passwords): string {
  const words = all(passwords).map((one) => `>${one}`);
  return `user ${user} on sanitize-payload ~* &* +@all ${words.join(' ')}\n`;
}

/** `auth.conf` is what a server starts with. */
export const redisPasswords: PasswordRule = {
  user,
  files: (passwords) => ({
    'auth.conf': `${userLine(passwords)}masterauth ${passwords.current}\n`,
  }),
};

/** A Sentinel starts with `users.acl`: users of a configuration file it would keep in its own, and come back with them. */
export const sentinelPasswords: PasswordRule = {
  user,
  files: (passwords) => ({
    ...redisPasswords.files(passwords),
    'users.acl': userLine(passwords),
  }),
};

/** What tells which passwords a server takes, in this order to {@link takesAll}. */
export const passwordQuestions: readonly Command[] = [
  ['ACL', 'GETUSER', user],
  ['CONFIG', 'GET', 'masterauth'],
];

/** What tells them of a Sentinel, in this order to {@link admitsAll} and {@link logsIn}. */
export const sentinelQuestions: readonly Command[] = [
  ['ACL', 'GETUSER', user],
  ['SENTINEL', 'CONFIG', 'GET', 'sentinel-pass'],
];

/** Whether these, and only these, are taken, and the current one is used. */
export function takesAll(passwords: Passwords, answers: readonly RespValue[]): boolean {
  return admitsAll(passwords, answers) && logsIn('masterauth', passwords, answers);
}

/** Whether these, and only these, are taken. */
export function admitsAll(passwords: Passwords, [account = null]: readonly RespValue[]): boolean {
  const hashes = fieldOf(account, 'passwords');
  const known = new Set(Array.isArray(hashes) ? hashes.map(textOf) : []);
  const wanted = all(passwords).map((one) => createHash('sha256').update(one).digest('hex'));
  return known.size === wanted.length && wanted.every((hash) => known.has(hash));
}

/** Whether the current one is used towards others. */
export function logsIn(
  setting: 'masterauth' | 'sentinel-pass',
  { current }: Passwords,
  [, used = null]: readonly RespValue[],
): boolean {
  return textOf(fieldOf(used, setting)) === current;
}

/** Connections that are open stay so. */
export function passwordCommands(passwords: Passwords): readonly Command[] {
  return [admitCommand(passwords), ['CONFIG', 'SET', 'masterauth', passwords.current]];
}

export function admitCommand(passwords: Passwords): Command {
  const words = all(passwords).map((one) => `>${one}`);
  return ['ACL', 'SETUSER', user, 'resetpass', ...words];
}

/**
 * What a Sentinel uses towards servers, and then towards Sentinels: it does not tell the first, so that the second stands for
 * both. `masterName`: of whom it watches, if anybody.
 */
export function logInCommands(
  password: string,
  masterName: string | undefined,
): readonly Command[] {
  return [
    ...(masterName === undefined ? [] : [authPassCommand(masterName, password)]),
    ['SENTINEL', 'CONFIG', 'SET', 'sentinel-pass', password],
  ];
}

export function authPassCommand(masterName: string, password: string): Command {
  return ['SENTINEL', 'SET', masterName, 'auth-pass', password];
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
