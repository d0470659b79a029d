// What the document says of other caches: those that are brought what is stored here, and the one that is asked.

import { addressText } from '../dataplane/listen.ts';
import { defaultMirrorSettings, type MirrorSettings } from '../mirror/mirroring-store.ts';
import { defaultUpstreamSettings, type UpstreamSettings } from '../upstream/upstream-store.ts';
import type { ConfigFields } from './config-reader.ts';
import { readFarCache, readFarFields } from './far-config.ts';

export interface MirrorConfig {
  /** Bound of the queue's bytes; counts from the next start. */
  readonly queueBytesMax: number;
  readonly settings: MirrorSettings;
}

const targetsMax = 32;
const queueBytesDefault = 64 * 2 ** 20;

export function readMirror(fields: ConfigFields, directory: string): MirrorConfig {
  const { timing } = defaultMirrorSettings;
  const targets = fields.list('targets', (item) => readFarCache(item, directory));
  const names = targets.map(addressText);
  const hint = 'Name each mirror once.';
  const node = fields.get('targets');
  if (new Set(names).size < names.length) node?.fail('names a mirror twice', hint);
  if (names.length > targetsMax) node?.fail(`names more than ${targetsMax} mirrors`, 'Chain them.');
  return {
    queueBytesMax: fields.size('queue', { min: 65_536 }) ?? queueBytesDefault,
    settings: {
      targets,
      backfill: fields.flag('backfill') ?? defaultMirrorSettings.backfill,
      timing: {
        idleMs: fields.duration('idleTimeout', { min: 100 }) ?? timing.idleMs,
        timeoutMs: fields.duration('timeout', { min: 100 }) ?? timing.timeoutMs,
        retryBaseMs: fields.duration('retry', { min: 10 }) ?? timing.retryBaseMs,
        retryMaxMs: fields.duration('retryMax', { min: 10 }) ?? timing.retryMaxMs,
      },
    },
  };
}

export function readUpstream(fields: ConfigFields, directory: string): UpstreamSettings {
  const defaults = defaultUpstreamSettings;
  return {
    address: readFarFields(fields, directory),
    connectionsMax: fields.integer('connections', { min: 1, max: 64 }) ?? defaults.connectionsMax,
    requestsMax: fields.integer('requests', { min: 1, max: 10_000 }) ?? defaults.requestsMax,
    waitMs: fields.duration('wait', { min: 10 }) ?? defaults.waitMs,
    timeoutMs: fields.duration('timeout', { min: 10 }) ?? defaults.timeoutMs,
    absentMs: fields.duration('absent', { min: 0 }) ?? defaults.absentMs,
    idleMs: fields.duration('idleTimeout', { min: 100 }) ?? defaults.idleMs,
    pauseBaseMs: fields.duration('retry', { min: 10 }) ?? defaults.pauseBaseMs,
    pauseMaxMs: fields.duration('retryMax', { min: 10 }) ?? defaults.pauseMaxMs,
  };
}
