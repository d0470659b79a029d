// What an account did and what it may do, in the same words: `VERB GROUP/RESOURCE`.

import { readFile } from 'node:fs/promises';

interface AuditEvent {
  readonly verb: string;
  readonly user?: { readonly username?: string };
  readonly objectRef?: {
    readonly apiGroup?: string;
    readonly resource?: string;
    readonly subresource?: string;
    readonly name?: string;
  };
  readonly requestURI: string;
  readonly responseStatus?: { readonly code?: number };
}

export interface Deeds {
  /** In words, each once. */
  readonly used: ReadonlySet<string>;
  /** URIs that were answered 401 or 403. */
  readonly denied: readonly string[];
  readonly count: number;
}

/** Everything that one user asked of the API server. A create by server-side apply counts as both. */
export async function deedsOf(username: string, auditLog: string): Promise<Deeds> {
  const text = await readFile(auditLog, 'utf8');
  const events = text
    .split('\n')
    .filter((line) => line !== '')
    .map((line) => JSON.parse(line) as AuditEvent) // as the API server documents them
    .filter(({ user }) => user?.username === username);
  const used = new Set<string>();
  for (const { verb, objectRef, responseStatus } of events) {
    if (!objectRef?.resource) continue;
    const { apiGroup = '', resource, subresource } = objectRef;
    const what = words(apiGroup, subresource ? `${resource}/${subresource}` : resource);
    used.add(`${verb} ${what}`);
    if (verb === 'patch' && responseStatus?.code === 201) used.add(`create ${what}`);
  }
  const isDenied = ({ responseStatus }: AuditEvent): boolean =>
    responseStatus?.code === 401 || responseStatus?.code === 403;
  const denied = events.filter(isDenied).map(({ verb, requestURI }) => `${verb} ${requestURI}`);
  return { used, denied, count: events.length };
}

interface PolicyRule {
  readonly apiGroups: readonly string[];
  readonly resources: readonly string[];
  readonly verbs: readonly string[];
}

/** The rules of roles, one by one. */
export function granted(rules: readonly PolicyRule[]): ReadonlySet<string> {
  return new Set(
    rules.flatMap(({ apiGroups, resources, verbs }) =>
      apiGroups.flatMap((group) =>
        resources.flatMap((resource) => verbs.map((verb) => `${verb} ${words(group, resource)}`)),
      ),
    ),
  );
}

function words(group: string, resource: string): string {
  return `${group || 'core'}/${resource}`;
}
