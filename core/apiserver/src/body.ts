// Bodies of requests: from bytes of some content type to an object of the kind that is served.

import {
  type ApiRequest,
  decodeProtobuf,
  loadProtobufTables,
  type ProtobufTables,
} from '@tweendeck/kube';
import { isJsonObject } from '@tweendeck/std';
import { type Draft, type Fields, textAt } from './draft.ts';
import { badRequest, tooLarge, unsupportedMediaType } from './failures.ts';
import { duplicateField, duplicateKeys } from './json-duplicates.ts';
import type { ServedResource } from './registry.ts';
import { apiVersionText } from './rendering.ts';
import { Turns } from './turns.ts';
import { jsonProblem, noObjectProblem, unrecognized } from './undecodable.ts';
import { isDeep, tooDeep } from './yaml/json-depth.ts';
import type { YamlFindings } from './yaml/read-yaml.ts';

/** Bodies above this many bytes are refused. */
export const bodyBytesMax: number = 3 * 1024 * 1024;

const readTypes = ['application/json', 'application/yaml', 'application/vnd.kubernetes.protobuf'];

/** The media type of a body, without parameters. JSON when there is none. */
export function contentTypeOf(request: Pick<ApiRequest, 'headers'>): string {
  const type = request.headers['content-type']?.split(';')[0]?.trim().toLowerCase();
  return type || 'application/json';
}

export interface DecodedBody {
  /** Undefined for an empty body. */
  readonly value: unknown;
  /** Keys written twice, as strict decoding words them; empty when nobody asked. */
  readonly duplicates: readonly string[];
  /** What was sent, if it was JSON. */
  readonly json?: string;
}

/** Decodes a body. Fields are not looked at yet. Repeated keys are looked for when `strict`. @throws ApiError. */
export async function decodeBody(
  request: ApiRequest,
  { strict = false }: { readonly strict?: boolean } = {},
): Promise<DecodedBody> {
  const bytes = request.body;
  if (bytes === undefined || bytes.byteLength === 0) return { value: undefined, duplicates: [] };
  if (bytes.byteLength > bodyBytesMax) throw tooLarge(bodyBytesMax);
  switch (contentTypeOf(request)) {
    case 'application/json': {
      const text = textOf(bytes);
      return { value: parseJson(text), duplicates: strict ? duplicatesOf(text) : [], json: text };
    }
    case 'application/yaml':
      return parseYaml(textOf(bytes));
    case 'application/vnd.kubernetes.protobuf':
      return { value: decodeProtobuf(bytes, await protobufTables()), duplicates: [] };
    default:
      throw unsupportedMediaType(readTypes);
  }
}

/** As {@link decodeBody}, for a body that is to be an object of this kind. An explicit null is one with nothing in it. @throws ApiError. */
export async function decodeObject(
  request: ApiRequest,
  kind: string,
  options: { readonly strict?: boolean } = {},
): Promise<DecodedBody & { readonly value: Record<string, unknown> }> {
  try {
    const decoded = await decodeBody(request, options);
    const value = decoded.value === undefined ? parseJson('') : (decoded.value ?? {});
    if (!isJsonObject(value)) throw badRequest(noObjectProblem(value));
    return { ...decoded, value };
  } catch (error) {
    throw unrecognized(error, kind, request.body);
  }
}

let tables: Promise<ProtobufTables> | undefined;

/** Read once, when the first protobuf body comes: most clients never send one. */
function protobufTables(): Promise<ProtobufTables> {
  tables ??= loadProtobufTables();
  return tables;
}

/** Repeated keys of valid JSON as strict decoding words them. */
export function duplicatesOf(text: string): readonly string[] {
  return duplicateKeys(text).map(duplicateField);
}

export function textOf(bytes: Uint8Array): string {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString('utf8');
}

/** `prefix` stands before what is wrong. @throws ApiError BadRequest. */
export function parseJson(
  text: string,
  prefix: string = "couldn't get version/kind; json parse error: ",
): unknown {
  if (isDeep(text)) throw badRequest(`${prefix}${tooDeep}`);
  try {
    return JSON.parse(text);
  } catch {
    throw badRequest(`${prefix}${jsonProblem(text)}`);
  }
}

/** YAML 1.1, as Go's clients write it; long texts are read on a thread of their own. @throws ApiError BadRequest. */
export async function parseYaml(text: string): Promise<DecodedBody> {
  const found =
    text.length < threadLength
      ? (await import('./yaml/read-yaml.ts')).readYaml(text)
      : await onThread(text);
  if ('problem' in found) throw badRequest(found.problem);
  return {
    value: found.json === undefined ? undefined : JSON.parse(found.json),
    duplicates: found.duplicates,
  };
}

/** From this length on reading YAML takes longer than others may wait for: about a second for a megabyte. */
const threadLength = 64 * 1024;
const threads = new Turns();

async function onThread(text: string): Promise<YamlFindings> {
  const { readYamlOnThread } = await import('./yaml/yaml-thread.ts');
  return threads.take('', () => readYamlOnThread(text));
}

/** Problems that {@link parseYaml} found, as the error of Go's library. */
export function yamlFailure(duplicates: readonly string[]): string {
  return `yaml: unmarshal errors:\n${duplicates.map((each) => `  ${each}`).join('\n')}`;
}

/** Takes a decoded body for an object of `resource`. Its apiVersion and kind may be missing where kinds are built in; others are refused. @throws ApiError BadRequest. */
export function draftOf(value: unknown, resource: ServedResource): Draft {
  if (!isJsonObject(value)) {
    throw badRequest(`the object provided is unrecognized (must be of type ${resource.kind})`);
  }
  const apiVersion = apiVersionText(resource);
  const said = { kind: textAt(value, 'kind'), apiVersion: textAt(value, 'apiVersion') };
  if (resource.custom && said.apiVersion !== apiVersion) {
    throw badRequest(
      `the API version in the data (${said.apiVersion}) does not match the expected API version (${apiVersion})`,
    );
  }
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
function goTypeOf(value: unknown): string {
  if (Array.isArray(value)) return 'array';
  if (typeof value === 'boolean') return 'bool';
  return value === null ? 'null' : typeof value;
}
