// Picks the OpenAPI component schemas that the embedded API server publishes and works with.

import { jsonByLine } from './json-by-line.ts';
import { closureOf, type Schemas, servedKinds } from './kind-types.ts';

const meta = 'io.k8s.apimachinery.pkg.apis.meta.v1';

/** What the API server answers or accepts besides the served kinds and their lists. */
const furtherSchemas: readonly string[] = [
  ...['SelfSubjectReview', 'TokenRequest', 'TokenReview'].map(
    (name) => `io.k8s.api.authentication.v1.${name}`,
  ),
  ...[
    'LocalSubjectAccessReview',
    'SelfSubjectAccessReview',
    'SelfSubjectRulesReview',
    'SubjectAccessReview',
  ].map((name) => `io.k8s.api.authorization.v1.${name}`),
  'io.k8s.api.autoscaling.v1.Scale',
  'io.k8s.api.core.v1.Binding',
  'io.k8s.api.policy.v1.Eviction',
  ...['APIGroup', 'APIGroupList', 'APIResourceList', 'APIVersions', 'Condition'],
  ...['DeleteOptions', 'LabelSelector', 'ListMeta', 'ObjectMeta', 'Patch', 'Status', 'WatchEvent'],
].map((name) => (name.includes('.') ? name : `${meta}.${name}`));

/** The text of the API server's `generated/schemas.json`: schema name to schema, closed under references, one a line. */
export function servedSchemas(schemas: Schemas): string {
  const kinds = servedKinds.map(([name]) => name);
  const lists = kinds.map((name) => `${name}List`).filter((name) => name in schemas);
  const names = closureOf(schemas, [...kinds, ...lists, ...furtherSchemas], () => false);
  return jsonByLine([...names].sort().map((name) => [name, schemas[name]]));
}
