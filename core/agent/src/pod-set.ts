// The pods of this node: desired pods in, statuses out (through the host). Independent of where either comes from.

import { readdir } from 'node:fs/promises';
import { join } from 'node:path';
import type { Pod } from '@tweendeck/kube';
import { TaskGroup } from '@tweendeck/std';
import { removeTree } from './files.ts';
import { uidOfLogDirectory } from './pod-paths.ts';
import { PodWorker } from './pod-worker.ts';
import type { PodRuntime } from './runtime.ts';

export class PodSet implements AsyncDisposable {
  readonly #runtime: PodRuntime;
  readonly #workers = new Map<string, PodWorker>();
  readonly #tasks: TaskGroup;
  readonly #hard = new AbortController();
  readonly #stopMsMax: number;
  #stopping = false;

  /** @param options.stopMsMax longest grace a container gets when the set is disposed */
  constructor(runtime: PodRuntime, options: { readonly stopMsMax: number }) {
    this.#runtime = runtime;
    this.#stopMsMax = options.stopMsMax;
    this.#tasks = new TaskGroup({
      onFailure: (error) => runtime.log.error('the pods of the node failed by a bug', { error }),
    });
  }

  /** A pod of this node as it is now; new ones are begun. */
  apply(pod: Pod): void {
    const known = this.#workers.get(pod.metadata.uid);
    if (known) {
      known.update(pod);
      return;
    }
    if (this.#stopping) return;
    const worker = new PodWorker(this.#runtime, pod, this.#hard.signal);
    this.#workers.set(worker.uid, worker);
    if (pod.metadata.deletionTimestamp !== undefined) worker.update(pod);
    this.#tasks.start(() => this.#work(worker));
  }

  /** A pod whose object is gone. */
  remove(uid: string): void {
    this.#workers.get(uid)?.objectGone();
  }

  /** Config maps, secrets or services of a namespace changed. */
  inputsChanged(namespace: string): void {
    for (const worker of this.#workers.values()) {
      if (worker.pod.metadata.namespace === namespace) worker.inputsChanged();
    }
  }

  find(namespace: string, name: string): PodWorker | undefined {
    return [...this.#workers.values()].find(
      ({ pod }) => pod.metadata.namespace === namespace && pod.metadata.name === name,
    );
  }

  get size(): number {
    return this.#workers.size;
  }

  /** Ends every container within its grace, bounded; objects and directories stay for the next start. */
  async [Symbol.asyncDispose](): Promise<void> {
    this.#stopping = true;
    for (const worker of this.#workers.values()) {
      const grace = worker.pod.spec.terminationGracePeriodSeconds ?? 30;
      const graceMs = Math.min(grace * 1_000, this.#stopMsMax);
      worker.end({ graceMs, platformStops: true });
    }
    const { clock } = this.#runtime;
    const giveUp = clock.timer(this.#stopMsMax + 20_000, () => this.#hard.abort());
    try {
      await this.#tasks.join();
    } finally {
      giveUp[Symbol.dispose]();
      this.#hard.abort();
      await this.#tasks[Symbol.asyncDispose]();
    }
  }

  async #work(worker: PodWorker): Promise<void> {
    try {
      await worker.run();
    } catch (error) {
      if (this.#hard.signal.aborted) return;
      const { name, namespace } = worker.pod.metadata;
      this.#runtime.log.error('a pod failed by a bug', { pod: `${namespace}/${name}`, error });
      this.#workers.delete(worker.uid); // begun anew at the object's next change; what it stored stays
      return;
    }
    this.#workers.delete(worker.uid);
    if (!this.#stopping) await worker.clean();
  }
}

/** Removes directories and addresses of pods that are no longer there. */
export async function removeOrphanedDirectories(
  runtime: Pick<PodRuntime, 'directory' | 'addresses'>,
  uids: ReadonlySet<string>,
): Promise<void> {
  const { directory, addresses } = runtime;
  const names = async (path: string): Promise<readonly string[]> => readdir(path).catch(() => []);
  for (const name of await names(join(directory, 'run'))) {
    if (!uids.has(name)) await removeTree(join(directory, 'run', name));
  }
  for (const name of await names(join(directory, 'pods'))) {
    if (!uids.has(uidOfLogDirectory(name))) await removeTree(join(directory, 'pods', name));
  }
  await addresses.retain(uids);
}
