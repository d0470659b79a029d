// Who of a Sentinel set is told which passwords. Pure.

import type { Passwords } from '@tweendeck/engine';
import type { PlannedDeed, SentinelSet } from './deeds.ts';
import { masterName } from './settings.ts';
import type { SeenSentinel, Standing } from './standing.ts';

/** For so long at least a Sentinel that watches has not heard the leader when it is told again what to log in with. */
const shutOutMs = 10_000;

/** Whoever does not take all of them, or does not use the current one, is told. */
export function planPasswords(
  set: Pick<SentinelSet, 'name' | 'namespace' | 'passwords'>,
  standing: Standing,
): readonly PlannedDeed[] {
  const { passwords } = set;
  if (passwords === undefined) return [];
  return [
    ...planServers(passwords, standing),
    ...planAdmitting(passwords, standing),
    ...planLoggingIn({ ...set, passwords }, standing),
  ];
}

function planServers(passwords: Passwords, { data }: Standing): readonly PlannedDeed[] {
  return data
    .filter(({ view }) => view.takesPasswords === false)
    .map((on) => ({
      ...{ id: `tell passwords to ${on.name}`, on: on.name, risk: 'safe' },
      why: `${on.name} takes other passwords than it should`,
      deed: { kind: 'tell passwords', on, passwords },
    }));
}

function planAdmitting(passwords: Passwords, { sentinels }: Standing): readonly PlannedDeed[] {
  return sentinels
    .filter(({ facts }) => facts.passwords?.admits === false)
    .map((by) => ({
      ...{ id: `tell passwords to ${by.name}`, on: by.name, risk: 'safe' },
      why: `${by.name} takes other passwords than it should`,
      deed: { kind: 'admit', by, passwords },
    }));
}

/**
 * A Sentinel that is told closes its connections and opens others. So of those that hear the leader one is told at a time, once
 * servers take what it is told, and only while nobody misses it: fewer than a majority take it for dead meanwhile, however short the time is that they wait.
 */
function planLoggingIn(
  set: Pick<SentinelSet, 'name' | 'namespace'> & { readonly passwords: Passwords },
  standing: Standing,
): readonly PlannedDeed[] {
  const { data, sentinels, leader, isChanging } = standing;
  const hears = ({ facts: { watch } }: SeenSentinel): boolean =>
    watch !== undefined && watch.downMs === undefined;
  const mayBeTold = (one: SeenSentinel): boolean => !(isChanging && one.facts.watch);
  const behind = sentinels.filter((one) => mustLogIn(one, standing) && mayBeTold(one));
  const deaf = behind.filter((one) => !hears(one));
  const isMissed = sentinels.some(({ facts }) => facts.watch?.downMs !== undefined);
  const isTaken = leader !== undefined && data.every(({ view }) => view.takesPasswords !== false);
  const next = isTaken && !isMissed ? behind.filter(hears).slice(0, 1) : [];
  return [...deaf, ...next].map((by) => ({
    ...{ id: `log in anew with ${by.name}`, on: by.name, risk: 'safe' },
    why: `${by.name} uses another password than it should`,
    deed: {
      ...{ kind: 'log in', by, password: set.passwords.current },
      masterName: by.facts.watch && masterName(set),
    },
  }));
}

/** Also one that does not hear a leader that answers: it may have been told whom to watch, and not with which password. */
function mustLogIn({ facts }: SeenSentinel, { leader }: Standing): boolean {
  if (facts.passwords?.uses === false) return true;
  const { watch } = facts;
  const isShutOut = watch?.address === leader?.address && (watch?.downMs ?? 0) > shutOutMs;
  return facts.passwords !== undefined && isShutOut;
}
