// The public surface of agent.

export { type Agent, type AgentOptions, startAgent } from './agent.ts';
export {
  type Catalogue,
  type CatalogueOptions,
  findProgram,
  listensOnFronts,
  type MissingProgram,
  type Program,
  standardCatalogue,
} from './catalogue.ts';
export { agentErrors } from './errors.ts';
export type { Front } from './fronts.ts';
export type { NodeCapacity } from './node-status.ts';
export type { PodLogOptions } from './pod-logs.ts';
export { type AgentFront, type AgentFrontOptions, openAgentFront } from './remote/agent-front.ts';
export type { PodAccess } from './remote/pod-access.ts';
export { type RemoteAgentsOptions, remoteAgents } from './remote/remote-agent.ts';
