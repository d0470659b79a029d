// Writes the roles and bindings that a kube-apiserver makes when it starts, as data for the embedded API server:
// `kubectl get clusterroles,clusterrolebindings,roles,rolebindings -A -o json | npm run generate:policy`

import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

const target = join(
  import.meta.dirname,
  '../../core/apiserver/src/generated/bootstrap-policy.json',
);
const common = { 'kubernetes.io/bootstrapping': 'rbac-defaults' };

interface Item {
  readonly kind: string;
  readonly metadata: {
    readonly name: string;
    readonly namespace?: string;
    readonly labels?: Readonly<Record<string, string>>;
  };
  readonly rules?: readonly unknown[] | null;
  readonly aggregationRule?: unknown;
  readonly roleRef?: unknown;
  readonly subjects?: readonly unknown[];
}

/** Without what all of them say, and without what a controller fills in. */
function lineOf({ kind, metadata, rules, aggregationRule, roleRef, subjects }: Item): string {
  const { name, namespace, labels = {} } = metadata;
  const own = Object.entries(labels).filter(([key]) => !(key in common));
  return JSON.stringify({
    kind,
    ...(namespace === undefined ? {} : { namespace }),
    name,
    ...(own.length > 0 ? { labels: Object.fromEntries(own) } : {}),
    ...(aggregationRule ? { aggregationRule } : rules ? { rules } : {}),
    ...(roleRef ? { roleRef } : {}),
    ...(subjects ? { subjects } : {}),
  });
}

const { items } = JSON.parse(readFileSync(0, 'utf8')) as { items: readonly Item[] };
const lines = items
  .filter(({ metadata }) => metadata.labels?.['kubernetes.io/bootstrapping'] === 'rbac-defaults')
  .map(lineOf)
  .sort();
writeFileSync(target, `[\n${lines.join(',\n')}\n]\n`);
process.stdout.write(`${lines.length} roles and bindings\n`);
