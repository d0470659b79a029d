// What is served: every resource in every version, built in or declared by a CustomResourceDefinition.

import type {
  JsonSchema,
  KindVersions,
  ObjectSchema,
  Resource,
  RootedSchema,
} from '@tweendeck/kube';
import type { Draft } from './draft.ts';
import type { BodyRules } from './schema/body-rules.ts';
import type { Codec } from './stored-object.ts';
import type { Strategy } from './strategy.ts';
import type { TableColumns } from './table/table.ts';

/** Where a scale subresource finds its numbers. */
export interface ScalePaths {
  readonly specReplicas: readonly string[];
  readonly statusReplicas: readonly string[];
  /** Path of a label selector, as an object or as text; undefined when there is none. */
  readonly selector: readonly string[] | undefined;
}

export interface Subresource {
  readonly name: string;
  readonly verbs: readonly string[];
  /** Kind of the answer; group and version only when they are not the parent's. */
  readonly kind: string;
  readonly group?: string;
  readonly version?: string;
}

/** A resource in one version. */
export interface ServedResource extends Resource, Codec {
  readonly singular: string;
  readonly listKind: string;
  readonly shortNames: readonly string[];
  readonly categories: readonly string[];
  readonly verbs: readonly string[];
  readonly subresources: readonly Subresource[];
  readonly scale: ScalePaths | undefined;
  /** Where it is stored; the same for all versions. */
  readonly storagePrefix: string;
  readonly toStored: ((draft: Draft) => Draft) | undefined;
  /** Names for field selectors besides metadata.name and metadata.namespace, to their paths in the stored form. */
  readonly selectableFields: ReadonlyMap<string, readonly string[]>;
  readonly strategy: Strategy;
  readonly columns: TableColumns;
  readonly custom: boolean;
  /** Its objects are questions or orders: a create is answered, and nothing is stored. */
  readonly answered?: boolean;
  readonly body: BodyRules;
  /** How lists merge in strategic patches; undefined: the kind takes none. */
  readonly strategic: RootedSchema | undefined;
  /** How fields are owned and applied; built when first asked for. Undefined: not at all. */
  readonly objectSchema: () => ObjectSchema | undefined;
  /** The other versions of the kind that field managers may speak; undefined: all have the same schema. */
  readonly versions?: KindVersions;
  /** The schema of a custom kind; built-in ones are found by name. */
  readonly schema?: JsonSchema;
  /** Aborted when this form is served no more: watches of it end, and begin anew with the next. */
  readonly retired?: AbortSignal;
  /** Its definition is being deleted: nothing new is made. */
  readonly terminating?: boolean;
}

/** Finds resources by address. Changes with CustomResourceDefinitions; `generation` counts the changes. */
export class Registry {
  readonly #builtIn: readonly ServedResource[];
  readonly #byAddress = new Map<string, ServedResource>();
  #custom: readonly ServedResource[] = [];
  #settle: () => Promise<void> = async () => undefined;
  #generation = 0;

  constructor(builtIn: readonly ServedResource[]) {
    this.#builtIn = builtIn;
    this.#index();
  }

  get generation(): number {
    return this.#generation;
  }

  /** Everything that is served, built-in resources first. */
  get all(): readonly ServedResource[] {
    return [...this.#builtIn, ...this.#custom];
  }

  get builtIn(): readonly ServedResource[] {
    return this.#builtIn;
  }

  /** The resource under a path; undefined when none is served there. */
  find(group: string, version: string, plural: string): ServedResource | undefined {
    return this.#byAddress.get(`${group}/${version}/${plural}`);
  }

  /** What is to be done before a write of a definition is answered: then its kind is served, or refused. */
  onSettle(settle: () => Promise<void>): void {
    this.#settle = settle;
  }

  /** Resolves when every stored definition has been looked at. */
  settle(): Promise<void> {
    return this.#settle();
  }

  /** Replaces all custom resources. */
  setCustom(resources: readonly ServedResource[]): void {
    this.#custom = resources;
    this.#generation++;
    this.#index();
  }

  #index(): void {
    this.#byAddress.clear();
    for (const resource of this.all) {
      this.#byAddress.set(`${resource.group}/${resource.version}/${resource.plural}`, resource);
    }
  }
}
