// CustomResourceDefinitions, typed.

import type { CustomResourceDefinition } from '@tweendeck/kube';
import { type Draft, listAt, objectIn, setDefault, textAt } from '../draft.ts';

export type Definition = Pick<CustomResourceDefinition, 'spec' | 'status'>;

/** A draft that passed the schema of definitions, as its type. */
export function definitionOf(draft: Draft): Definition {
  // The schema fixes the types of what is there; defaultDefinition adds what the type says is always there.
  return draft as unknown as Definition;
}

/** Fills in what a definition may leave out. */
export function defaultDefinition(draft: Draft): void {
  const spec = objectIn(draft, 'spec');
  const names = objectIn(spec, 'names');
  const kind = textAt(names, 'kind');
  setDefault(names, 'plural', '');
  setDefault(names, 'kind', '');
  if (!names['singular']) names['singular'] = kind.toLowerCase();
  if (!names['listKind'] && kind !== '') names['listKind'] = `${kind}List`;
  setDefault(spec, 'group', '');
  setDefault(spec, 'scope', '');
  setDefault(spec, 'versions', []);
  setDefault(objectIn(spec, 'conversion'), 'strategy', 'None');
  if (spec['preserveUnknownFields'] === false) delete spec['preserveUnknownFields'];
  for (const version of listAt(spec, 'versions')) {
    setDefault(version, 'name', '');
    setDefault(version, 'served', false);
    setDefault(version, 'storage', false);
  }
}
