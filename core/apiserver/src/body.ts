// Bodies of requests: from bytes of some content type to an object of the kind that is served.

import type { ApiRequest } from '@tweendeck/kube';
import { isJsonObject } from '@tweendeck/std';
import { type Draft, type Fields, textAt } from './draft.ts';
import { badRequest, tooLarge, unsupportedMediaType } from './failures.ts';
import type { ServedResource } from './registry.ts';
import { apiVersionText } from './rendering.ts';

/** Bodies above this many bytes are refused. */
export const bodyBytesMax: number = 3 * 1024 * 1024;

const readTypes = ['application/json', 'application/yaml', 'application/vnd.kubernetes.protobuf'];

/** The media type of a body, without parameters. JSON when there is none. */
export function contentTypeOf(request: Pick<ApiRequest, 'headers'>): string {
  const type = request.headers['content-type']?.split(';')[0]?.trim().toLowerCase();
  return type || 'application/json';
}

/** Decodes a body. Fields are not looked at yet. Undefined for an empty body. @throws ApiError. */
export async function decodeBody(request: ApiRequest): Promise<unknown> {
  const bytes = request.body;
  if (bytes === undefined || bytes.byteLength === 0) return undefined;
  if (bytes.byteLength > bodyBytesMax) throw tooLarge(bodyBytesMax);
  switch (contentTypeOf(request)) {
    case 'application/json':
      return parseJson(textOf(bytes));
    case 'application/yaml':
      return parseYaml(textOf(bytes));
    default:
      throw unsupportedMediaType(readTypes);
  }
}

export function textOf(bytes: Uint8Array): string {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString('utf8');
}

/** @throws ApiError BadRequest. */
export function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch (error) {
    const reason = error instanceof Error ? error.message : String(error);
    throw badRequest(`couldn't get version/kind; json parse error: ${reason}`);
  }
}

/** @throws ApiError BadRequest. */
export async function parseYaml(text: string): Promise<unknown> {
  const { parse } = await import('yaml');
  try {
    return parse(text, { version: '1.1', merge: true, maxAliasCount: 100, uniqueKeys: false });
  } catch (error) {
    const reason = error instanceof Error ? error.message : String(error);
    throw badRequest(`error converting YAML to JSON: ${reason}`);
  }
}

/** Takes a decoded body for an object of `resource`. Its apiVersion and kind may be missing; others are refused. @throws ApiError BadRequest. */
export function draftOf(value: unknown, resource: ServedResource): Draft {
  if (!isJsonObject(value)) {
    throw badRequest(`the object provided is unrecognized (must be of type ${resource.kind})`);
  }
  const apiVersion = apiVersionText(resource);
  const said = { kind: textAt(value, 'kind'), apiVersion: textAt(value, 'apiVersion') };
  if (
    (said.kind || resource.kind) !== resource.kind ||
    (said.apiVersion || apiVersion) !== apiVersion
  ) {
    throw badRequest(
      `${said.kind} in version "${said.apiVersion}" cannot be handled as a ${resource.kind}: the object provided is of another kind (must be ${resource.kind} of ${apiVersion})`,
    );
  }
  const metadata = value['metadata'] ?? {};
  if (!isJsonObject(metadata)) {
    throw badRequest(
      `${resource.kind} in version "${resource.version}" cannot be handled as a ${resource.kind}: json: cannot unmarshal ${goTypeOf(metadata)} into Go struct field ${resource.kind}.metadata of type v1.ObjectMeta`,
    );
  }
  const fields: Fields = value;
  // The metadata's own fields are checked for type with the rest, by the resource's schema.
  return Object.assign(fields, { apiVersion, kind: resource.kind, metadata }) as unknown as Draft;
}

/** The name Go's JSON decoder has for the type of a value. */
export function goTypeOf(value: unknown): string {
  if (Array.isArray(value)) return 'array';
  if (typeof value === 'boolean') return 'bool';
  return value === null ? 'null' : typeof value;
}
