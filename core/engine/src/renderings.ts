// Remembers what clusters were rendered to: most passes find the spec that the one before found.

import { jsonEqual } from '@tweendeck/std';
import type { Cluster, EngineTables } from './engine.ts';
import {
  type ClusterRendering,
  type MemberRendering,
  renderCluster,
  renderMembers,
} from './render.ts';

interface Kept {
  /** All that rendering may follow from. */
  readonly inputs: unknown;
  readonly rendering: ClusterRendering;
}

export class Renderings<Options> {
  readonly #engine: EngineTables<Options>;
  readonly #kept = new Map<string, Kept>();

  constructor(engine: EngineTables<Options>) {
    this.#engine = engine;
  }

  /** Of those that the spec asks for. The same objects again as long as nothing else is to be rendered. */
  of(key: string, { calmMs: _, ...cluster }: Cluster<Options>): ClusterRendering {
    const known = this.#kept.get(key);
    if (known && jsonEqual(known.inputs, cluster)) return known.rendering;
    const wanted = renderMembers(this.#engine, cluster);
    const rendering = renderCluster(this.#engine, cluster, { wanted, staying: [] });
    this.#kept.set(key, { inputs: cluster, rendering });
    return rendering;
  }

  /** With those that the spec asks for no more, as they are until they may leave. */
  with(
    staying: readonly MemberRendering[],
    {
      rendering,
      cluster,
    }: { readonly rendering: ClusterRendering; readonly cluster: Cluster<Options> },
  ): ClusterRendering {
    if (staying.length === 0) return rendering;
    return renderCluster(this.#engine, cluster, { wanted: rendering.members, staying });
  }

  forget(key: string): void {
    this.#kept.delete(key);
  }
}
