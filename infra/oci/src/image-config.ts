// What an image says of the containers made from it, and the configuration document that carries it.

import { isJsonObject, type JsonObject, type JsonValue } from '@tweendeck/std';

/** What runs where nothing else is asked for. Left out means: as in the base image, or nothing. */
export interface ContainerDefaults {
  /** `uid:gid` or a name of the image's /etc/passwd. */
  readonly user?: string;
  /** Variables are added to those of the base image. */
  readonly env?: Readonly<Record<string, string>>;
  readonly entrypoint?: readonly string[];
  readonly command?: readonly string[];
  readonly workingDirectory?: string;
  /** `8126/tcp`. */
  readonly exposedPorts?: readonly string[];
  /** Paths for which runtimes provide a writable volume when the user names none. */
  readonly volumes?: readonly string[];
  readonly labels?: Readonly<Record<string, string>>;
  readonly stopSignal?: string;
}

/** As Go and OCI call them: `linux`, `amd64`. */
export interface Platform {
  readonly os: string;
  readonly architecture: string;
  readonly variant?: string;
}

/** One line of an image's history. */
export type HistoryEntry = {
  readonly created: string;
  readonly created_by: string;
};

/** What a configuration document is made from. */
export interface ConfigFacts {
  readonly platform: Platform;
  readonly createdSeconds: number;
  readonly defaults: ContainerDefaults;
  /** Of the added layers only. */
  readonly diffIds: readonly string[];
  readonly history: readonly HistoryEntry[];
  /** The base image's document; fields that this package does not know are kept. */
  readonly base?: JsonObject;
}

/** The document `application/vnd.oci.image.config.v1+json`. The order in which sets and maps were given does not matter. */
export function configDocument(facts: ConfigFacts): JsonObject {
  const { platform, base = {} } = facts;
  const rootfs = objectOf(base['rootfs']);
  return {
    ...base,
    created: timeText(facts.createdSeconds),
    architecture: platform.architecture,
    ...(platform.variant === undefined ? {} : { variant: platform.variant }),
    os: platform.os,
    config: containerConfig(facts.defaults, objectOf(base['config'])),
    rootfs: { type: 'layers', diff_ids: [...list(rootfs['diff_ids']), ...facts.diffIds] },
    history: [...list(base['history']), ...facts.history],
  };
}

/** RFC 3339 in UTC, to the second. */
export function timeText(seconds: number): string {
  return new Date(seconds * 1_000).toISOString().replace('.000Z', 'Z');
}

function containerConfig(defaults: ContainerDefaults, base: JsonObject): JsonObject {
  const env = { ...environmentOf(base['Env']), ...defaults.env };
  const labels = { ...objectOf(base['Labels']), ...defaults.labels };
  const changes: Record<string, JsonObject | readonly string[] | string | undefined> = {
    User: defaults.user,
    ExposedPorts: defaults.exposedPorts && emptyObjects(defaults.exposedPorts),
    Env: inOrder(env).map(([name, value]) => `${name}=${value}`),
    Entrypoint: defaults.entrypoint,
    // As with Docker: another entry point makes the base image's command meaningless.
    Cmd: defaults.command ?? (defaults.entrypoint && base['Cmd'] ? [] : undefined),
    Volumes: defaults.volumes && emptyObjects(defaults.volumes),
    WorkingDir: defaults.workingDirectory,
    Labels: Object.keys(labels).length > 0 ? Object.fromEntries(inOrder(labels)) : undefined,
    StopSignal: defaults.stopSignal,
  };
  const given = Object.entries(changes).filter(([, value]) => value !== undefined);
  return { ...base, ...Object.fromEntries(given) };
}

function environmentOf(value: JsonValue | undefined): Readonly<Record<string, string>> {
  const lines = list(value).filter((line) => typeof line === 'string');
  return Object.fromEntries(
    lines.map((line) => {
      const end = line.indexOf('=');
      return end < 0 ? [line, ''] : [line.slice(0, end), line.slice(end + 1)];
    }),
  );
}

function objectOf(value: JsonValue | undefined): JsonObject {
  return isJsonObject(value) ? (value as JsonObject) : {}; // it came from a JsonObject
}

function list(value: JsonValue | undefined): readonly JsonValue[] {
  return Array.isArray(value) ? value : [];
}

function emptyObjects(names: readonly string[]): JsonObject {
  return Object.fromEntries([...new Set(names)].sort().map((name) => [name, {}]));
}

function inOrder<Value>(map: Readonly<Record<string, Value>>): readonly [string, Value][] {
  return Object.entries(map).sort(([left], [right]) => (left < right ? -1 : 1));
}
