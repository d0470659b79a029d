// Settings that members take while they run: which they are to have, and who has others. Pure.

import type { ClusterSpec } from './cluster-spec.ts';
import type { EngineTables } from './engine.ts';
import type { Member } from './member.ts';

export type Settings = Readonly<Record<string, string>>;

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

/** What is to be remembered as set: all that may be, until every member was seen to have it as it is wanted. */
export function settingsToKeep(
  wanted: Settings,
  { config = {} }: Pick<ClusterSpec<unknown>, 'config'>,
  members: readonly Pick<Member<unknown>, 'view' | 'wanted'>[],
): Settings {
  const all = members
    .filter((member) => member.wanted)
    .every(
      ({ view }) =>
        view?.settings !== undefined && Object.keys(otherSettings(wanted, { view })).length === 0,
    );
  const names = Object.keys(wanted).filter((name) => !all || config[name] !== undefined);
  return Object.fromEntries(names.map((name) => [name, wanted[name] ?? '']));
}
