// What a body must be before it is an object of its kind: values of the right types, known fields.

import { type CompiledSchema, compileSchema, type JsonSchema } from '@tweendeck/kube';
import { isJsonObject } from '@tweendeck/std';
import type { Draft } from '../draft.ts';
import { writeTimesAnew } from './canonical-times.ts';
import { dropEmpty } from './empty-values.ts';

/** Follows a `$ref`. */
export type ResolveReference = (reference: string) => JsonSchema | undefined;

export interface BodyRules {
  /** The first value of a wrong type, in the words of Go's decoder. Nothing else may be asked before this was. */
  readonly decodeProblem: (draft: Draft) => string | undefined;
  /** Removes unknown fields and gives their paths. */
  readonly prune: (draft: Draft) => readonly string[];
  /** Fills in the schema's defaults. Nulls that mean nothing go away, unless they were applied: then they are wrong. */
  readonly fillDefaults: (draft: Draft, options?: { readonly keepNulls?: boolean }) => void;
}

const objectMeta = '#/components/schemas/io.k8s.apimachinery.pkg.apis.meta.v1.ObjectMeta';

/** Rules for `metadata`, the same for every kind. */
export interface MetadataRules {
  readonly decodeProblem: (draft: Draft) => string | undefined;
  readonly prune: (draft: Draft) => readonly string[];
}

export function metadataRules(resolve: ResolveReference): MetadataRules {
  const reference: JsonSchema = { $ref: objectMeta };
  const checked = compileSchema(
    { type: 'object', properties: { metadata: reference } },
    { resolve },
  );
  // Pruning leaves the metadata of whole objects alone, so it is shown ours under another name.
  const pruned = compileSchema({ type: 'object', properties: { inner: reference } }, { resolve });
  return {
    decodeProblem: ({ metadata }) => checked.decodeError({ metadata })?.message,
    prune({ metadata }) {
      dropNulls(metadata);
      writeTimesAnew({ metadata }, { properties: { metadata: reference } }, resolve);
      return pruned.prune({ inner: metadata }).map((path) => path.replace(/^inner/, 'metadata'));
    },
  };
}

/** For built-in kinds: nulls are as good as nothing, defaults are each kind's own. */
export function builtInBody(
  schema: JsonSchema,
  { resolve, metadata }: { readonly resolve: ResolveReference; readonly metadata: MetadataRules },
): BodyRules {
  let compiled: CompiledSchema | undefined;
  const rules = (): CompiledSchema => {
    compiled ??= compileSchema(schema, { resolve });
    return compiled;
  };
  return {
    decodeProblem: (draft) =>
      rules()
        .decodeError(draft)
        ?.message.replace('Go struct field .', `Go struct field ${draft.kind}.`),
    prune(draft) {
      for (const [key, value] of Object.entries(draft)) {
        if (value === null) delete draft[key];
        else if (key !== 'metadata') dropNulls(value);
      }
      const unknown = [...metadata.prune(draft), ...rules().prune(draft)];
      dropEmpty(draft, schema, resolve);
      writeTimesAnew(draft, schema, resolve);
      return unknown;
    },
    fillDefaults: () => undefined,
  };
}

/** For custom kinds: everything is in the schema. */
export function customBody(compiled: CompiledSchema, metadata: MetadataRules): BodyRules {
  return {
    decodeProblem: metadata.decodeProblem,
    prune: (draft) => [...metadata.prune(draft), ...compiled.prune(draft)],
    fillDefaults: (draft, options) => compiled.applyDefaults(draft, options),
  };
}

/** Under these keys lies free JSON, in which null is a value. */
const free: ReadonlySet<string> = new Set(['data', 'default', 'enum', 'example']);

function dropNulls(value: unknown): void {
  if (Array.isArray(value)) {
    for (const item of value) dropNulls(item);
  } else if (isJsonObject(value)) {
    for (const [key, inner] of Object.entries(value)) {
      if (inner === null) delete value[key];
      else if (!free.has(key)) dropNulls(inner);
    }
  }
}
