// Keeps the Node object and its lease alive.

import { readFile, statfs } from 'node:fs/promises';
import { arch, availableParallelism, platform, release, totalmem } from 'node:os';
import type { Client } from '@tweendeck/client';
import {
  isApiError,
  leaseResource,
  type Node,
  type NodeStatus,
  nodeResource,
} from '@tweendeck/kube';
import {
  type Clock,
  isAbort,
  jsonEqual,
  type Logger,
  microTimestampOf,
  timestampOf,
} from '@tweendeck/std';
import type { CgroupHome } from './cgroups.ts';
import { type NodeCapacity, type NodeFacts, nodeStatusOf, resourcesOf } from './node-status.ts';
import { bootId } from './proc.ts';

export interface NodeOptions {
  readonly client: Client;
  readonly clock: Clock;
  readonly log: Logger;
  readonly nodeName: string;
  readonly hostIP: string;
  readonly directory: string;
  readonly instance: string;
  readonly capacity: NodeCapacity | undefined;
  readonly cgroups: CgroupHome;
  readonly podRange: string;
  /** Of the agent's door; undefined: none. */
  readonly port?: number | undefined;
  readonly labels?: Readonly<Record<string, string>> | undefined;
  readonly leaseSeconds?: number | undefined;
}

/** As a kubelet: a lease every 10 s, the status when it differs or 5 minutes have passed. */
const reportMs = 300_000;
const leaseNamespace = 'kube-node-lease';
const usualLeaseSeconds = 40;
/** A lease is renewed this often while it lasts. */
const beatsPerLease = 4;
/** The API this node's behaviour is measured against. */
const kubeletVersion = 'v1.34.0';

export class NodeHeart {
  readonly #options: NodeOptions;
  #node: Node | undefined;
  #written: NodeStatus | undefined;
  #writtenMs = Number.NEGATIVE_INFINITY;
  #saidFailure = false;

  constructor(options: NodeOptions) {
    this.#options = options;
  }

  /** What the node offers, as quantities. */
  async allocatable(): Promise<Readonly<Record<string, string>>> {
    return resourcesOf(await this.#facts(true));
  }

  /** Makes or takes over the Node object and writes its status and lease. */
  async register(signal: AbortSignal): Promise<Node> {
    const { client, nodeName, podRange: podCIDR } = this.#options;
    const labels = { ...nodeLabels(nodeName), ...this.#options.labels };
    const found = await client.get(nodeResource, { name: nodeName }, signal);
    const node = found
      ? await this.#label(labels, signal)
      : await client.create(
          nodeResource,
          {
            apiVersion: 'v1',
            kind: 'Node',
            metadata: { name: nodeName, labels },
            spec: { podCIDR },
          },
          {},
          signal,
        );
    this.#node = node;
    this.#written = node.status;
    await this.#report({ running: true }, signal);
    await this.#renew(signal);
    return node;
  }

  /** Beats until aborted. */
  async run(signal: AbortSignal): Promise<void> {
    const { clock, leaseSeconds = usualLeaseSeconds } = this.#options;
    for (;;) {
      await clock.sleep((leaseSeconds / beatsPerLease) * 1_000, signal);
      try {
        await this.#renew(signal);
        await this.#report({ running: true }, signal);
        this.#saidFailure = false;
      } catch (error) {
        if (isAbort(error, signal)) throw error;
        if (!this.#saidFailure) this.#options.log.warn('the node cannot report', { error });
        this.#saidFailure = true;
      }
    }
  }

  /** Says that nothing runs here any more. */
  async leave(signal: AbortSignal): Promise<void> {
    if (this.#node) await this.#report({ running: false }, signal);
  }

  #label(labels: Readonly<Record<string, string>>, signal: AbortSignal): Promise<Node> {
    const { client, nodeName } = this.#options;
    const body = { metadata: { labels } };
    return client.patch(nodeResource, { name: nodeName }, { type: 'merge', body }, {}, signal);
  }

  async #report(what: { readonly running: boolean }, signal: AbortSignal): Promise<void> {
    const { client, clock, nodeName } = this.#options;
    const now = timestampOf(clock.nowMs());
    const status = nodeStatusOf(await this.#facts(what.running), this.#written, now);
    const due = clock.monotonicMs() - this.#writtenMs >= reportMs;
    if (!due && jsonEqual(timeless(status), timeless(this.#written))) return;
    const patch = { type: 'merge', body: { status } } as const;
    const write = { subresource: 'status' } as const;
    await client.patch(nodeResource, { name: nodeName }, patch, write, signal);
    this.#written = status;
    this.#writtenMs = clock.monotonicMs();
  }

  async #renew(signal: AbortSignal): Promise<void> {
    const { client, clock, nodeName, leaseSeconds = usualLeaseSeconds } = this.#options;
    const ref = { namespace: leaseNamespace, name: nodeName };
    const spec = {
      holderIdentity: nodeName,
      leaseDurationSeconds: leaseSeconds,
      renewTime: microTimestampOf(clock.nowMs()),
    };
    try {
      const patch = { type: 'merge', body: { spec } } as const;
      await client.patch(leaseResource, ref, patch, {}, signal);
    } catch (error) {
      if (!isApiError(error, 'NotFound')) throw error;
      await this.#makeLease(ref, spec, signal);
    }
  }

  async #makeLease(
    ref: { readonly namespace: string; readonly name: string },
    spec: Readonly<Record<string, unknown>>,
    signal: AbortSignal,
  ): Promise<void> {
    const { client } = this.#options;
    const { name = '', uid = '' } = this.#node?.metadata ?? {};
    const ownerReferences = [{ apiVersion: 'v1', kind: 'Node', name, uid }];
    const metadata = { ...ref, ownerReferences };
    const lease = { apiVersion: 'coordination.k8s.io/v1', kind: 'Lease', metadata, spec } as const;
    await client.create(leaseResource, lease, {}, signal);
  }

  async #facts(running: boolean): Promise<NodeFacts> {
    const { nodeName, hostIP, directory, instance, capacity, cgroups, port } = this.#options;
    const disk = await statfs(directory);
    return {
      nodeName,
      hostIP,
      port: port ?? 0,
      running,
      limits: cgroups,
      capacity: capacity ?? { cpu: availableParallelism(), memoryBytes: totalmem(), pods: 110 },
      storageBytes: disk.blocks * disk.bsize,
      storageAvailableBytes: disk.bavail * disk.bsize,
      memoryAvailableBytes: await memoryAvailable(),
      info: {
        architecture: architecture(),
        bootID: await bootId(),
        containerRuntimeVersion: 'tweendeck://0.1.0',
        kernelVersion: release(),
        kubeProxyVersion: kubeletVersion,
        kubeletVersion,
        machineID: instance,
        operatingSystem: platform(),
        osImage: await osImage(),
        systemUUID: instance,
      },
    };
  }
}

function nodeLabels(nodeName: string): Readonly<Record<string, string>> {
  return {
    'kubernetes.io/hostname': nodeName,
    'kubernetes.io/os': platform(),
    'kubernetes.io/arch': architecture(),
  };
}

/** Go's names, which is what everybody selects by. */
function architecture(): string {
  const names: Readonly<Record<string, string>> = { x64: 'amd64', ia32: '386' };
  return names[arch()] ?? arch();
}

/** A status without what changes at every beat. */
function timeless(status: NodeStatus | undefined): unknown {
  const conditions = status?.conditions?.map(({ lastHeartbeatTime: _, ...rest }) => rest);
  return { ...status, conditions };
}

async function memoryAvailable(): Promise<number> {
  const text = await readFile('/proc/meminfo', 'utf8').catch(() => '');
  const kilobytes = /^MemAvailable:\s+(\d+) kB/m.exec(text)?.[1];
  return kilobytes === undefined ? Number.POSITIVE_INFINITY : Number(kilobytes) * 1_024;
}

async function osImage(): Promise<string> {
  const text = await readFile('/etc/os-release', 'utf8').catch(() => '');
  return /^PRETTY_NAME="?([^"\n]*)"?$/m.exec(text)?.[1] ?? platform();
}
