// Holds two JSON values against each other: where they differ, apart from what the rules of normalise.ts allow.

import { isJsonObject, jsonEqual } from '@tweendeck/std';
import {
  fieldRules,
  generatedParts,
  normaliseText,
  sameMoment,
  type Treatment,
  unorderedLists,
} from './normalise.ts';
import type { Translation } from './translation.ts';

export interface Finding {
  /** Where, with names and types as selectors: `spec.containers[name=a].ports`. */
  readonly path: string;
  /** The same with every selector as `[]`. */
  readonly place: string;
  readonly what: 'missing' | 'added' | 'different' | 'order';
  /** What the reference has. */
  readonly expected?: unknown;
  /** What the subject has. */
  readonly actual?: unknown;
}

const isAge = /^(\d+[smhdy])+$/;

interface Place {
  readonly path: string;
  readonly place: string;
}

/** All differences, in the order of the reference's fields. What the two servers name differently is learned on the way. */
export function compareJson(
  expected: unknown,
  actual: unknown,
  translation: Translation,
): readonly Finding[] {
  const comparison = new Comparison(translation);
  comparison.values(expected, actual, { path: '', place: '' });
  return comparison.findings;
}

class Comparison {
  readonly findings: Finding[] = [];
  readonly #translation: Translation;

  constructor(translation: Translation) {
    this.#translation = translation;
  }

  values(expected: unknown, actual: unknown, at: Place, uid?: string): void {
    const rule = fieldRules.find(({ at: pattern }) => pattern.test(at.place));
    if (rule && expected !== undefined && actual !== undefined) {
      if (!this.#alike(expected, actual, rule.treatment, uid))
        this.#add('different', at, expected, actual);
      return;
    }
    if (Array.isArray(expected) && Array.isArray(actual)) this.#arrays(expected, actual, at);
    else if (isJsonObject(expected) && isJsonObject(actual)) this.#objects(expected, actual, at);
    else if (!this.#scalarsEqual(expected, actual, at))
      this.#add('different', at, expected, actual);
  }

  #add(what: Finding['what'], at: Place, expected: unknown, actual: unknown): void {
    this.findings.push({ ...at, what, expected, actual });
  }

  #alike(expected: unknown, actual: unknown, treatment: Treatment, uid?: string): boolean {
    if (typeof expected !== typeof actual) return false;
    if (treatment === 'presence') return true;
    if (Array.isArray(expected) || isJsonObject(expected)) return jsonEqual(expected, actual);
    const [there, here] = [String(expected), String(actual)];
    if (treatment === 'age') return there === here || [there, here].every((age) => isAge.test(age));
    if (treatment === 'address') {
      const [whole = '', hash = ''] = there.split('?hash=');
      const [otherWhole = '', otherHash = ''] = here.split('?hash=');
      return whole === otherWhole && this.#translation.token(hash, otherHash) !== 'broken';
    }
    if (treatment === 'version') return this.#translation.version(there, here, uid) !== 'broken';
    if (treatment === 'assigned') {
      // "None", "" and 0 mean that nothing was assigned.
      const isAssigned = (value: string): boolean => /[1-9.:]/.test(value);
      if (!isAssigned(there) || !isAssigned(here)) return there === here;
      // What one object gave back another may get: no lasting pair.
      if (typeof expected === 'string') this.#translation.retoken(there, here);
      return true;
    }
    return this.#translation.token(there, here) !== 'broken';
  }

  #scalarsEqual(expected: unknown, actual: unknown, { place }: Place): boolean {
    if (jsonEqual(expected, actual)) return true;
    if (typeof expected !== 'string' || typeof actual !== 'string') return false;
    if (sameMoment(expected, actual)) return true;
    const translated = this.#translation.text(expected);
    if (translated === actual) return true;
    const isForPeople = / /.test(actual) || place.startsWith('rows[].cells');
    return isForPeople && normaliseText(translated) === normaliseText(actual);
  }

  #objects(expected: Record<string, unknown>, actual: Record<string, unknown>, at: Place): void {
    this.#learnName(expected, actual);
    const uid = typeof expected['uid'] === 'string' ? expected['uid'] : undefined;
    // Labels may repeat it before it comes.
    if (uid !== undefined && typeof actual['uid'] === 'string') {
      this.#translation.token(uid, actual['uid']);
    }
    const fields = new Map(Object.entries(actual));
    for (const [name, value] of Object.entries(expected)) {
      const other =
        [name, this.#translation.text(name)].find((one) => fields.has(one)) ??
        this.#sameField(name, fields);
      const place = below(at, name);
      if (!fields.has(other)) this.#add('missing', place, value, undefined);
      else this.values(value, fields.get(other), place, uid);
      fields.delete(other);
    }
    for (const [name, value] of fields) this.#add('added', below(at, name), undefined, value);
  }

  /** Keys of managed fields name elements of lists, which may be addresses that were drawn. */
  #sameField(name: string, fields: ReadonlyMap<string, unknown>): string {
    if (!name.startsWith('k:')) return name;
    const text = normaliseText(name);
    return [...fields.keys()].find((one) => normaliseText(one) === text) ?? name;
  }

  /** Names from generateName, and those that end in a hash, are made up by the server, as uids are. */
  #learnName(expected: Record<string, unknown>, actual: Record<string, unknown>): void {
    const common = generateNameOf({ metadata: expected });
    const [there, here] = [expected['name'], actual['name']];
    if (common === '' || common !== generateNameOf({ metadata: actual })) return;
    if (typeof there !== 'string' || typeof here !== 'string') return;
    this.#translation.token(there, here);
    const [hash, other] = [hashOf(expected), hashOf(actual)];
    if (hash !== undefined && other !== undefined) this.#translation.token(hash, other);
  }

  #arrays(expected: readonly unknown[], actual: readonly unknown[], at: Place): void {
    const isRuled = fieldRules.some((rule) => rule.at.test(`${at.place}[]`));
    const key = isRuled ? undefined : keyOf(expected, actual);
    if (!key) {
      this.#positions(expected, actual, at);
      return;
    }
    const left = new Map(actual.map((item) => [key(item), item]));
    const pairs = new Map<unknown, string>();
    for (const item of expected) {
      const name = [key(item), this.#translation.text(key(item))].find((one) => left.has(one));
      if (name !== undefined && ![...pairs.values()].includes(name)) pairs.set(item, name);
    }
    // Names that the servers made up are learned before anything that may refer to them is compared.
    const generated = this.#generatedPairs(expected, left, pairs);
    for (const [item, name] of generated)
      this.values(item, left.get(name), selected(at, key(item)));
    for (const item of expected) {
      const name = pairs.get(item);
      const place = selected(at, key(item));
      if (name !== undefined) this.values(item, left.get(name), place);
      else if (!generated.has(item)) this.#add('missing', place, item, undefined);
    }
    const used = new Set([...pairs.values(), ...generated.values()]);
    for (const [name, item] of left) {
      if (!used.has(name)) this.#add('added', selected(at, name), undefined, item);
    }
    // Where a made-up name stands among others is chance.
    const there = [...pairs].flatMap(([item, name]) => (key(item) === name ? [name] : []));
    const here = actual.map(key).filter((name) => there.includes(name));
    const isOrdered = !unorderedLists.some((rule) => rule.at.test(at.place));
    if (isOrdered && !jsonEqual(there, here)) this.#add('order', at, there, here);
  }

  /** Objects whose names the servers made up are paired in their order, by the name's beginning. */
  #generatedPairs(
    expected: readonly unknown[],
    left: ReadonlyMap<string, unknown>,
    pairs: ReadonlyMap<unknown, string>,
  ): ReadonlyMap<unknown, string> {
    const found = new Map<unknown, string>();
    const used = new Set(pairs.values());
    for (const item of expected) {
      const prefix = generateNameOf(item);
      if (pairs.has(item) || prefix === '') continue;
      const pair = [...left].find(
        ([name, other]) => !used.has(name) && generateNameOf(other) === prefix,
      );
      if (!pair) continue;
      used.add(pair[0]);
      found.set(item, pair[0]);
      const part = partNameOf(item);
      const other = partNameOf(pair[1]);
      if (part !== undefined && other !== undefined) this.#translation.retoken(part, other);
    }
    return found;
  }

  #positions(expected: readonly unknown[], actual: readonly unknown[], at: Place): void {
    const place = selected(at, '');
    for (const [index, item] of expected.entries()) {
      if (index >= actual.length) this.#add('missing', place, item, undefined);
      else this.values(item, actual[index], place);
    }
    for (const item of actual.slice(expected.length)) this.#add('added', place, undefined, item);
  }
}

function below(at: Place, name: string): Place {
  const step = /^[A-Za-z_$][\w$-]*$/.test(name) ? `.${name}` : `[${JSON.stringify(name)}]`;
  const join = (path: string): string => (path === '' ? step.replace(/^\./, '') : path + step);
  return { path: join(at.path), place: join(at.place) };
}

function selected(at: Place, name: string): Place {
  return { path: `${at.path}[${name}]`, place: `${at.place}[]` };
}

/** The name of a part of an object, when admission made it up. */
function partNameOf(item: unknown): string | undefined {
  const name = isJsonObject(item) ? item['name'] : undefined;
  return typeof name === 'string' && generatedParts.test(name) ? name : undefined;
}

/** What two objects have in common whose names the servers made up; empty for names of somebody else's choice. */
function generateNameOf(item: unknown): string {
  const part = partNameOf(item);
  if (part !== undefined) return part.replace(/-[^-]*$/, '');
  const object = isJsonObject(item) && isJsonObject(item['object']) ? item['object'] : item;
  const metadata = isJsonObject(object) ? object['metadata'] : undefined;
  if (!isJsonObject(metadata)) return '';
  const prefix = metadata['generateName'];
  if (typeof prefix === 'string') return normaliseText(prefix.replace(/-$/, ''));
  const hash = hashOf(metadata);
  const name = String(metadata['name']);
  const event = /^(.+)\.[0-9a-f]{16}$/.exec(name)?.[1];
  if (event !== undefined && isJsonObject(object)) {
    const { reason, message } = object;
    return normaliseText(`${event} ${reason} ${message}`);
  }
  if (hash === undefined || !name.endsWith(`-${hash}`)) return '';
  return `${name.slice(0, -hash.length)}${revisionOf(metadata, object)}`;
}

/** The hash in the name of a ReplicaSet or ControllerRevision. */
function hashOf({ labels }: Record<string, unknown>): string | undefined {
  if (!isJsonObject(labels)) return undefined;
  const hash = labels['pod-template-hash'] ?? labels['controller.kubernetes.io/hash'];
  return typeof hash === 'string' ? hash : undefined;
}

/** Which of the revisions of one owner it is. */
function revisionOf({ annotations }: Record<string, unknown>, object: unknown): string {
  const revision = isJsonObject(annotations)
    ? annotations['deployment.kubernetes.io/revision']
    : undefined;
  return String(revision ?? (isJsonObject(object) ? object['revision'] : ''));
}

const keys: readonly ((item: Record<string, unknown>) => string | undefined)[] = [
  ({ metadata }) => nameIn(metadata),
  ({ object }) => (isJsonObject(object) ? nameIn(object['metadata']) : undefined),
  ({ manager, operation, subresource, fieldsType }) =>
    fieldsType === undefined ? undefined : [manager, operation, subresource].join(' '),
  ({ targetRef }) => nameIn(targetRef),
  ...[
    'subresource',
    'name',
    'type',
    'key',
    'groupVersion',
    'version',
    'resource',
    'containerPort',
    'mountPath',
    'field',
  ].map((field) => (item: Record<string, unknown>) => scalarIn(item, field)),
  // Rules of roles.
  ({ verbs, ...where }) => (Array.isArray(verbs) ? JSON.stringify([where, verbs]) : undefined),
  // Causes of a refusal: several may be of one field.
  ({ field, message }) =>
    typeof field === 'string' && typeof message === 'string' ? `${field} ${message}` : undefined,
];

function nameIn(metadata: unknown): string | undefined {
  if (!isJsonObject(metadata)) return undefined;
  const { namespace, name } = metadata;
  if (typeof name !== 'string') return undefined;
  return typeof namespace === 'string' ? `${namespace}/${name}` : name;
}

function scalarIn(item: Record<string, unknown>, field: string): string | undefined {
  const value = item[field];
  return typeof value === 'string' || typeof value === 'number' ? String(value) : undefined;
}

/** By what the elements of both lists can be told apart; undefined: by nothing but their positions. */
function keyOf(
  expected: readonly unknown[],
  actual: readonly unknown[],
): ((item: unknown) => string) | undefined {
  for (const key of keys) {
    const of = (item: unknown): string | undefined =>
      typeof item === 'string' ? item : isJsonObject(item) ? key(item) : undefined;
    const distinct = (list: readonly unknown[]): boolean => {
      const names = list.map(of);
      return !names.includes(undefined) && new Set(names).size === names.length;
    };
    if (distinct(expected) && distinct(actual)) return (item) => of(item) ?? '';
  }
  return undefined;
}
