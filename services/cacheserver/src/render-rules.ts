// The document of the data planes, as a ConfigMap beside the Secrets that it names. Pure.
// What a running data plane takes over stands in a file that keeps its name and is changed in place: pods stay, and what
// they hold. What only counts from a start is part of the file's name, and so of the pods.

import { createHash } from 'node:crypto';
import type { Applied } from '@tweendeck/client';
import type { Pod, PodSpec } from '@tweendeck/kube';
import { isJsonObject, isPlatformError } from '@tweendeck/std';
import { rulesName } from './child-names.ts';
import { readRulesDocument } from './config/rules-document.ts';
import type { CacheServerObject } from './kind.ts';
import type { FarCacheSpec, FarTlsSpec, RedisStoreSpec, SecretField } from './kind-rules.ts';
import { labelsOf } from './labels.ts';

type Volume = NonNullable<PodSpec['volumes']>[number];
type Projection = NonNullable<NonNullable<Volume['projected']>['sources']>[number];

/** Where data planes find the document, and the Secrets that it names beside it. */
export const rulesPath = '/run/rules';

export interface RulesFile {
  /** Differs when pods have to start anew. */
  readonly name: string;
  readonly text: string;
  /** What a data plane with this document tells. */
  readonly revision: string;
}

/** The document that the spec amounts to. */
export function rulesFile(cache: CacheServerObject): RulesFile {
  const sections = sectionsOf(cache);
  const { store, mirror, upstream, reliability } = sections;
  const begins = [
    store ?? null,
    secretsOf(cache),
    ...[mirror, upstream, reliability].map((part) => part !== undefined),
  ];
  const revision = digestOf(sections).slice(0, 12);
  return {
    name: `${digestOf(begins).slice(0, 8)}.json`,
    text: `${JSON.stringify({ revision, ...sections }, undefined, 2)}\n`,
    revision,
  };
}

/** What a data plane would say against it, in its words; undefined when it would take it. */
export function rulesProblem(cache: CacheServerObject): string | undefined {
  try {
    readRulesDocument(sectionsOf(cache), { directory: rulesPath, source: 'spec' });
    return undefined;
  } catch (error) {
    if (!isPlatformError(error, 'CACHE_CONFIG_INVALID')) throw error;
    const [, ...lines] = error.message.split('\n');
    return lines.map((line) => `spec.${line.trim()}`).join(' ');
  }
}

/** Whether the spec says anything here. */
export function hasRules({ spec }: CacheServerObject): boolean {
  const { store, mirror, upstream, reliability, access } = spec;
  return [store, mirror, upstream, reliability, access].some((part) => part !== undefined);
}

/**
 * The ConfigMap. Files that pods of before were started with stay as they are in `present`, so that a container that
 * starts again meanwhile finds its own.
 */
export function renderRules(
  cache: CacheServerObject,
  present: Readonly<Record<string, string>> = {},
  pods: readonly Pod[] = [],
): Applied {
  const { name, namespace } = cache.metadata;
  const file = rulesFile(cache);
  const used = new Set(pods.flatMap(fileOfPod));
  const kept = Object.entries(present).filter(([key]) => used.has(key));
  return {
    metadata: {
      name: rulesName(name),
      ...(namespace ? { namespace } : {}),
      labels: labelsOf(name),
    },
    data: { ...Object.fromEntries(kept), [file.name]: file.text },
  };
}

function fileOfPod({ spec }: Pod): readonly string[] {
  const option = rulesOption('');
  return spec.containers.flatMap(({ args = [] }) =>
    args.filter((arg) => arg.startsWith(option)).map((arg) => arg.slice(option.length)),
  );
}

/** The argument of a data plane that is to read this file. */
export function rulesOption(file: string): string {
  return `--rules-file=${rulesPath}/${file}`;
}

/**
 * One directory, so that names in the document need no paths. Secrets may come later: without them a data plane tells
 * what it lacks, and its CacheServer with it.
 */
export function rulesVolume(cache: CacheServerObject): Volume {
  const secrets = secretsOf(cache).map(([name, keys]): Projection => {
    const items = keys.map((key) => ({ key, path: `${name}/${key}` }));
    return { secret: { name, items, optional: true } };
  });
  const { name } = cache.metadata;
  return {
    name: 'rules',
    projected: { sources: [{ configMap: { name: rulesName(name) } }, ...secrets] },
  };
}

/** The fields of Secrets that the spec names, each Secret once. */
export function secretsOf({
  spec,
}: CacheServerObject): readonly (readonly [name: string, keys: readonly string[]])[] {
  const { store, mirror, upstream } = spec;
  const byName = new Map<string, Set<string>>();
  const add = (name: string, key: string): void => {
    byName.set(name, (byName.get(name) ?? new Set()).add(key));
  };
  for (const far of [store?.redis, upstream, ...(mirror?.targets ?? [])]) {
    if (far === undefined) continue;
    const { caSecret, certificateSecret } = far.tls ?? {};
    const password = 'passwordSecret' in far ? far.passwordSecret : undefined;
    const token = 'tokenSecret' in far ? far.tokenSecret : undefined;
    if (password) add(password.name, password.key ?? usualKeys.password);
    if (token) add(token.name, token.key ?? usualKeys.token);
    if (caSecret) add(caSecret.name, caSecret.key ?? usualKeys.ca);
    for (const key of certificateKeys) if (certificateSecret) add(certificateSecret.name, key);
  }
  return [...byName].sort(byFirst).map(([name, keys]) => [name, [...keys].sort()] as const);
}

const usualKeys = { password: 'password', token: 'token', ca: 'ca.crt' } as const;
const certificateKeys = ['tls.crt', 'tls.key'] as const;

/** Where the field of a Secret lies beside the document. */
function fileOf({ name, key }: SecretField, usual: string): string {
  return `${name}/${key ?? usual}`;
}

/** As the document names them; what is not said is not there. */
function sectionsOf(cache: CacheServerObject) {
  const { store, mirror, upstream, reliability, access } = cache.spec;
  const { forgetAfterSeconds, ...believed } = reliability ?? {};
  return {
    ...(store ? { store: { redis: redisSection(cache, store.redis) } } : {}),
    ...(mirror ? { mirror: mirrorSection(mirror) } : {}),
    ...(upstream ? { upstream: upstreamSection(upstream) } : {}),
    ...(reliability
      ? { reliability: { ...believed, ...duration('forgetAfter', forgetAfterSeconds) } }
      : {}),
    ...(access ? { access } : {}),
  };
}

type Sections = CacheServerObject['spec'];

function mirrorSection({ targets, ...rest }: NonNullable<Sections['mirror']>) {
  return { ...rest, ...(targets ? { targets: targets.map(farSection) } : {}) };
}

function upstreamSection(upstream: NonNullable<Sections['upstream']>) {
  const { waitSeconds, absentSeconds, ...rest } = upstream;
  return {
    ...farSection(rest),
    ...duration('wait', waitSeconds),
    ...duration('absent', absentSeconds),
  };
}

function farSection({ tls, tokenSecret, ...rest }: FarCacheSpec) {
  return {
    ...rest,
    ...(tls ? { tls: tlsSection(tls) } : {}),
    ...(tokenSecret ? { tokenFile: fileOf(tokenSecret, usualKeys.token) } : {}),
  };
}

function tlsSection({ caSecret, certificateSecret, ...rest }: FarTlsSpec) {
  const [certificate, key] = certificateKeys.map((name) =>
    certificateSecret ? fileOf(certificateSecret, name) : undefined,
  );
  return {
    ...rest,
    ...(caSecret ? { ca: fileOf(caSecret, usualKeys.ca) } : {}),
    ...(certificateSecret ? { certificate, key } : {}),
  };
}

function redisSection({ metadata }: CacheServerObject, redis: RedisStoreSpec) {
  const { passwordSecret, tls, ttlSeconds, prefix, ...rest } = redis;
  const { name, namespace = 'default' } = metadata;
  return {
    ...rest,
    prefix: prefix ?? usualPrefix(namespace, name),
    ...(passwordSecret ? { passwordFile: fileOf(passwordSecret, usualKeys.password) } : {}),
    ...(tls ? { tls: tlsSection(tls) } : {}),
    ...duration('ttl', ttlSeconds),
  };
}

/** Nobody else's. Of long names a digest. */
function usualPrefix(namespace: string, name: string): string {
  const whole = `cache:${namespace}:${name}:`;
  return whole.length <= 128 ? whole : `cache:${digestOf([namespace, name]).slice(0, 32)}:`;
}

function duration(field: string, seconds: number | undefined): Readonly<Record<string, string>> {
  return seconds === undefined ? {} : { [field]: `${seconds}s` };
}

/** The same for the same fields in any order. */
function digestOf(value: unknown): string {
  const text = JSON.stringify(value, (_, part: unknown) =>
    isJsonObject(part) ? Object.fromEntries(Object.entries(part).sort(byFirst)) : part,
  );
  return createHash('sha256').update(text).digest('hex');
}

function byFirst([left]: readonly [string, unknown], [right]: readonly [string, unknown]): number {
  return left < right ? -1 : 1;
}
