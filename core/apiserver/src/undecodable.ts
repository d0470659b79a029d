// What is said of bodies that are no object of the kind they should be, in the words of upstream's decoders.

import { goJsonError, isApiError } from '@tweendeck/kube';
import { copyOf, type Draft, textAt } from './draft.ts';
import { badRequest } from './failures.ts';
import type { Registry, ServedResource } from './registry.ts';
import { apiVersionText } from './rendering.ts';

const summaryBytesMax = 30;
/** Where upstream keeps its list of kinds: it says so in failures. */
const kindsOfApi = 'pkg/runtime/scheme.go:110';

/** Why a text is no JSON; for a text that is, that it is nested too deeply. */
export function jsonProblem(text: string): string {
  return goJsonError(Buffer.from(text)) ?? 'exceeded max depth';
}

/** A body that could not even be asked what it is. Other failures are given back as they are. */
export function unrecognized(error: unknown, kind: string, bytes: Uint8Array | undefined): unknown {
  if (!isApiError(error, 'BadRequest')) return error;
  const said = `${error.message} (${summaryOf(Buffer.from(bytes ?? []))})`;
  return badRequest(`the object provided is unrecognized (must be of type ${kind}): ${said}`);
}

function summaryOf(bytes: Buffer): string {
  if (bytes.byteLength === 0) return '<empty>';
  const start = bytes.subarray(0, summaryBytesMax);
  const text = start[0] === 0x7b ? start.toString() : start.toString('hex');
  return bytes.byteLength > summaryBytesMax ? `${text} ...` : text;
}

const typeMeta = String.raw`struct { APIVersion string "json:\"apiVersion,omitempty\""; Kind string "json:\"kind,omitempty\"" }`;

/** Of JSON that is no object. */
export function noObjectProblem(value: unknown): string {
  const kind = Array.isArray(value) ? 'array' : typeof value === 'boolean' ? 'bool' : typeof value;
  return `couldn't get version/kind; json parse error: json: cannot unmarshal ${kind} into Go value of type ${typeMeta}`;
}

/** @throws ApiError BadRequest for an object that says it is of another kind than its place, which is a built-in one. */
export function refuseOtherKind(
  value: Record<string, unknown>,
  { resource, registry }: { readonly resource: ServedResource; readonly registry: Registry },
): void {
  const apiVersion = textAt(value, 'apiVersion') || apiVersionText(resource);
  const said = { kind: textAt(value, 'kind') || resource.kind, apiVersion };
  if (said.kind === resource.kind && apiVersion === apiVersionText(resource)) return;
  const version = said.apiVersion.replace(/^.*\//, '');
  const known = registry.all.find(
    (each) => !each.custom && each.kind === said.kind && apiVersionText(each) === said.apiVersion,
  );
  const why = known
    ? (problemOf(known, value as unknown as Draft) ??
      `converting (${version}.${said.kind}) to (${resource.group.replace(/\..*/, '') || 'core'}.${resource.kind}): unknown conversion`)
    : unknownKind(said.kind, said.apiVersion);
  throw badRequest(
    `${said.kind} in version "${version}" cannot be handled as a ${resource.kind}: ${why}`,
  );
}

/** Of an object of a kind that there is not. */
export function unknownKind(kind: string, apiVersion: string): string {
  return `no kind "${kind}" is registered for version "${apiVersion}" in scheme "${kindsOfApi}"`;
}

/** It is decoded as what it says it is, before that is found to be out of place. */
function problemOf({ body, strategy }: ServedResource, draft: Draft): string | undefined {
  const problem = body.decodeProblem(draft);
  if (problem !== undefined) return problem;
  try {
    strategy.defaults?.(copyOf(draft));
    return undefined;
  } catch (error) {
    if (!isApiError(error)) throw error;
    return error.message.replace(/^.* cannot be handled as an? \w+: /, '');
  }
}

/** What upstream's YAML library says of what ours found; in our own words where it has no such text. */
export function yamlProblem(failure: {
  readonly code: string;
  readonly message: string;
  readonly linePos?: readonly { readonly line: number }[] | undefined;
}): string {
  const line = failure.linePos?.[0]?.line ?? 0;
  const known = yamlTexts.find(([pattern]) => pattern.test(`${failure.code} ${failure.message}`));
  const text = known?.[1] ?? failure.message.replace(/ at line \d+.*$/s, '');
  return `yaml: ${line > 0 ? `line ${line}: ` : ''}${text}`;
}

const yamlTexts: readonly (readonly [RegExp, string])[] = [
  [/end with a \]|expected flow sequence to end with \]/i, "did not find expected ',' or ']'"],
  [/end with a \}|expected flow map to end with \}/i, "did not find expected ',' or '}'"],
  [
    /Nested mappings are not allowed|BLOCK_AS_IMPLICIT_KEY/,
    'mapping values are not allowed in this context',
  ],
  [/TAB_AS_INDENT/, 'found character that cannot start any token'],
  [/BAD_SCALAR_START/, 'found character that cannot start any token'],
  [/Missing closing ["']/, 'found unexpected end of stream'],
  [
    /Implicit keys need to be on a single line|Implicit map keys need/,
    "could not find expected ':'",
  ],
  [/All (?:mapping|sequence) items must start at the same column/, 'did not find expected key'],
  [/Unresolved alias/, 'unknown anchor referenced'],
];
