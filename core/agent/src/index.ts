// The public surface of agent.

export { type Agent, type AgentOptions, startAgent } from './agent.ts';
export {
  type Catalogue,
  type CatalogueOptions,
  findProgram,
  type MissingProgram,
  type Program,
  standardCatalogue,
} from './catalogue.ts';
export { agentErrors } from './errors.ts';
export type { Front } from './fronts.ts';
export type { NodeCapacity } from './node-status.ts';
export type { PodLogOptions } from './pod-logs.ts';
