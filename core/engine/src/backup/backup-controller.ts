// The controller of Backups: begins a Job for each attempt, tells how it goes, and has files removed with their object.

import {
  type Controller,
  defineController,
  type Outcome,
  type ReconcileContext,
  watching,
} from '@tweendeck/controller';
import {
  isApiError,
  jobResource,
  type KubeObject,
  type Pod,
  podResource,
  type Resource,
  roleBindingResource,
  roleResource,
  serviceAccountResource,
} from '@tweendeck/kube';
import type { ClusterObject } from '../cluster-spec.ts';
import {
  type BackedUpEngine,
  busyWith,
  memberSecrets,
  membersIn,
  selectionOf,
} from './backed-up.ts';
import { type BackupObject, backupKind, folderOf } from './backup-kind.ts';
import { backupWords } from './backup-words.ts';
import { type OwnedJob, ownedJob } from './owned-job.ts';
import { type DirectoryRule, directoryRefused } from './place.ts';
import { type BackupStep, planBackup } from './plan-backup.ts';
import { type JobInput, renderAccount, renderJob } from './render-job.ts';

export interface BackupControllerOptions {
  readonly engines: readonly BackedUpEngine[];
  /** Whether backups may be written to directories of the machine: whoever may make a Backup writes there. */
  readonly directories: DirectoryRule;
}

const lookAgainMs = 5_000;
const busyMs = 1_000;
const removeSeconds = 600;

type Context = ReconcileContext<BackupObject>;

const ownedResources: readonly Resource<KubeObject>[] = [
  jobResource,
  serviceAccountResource,
  roleResource,
  roleBindingResource,
];

/** Runs Backups; field manager and event source `backup`. */
export function backupController(options: BackupControllerOptions): Controller {
  return defineController<BackupObject>({
    name: 'backup',
    resource: backupKind,
    owns: ownedResources,
    watches: [
      watching(podResource, backupOfPod),
      ...options.engines.map(({ kind }) =>
        watching(kind, ({ kind: type, metadata: { name, namespace = 'default' } }, cache) =>
          cache(backupKind)
            .list({ namespace })
            .filter(({ spec: { cluster } }) => cluster.kind === type && cluster.name === name)
            .filter(({ status }) => (status?.phase ?? 'Pending') === 'Pending')
            .map(({ metadata }) => ({ namespace, name: metadata.name })),
        ),
      ),
    ],
    reconcile: (backup, context) => new BackupPass(options, backup, context).run(),
    finalize: (backup, context) => new BackupPass(options, backup, context).remove(),
  });
}

const backupLabel = 'tweendeck.io/backup';

function backupOfPod({ metadata: { labels = {}, namespace } }: Pod) {
  const name = labels[backupLabel];
  return name && namespace ? [{ namespace, name }] : [];
}

class BackupPass {
  readonly #options: BackupControllerOptions;
  readonly #backup: BackupObject;
  readonly #context: Context;

  constructor(options: BackupControllerOptions, backup: BackupObject, context: Context) {
    this.#options = options;
    this.#backup = backup;
    this.#context = context;
  }

  async run(): Promise<Outcome> {
    const { status } = this.#backup;
    const job = await this.#job(this.#attemptName(status?.attempts ?? 0));
    const step = planBackup({
      ...{ status, job: job?.outcome, refusal: this.#refusal(), waits: this.#waits() },
      nowMs: this.#context.clock.nowMs(),
    });
    this.#tell(step, job?.waits);
    if (step.do === 'begin') await this.#begin(step.attempt);
    if (step.do === 'complete') await this.#context.prune(...ownedResources);
    if (step.do === 'rest' || step.do === 'fail') return undefined;
    const nowMs = this.#context.clock.nowMs();
    return { requeueAfterMs: step.do === 'retry' ? step.atMs - nowMs : lookAgainMs };
  }

  /** Its files go before it does; where nobody can remove them, a person says that they stay. */
  async remove(): Promise<Outcome> {
    const { spec, status } = this.#backup;
    const running = await this.#job(this.#attemptName(status?.attempts ?? 0));
    if (running?.outcome.state === 'running') {
      await this.#context.prune(jobResource);
      return { requeueAfterMs: lookAgainMs };
    }
    const hasNoFiles = (status?.attempts ?? 0) === 0;
    if (spec.keepFiles || hasNoFiles || this.#refusal() !== undefined) return undefined;
    const name = `${this.#backup.metadata.name}-remove`;
    if (this.#isWriting(name)) return { requeueAfterMs: busyMs };
    const outcome = (await this.#job(name))?.outcome;
    if (outcome?.state === 'complete') return undefined;
    if (outcome?.state === 'failed') {
      const message = `${outcome.why}; it is tried again, or set spec.keepFiles and remove them yourself`;
      const failed = { status: 'False', reason: 'RemovalFailed', message } as const;
      this.#context.status({}, [{ type: 'FilesRemoved', ...failed }]);
      await this.#context.prune(jobResource);
      return { requeueAfterMs: 30_000 };
    }
    if (outcome === undefined && !(await this.#beginRemoval(name))) return undefined;
    return { requeueAfterMs: lookAgainMs };
  }

  /** Whether a pod of an attempt is still there: what it writes then would stay. */
  #isWriting(removal: string): boolean {
    const { name, namespace = 'default' } = this.#backup.metadata;
    const pods = this.#context
      .cache(podResource)
      .list({ namespace, labels: { [backupLabel]: name } })
      .filter(({ metadata }) => !metadata.name.startsWith(`${removal}-`));
    return pods.some(({ status }) => status?.phase === 'Running' || status?.phase === 'Pending');
  }

  /** False in a namespace that goes: nothing can be made there any more, and files stay. */
  async #beginRemoval(name: string): Promise<boolean> {
    const { cluster } = this.#backup.spec;
    const job = renderJob({
      ...this.#jobInput(name),
      ...{ command: 'remove', timeLimitSeconds: removeSeconds },
      task: { kind: cluster.kind, folder: folderOf(this.#backup.metadata) },
      ...{ secrets: undefined, account: undefined },
    });
    try {
      await this.#context.apply(jobResource, job);
      return true;
    } catch (error) {
      if (!isApiError(error, 'Forbidden')) throw error;
      this.#context.event('Warning', 'FilesKept', `files stay: ${error.message}`);
      return false;
    }
  }

  async #begin(attempt: number): Promise<void> {
    const found = this.#cluster();
    if (found === undefined) return;
    await this.#context.writeStatus();
    const { engine, cluster } = found;
    const { name, namespace = 'default', uid } = this.#backup.metadata;
    const own = this.#jobInput(this.#attemptName(attempt));
    const access = { ...own, name: `${name}-backup` };
    const { account, role, binding } = renderAccount(access, name);
    await this.#context.apply(serviceAccountResource, account);
    await this.#context.apply(roleResource, role);
    await this.#context.apply(roleBindingResource, binding);
    const pods = this.#context.cache(podResource).list(selectionOf(engine, cluster));
    const { kind } = engine.kind;
    const about = { kind, namespace, cluster: cluster.metadata.name, uid };
    const job = renderJob({
      ...own,
      ...{ command: 'take', timeLimitSeconds: this.#backup.spec.timeLimitSeconds },
      task: {
        ...{ kind, about, backup: name, folder: folderOf({ name, namespace }) },
        members: membersIn(pods),
      },
      ...{ secrets: memberSecrets(engine, cluster), account: access.name },
      ...(cluster.spec.imagePullSecrets ? { imagePullSecrets: cluster.spec.imagePullSecrets } : {}),
    });
    await this.#context.apply(jobResource, job);
    await this.#context.prune(...ownedResources);
  }

  #jobInput(name: string): Pick<JobInput, 'name' | 'namespace' | 'labels' | 'place' | 'image'> {
    const { metadata, spec } = this.#backup;
    const labels = {
      'app.kubernetes.io/name': 'backup',
      'app.kubernetes.io/instance': metadata.name,
      'app.kubernetes.io/managed-by': 'tweendeck',
      [backupLabel]: metadata.name,
    };
    const { namespace = 'default' } = metadata;
    return { name, namespace, labels, place: spec.to, image: spec.image };
  }

  #attemptName(attempt: number): string {
    return `${this.#backup.metadata.name}-${attempt}`;
  }

  /** Undefined when there is none of this Backup. */
  #job(name: string): Promise<OwnedJob | undefined> {
    const labels = { [backupLabel]: this.#backup.metadata.name };
    return ownedJob(this.#backup, { name, labels }, this.#context);
  }

  #cluster(): { engine: BackedUpEngine; cluster: ClusterObject<unknown> } | undefined {
    const { spec, metadata } = this.#backup;
    const { namespace = 'default' } = metadata;
    const engine = this.#options.engines.find(({ kind }) => kind.kind === spec.cluster.kind);
    const ref = { namespace, name: spec.cluster.name };
    const cluster = engine && this.#context.cache(engine.kind).get(ref);
    return engine && cluster && { engine, cluster };
  }

  #refusal(): { readonly reason: string; readonly message: string } | undefined {
    const { cluster, to } = this.#backup.spec;
    const kinds = this.#options.engines.map(({ kind }) => kind.kind);
    if (!kinds.includes(cluster.kind)) {
      const message = `there are backups of ${kinds.join(' and ')}, not of ${cluster.kind}`;
      return { reason: 'KindUnknown', message };
    }
    return directoryRefused(to, this.#options.directories);
  }

  #waits(): { readonly reason: string; readonly message: string } | undefined {
    const { kind, name } = this.#backup.spec.cluster;
    const found = this.#cluster();
    if (found === undefined)
      return { reason: 'ClusterMissing', message: `there is no ${kind} ${name}` };
    return busyWith(found.cluster);
  }

  #tell(step: BackupStep, waits: string | undefined): void {
    if (step.do === 'rest' || step.do === 'pause') return;
    const { metadata, status } = this.#backup;
    const { fields, condition, event } = backupWords({
      ...{ step, folder: folderOf(metadata), podWaits: waits },
      ...{ startTime: status?.startTime, nowMs: this.#context.clock.nowMs() },
    });
    this.#context.status({ ...fields }, [condition]);
    if (event) this.#context.event(...event);
  }
}
