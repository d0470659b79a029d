// Which rights controllers need of an API server: they follow from what the controllers declare.

import type { KubeObject, Resource } from '@tweendeck/kube';
import type { Controller } from './controller.ts';

/** A rule of a Role or ClusterRole over one resource. */
export interface Right {
  readonly group: string;
  /** Plural, with `/status` where that is meant. */
  readonly resource: string;
  /** In alphabetical order. */
  readonly verbs: readonly string[];
}

/** Caches are filled by list and watch; `get` asks for what became of a write whose answer was lost. */
const cached: readonly string[] = ['list', 'watch'];
const read: readonly string[] = ['get', ...cached];
/** Server-side apply is a patch, and a create where there was nothing. */
const owned: readonly string[] = [...read, 'create', 'patch', 'delete'];

/** The least rights with which these controllers work. The leader's lease is not among them: its name is the program's. */
export function rightsOf(controllers: readonly Controller[]): readonly Right[] {
  const verbs = new Map<string, Set<string>>();
  const grant = (group: string, resource: string, granted: readonly string[]): void => {
    const key = `${group}/${resource}`;
    verbs.set(key, new Set([...(verbs.get(key) ?? []), ...granted]));
  };
  const over = ({ group, plural }: Resource<KubeObject>, granted: readonly string[]): void =>
    grant(group, plural, granted);
  for (const { options } of controllers) {
    over(options.resource, options.finalize ? [...read, 'patch'] : read);
    grant(options.resource.group, `${options.resource.plural}/status`, ['patch']);
    for (const resource of options.owns ?? []) over(resource, owned);
    for (const { resource } of options.watches ?? []) over(resource, cached);
    for (const resource of options.makes ?? []) over(resource, ['create']);
    for (const resource of options.keeps ?? []) over(resource, ['create', 'get', 'patch']);
    for (const resource of options.ends ?? []) over(resource, ['delete']);
    for (const resource of options.marks ?? []) over(resource, ['patch']);
  }
  grant('', 'events', ['create', 'patch']);
  return [...verbs]
    .map(([key, granted]) => {
      const slash = key.indexOf('/');
      return { group: key.slice(0, slash), resource: key.slice(slash + 1), verbs: sorted(granted) };
    })
    .sort((left, right) => order(left).localeCompare(order(right), 'en'));
}

function sorted(words: Iterable<string>): readonly string[] {
  return [...words].sort();
}

function order({ group, resource }: Right): string {
  return `${group} ${resource}`;
}
