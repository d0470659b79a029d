// PATCH: JSON, merge and strategic patches, and server-side apply.

import {
  type ApiError,
  type ApiRequest,
  type ApiResponse,
  applyJsonPatch,
  applyMergePatch,
  applyStrategicPatch,
  fieldInvalid,
  goJsonError,
  goPlain,
  invalidError,
  isApiError,
} from '@tweendeck/kube';
import { isJsonObject, jsonEqual } from '@tweendeck/std';
import {
  bodyBytesMax,
  contentTypeOf,
  draftOf,
  duplicatesOf,
  parseJson,
  parseYaml,
  textOf,
  yamlFailure,
} from './body.ts';
import { createOnce } from './create.ts';
import { copyOf, type Draft, textAt } from './draft.ts';
import {
  badRequest,
  conflict,
  tooLarge,
  unroutedMediaType,
  unsupportedMediaType,
} from './failures.ts';
import { mergeApplied } from './field-manager.ts';
import { patchedText, touchedBy } from './patched-text.ts';
import { requestKey } from './read.ts';
import type { ServedResource } from './registry.ts';
import {
  admitted,
  problemsMax,
  type ResourceCall,
  withWarnings,
  writingOf,
} from './resource-call.ts';
import type { Part } from './strategy.ts';

import { checkPlace, updateObject } from './update.ts';
import { answer, type Writing } from './writing.ts';

export const patchTypes = {
  json: 'application/json-patch+json',
  merge: 'application/merge-patch+json',
  strategic: 'application/strategic-merge-patch+json',
  apply: 'application/apply-patch+yaml',
} as const;

/** Changes an object in the way a patch document says. */
type Patcher = (present: unknown) => unknown;

/** Answers PATCH of an object, or of a subresource that has its shape. */
export async function patchObject(call: ResourceCall, part: Part): Promise<ApiResponse> {
  const { resource } = call;
  if (contentTypeOf(call.http) === patchTypes.apply) return applyObject(call, part);
  const { change, duplicates, unfit } = patchOf(call.http, resource);
  const writing = writingOf(call, 'PatchOptions');
  const make = (present: Draft): Draft => {
    const draft = draftOf(copyOf(change(present)), resource);
    checkPlace(draft.metadata, call.request);
    const failure = (problem: string): ApiError => unfit(change(present), problem);
    return admitted(writing, draft, { duplicates, failure });
  };
  const { object } = await updateObject(writing, { part, make });
  return withWarnings(answer(writing, 200, object), writing);
}

/** What a patch made of an object, as it is shown, and why that is none of its kind. */
function unfitPatch(shown: string, problem: string): ApiError {
  return invalidError({ group: '', kind: '' }, '', [fieldInvalid('patch', shown, problem)]);
}

/** What a JSON value of another form is to a converter that knows the structure but not the text. */
function conversionProblem(problem: string): string {
  const type = /cannot unmarshal (?:array|object) into .* of type (\w+)$/.exec(problem)?.[1];
  return type === undefined ? problem : `unrecognized type: ${type}`;
}

/** A patch document. */
interface Patch {
  readonly change: Patcher;
  /** Keys it says twice, as strict decoding words them. */
  readonly duplicates: readonly string[];
  /** The failure of what it makes of an object when that is none of its kind. */
  readonly unfit: (patched: unknown, problem: string) => ApiError;
}

const decoding = 'error decoding patch: ';

/** The document of a patch request as a function. @throws ApiError UnsupportedMediaType, BadRequest. */
export function patchOf(http: ApiRequest, resource: Pick<ServedResource, 'strategic'>): Patch {
  const { strategic } = resource;
  const type = contentTypeOf(http);
  const accepted = Object.values(patchTypes).filter(
    (each) => strategic || each !== patchTypes.strategic,
  );
  if (!accepted.some((each) => each === type)) {
    throw strategic ? unroutedMediaType() : unsupportedMediaType(accepted);
  }
  if ((http.body?.byteLength ?? 0) > bodyBytesMax) throw tooLarge(bodyBytesMax);
  const text = textOf(http.body ?? new Uint8Array());
  const document = parseJson(text, type === patchTypes.strategic ? '' : decoding);
  const duplicates = duplicatesOf(text);
  switch (type) {
    case patchTypes.json:
      if (!Array.isArray(document) && document !== null) throw noPatch(document, jsonPatchType);
      return {
        change: (present) => applyJsonPatch(present, document),
        duplicates: duplicates.map((each) => `json patch ${each}`),
        unfit: (patched, problem) =>
          unfitPatch(patchedText(patched, touchedBy(document), strategic), problem),
      };
    case patchTypes.merge:
      return {
        change: (present) => applyMergePatch(present, objectOf(document, decoding)),
        duplicates,
        unfit: (patched, problem) => unfitPatch(patchedText(patched, document, strategic), problem),
      };
    default: {
      const schema = strategic ?? { root: {}, source: { resolve: () => undefined } };
      const change: Patcher = (present) =>
        applyStrategicPatch(objectOf(present), objectOf(document), schema);
      // It is told as it was sent: there is no text of the object.
      const unfit: Patch['unfit'] = (_, problem) =>
        unfitPatch(goPlain(document), conversionProblem(problem));
      return { change, duplicates, unfit };
    }
  }
}

/** Null patches nothing. @throws ApiError BadRequest for anything else that is no object. */
function objectOf(value: unknown, prefix = ''): Record<string, unknown> {
  if (value === null) return {};
  if (isJsonObject(value)) return value;
  throw noPatch(value, 'map[string]interface {}', prefix);
}

const jsonPatchType = '[]handlers.jsonPatchOp';

function noPatch(value: unknown, type: string, prefix: string = decoding): ApiError {
  const kind = Array.isArray(value) ? 'array' : typeof value === 'boolean' ? 'bool' : typeof value;
  return badRequest(`${prefix}json: cannot unmarshal ${kind} into Go value of type ${type}`);
}

/** JSON is YAML: where a key stands twice, the line is told. */
async function appliedDocument(text: string): Promise<Awaited<ReturnType<typeof parseYaml>>> {
  if (!text.trimStart().startsWith('{')) return parseYaml(text);
  if (goJsonError(Buffer.from(text)) !== undefined) return parseYaml(text);
  const value = parseJson(text);
  const { duplicates } = duplicatesOf(text).length === 0 ? nothingTwice : await parseYaml(text);
  return { value, duplicates };
}

const nothingTwice = { duplicates: [] };

/** Server-side apply: makes the object if there is none. */
async function applyObject(call: ResourceCall, part: Part): Promise<ApiResponse> {
  const { resource, request } = call;
  const schema = resource.objectSchema();
  if (!schema) throw unsupportedMediaType([patchTypes.json, patchTypes.merge]);
  const writing = writingOf(call, 'PatchOptions/apply');
  const { applied, duplicates } = await appliedOf(call.http);
  let pruned: readonly string[] = [];
  const merge = (live: Draft | undefined): Draft => {
    pruned = [];
    const merged = mergeApplied(writing, { live, applied, part, schema });
    tellDuplicates(writing, duplicates);
    const draft = draftOf(copyOf(merged), resource);
    checkPlace(draft.metadata, request);
    // What changes nothing but who owns it is not looked at anew: defaults of this version stay away.
    if (live && resource.custom && isSameBut(draft, live)) return draft;
    return admitted(writing, draft, {
      keepNulls: true,
      ...(resource.custom
        ? {
            takePruned(paths) {
              pruned = paths;
            },
          }
        : {}),
    });
  };
  const cache = writing.state.resource(resource.storagePrefix);
  if (part === 'main' && !cache.get(requestKey(request, resource))) {
    const draft = merge(undefined);
    refuseNew(writing, applied);
    delete draft.metadata.resourceVersion; // of an object that is gone, or was never there
    const created = await createOnce(writing, draft, {
      ownsManagedFields: true,
      authorize: true,
    });
    if (created) return withWarnings(answer(writing, 201, created), writing);
  }
  const { object } = await updateObject(writing, {
    part,
    make: merge,
    ownsManagedFields: true,
    // Upstream merges, counts, and prunes when it stores.
    countsAnyway: () => pruned.some((path) => isCounted(path, part, resource)),
  });
  return withWarnings(answer(writing, 200, object), writing);
}

/** Whether the generation counts changes of what lies there. */
function isCounted(path: string, part: Part, { strategy }: ServedResource): boolean {
  const [top] = path.split(/[.[]/, 1);
  if (top === 'metadata') return false;
  return !strategy.statusApart || (part === 'main' && top !== 'status');
}

function isSameBut({ metadata, ...draft }: Draft, { metadata: before, ...live }: Draft): boolean {
  const { managedFields: _, ...rest } = metadata;
  const { managedFields: __, ...former } = before;
  return jsonEqual(draft, live) && jsonEqual(rest, former);
}

/** Who names a uid means an object that is there. */
function refuseNew({ request, resource }: Writing, applied: Record<string, unknown>): void {
  const uid = textAt(applied['metadata'], 'uid');
  if (uid === '') return;
  const detail = `uid mismatch: the provided object specified uid ${uid}, and no existing object was found`;
  throw conflict(resource, request.name, detail);
}

/** The document of an apply request: YAML or JSON of an object of the kind. @throws ApiError BadRequest. */
async function appliedOf(http: ApiRequest): Promise<{
  readonly applied: Record<string, unknown>;
  readonly duplicates: readonly string[];
}> {
  if ((http.body?.byteLength ?? 0) > bodyBytesMax) throw tooLarge(bodyBytesMax);
  const text = textOf(http.body ?? new Uint8Array());
  try {
    const { value, duplicates } = await appliedDocument(text);
    return {
      applied: objectOf(value, 'error unmarshaling JSON: while decoding JSON: '),
      duplicates,
    };
  } catch (error) {
    if (!isApiError(error, 'BadRequest')) throw error;
    const { message } = error;
    const step = message.startsWith('yaml: ') ? 'error converting YAML to JSON: ' : '';
    throw badRequest(`error decoding YAML: ${step}${message}`);
  }
}

/** @throws ApiError BadRequest when the client is strict. */
function tellDuplicates({ options, warnings }: Writing, duplicates: readonly string[]): void {
  if (duplicates.length === 0) return;
  if (options.fieldValidation === 'Strict') {
    const problem = `error converting YAML to JSON: ${yamlFailure(duplicates)}`;
    throw badRequest(`error strict decoding YAML: ${problem}`);
  }
  if (options.fieldValidation !== 'Warn') return;
  for (const each of duplicates.slice(0, problemsMax)) {
    if (!warnings.includes(each)) warnings.push(each);
  }
}
