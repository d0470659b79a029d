// Which role the label of each pod is to say. Pure.

import type { Member } from './member.ts';

export interface RoleLabel {
  readonly pod: { readonly name: string; readonly uid: string };
  /** Null: none. */
  readonly role: string | null;
}

/** Those labels that are not as they should be. Whoever is silent keeps its own, unless another leads by now. */
export function roleLabels(members: readonly Member<unknown>[]): readonly RoleLabel[] {
  const shardOf = ({ place: { group, shard } }: Member<unknown>): string => `${group}/${shard}`;
  const led = new Set(members.filter(({ view }) => view?.role === 'leader').map(shardOf));
  return members.flatMap((member): readonly RoleLabel[] => {
    const { pod, view } = member;
    if (pod === undefined) return [];
    const { name, uid, role: present } = pod;
    const isRole = present === 'leader' || present === 'follower';
    const isLeft = present === 'leader' && led.has(shardOf(member));
    const silent = isRole && !isLeft ? present : undefined;
    const said = view?.role === 'leader' || view?.role === 'follower' ? view.role : undefined;
    const role = view === undefined ? silent : said;
    return role === present ? [] : [{ pod: { name, uid }, role: role ?? null }];
  });
}
