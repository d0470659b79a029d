// Settings that members take while they run: which they are to have, and who has others. Pure.

import type { ClusterSpec, ClusterStatus } from './cluster-spec.ts';
import type { EngineTables } from './engine.ts';
import type { Member } from './member.ts';

export type Settings = Readonly<Record<string, string>>;

/** As the status has them. */
export function confirmedSettings({
  settings = {},
}: Pick<ClusterStatus, 'settings'> = {}): Settings {
  const known = Object.entries(settings).filter((one): one is [string, string] => one[1] !== null);
  return Object.fromEntries(known);
}

/** What was chosen, and of what was set before the server's own value. */
export function wantedSettings(
  { parameters }: Pick<EngineTables<never>, 'parameters'>,
  { config = {} }: Pick<ClusterSpec<unknown>, 'config'>,
  set: Readonly<Record<string, unknown>>,
): Settings {
  const names = new Set([...Object.keys(config), ...Object.keys(set)]);
  return Object.fromEntries(
    [...names].sort().flatMap((name) => {
      const parameter = parameters[name];
      const value = config[name] ?? parameter?.default;
      return parameter?.applies === 'live' && value !== undefined ? [[name, String(value)]] : [];
    }),
  );
}

/** Those that a member has otherwise; none when it does not tell. */
export function otherSettings(wanted: Settings, { view }: Pick<Member<unknown>, 'view'>): Settings {
  const has = view?.settings;
  if (has === undefined) return {};
  return Object.fromEntries(Object.entries(wanted).filter(([name, value]) => has[name] !== value));
}

interface Kept {
  readonly members: readonly Pick<Member<unknown>, 'view' | 'wanted'>[];
  /** What was remembered so far. */
  readonly confirmed: Settings;
}

/**
 * What is to be remembered as set: all that may be, until every member was seen to have it as it is wanted; by name, what all
 * had when all were last alike.
 */
export function settingsToKeep(
  wanted: Settings,
  { config = {} }: Pick<ClusterSpec<unknown>, 'config'>,
  { members, confirmed }: Kept,
): Settings {
  const asked = members.filter((member) => member.wanted);
  const isConfirmed = (name: string): boolean =>
    asked.every(
      ({ view }) => view?.settings?.[name] === wanted[name] && !view?.settling?.includes(name),
    );
  const open = new Set(Object.keys(wanted).filter((name) => !isConfirmed(name)));
  const names = Object.keys(wanted).filter((name) => open.size > 0 || config[name] !== undefined);
  const kept = (name: string): string | undefined => (open.has(name) ? confirmed[name] : undefined);
  return Object.fromEntries(names.map((name) => [name, kept(name) ?? wanted[name] ?? '']));
}
