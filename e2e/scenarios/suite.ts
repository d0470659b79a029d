// The scenarios of the kinds: written once, played in every home.

import {
  changeCleaner,
  changeResources,
  changeService,
  nameTaken,
  othersMarks,
  repairedByHand,
} from './change.ts';
import { cleanerRun } from './cleaner.ts';
import { create } from './create.ts';
import { deletion, neighbours, recreation } from './deletion.ts';
import { entryPromises, entrySwitch } from './entry.ts';
import { invalidSpecs } from './invalid-specs.ts';
import { kernelSettings } from './kernel.ts';
import { liveChanges } from './live-changes.ts';
import { mirrorAndUpstream } from './mirror.ts';
import { operatorKill } from './operator-kill.ts';
import { redisCluster } from './redis-cluster.ts';
import { redisSentinel } from './redis-sentinel.ts';
import { liveRules, redisStore } from './redis-store.ts';
import { scale } from './scale.ts';
import type { Scenario } from './scenario.ts';
import { crashing, missingImage, placement, quota } from './trouble.ts';
import { unity } from './unity.ts';

const cacheServerScenarios: readonly Scenario[] = [
  create,
  unity,
  liveChanges,
  redisStore,
  liveRules,
  mirrorAndUpstream,
  entryPromises,
  entrySwitch,
  scale,
  changeResources,
  changeService,
  changeCleaner,
  cleanerRun,
  kernelSettings,
  placement,
  missingImage,
  crashing,
  quota,
  invalidSpecs,
  deletion,
  recreation,
  neighbours,
  repairedByHand,
  othersMarks,
  nameTaken,
  operatorKill,
];

const redisScenarios: readonly Scenario[] = [redisCluster, redisSentinel];

/** Those of CacheServer, or of all kinds those whose names contain a word: a small home has no room for all at once. */
export function scenariosNamed(words: readonly string[]): readonly Scenario[] {
  if (words.length === 0) return cacheServerScenarios;
  return [...redisScenarios, ...cacheServerScenarios].filter(({ name }) =>
    words.some((word) => name.toLowerCase().includes(word.toLowerCase())),
  );
}
