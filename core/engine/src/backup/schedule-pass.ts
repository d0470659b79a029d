// Makes the Backups of a cluster on their schedule, deletes those that are too many, and tells of the newest.

import type { ConditionInput, ReconcileContext } from '@tweendeck/controller';
import { isApiError } from '@tweendeck/kube';
import { timestampOf } from '@tweendeck/std';
import type { ClusterObject } from '../cluster-spec.ts';
import { ownLabels } from '../labels.ts';
import type { BackedUpEngine } from './backed-up.ts';
import { type BackupObject, backupKind } from './backup-kind.ts';
import { writeBeside } from './beside.ts';
import type { BackupPolicy, PolicyStatus } from './policy.ts';
import { planSchedule, type ScheduledBackup } from './schedule.ts';

/** On a Backup: for when it was due. */
const scheduledAnnotation = 'tweendeck.io/scheduled-at';
/** On a Backup: made by the schedule of its cluster. */
const scheduledLabel = 'tweendeck.io/scheduled';

type Context = ReconcileContext<ClusterObject<unknown>>;

/** Milliseconds until it is looked at again; undefined: it rests. */
export async function schedulePass(
  engine: BackedUpEngine,
  cluster: ClusterObject<unknown>,
  context: Context,
): Promise<number | undefined> {
  const { metadata, spec, status } = cluster;
  const policy = spec.backup;
  if (policy === undefined) {
    if (status?.backup) await tell(engine, cluster, undefined, context);
    return undefined;
  }
  const { name, namespace = 'default', creationTimestamp } = metadata;
  const plan = planSchedule({
    // Clusters of two kinds may have one name.
    prefix: `${name}-${engine.engine.shortNames[0] ?? ''}`,
    ...{ policy, status: status?.backup ?? undefined, nowMs: context.clock.nowMs() },
    createdMs: Date.parse(creationTimestamp),
    suspended: spec.suspend === true,
    backups: scheduledOf(engine, cluster, context),
  });
  await tell(engine, cluster, plan, context);
  if (plan.create) await create(engine, cluster, { ...plan.create, policy }, context);
  for (const old of plan.remove)
    await context.client.delete(backupKind, { name: old, namespace }, {}, context.signal);
  return plan.againMs;
}

function scheduledOf(
  { kind }: BackedUpEngine,
  { metadata: { name, namespace = 'default' } }: ClusterObject<unknown>,
  { cache }: Pick<Context, 'cache'>,
): readonly ScheduledBackup[] {
  return cache(backupKind)
    .list({ namespace, labels: { [scheduledLabel]: 'true' } })
    .filter(({ spec: { cluster } }) => cluster.kind === kind.kind && cluster.name === name)
    .filter(({ metadata }) => metadata.deletionTimestamp === undefined)
    .map(scheduledBackup);
}

function scheduledBackup({ metadata, status }: BackupObject): ScheduledBackup {
  const { name, annotations = {}, creationTimestamp } = metadata;
  return {
    ...{ name, phase: status?.phase ?? 'Pending', completionTime: status?.completionTime },
    scheduledMs: Date.parse(annotations[scheduledAnnotation] ?? creationTimestamp),
    message: status?.conditions?.find(({ type }) => type === 'Complete')?.message,
  };
}

async function create(
  { kind, engine }: BackedUpEngine,
  { metadata: { name: cluster, namespace = 'default' } }: ClusterObject<unknown>,
  {
    name,
    scheduledMs,
    policy,
  }: { readonly name: string; readonly scheduledMs: number; readonly policy: BackupPolicy },
  { client, signal, event }: Context,
): Promise<void> {
  const labels = { ...ownLabels(engine, cluster), [scheduledLabel]: 'true' };
  const annotations = { [scheduledAnnotation]: timestampOf(scheduledMs) };
  const { to, timeLimitSeconds } = policy;
  const backup = {
    ...{ apiVersion: `${backupKind.group}/${backupKind.version}`, kind: backupKind.kind },
    metadata: { name, namespace, labels, annotations },
    spec: { cluster: { kind: kind.kind, name: cluster }, to, timeLimitSeconds },
  };
  try {
    await client.create(backupKind, backup, { fieldManager: 'backups' }, signal);
    event('Normal', 'BackupScheduled', `Backup ${name} is made`);
  } catch (error) {
    if (!isApiError(error, 'AlreadyExists')) throw error; // by a pass whose answer was lost
  }
}

/** Beside what its engine says; conditions of others stay, which is why it is bound to the version that was read. */
async function tell(
  engine: BackedUpEngine,
  cluster: ClusterObject<unknown>,
  plan: { readonly status: PolicyStatus; readonly condition: ConditionInput } | undefined,
  context: Context,
): Promise<void> {
  const { status, metadata } = cluster;
  const before = status?.conditions?.find(({ type }) => type === 'BackupRecent');
  const condition = plan && {
    ...plan.condition,
    observedGeneration: metadata.generation ?? 0,
    lastTransitionTime:
      before?.status === plan.condition.status
        ? before.lastTransitionTime
        : timestampOf(context.clock.nowMs()),
  };
  const same =
    JSON.stringify(status?.backup) === JSON.stringify(plan?.status) &&
    before?.status === condition?.status &&
    before?.message === condition?.message;
  if (same) return;
  const others = status?.conditions?.filter(({ type }) => type !== 'BackupRecent') ?? [];
  const conditions = [...others, ...(condition ? [condition] : [])];
  await writeBeside(
    engine,
    cluster,
    { backup: replacing(status?.backup, plan?.status), conditions },
    context,
  );
}

/** For a merge patch: what is said no more goes. */
function replacing(
  before: PolicyStatus | null | undefined,
  now: PolicyStatus | undefined,
): PolicyStatus | null {
  if (now === undefined) return null;
  const gone = Object.keys(before ?? {}).map((name) => [name, null] as const);
  return { ...Object.fromEntries(gone), ...now };
}
