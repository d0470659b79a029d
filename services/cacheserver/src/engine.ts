// The engine CacheServer: what a CacheServer is made of, and what is told of it. The generic reconciler runs it.

import {
  type EngineModule,
  type FleetChild,
  type FleetEngine,
  type FleetSeen,
  type FleetShape,
  type FleetView,
  type FleetWords,
  fleetModule,
  type Member,
} from '@tweendeck/engine';
import {
  configMapResource,
  cronJobResource,
  deploymentResource,
  endpointSliceResource,
  podDisruptionBudgetResource,
  roleBindingResource,
  roleResource,
  serviceAccountResource,
  serviceResource,
} from '@tweendeck/kube';
import { cleanerName, controlName, entryName, rulesName } from './child-names.ts';
import { cleanerCondition } from './cleaner-words.ts';
import { type AskReplica, askOverHttp } from './figures/ask-replicas.ts';
import {
  figureWords,
  parseFigures,
  type ReplicaAnswer,
  type ReplicaFigures,
} from './figures/figures.ts';
import { tuningCondition } from './kernel-tuning.ts';
import {
  type CacheServerObject,
  type CacheServerSpec,
  type CacheServerStatus,
  cacheServerKind,
} from './kind.ts';
import { labelsOf, selectorOf } from './labels.ts';
import { renderDeployment, renderDisruptionBudget, renderService } from './render.ts';
import { renderCleaner } from './render-cleaner.ts';
import {
  entrySelectorOf,
  renderEntryDeployment,
  renderFollowerAccount,
  renderFollowerBinding,
  renderFollowerRole,
  renderReplicas,
  wantedEntry,
} from './render-entry.ts';
import { renderRules, rulesProblem } from './render-rules.ts';
import { peersCondition, rulesCondition, storeCondition } from './rules-words.ts';
import { cacheServerTelemetry } from './telemetry.ts';
import { containerHint, failureHint, placementHint, refusalHints } from './trouble-hints.ts';

/** `ask`: how replicas are asked for their figures; omitted: over HTTP, at the addresses of their pods. */
export function cacheServerEngine(
  ask: AskReplica = askOverHttp,
): FleetEngine<CacheServerSpec, CacheServerStatus, ReplicaFigures> {
  return {
    kind: cacheServerKind,
    component: 'cacheserver',
    podNames: ['cacheserver', 'cacheserver-entry'],
    owns: [
      configMapResource,
      serviceResource,
      podDisruptionBudgetResource,
      deploymentResource,
      serviceAccountResource,
      roleResource,
      roleBindingResource,
      cronJobResource,
    ],
    // Entries and cleaners follow the replicas.
    handsOn: [endpointSliceResource],
    conditions: [
      'CleanerScheduled',
      'KernelTuned',
      'PeersReachable',
      'RulesApplied',
      'StoreReachable',
    ],
    shape,
    secret: ({ metadata: { name } }) => ({
      ...{ name: controlName(name), labels: labelsOf(name), fields: ['token', 'key'] },
    }),
    refusal: rulesProblem,
    children,
    observe: async ({ pod }, _cache, signal) => {
      const facts = parseFigures(await ask(pod?.ip ?? '', signal));
      if (facts === undefined) throw new Error('it answered something else');
      return { role: 'peer', synced: true, facts };
    },
    words,
    hints: {
      ...{ placement: placementHint, container: containerHint, failure: failureHint },
      refused: (reason) => refusalHints[reason],
      replaced: 'with an empty cache',
    },
    telemetry: cacheServerTelemetry,
  };
}

function shape({ metadata: { name }, spec }: CacheServerObject): FleetShape {
  const entry = wantedEntry(spec);
  return {
    members: { name, selector: selectorOf(name), replicas: spec.replicas },
    entry: entry && {
      ...{ name: entryName(name), selector: entrySelectorOf(name), replicas: entry.replicas },
    },
    service: { name, port: spec.port },
  };
}

/** A pod that starts finds what it is told, and the address that it is to serve. */
function children(cache: CacheServerObject, view: FleetView): readonly FleetChild[] {
  const { name } = cache.metadata;
  const rules = view.present(configMapResource, rulesName(name));
  const budget = renderDisruptionBudget(cache);
  const cleaner = renderCleaner(cache);
  // Until the entry serves, and whenever it does not, clients are led to the replicas themselves.
  const through = view.entryServes ? entrySelectorOf(name) : selectorOf(name);
  return [
    { resource: configMapResource, object: renderRules(cache, rules?.data, view.pods) },
    ...followers(cache),
    { resource: serviceResource, object: renderService(cache, through) },
    ...(budget ? [{ resource: podDisruptionBudgetResource, object: budget }] : []),
    { resource: deploymentResource, object: renderDeployment(cache) },
    ...(cleaner
      ? [{ resource: cronJobResource, object: cleaner, mayBeRefused: true as const }]
      : []),
  ];
}

/** The entry with what it needs, and what the cleaner needs as well: to know which replicas are ready. */
function followers(cache: CacheServerObject): readonly FleetChild[] {
  const entry = wantedEntry(cache.spec);
  if (entry === undefined && cache.spec.cleaner === undefined) return [];
  return [
    { resource: serviceResource, object: renderReplicas(cache) },
    { resource: serviceAccountResource, object: renderFollowerAccount(cache) },
    { resource: roleResource, object: renderFollowerRole(cache) },
    { resource: roleBindingResource, object: renderFollowerBinding(cache) },
    ...(entry
      ? [{ resource: deploymentResource, object: renderEntryDeployment(cache, entry) }]
      : []),
  ];
}

function words(cache: CacheServerObject, seen: FleetSeen<ReplicaFigures>): FleetWords {
  const { name } = cache.metadata;
  const answers = seen.members.flatMap(answerOf);
  const figures = figureWords(answers);
  const tuned = tuningCondition(cache.spec, answers);
  const peers = peersCondition(cache, answers);
  const rules = rulesCondition(cache, answers);
  const store = storeCondition(cache, answers);
  const cleaner = cleanerName(name);
  const told = cache.spec.cleaner && {
    cleaner: seen.made(cronJobResource, cleaner),
    refusal: seen.refused(cronJobResource.kind, cleaner),
    secretRefusal: seen.secretRefusal,
    isBlocked: seen.blocked !== undefined,
  };
  return {
    fields: { ...figures.fields },
    conditions: [
      ...(told ? [cleanerCondition(name, told)] : []),
      ...[tuned, peers, rules, store].filter((one) => one !== undefined),
      figures.condition,
    ],
    // Pods whose store is away serve on, and have nothing to give.
    trouble: store?.reason === 'StoreUnreachable' ? store : undefined,
  };
}

/** Only of those who were asked. */
function answerOf({ name, view, silence }: Member<ReplicaFigures>): readonly ReplicaAnswer[] {
  if (view) return [{ pod: name, figures: view.facts }];
  return silence === undefined ? [] : [{ pod: name, silence }];
}

/** To the platform. */
export const cacheServerModule: EngineModule = fleetModule(cacheServerEngine());
