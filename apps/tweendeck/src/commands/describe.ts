// `tweendeck describe`: an object in full, and what happened to it.

import type { Client } from '@tweendeck/client';
import { type AnyObject, type Event, eventResource, groupResourceOf } from '@tweendeck/kube';
import { isJsonObject, PlatformError } from '@tweendeck/std';
import { stringify } from 'yaml';
import type { Invocation } from '../command-line.ts';
import { connect } from '../connection.ts';
import { servedKinds, targetsOf } from '../kinds.ts';
import { alignColumns } from '../output/table.ts';

export async function run({ world, options, operands }: Invocation): Promise<number> {
  await using connection = await connect(world, options);
  const { client, namespace } = connection;
  const targets = targetsOf(await servedKinds(client, world.signal), operands);
  let first = true;
  for (const { kind, name } of targets) {
    const scope = kind.namespaced ? { namespace } : {};
    const objects =
      name === undefined
        ? (await client.list(kind, scope, world.signal)).items
        : [await client.get(kind, { name, ...scope }, world.signal)];
    for (const object of objects) {
      if (!object) {
        throw new PlatformError('CLI_NOT_FOUND', `there is no ${groupResourceOf(kind)} "${name}"`, {
          hint: 'See what is there with "tweendeck get", and mind the namespace (-n).',
        });
      }
      if (!first) world.write('');
      first = false;
      const events = await eventsOf(client, object, world.signal);
      world.write(describeObject(object, events, world.clock.nowMs()));
    }
  }
  return 0;
}

async function eventsOf(
  client: Client,
  object: AnyObject,
  signal: AbortSignal,
): Promise<readonly Event[]> {
  const list = await client.list(
    eventResource,
    {
      namespace: object.metadata.namespace ?? 'default',
      fieldSelector: `involvedObject.uid=${object.metadata.uid}`,
    },
    signal,
  );
  return [...list.items].sort((left, right) => (lastSeen(left) < lastSeen(right) ? -1 : 1));
}

/** Events of both kinds say it in their own fields. */
function lastSeen({ series, lastTimestamp, eventTime, metadata }: Event): string {
  return series?.lastObservedTime ?? lastTimestamp ?? eventTime ?? metadata.creationTimestamp;
}

/** The text about one object; ages are seen from `nowMs`. */
export function describeObject(object: AnyObject, events: readonly Event[], nowMs: number): string {
  const { metadata, kind, apiVersion, status, ...rest } = object;
  const conditions =
    isJsonObject(status) && Array.isArray(status['conditions']) ? status['conditions'] : [];
  const plainStatus = isJsonObject(status) ? { ...status, conditions: undefined } : status;
  const sections = [
    alignColumns(
      [
        ['Name:', metadata.name],
        ['Namespace:', metadata.namespace ?? ''],
        ['Kind:', `${kind} (${apiVersion})`],
        ['Labels:', pairs(metadata.labels)],
        ['Annotations:', pairs(metadata.annotations)],
        [
          'Created:',
          `${metadata.creationTimestamp} (${age(metadata.creationTimestamp, nowMs)} ago)`,
        ],
        ['Deleting since:', metadata.deletionTimestamp ?? ''],
        ['Controlled by:', controlledBy(object)],
      ].filter(([, value]) => value !== ''),
    ),
    ...Object.entries(rest).map(([field, value]) => section(title(field), value)),
    section('Status', plainStatus),
    table(
      'Conditions',
      ['TYPE', 'STATUS', 'REASON', 'SINCE', 'MESSAGE'],
      conditions
        .filter(isJsonObject)
        .map((condition) => [
          String(condition['type']),
          String(condition['status']),
          String(condition['reason'] ?? ''),
          age(String(condition['lastTransitionTime'] ?? ''), nowMs),
          String(condition['message'] ?? ''),
        ]),
    ),
    table(
      'Events',
      ['TYPE', 'REASON', 'LAST', 'COUNT', 'MESSAGE'],
      events.map((event) => [
        event.type ?? '',
        event.reason ?? '',
        age(lastSeen(event), nowMs),
        String(event.series?.count ?? event.count ?? 1),
        (event.message ?? '').replaceAll('\n', ' '),
      ]),
    ),
  ];
  return sections.filter((text) => text !== '').join('\n');
}

function section(name: string, value: unknown): string {
  const plain: unknown = JSON.parse(JSON.stringify(value ?? null));
  if (plain === null || (isJsonObject(plain) && Object.keys(plain).length === 0)) return '';
  return `${name}:\n${stringify(plain).trimEnd().replace(/^/gm, '  ')}`;
}

function table(
  name: string,
  head: readonly string[],
  rows: readonly (readonly string[])[],
): string {
  if (rows.length === 0) return `${name}:  <none>`;
  return `${name}:\n${alignColumns([head, ...rows]).replace(/^/gm, '  ')}`;
}

function pairs(map: Readonly<Record<string, string>> | undefined): string {
  return Object.entries(map ?? {})
    .map(([key, value]) => `${key}=${value.length > 60 ? `${value.slice(0, 57)}...` : value}`)
    .join(', ');
}

function controlledBy(object: AnyObject): string {
  const owner = object.metadata.ownerReferences?.find((reference) => reference.controller);
  return owner ? `${owner.kind}/${owner.name}` : '';
}

function title(field: string): string {
  return `${field[0]?.toUpperCase()}${field.slice(1)}`;
}

/** `42s`, `7m`, `3h`, `12d`; `?` for what is no time. */
export function age(timestamp: string, nowMs: number): string {
  const seconds = Math.max(0, Math.floor((nowMs - Date.parse(timestamp)) / 1_000));
  if (Number.isNaN(seconds)) return '?';
  if (seconds < 120) return `${seconds}s`;
  if (seconds < 7_200) return `${Math.floor(seconds / 60)}m`;
  return seconds < 172_800 ? `${Math.floor(seconds / 3_600)}h` : `${Math.floor(seconds / 86_400)}d`;
}
