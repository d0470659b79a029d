// What differs between kinds when their objects are written; one value of this per kind, the rest is common.

import type { FieldError, NameCheck, UserInfo } from '@tweendeck/kube';
import type { Draft } from './draft.ts';

interface WriteContext {
  readonly user: UserInfo;
  /** Wall clock, in milliseconds. */
  readonly nowMs: number;
}

/** Which part of an object an endpoint writes. */
export type Part = 'main' | 'status' | 'finalize' | 'scale' | 'binding';

export interface Strategy {
  readonly nameProblems: NameCheck;
  /** Whether PUT makes what is not there. */
  readonly createOnUpdate: boolean;
  /** Whether PUT without resourceVersion overwrites. */
  readonly unconditionalUpdate: boolean;
  /**
   * Which changes count: none, or all but those of metadata and of status; `first`: none, but there is a first one;
   * `annotations`: those of annotations too.
   */
  readonly generation: 'none' | 'first' | 'counted' | 'annotations';
  /** Whether `status` is written by its own endpoint only. */
  readonly statusApart: boolean;
  /** Whether a delete that took effect is answered with the object instead of a Status. */
  readonly returnsDeleted: boolean;
  /** Fills in what a client may leave out. Done to everything that comes in, before anything else. */
  readonly defaults?: (draft: Draft) => void;
  /** Sets what the server decides. */
  readonly prepareCreate?: (draft: Draft, context: WriteContext) => void;
  /** Takes from `previous` what this endpoint may not change. Metadata and `status` are done for you. */
  readonly prepareUpdate?: (
    draft: Draft,
    previous: Draft,
    part: Part,
    context: WriteContext,
  ) => void;
  readonly validate?: (
    draft: Draft,
    previous: Draft | undefined,
    part: Part,
  ) => readonly FieldError[];
  /** Added when a delete is asked for the first time. */
  readonly finalizersOnDelete?: readonly string[];
  /** What deserves a Warning header. */
  readonly warnings?: (draft: Draft) => readonly string[];
  /** Said when a delete does not tell what becomes of dependents; they are orphaned then, as of no other kind. */
  readonly orphaningWarning?: string;
  /** The seconds of grace of a delete; undefined: this kind knows no grace. */
  readonly graceSeconds?: (object: Draft, asked: number | undefined) => number;
}
