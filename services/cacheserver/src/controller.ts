// The CacheServer controller. Two halves: resource management makes the children of the spec, status management
// watches the pods and writes what is true of them.

import {
  type Controller,
  defineController,
  type Outcome,
  type ReconcileContext,
  watching,
} from '@tweendeck/controller';
import {
  type CronJob,
  configMapResource,
  cronJobResource,
  type Deployment,
  deploymentResource,
  endpointSliceResource,
  isApiError,
  type KubeObject,
  type ObjectRef,
  type Pod,
  podDisruptionBudgetResource,
  podResource,
  type Resource,
  roleBindingResource,
  roleResource,
  type Service,
  secretResource,
  serviceAccountResource,
  serviceResource,
} from '@tweendeck/kube';
import { cleanerName, entryName, followerName, replicasName, rulesName } from './child-names.ts';
import { ControlSecrets } from './control-secret.ts';
import { type AskReplica, figuresEveryMs, ReplicaInquiry } from './figures/ask-replicas.ts';
import { type CacheServerObject, cacheServerKind } from './kind.ts';
import { selectorOf } from './labels.ts';
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
import { planStatus, type Squatter, type StatusCondition, serves } from './status.ts';

type Context = ReconcileContext<CacheServerObject>;

/** What is not of the platform is not watched: it is looked at again after this long. */
const lookAgainMs = 30_000;
/** Children of one that was deleted are soon collected. */
const collectedMs = 1_000;

const ownedResources: readonly Resource<KubeObject>[] = [
  configMapResource,
  serviceResource,
  podDisruptionBudgetResource,
  deploymentResource,
  serviceAccountResource,
  roleResource,
  roleBindingResource,
  cronJobResource,
];

/** Whether anybody has to know which replicas are ready. */
function hasFollowers(spec: CacheServerObject['spec']): boolean {
  return wantedEntry(spec) !== undefined || spec.cleaner !== undefined;
}

/** What has to be there or be free, by kind and name. */
function childrenOf({ metadata: { name }, spec }: CacheServerObject) {
  const own: readonly Resource<KubeObject>[] = [
    serviceResource,
    podDisruptionBudgetResource,
    deploymentResource,
  ];
  const named = own.map((resource) => ({ resource, name }));
  const followers: readonly Resource<KubeObject>[] = [
    serviceAccountResource,
    roleResource,
    roleBindingResource,
  ];
  return [
    ...named,
    { resource: configMapResource, name: rulesName(name) },
    ...(wantedEntry(spec) ? [{ resource: deploymentResource, name: entryName(name) }] : []),
    ...(spec.cleaner ? [{ resource: cronJobResource, name: cleanerName(name) }] : []),
    ...(hasFollowers(spec)
      ? [
          { resource: serviceResource, name: replicasName(name) },
          ...followers.map((resource) => ({ resource, name: followerName(name) })),
        ]
      : []),
  ];
}

export interface CacheServerControllerOptions {
  /** How replicas are asked for their figures; omitted: over HTTP, at the addresses of their pods. */
  readonly askReplica?: AskReplica;
}

/** Runs CacheServers; field manager and event source `cacheserver`. */
export function cacheServerController(options: CacheServerControllerOptions = {}): Controller {
  const inquiry = new ReplicaInquiry(options.askReplica);
  const secrets = new ControlSecrets();
  return defineController<CacheServerObject>({
    name: 'cacheserver',
    resource: cacheServerKind,
    owns: ownedResources,
    makes: [secretResource],
    watches: [
      watching(podResource, ownersOfPod),
      // Nobody may give rights away that he does not have: those of the entry.
      watching(endpointSliceResource, () => []),
    ],
    reconcile: async (cache, context) => {
      const children = await manageResources(cache, secrets, context);
      await manageStatus(cache, { children, inquiry }, context);
      return children.outcome ?? { requeueAfterMs: figuresEveryMs };
    },
    forget: (ref) => {
      inquiry.forget(keyOf(ref));
      secrets.forget(keyOf(ref));
    },
  });
}

function keyOf({ name, namespace = 'default' }: ObjectRef): string {
  return `${namespace}/${name}`;
}

function ownersOfPod({ metadata }: Pod) {
  const labels = metadata.labels ?? {};
  const name = labels['app.kubernetes.io/instance'];
  const kinds: readonly (string | undefined)[] = ['cacheserver', 'cacheserver-entry'];
  if (!kinds.includes(labels['app.kubernetes.io/name']) || !name || !metadata.namespace) return [];
  return [{ namespace: metadata.namespace, name }];
}

interface Children {
  readonly service?: Service;
  readonly deployment?: Deployment;
  readonly entry?: Deployment;
  readonly cleaner?: CronJob;
  /** Why the API takes no schedule. */
  readonly cleanerRefusal?: string;
  /** Why the API takes no Secret for the control. */
  readonly controlRefusal?: string;
  /** Who has the name of a child. */
  readonly squatter?: Squatter;
  /** What of the spec no data plane would take. */
  readonly refusal?: string;
  readonly outcome?: Outcome;
}

/**
 * The Service comes first: a pod that starts should find the address it is to serve. Gives the children as the server
 * has them now, which caches may not know yet.
 */
async function manageResources(
  cache: CacheServerObject,
  secrets: ControlSecrets,
  context: Context,
): Promise<Children> {
  for (const { resource, name } of childrenOf(cache)) {
    const { namespace } = cache.metadata;
    const child = await presentChild(resource, { name, namespace }, context);
    const owner = child?.metadata.ownerReferences?.find(({ controller }) => controller);
    if (!child || owner?.uid === cache.metadata.uid) continue;
    const leftover = owner?.kind === cacheServerKind.kind && owner.name === cache.metadata.name;
    if (leftover) return { outcome: { requeueAfterMs: collectedMs } };
    const squatter = { kind: resource.kind, name, owner: owner && `${owner.kind} ${owner.name}` };
    return { squatter, outcome: { requeueAfterMs: lookAgainMs } };
  }
  const refusal = rulesProblem(cache);
  if (refusal !== undefined) return { refusal, ...childrenBefore(cache, context) };
  await manageRules(cache, context);
  const controlRefusal = await secrets.ensure(keyOf(cache.metadata), cache, context);
  const entry = await manageEntry(cache, context);
  // Until the entry serves, and whenever it does not, clients are led to the replicas themselves.
  const { name } = cache.metadata;
  const through = serves(entry) ? entrySelectorOf(name) : selectorOf(name);
  const service = await context.apply(serviceResource, renderService(cache, through));
  const budget = renderDisruptionBudget(cache);
  if (budget) await context.apply(podDisruptionBudgetResource, budget);
  const deployment = await context.apply(deploymentResource, renderDeployment(cache));
  const cleaning = await manageCleaner(cache, context);
  await context.prune(...ownedResources);
  return {
    ...{ service, deployment, ...cleaning },
    ...(entry ? { entry } : {}),
    ...(controlRefusal === undefined ? {} : { controlRefusal }),
  };
}

/** Nothing is changed: what was made before goes on. */
function childrenBefore({ metadata }: CacheServerObject, context: Context): Children {
  const { name, namespace = 'default' } = metadata;
  const deployment = context.cache(deploymentResource).get({ name, namespace });
  const service = context.cache(serviceResource).get({ name, namespace });
  return { ...(deployment ? { deployment } : {}), ...(service ? { service } : {}) };
}

/** Before the Deployment: a pod that starts finds what it is told. */
async function manageRules(cache: CacheServerObject, context: Context): Promise<void> {
  const { name, namespace = 'default' } = cache.metadata;
  const present = context.cache(configMapResource).get({ namespace, name: rulesName(name) });
  const pods = context.cache(podResource).list({ namespace, labels: selectorOf(name) });
  await context.apply(configMapResource, renderRules(cache, present?.data, pods));
}

/** The schedule of the cleaner, or why there can be none. Never keeps the rest from being made. */
async function manageCleaner(
  cache: CacheServerObject,
  context: Context,
): Promise<Pick<Children, 'cleaner' | 'cleanerRefusal'>> {
  const wanted = renderCleaner(cache);
  if (!wanted) return {};
  try {
    return { cleaner: await context.apply(cronJobResource, wanted) };
  } catch (error) {
    if (!isApiError(error, 'Invalid')) throw error;
    return { cleanerRefusal: error.message };
  }
}

/** The entry with what it needs; undefined when none is wanted. Gives it as the server has it now. */
async function manageEntry(
  cache: CacheServerObject,
  context: Context,
): Promise<Deployment | undefined> {
  if (!hasFollowers(cache.spec)) return undefined;
  await context.apply(serviceResource, renderReplicas(cache));
  await context.apply(serviceAccountResource, renderFollowerAccount(cache));
  await context.apply(roleResource, renderFollowerRole(cache));
  await context.apply(roleBindingResource, renderFollowerBinding(cache));
  const entry = wantedEntry(cache.spec);
  if (!entry) return undefined;
  return context.apply(deploymentResource, renderEntryDeployment(cache, entry));
}

/** What has the name of a child. Caches hold only what is of the platform, so others are asked for. */
async function presentChild(
  resource: Resource<KubeObject>,
  {
    name,
    namespace = 'default',
  }: { readonly name: string; readonly namespace: string | undefined },
  context: Context,
): Promise<KubeObject | undefined> {
  const ref = { name, namespace };
  return (
    context.cache(resource).get(ref) ?? (await context.client.get(resource, ref, context.signal))
  );
}

async function manageStatus(
  cache: CacheServerObject,
  { children, inquiry }: { readonly children: Children; readonly inquiry: ReplicaInquiry },
  context: Context,
): Promise<void> {
  const { name, namespace = 'default' } = cache.metadata;
  const pods = context.cache(podResource).list({ namespace, labels: selectorOf(name) });
  const answers = await inquiry.answers(
    keyOf({ name, namespace }),
    pods,
    context.clock,
    context.signal,
  );
  const plan = planStatus(cache, {
    deployment: children.deployment,
    entry: children.entry,
    cleaner: children.cleaner,
    cleanerRefusal: children.cleanerRefusal,
    controlRefusal: children.controlRefusal,
    entryPods: context.cache(podResource).list({ namespace, labels: entrySelectorOf(name) }),
    service: children.service,
    squatter: children.squatter,
    refusal: children.refusal,
    pods,
    answers,
  });
  const conditional = [
    'CleanerScheduled',
    'EntryReady',
    'KernelTuned',
    'PeersReachable',
    'RulesApplied',
    'StoreReachable',
  ];
  const said = new Set(plan.conditions.map(({ type }) => type));
  const unsaid = conditional
    .filter((type) => !said.has(type))
    .map((type) => ({ type, gone: true }) as const);
  context.status({ ...plan.fields }, [...plan.conditions, ...unsaid]);
  announce(cache, plan, context);
}

/** Events for what a person would want to read in `describe`: a change of the phase, or of what is wrong. */
function announce(
  { status }: CacheServerObject,
  { fields: { phase }, conditions }: ReturnType<typeof planStatus>,
  context: Context,
): void {
  const type = phase === 'Ready' ? 'Ready' : 'Degraded';
  const now = conditions.find((condition: StatusCondition) => condition.type === type);
  const before = status?.conditions?.find((condition) => condition.type === type);
  if (status?.phase === phase && before?.reason === now?.reason) return;
  const message = now?.message ?? phase;
  if (phase === 'Ready') context.event('Normal', 'Ready', message);
  if (phase === 'Failed' || phase === 'Degraded') context.event('Warning', phase, message);
}
