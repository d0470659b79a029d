// The agents of a home: those in this process, and the way to those in others. Whoever wants something of a pod is led to the
// agent of its node.

import { join } from 'node:path';
import {
  type Agent,
  type AgentOptions,
  type PodAccess,
  remoteAgents,
  startAgent,
} from '@tweendeck/agent';
import { controllersUser, nodeUser } from '@tweendeck/apiserver';
import { nodeResource, type Pod } from '@tweendeck/kube';
import { PlatformError } from '@tweendeck/std';
import { programCatalogue } from './catalogue.ts';
import type { ControlPlane } from './control-plane.ts';
import type { EmbeddedHomeOptions } from './embedded-home.ts';
import { nodePath, openNodeIdentity } from './node-directory.ts';
import { podEnvironment } from './pod-environment.ts';

/** The first node of every home. */
const firstNodeName = 'local';

/** Who has the pods; known only when the control plane is there. */
export class HomeAgents implements PodAccess {
  readonly #local = new Map<string, Agent>();
  #remote: PodAccess | undefined;

  logs: PodAccess['logs'] = (pod, ...asked) => this.#of(pod).logs(pod, ...asked);
  exec: PodAccess['exec'] = (pod, ...asked) => this.#of(pod).exec(pod, ...asked);
  attach: PodAccess['attach'] = (pod, ...asked) => this.#of(pod).attach(pod, ...asked);

  /** Starts the agents of this process; disposal ends their pods. */
  async start(
    plane: ControlPlane,
    options: EmbeddedHomeOptions,
    signal: AbortSignal,
  ): Promise<AsyncDisposable> {
    await using opened = new AsyncDisposableStack();
    opened.defer(() => this.#local.clear());
    const client = plane.clientOf(controllersUser, 'tweendeck-apiserver');
    this.#remote = remoteAgents({
      authority: plane.authority,
      ...plane.agents,
      node: (name, asking) => client.get(nodeResource, { name }, asking),
    });
    for (const [position, name] of nodeNames(options.nodeCount ?? 1).entries()) {
      const place = position === 0 ? firstPlace(plane, options) : await placeOf(name, options);
      const agent = opened.use(
        await startAgent(agentOptions(name, place, { plane, options }), signal),
      );
      this.#local.set(name, agent);
    }
    return opened.move();
  }

  #of({ spec }: Pod): PodAccess {
    const found = this.#local.get(spec.nodeName ?? '') ?? this.#remote;
    const isStarting = !found || (spec.nodeName === firstNodeName && found === this.#remote);
    if (!isStarting) return found;
    throw new PlatformError('HOME_STARTING', 'the agent of this home is not up yet', {
      hint: 'Try again in a moment.',
    });
  }
}

function nodeNames(count: number): readonly string[] {
  const more = Array.from({ length: count - 1 }, (_, index) => `${firstNodeName}-${index + 2}`);
  return [firstNodeName, ...more];
}

type Place = Pick<AgentOptions, 'directory' | 'podRange' | 'instance'> &
  Partial<Pick<AgentOptions, 'hostIP'>>;

function firstPlace({ identity }: ControlPlane, { directory }: EmbeddedHomeOptions): Place {
  return { directory: directory.agent, podRange: identity.podRange, instance: identity.id };
}

async function placeOf(name: string, { directory, random }: EmbeddedHomeOptions): Promise<Place> {
  const path = nodePath(directory, name);
  return { ...(await openNodeIdentity(path, random)), directory: join(path, 'agent') };
}

function agentOptions(
  nodeName: string,
  place: Place,
  { plane, options }: { readonly plane: ControlPlane; readonly options: EmbeddedHomeOptions },
): AgentOptions {
  const { clock, random, log, environment, leaseSeconds } = options;
  return {
    client: plane.clientOf(nodeUser(nodeName), 'tweendeck-agent'),
    clock,
    random,
    log: log.with({ part: 'agent', node: nodeName }),
    nodeName,
    ...place,
    ...(leaseSeconds === undefined ? {} : { leaseSeconds }),
    catalogue: programCatalogue(options),
    environment: podEnvironment(environment, plane.address),
  };
}
