// Which form of an answer a client accepts: JSON or YAML; the object, its metadata alone, or a table row.

import { badRequest, noRepresentation, notAcceptable } from './failures.ts';

export type Form =
  | { readonly type: 'object' }
  | { readonly type: 'metadata' }
  | { readonly type: 'table'; readonly include: 'None' | 'Metadata' | 'Object' };

export interface Acceptance {
  readonly encoding: 'json' | 'yaml';
  readonly form: Form;
}

/** What upstream says it offers; we do it short of protobuf, which no client insists on. */
const offeredTypes: readonly string[] = [
  'application/json',
  'application/yaml',
  'application/vnd.kubernetes.protobuf',
];
const streamedTypes: readonly string[] = [
  'application/json',
  'application/vnd.kubernetes.protobuf',
];

/** Whether some of what a client accepts is offered at all, in whatever form. @throws ApiError NotAcceptable. */
export function refuseForeign(
  accept: string | undefined,
  { isList = false }: { readonly isList?: boolean } = {},
): void {
  if (mediaRanges(accept).some(({ type }) => isOffered(type))) return;
  const streams = isList ? streamedTypes.map((type) => `${type};stream=watch`) : [];
  throw noRepresentation([...offeredTypes, ...streams]);
}

function isOffered(type: string): boolean {
  return encodingOf(type) !== undefined || offeredTypes.includes(type);
}

export interface MediaRange {
  readonly type: string;
  readonly parameters: ReadonlyMap<string, string>;
}

/** The media ranges of an Accept header, best first. An empty header accepts everything. */
export function mediaRanges(header: string | undefined): readonly MediaRange[] {
  const text = header?.trim() || '*/*';
  const ranges = text.split(',').map((clause) => {
    const [type = '', ...parameters] = clause.split(';').map((part) => part.trim());
    return { type: type.toLowerCase(), parameters: new Map(parameters.map(pairOf)) };
  });
  const quality = ({ parameters }: MediaRange): number => Number(parameters.get('q') ?? 1);
  return ranges.toSorted((left, right) => quality(right) - quality(left));
}

function pairOf(parameter: string): readonly [string, string] {
  const equals = parameter.indexOf('=');
  return equals < 0
    ? [parameter, '']
    : [parameter.slice(0, equals), parameter.slice(equals + 1).replace(/^"|"$/g, '')];
}

/** The encoding a media range stands for, if we have it. */
export function encodingOf(type: string): 'json' | 'yaml' | undefined {
  if (type === 'application/json' || type === '*/*' || type === 'application/*') return 'json';
  return type === 'application/yaml' ? 'yaml' : undefined;
}

interface Offering {
  readonly query: URLSearchParams;
  /** Whether there is a table of what is answered. */
  readonly tables: boolean;
}

/** Chooses for a resource. @throws ApiError NotAcceptable when nothing fits, BadRequest for a wrong `includeObject`. */
export function negotiate(accept: string | undefined, { query, tables }: Offering): Acceptance {
  for (const { type, parameters } of mediaRanges(accept)) {
    const encoding = encodingOf(type);
    const form = formOf(parameters, query);
    if (form?.type === 'table' && !tables) continue;
    if (encoding && form) return { encoding, form };
  }
  throw notAcceptable(offeredTypes);
}

function formOf(parameters: ReadonlyMap<string, string>, query: URLSearchParams): Form | undefined {
  const as = parameters.get('as');
  if (as === undefined) return { type: 'object' };
  if (parameters.get('g') !== 'meta.k8s.io') return undefined;
  if (!['v1', 'v1beta1'].includes(parameters.get('v') ?? '')) return undefined;
  if (as === 'PartialObjectMetadata' || as === 'PartialObjectMetadataList')
    return { type: 'metadata' };
  if (as !== 'Table') return undefined;
  const include = query.get('includeObject') || 'Metadata';
  if (include !== 'None' && include !== 'Object' && include !== 'Metadata') {
    throw badRequest(
      `Unable to convert to Table as requested: includeObject: Invalid value: ${JSON.stringify(include)}: must be 'Metadata', 'Object', 'None', or empty`,
    );
  }
  return { type: 'table', include };
}
