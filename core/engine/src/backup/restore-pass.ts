// Fills a new cluster from a backup, once all its members take part: a Job for each attempt.

import type { ReconcileContext } from '@tweendeck/controller';
import { jobResource, podResource } from '@tweendeck/kube';
import { timestampOf } from '@tweendeck/std';
import type { ClusterObject } from '../cluster-spec.ts';
import { type BackedUpEngine, memberSecrets, membersIn, selectionOf } from './backed-up.ts';
import { backupKind } from './backup-kind.ts';
import { writeBeside } from './beside.ts';
import { type OwnedJob, ownedJob } from './owned-job.ts';
import { type BackupPlace, type DirectoryRule, directoryRefused } from './place.ts';
import { type BackupStep, planBackup } from './plan-backup.ts';
import type { RestoreSpec, RestoreStatus } from './policy.ts';
import { renderJob } from './render-job.ts';

interface Why {
  readonly reason: string;
  readonly message: string;
}

/** Where the files are, or why that is not known. */
type Source =
  | { readonly place: BackupPlace; readonly folder: string; readonly image: string | undefined }
  | { readonly waits: Why }
  | { readonly refusal: Why };

const lookAgainMs = 2_000;
const restoreLabel = 'tweendeck.io/restores';

export interface RestoreInput {
  readonly engine: BackedUpEngine;
  readonly cluster: ClusterObject<unknown>;
  readonly directories: DirectoryRule;
}

/** Milliseconds until it is looked at again; undefined: it rests. */
export async function restorePass(
  input: RestoreInput,
  context: ReconcileContext<ClusterObject<unknown>>,
): Promise<number | undefined> {
  const { cluster } = input;
  const { restore } = cluster.spec;
  const { status } = cluster;
  const phase = status?.restore?.phase;
  if (restore === undefined) return undefined;
  if (phase === 'Complete' || phase === 'Failed') return undefined;
  const source = sourceOf(restore, input, context);
  const attempts = status?.restore?.attempts ?? 0;
  const job = await ownedJob(cluster, jobOf(cluster, attempts), context);
  const step = planBackup({
    status: status?.restore,
    refusal: 'refusal' in source ? source.refusal : undefined,
    waits: 'waits' in source ? source.waits : membersMissing(cluster),
    job: job?.outcome,
    nowMs: context.clock.nowMs(),
  });
  await tell(step, job, input, context);
  if (step.do === 'begin' && 'place' in source)
    await begin(step.attempt, { ...input, source, restore }, context);
  if (step.do === 'complete') await context.prune(jobResource);
  return step.do === 'retry' ? step.atMs - context.clock.nowMs() : lookAgainMs;
}

function jobOf({ metadata: { name } }: ClusterObject<unknown>, attempt: number) {
  const labels = {
    ...{ 'app.kubernetes.io/name': 'restore', 'app.kubernetes.io/instance': name },
    'app.kubernetes.io/managed-by': 'tweendeck',
    [restoreLabel]: name,
  };
  return { name: `${name}-restore-${attempt}`, labels };
}

function sourceOf(
  { backup: name, from }: RestoreSpec,
  { engine, cluster, directories }: RestoreInput,
  { cache }: Pick<ReconcileContext<ClusterObject<unknown>>, 'cache'>,
): Source {
  if (from) {
    const refusal = directoryRefused(from, directories);
    const { folder, ...place } = from;
    return refusal ? { refusal } : { place, folder, image: undefined };
  }
  const { namespace = 'default' } = cluster.metadata;
  const backup = cache(backupKind).get({ namespace, name: name ?? '' });
  const waits = (message: string): Source => ({ waits: { reason: 'BackupMissing', message } });
  if (backup === undefined) return waits(`there is no Backup ${name}`);
  const { spec, status } = backup;
  if (spec.cluster.kind !== engine.kind.kind) {
    const message = `Backup ${name} is of a ${spec.cluster.kind}`;
    return { refusal: { reason: 'OtherKind', message } };
  }
  if (status?.phase === 'Failed')
    return { refusal: { reason: 'BackupFailed', message: `Backup ${name} has failed` } };
  if (status?.phase !== 'Complete') return waits(`Backup ${name} is not complete yet`);
  return { place: spec.to, folder: status.folder ?? '', image: spec.image };
}

/** Members that do not take part yet could not be given anything. */
function membersMissing({ metadata, status }: ClusterObject<unknown>): Why | undefined {
  const [present = '', all] = status?.ready?.split('/') ?? [];
  const isSeen = status?.observedGeneration === metadata.generation;
  if (isSeen && present === all && !status?.step) return undefined;
  return { reason: 'MembersMissing', message: 'it is filled once all members take part' };
}

async function tell(
  step: BackupStep,
  job: OwnedJob | undefined,
  { cluster, engine }: RestoreInput,
  context: ReconcileContext<ClusterObject<unknown>>,
): Promise<void> {
  const words = wordsOf(step, job, cluster.spec.restore);
  if (words === undefined) return;
  const before = cluster.status?.restore;
  if (before?.phase === words.phase && before?.message === words.message) return;
  await writeBeside(engine, cluster, { restore: words }, context);
  const { message = '' } = words;
  if (step.do === 'complete') context.event('Normal', 'Restored', message);
  if (step.do === 'retry' || step.do === 'fail') context.event('Warning', 'RestoreFailed', message);
}

function wordsOf(
  step: BackupStep,
  job: OwnedJob | undefined,
  restore: RestoreSpec | undefined,
): RestoreStatus | undefined {
  const from = restore?.backup ? `Backup ${restore.backup}` : restore?.from?.folder;
  switch (step.do) {
    case 'rest':
    case 'pause':
      return undefined;
    case 'wait':
      return { phase: 'Pending', message: step.message };
    case 'begin': {
      const message = `it is filled from ${from}`;
      return { phase: 'Running', attempts: step.attempt, retryTime: null, message };
    }
    case 'watch': {
      const waits = job?.waits ? `: ${job.waits}` : '';
      return { phase: 'Running', message: `it is filled from ${from}${waits}` };
    }
    case 'complete':
      return { phase: 'Complete', message: `it was filled from ${from}` };
    case 'retry': {
      const message = `attempt ${step.attempt} to fill it from ${from}: ${step.why}`;
      return { phase: 'Pending', retryTime: timestampOf(step.atMs), message };
    }
    case 'fail':
      return { phase: 'Failed', message: `it was not filled from ${from}: ${step.message}` };
  }
}

async function begin(
  attempt: number,
  {
    engine,
    cluster,
    source,
    restore,
  }: RestoreInput & {
    readonly source: Extract<Source, { readonly place: BackupPlace }>;
    readonly restore: RestoreSpec;
  },
  context: ReconcileContext<ClusterObject<unknown>>,
): Promise<void> {
  const { namespace = 'default' } = cluster.metadata;
  const pods = context.cache(podResource).list(selectionOf(engine, cluster));
  const { imagePullSecrets } = cluster.spec;
  const { place, folder, image } = source;
  const job = renderJob({
    ...{ ...jobOf(cluster, attempt), namespace, command: 'fill', place, image },
    timeLimitSeconds: restore.timeLimitSeconds,
    task: {
      ...{ kind: engine.kind.kind, folder, members: membersIn(pods) },
      resumes: attempt > 1,
    },
    ...{ secrets: memberSecrets(engine, cluster), account: undefined },
    ...(imagePullSecrets ? { imagePullSecrets } : {}),
  });
  await context.apply(jobResource, job);
  await context.prune(jobResource);
}
