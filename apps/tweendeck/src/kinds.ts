// Finds the served kinds: from the words a person uses, and from the manifests they write.

import type { Client } from '@tweendeck/client';
import type { AnyObject, Resource } from '@tweendeck/kube';
import { isJsonObject, PlatformError } from '@tweendeck/std';
import { usage } from './command-line.ts';

export interface ServedKind extends Resource<AnyObject> {
  readonly singular: string;
  readonly shortNames: readonly string[];
  readonly categories: readonly string[];
  readonly verbs: readonly string[];
}

const aggregated =
  'application/json;g=apidiscovery.k8s.io;v=v2;as=APIGroupDiscoveryList,application/json';

/** Every kind the server serves, core group first, each group's preferred version first. */
export async function servedKinds(
  client: Client,
  signal: AbortSignal,
): Promise<readonly ServedKind[]> {
  const documents = await Promise.all(
    ['/api', '/apis'].map((path) => client.request('GET', path, { accept: aggregated }, signal)),
  );
  return documents.flatMap((document) => listOf(document, 'items').flatMap(kindsOfGroup));
}

function kindsOfGroup(group: Record<string, unknown>): readonly ServedKind[] {
  const name = isJsonObject(group['metadata']) ? String(group['metadata']['name'] ?? '') : '';
  return listOf(group, 'versions').flatMap((version) =>
    listOf(version, 'resources').map((resource) => ({
      group: name,
      version: String(version['version']),
      kind: isJsonObject(resource['responseKind']) ? String(resource['responseKind']['kind']) : '',
      plural: String(resource['resource']),
      singular: String(resource['singularResource'] ?? ''),
      shortNames: textsOf(resource['shortNames']),
      categories: textsOf(resource['categories']),
      verbs: textsOf(resource['verbs']),
      namespaced: resource['scope'] === 'Namespaced',
    })),
  );
}

function listOf(value: unknown, key: string): readonly Record<string, unknown>[] {
  const list = isJsonObject(value) ? value[key] : undefined;
  return Array.isArray(list) ? list.filter(isJsonObject) : [];
}

function textsOf(value: unknown): readonly string[] {
  return Array.isArray(value) ? value.map(String) : [];
}

/** The kind a person means: kind, plural, singular or short name, optionally with `.group`. Throws CLI_NO_KIND. */
export function kindNamed(kinds: readonly ServedKind[], word: string): ServedKind {
  const [name = '', ...rest] = word.toLowerCase().split('.');
  const group = rest.join('.');
  const found = kinds.find(
    (kind) =>
      (group === '' || kind.group === group) &&
      [kind.plural, kind.singular, kind.kind.toLowerCase(), ...kind.shortNames].includes(name),
  );
  if (found) return found;
  throw new PlatformError('CLI_NO_KIND', `the server serves no kind "${word}"`, {
    hint: 'See "tweendeck get crds" for the kinds of the platform.',
  });
}

/** The kinds a person means: one, or all of a category such as `all`. Throws CLI_NO_KIND. */
function kindsNamed(kinds: readonly ServedKind[], word: string): readonly ServedKind[] {
  const members = kinds.filter(({ categories }) => categories.includes(word.toLowerCase()));
  return members.length > 0 ? members : [kindNamed(kinds, word)];
}

/** The kind of a manifest. Throws CLI_NO_KIND. */
export function kindOf(kinds: readonly ServedKind[], apiVersion: string, kind: string): ServedKind {
  const found = kinds.find(
    (served) =>
      served.kind === kind &&
      apiVersion === (served.group === '' ? served.version : `${served.group}/${served.version}`),
  );
  if (found) return found;
  throw new PlatformError('CLI_NO_KIND', `the server serves no ${kind} of ${apiVersion}`, {
    hint: 'Check apiVersion and kind; a CustomResourceDefinition must be applied before its objects.',
  });
}

export interface Target {
  readonly kind: ServedKind;
  /** Undefined: all of the kind. */
  readonly name: string | undefined;
}

/** Reads operands such as `pods`, `all`, `pods,services`, `pod a b` and `pod/a service/b`. Throws CLI_USAGE, CLI_NO_KIND. */
export function targetsOf(
  kinds: readonly ServedKind[],
  operands: readonly string[],
): readonly Target[] {
  if (operands.every((operand) => operand.includes('/'))) {
    return operands.map((operand) => {
      const slash = operand.indexOf('/');
      return { kind: kindNamed(kinds, operand.slice(0, slash)), name: operand.slice(slash + 1) };
    });
  }
  const [words = '', ...names] = operands;
  if (words.includes('/')) throw usage('either KIND NAME... or KIND/NAME..., not both');
  const found = words.split(',').flatMap((word) => kindsNamed(kinds, word));
  if (names.length === 0) return found.map((kind) => ({ kind, name: undefined }));
  return found.flatMap((kind) => names.map((name) => ({ kind, name })));
}
