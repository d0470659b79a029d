// Whether some rules allow all that others do: nobody hands out rights that he does not have. After k8s.io/component-helpers/auth/rbac/validation.

import { type Rule, ruleText, urlCovers } from './rule.ts';

/** Printed rules of what `wanted` allows and `held` does not, in order; none when everything is covered. */
export function missingRights(held: readonly Rule[], wanted: readonly Rule[]): readonly string[] {
  return [...new Set(joined(missingAtoms(held, wanted)).map(ruleText))].toSorted();
}

/** What `wanted` allows and `held` does not, as rules to store. */
export function missingRules(held: readonly Rule[], wanted: readonly Rule[]): readonly object[] {
  return joined(missingAtoms(held, wanted)).map((rule) =>
    Object.fromEntries(Object.entries(rule).filter(([, items]) => items.length > 0)),
  );
}

function missingAtoms(held: readonly Rule[], wanted: readonly Rule[]): readonly Rule[] {
  return wanted.flatMap(atomsOf).filter((atom) => !held.some((owner) => covers(owner, atom)));
}

/** Rules of one verb, one resource and one name at most each. */
function atomsOf(rule: Rule): readonly Rule[] {
  const atoms: Rule[] = [];
  const { verbs, resourceNames } = rule;
  for (const group of rule.apiGroups) {
    for (const resource of rule.resources) {
      for (const verb of verbs) {
        const atom = { ...none, verbs: [verb], apiGroups: [group], resources: [resource] };
        if (resourceNames.length === 0) atoms.push(atom);
        for (const name of resourceNames) atoms.push({ ...atom, resourceNames: [name] });
      }
    }
  }
  for (const url of rule.nonResourceURLs) {
    for (const verb of verbs) atoms.push({ ...none, verbs: [verb], nonResourceURLs: [url] });
  }
  return atoms;
}

const none: Rule = {
  verbs: [],
  apiGroups: [],
  resources: [],
  resourceNames: [],
  nonResourceURLs: [],
};

function covers(owner: Rule, atom: Rule): boolean {
  const within = (has: readonly string[], wanted: readonly string[]): boolean =>
    has.includes('*') || wanted.every((each) => has.includes(each));
  return (
    within(owner.verbs, atom.verbs) &&
    within(owner.apiGroups, atom.apiGroups) &&
    resourcesCover(owner.resources, atom.resources) &&
    namesCover(owner.resourceNames, atom.resourceNames) &&
    atom.nonResourceURLs.every((url) => owner.nonResourceURLs.some((each) => urlCovers(each, url)))
  );
}

function resourcesCover(has: readonly string[], wanted: readonly string[]): boolean {
  return wanted.every((each) => {
    if (has.includes('*') || has.includes(each)) return true;
    const slash = each.indexOf('/');
    return slash >= 0 && has.includes(`*/${each.slice(slash + 1)}`);
  });
}

function namesCover(has: readonly string[], wanted: readonly string[]): boolean {
  if (has.length === 0) return true;
  return wanted.length > 0 && wanted.every((each) => has.includes(each));
}

/** Joins what differs only by verb. */
function joined(atoms: readonly Rule[]): readonly Rule[] {
  const byPlace = new Map<string, Rule>();
  for (const atom of atoms) {
    const { verbs, ...place } = atom;
    // Paths are told one by one, as upstream does.
    const key = JSON.stringify(atom.nonResourceURLs.length > 0 ? atom : place);
    const known = byPlace.get(key);
    byPlace.set(key, known ? { ...known, verbs: [...known.verbs, ...verbs] } : atom);
  }
  return [...byPlace.values()];
}
