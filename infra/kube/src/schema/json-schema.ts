// The OpenAPI v3 dialect of Kubernetes schemas, as plain JSON.

import type { JSONSchemaProps } from '../generated/kinds.ts';

/** One node of a schema, in a CRD or in a server's OpenAPI document. Unknown keywords are ignored. */
export type JsonSchema = JSONSchemaProps;
