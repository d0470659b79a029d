// The agent of a node: takes the pods that are bound to it from an API, runs them, and says how they are.

import { chmod, mkdir } from 'node:fs/promises';
import { type Client, type Informer, openInformer } from '@tweendeck/client';
import { EventRecorder } from '@tweendeck/controller';
import {
  type PersistentVolume,
  type Pod,
  persistentVolumeResource,
  podResource,
  type Service,
  serviceResource,
} from '@tweendeck/kube';
import {
  backoffMs,
  type Clock,
  isAbort,
  type Logger,
  linkedAbort,
  type Random,
  TaskGroup,
} from '@tweendeck/std';
import { AddressBook } from './addresses.ts';
import { apiHost } from './api-host.ts';
import type { Catalogue } from './catalogue.ts';
import { openCgroups } from './cgroups.ts';
import type { RemoteExit, RemoteStreams } from './container-exec.ts';
import { othersMayPass } from './files.ts';
import { standardLogLimits } from './log-file.ts';
import { NamedInputs } from './named-inputs.ts';
import { NodeHeart } from './node.ts';
import type { NodeCapacity } from './node-status.ts';
import { settlesWithin } from './nudge.ts';
import { endOrphans } from './orphans.ts';
import { openPodLog, type PodLogOptions } from './pod-logs.ts';
import { PodSet, removeOrphanedDirectories } from './pod-set.ts';
import { attachToPod, execInPod, type PodAttachTarget, type PodExecTarget } from './pod-streams.ts';
import type { PodAccess } from './remote/pod-access.ts';
import type { PodRuntime } from './runtime.ts';
import { keepVolumes } from './volume-keeper.ts';

export interface AgentOptions {
  readonly client: Client;
  readonly clock: Clock;
  readonly random: Random;
  readonly log: Logger;
  readonly nodeName: string;
  /** Absolute; for one agent alone. Logs, volumes, and what must survive a crash. */
  readonly directory: string;
  /** IPv4 range of loopback addresses, such as 127.73.5.0/24: one for each pod. */
  readonly podRange: string;
  /** The node's own address, where host ports are served. Default 127.0.0.1. */
  readonly hostIP?: string;
  /** Where the API server reaches this agent; omitted: it is in the same process. */
  readonly port?: number;
  /** More labels of the node, such as its zone. */
  readonly labels?: Readonly<Record<string, string>>;
  /** How long the node's lease lasts; it is renewed four times as often. Default 40. */
  readonly leaseSeconds?: number;
  readonly catalogue: Catalogue;
  /** What pods may ask for; omitted: what the machine has, and 110 pods. */
  readonly capacity?: NodeCapacity;
  /** Marks this home's processes: unique among homes of the machine, the same at every start. */
  readonly instance: string;
  /** Variables that every program gets, such as PATH and HOME. */
  readonly environment: Readonly<Record<string, string>>;
  /** Longest grace a container gets when the agent is disposed, in seconds. Default 30. */
  readonly stopSecondsMax?: number;
}

/** Disposal ends every container within its grace period, bounded, and keeps the pods' objects: the next start runs them again. */
export interface Agent extends PodAccess, AsyncDisposable {
  /** Settles when the node is registered and its pods have been begun. Never rejects: it is tried until disposal. */
  readonly ready: Promise<void>;
  /** A pod of this node, as last seen. */
  pod(namespace: string, name: string): Pod | undefined;
}

const usualHostIP = '127.0.0.1';
/** What an orphan gets between SIGTERM and SIGKILL. */
const orphanGraceMs = 10_000;
/** For the last words to the API. */
const farewellMs = 5_000;

/** Ends what an earlier run left behind, then starts. `signal` bounds the start only. @throws PlatformError AGENT_RANGE_INVALID */
export async function startAgent(options: AgentOptions, signal: AbortSignal): Promise<Agent> {
  const { clock, random, log, directory, instance, hostIP = usualHostIP } = options;
  await mkdir(directory, { recursive: true });
  await chmod(directory, 0o711); // the directories of pods below are closed where they can be
  const addresses = await AddressBook.open(directory, options.podRange);
  const cgroups = await openCgroups({ instance, directory, clock });
  const members = (): Promise<readonly number[]> => cgroups.leftovers();
  await endOrphans({ instance, directory, members, clock, log, graceMs: orphanGraceMs }, signal);
  await cgroups.sweep();
  log.info('agent starts', { node: options.nodeName, limits: cgroups.explanation });
  const heart = new NodeHeart({ ...options, hostIP, capacity: options.capacity, cgroups });
  const allocatable = await heart.allocatable();
  return new RunningAgent(options, heart, {
    clock,
    random,
    log,
    directory,
    instance,
    addresses,
    cgroups,
    hostIP,
    allocatable,
    catalogue: options.catalogue,
    environment: options.environment,
    logLimits: standardLogLimits,
    user: { uid: process.getuid?.() ?? 0, gid: process.getgid?.() ?? 0 },
    changesUsers: process.getuid?.() === 0 && (await othersMayPass(directory)),
  });
}

interface Caches {
  readonly pods: Informer<Pod>;
  readonly services: Informer<Service>;
  readonly volumes: Informer<PersistentVolume>;
}

class RunningAgent implements Agent {
  readonly ready: Promise<void>;
  readonly #options: AgentOptions;
  readonly #runtime: PodRuntime;
  readonly #heart: NodeHeart;
  readonly #pods: PodSet;
  readonly #events: EventRecorder;
  readonly #caches: Caches;
  readonly #inputs: NamedInputs;
  readonly #life = new AbortController();
  readonly #tasks: TaskGroup;
  readonly #subscriptions = new DisposableStack();
  #disposed: Promise<void> | undefined;

  constructor(options: AgentOptions, heart: NodeHeart, base: Omit<PodRuntime, 'host'>) {
    const { client, nodeName, log } = options;
    this.#options = options;
    this.#heart = heart;
    this.#events = new EventRecorder({
      ...options,
      component: 'tweendeck-agent',
      host: options.nodeName,
    });
    this.#caches = openCaches(options, this.#life.signal);
    const changed = (namespace: string): void => this.#pods.inputsChanged(namespace);
    this.#inputs = new NamedInputs({ ...options, changed }, this.#life.signal);
    const inputs = this.#inputs;
    const host = apiHost({ client, events: this.#events, inputs, ...this.#caches });
    this.#runtime = { ...base, host };
    this.#pods = new PodSet(this.#runtime, { stopMsMax: (options.stopSecondsMax ?? 30) * 1_000 });
    this.#tasks = new TaskGroup({
      onFailure: (error) => log.error('the agent failed by a bug', { node: nodeName, error }),
    });
    const ready = Promise.withResolvers<void>();
    this.ready = ready.promise;
    this.#tasks.start((signal) => this.#events.run(signal));
    this.#tasks.start(async (signal) => {
      await this.#begin(signal);
      ready.resolve();
      await this.#heart.run(signal);
    });
    const { volumes } = this.#caches;
    this.#tasks.start((signal) => keepVolumes({ ...options, volumes }, signal));
  }

  logs(pod: Pod, options: PodLogOptions, signal: AbortSignal): Promise<AsyncIterable<Uint8Array>> {
    const { directory, clock } = this.#runtime;
    return openPodLog({ pods: this.#pods, directory, clock }, { pod, options }, signal);
  }

  pod(namespace: string, name: string): Pod | undefined {
    return this.#caches.pods.get({ namespace, name });
  }

  exec(
    pod: Pod,
    target: PodExecTarget,
    streams: RemoteStreams,
    signal: AbortSignal,
  ): Promise<RemoteExit> {
    return execInPod(this.#pods, { pod, target, streams }, signal);
  }

  attach(
    pod: Pod,
    target: PodAttachTarget,
    streams: RemoteStreams,
    signal: AbortSignal,
  ): Promise<RemoteExit> {
    return attachToPod(this.#pods, { pod, target, streams }, signal);
  }

  [Symbol.asyncDispose](): Promise<void> {
    this.#disposed ??= this.#dispose();
    return this.#disposed;
  }

  /** Registers the node, waits for the caches, and begins the pods. */
  async #begin(signal: AbortSignal): Promise<void> {
    const { clock, random, log } = this.#options;
    for (let failures = 0; ; failures++) {
      try {
        const node = await this.#heart.register(signal);
        this.#events.record({
          about: node,
          type: 'Normal',
          reason: 'Starting',
          message: 'The agent starts.',
        });
        break;
      } catch (error) {
        if (isAbort(error, signal)) throw error;
        log.warn('the node could not be registered', { error });
        await clock.sleep(backoffMs({ baseMs: 200, maxMs: 10_000 }, failures, random), signal);
      }
    }
    const { pods, services } = this.#caches;
    await Promise.all([pods, services].map((cache) => cache.synced));
    await removeOrphanedDirectories(
      this.#runtime,
      new Set(pods.list().map(({ metadata }) => metadata.uid)),
    );
    if (this.#subscriptions.disposed) return; // the agent was, in the meantime
    this.#subscribe();
  }

  #subscribe(): void {
    const { pods, services } = this.#caches;
    this.#subscriptions.use(
      pods.subscribe({
        updated: (pod, previous) => {
          const replaced = previous && previous.metadata.uid !== pod.metadata.uid;
          if (replaced) this.#gone(previous);
          this.#inputs.set(pod.metadata.uid, pod);
          this.#pods.apply(pod);
        },
        deleted: (pod) => this.#gone(pod),
      }),
    );
    const changed = ({ metadata }: Service): void => {
      this.#pods.inputsChanged(metadata.namespace ?? '');
    };
    this.#subscriptions.use(services.subscribe({ updated: changed, deleted: changed }));
  }

  #gone({ metadata }: Pod): void {
    this.#inputs.set(metadata.uid, undefined);
    this.#pods.remove(metadata.uid);
  }

  async #dispose(): Promise<void> {
    const { clock, log } = this.#options;
    this.#subscriptions.dispose();
    await this.#pods[Symbol.asyncDispose]();
    using farewell = linkedAbort(new AbortController().signal);
    const said = this.#heart.leave(farewell.signal).catch((error: unknown) => {
      log.warn('the node could not say that it stops', { error });
    });
    const patience = new AbortController().signal;
    await settlesWithin(said, { clock, delayMs: farewellMs }, patience);
    this.#events[Symbol.dispose]();
    this.#life.abort();
    await this.#tasks[Symbol.asyncDispose]();
    await this.#inputs[Symbol.asyncDispose]();
    for (const cache of Object.values(this.#caches)) await cache[Symbol.asyncDispose]();
    await this.#runtime.cgroups.close();
  }
}

function openCaches(options: AgentOptions, signal: AbortSignal): Caches {
  const { client, nodeName } = options;
  const bound = { fieldSelector: `spec.nodeName=${nodeName}` };
  const caches = {
    pods: openInformer(client, podResource, bound, options, signal),
    services: openInformer(client, serviceResource, {}, options, signal),
    volumes: openInformer(client, persistentVolumeResource, {}, options, signal),
  };
  for (const cache of Object.values(caches)) cache.synced.catch(() => undefined); // closed before
  return caches;
}
