// Drops, or only finds, the fields of an object that its schema does not know.

import { isJsonObject } from '@tweendeck/std';

import type { SchemaTree } from './tree.ts';

export interface PruneOptions {
  /** True: the value is a whole object whose envelope (apiVersion, kind, metadata) is not the schema's business. */
  readonly whole: boolean;
  /** False: unknown fields are listed and left where they are. */
  readonly remove: boolean;
}

/** Fields any whole object has; the API server looks after them elsewhere. */
const envelope: ReadonlySet<string> = new Set(['apiVersion', 'kind', 'metadata']);

/** Lists the paths of unknown fields of an object, sorted, and removes them in place if asked to. */
export function pruneObject(value: unknown, tree: SchemaTree, options: PruneOptions): string[] {
  const unknown: string[] = [];
  const root = { tree, embedded: options.whole || tree.embeddedResource, path: '' };
  if (tree.preserveUnknown) keep(value, root);
  else walk(value, root);
  return unknown.sort();

  function walk(current: unknown, at: Place): void {
    if (Array.isArray(current)) {
      for (const [index, item] of current.entries()) {
        walkKnown(item, at.tree?.items, `${at.path}[${index}]`);
      }
    } else if (isJsonObject(current)) {
      for (const key of Object.keys(current)) {
        if (!(at.embedded && envelope.has(key))) member(current, key, at);
      }
    }
  }

  function member(current: Record<string, unknown>, key: string, at: Place): void {
    const path = join(at.path, key);
    const known = memberTree(at.tree, key);
    if (known) walkKnown(current[key], known === true ? undefined : known, path);
    else {
      unknown.push(path);
      if (options.remove) delete current[key];
    }
  }

  function walkKnown(current: unknown, tree: SchemaTree | undefined, path: string): void {
    const place = { tree, embedded: tree?.embeddedResource ?? false, path };
    if (tree?.preserveUnknown) keep(current, place);
    else walk(current, place);
  }

  /** Below a node that keeps what it does not know, what it does know is pruned all the same. */
  function keep(current: unknown, { tree, embedded, path }: Place): void {
    if (!tree) return;
    if (Array.isArray(current)) {
      const { items } = tree;
      if (!items) return;
      for (const [index, item] of current.entries()) {
        keep(item, { tree: items, embedded: items.embeddedResource, path: `${path}[${index}]` });
      }
    } else if (isJsonObject(current)) {
      for (const key of Object.keys(current)) {
        const known = embedded && envelope.has(key) ? undefined : memberTree(tree, key);
        if (known) walkKnown(current[key], known === true ? undefined : known, join(path, key));
      }
    }
  }
}

interface Place {
  /** Undefined: nothing is known here, so every field is unknown. */
  readonly tree: SchemaTree | undefined;
  /** The value is a whole Kubernetes object. */
  readonly embedded: boolean;
  readonly path: string;
}

/** True: allowed, with no schema of its own. */
function memberTree(tree: SchemaTree | undefined, key: string): SchemaTree | true | undefined {
  return tree?.property(key) ?? tree?.additional;
}

function join(path: string, key: string): string {
  return path === '' ? key : `${path}.${key}`;
}
