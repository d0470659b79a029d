// Answers `/openapi/v2`: JSON or protobuf, plain or compressed, joined of pieces that are kept.

import { createHash } from 'node:crypto';
import { constants, gzipSync } from 'node:zlib';
import type { ApiResponse } from '@tweendeck/kube';
import { mediaRanges } from '../negotiation.ts';
import type { Registry, ServedResource } from '../registry.ts';
import { bytesResponse } from '../response.ts';
import type { BuiltInSchemas } from '../schema/built-in-schemas.ts';
import { protobufOf, type Section } from './document-protobuf.ts';
import { builtInPieces, customPieces, frameV2 } from './document-v2.ts';
import type { PieceV2 } from './piece-v2.ts';

const path = '/openapi/v2';
const protobufType = 'application/com.github.proto-openapi.spec.v2.v1.0+protobuf';

type Encoding = 'json' | 'protobuf';

/** What may be asked for, and how it is answered; the second name has been wrong from the start, and clients use it. */
const offered: readonly (readonly [string, Encoding])[] = [
  ['application/json', 'json'],
  ['application/com.github.proto-openapi.spec.v2@v1.0+protobuf', 'protobuf'],
  [protobufType, 'protobuf'],
];

interface Kept {
  readonly generation: number;
  /** By section, sorted by key. */
  readonly pieces: Readonly<Record<Section, readonly PieceV2[]>>;
  readonly etag: string;
  /** Compressed. */
  readonly packed: Map<Encoding, Uint8Array>;
}

interface Asking {
  readonly accept: string | undefined;
  readonly acceptEncoding: string | undefined;
  readonly ifNoneMatch: string | undefined;
}

export class OpenApiV2 {
  readonly #registry: Registry;
  readonly #schemas: BuiltInSchemas;
  #builtIn: readonly PieceV2[] | undefined;
  readonly #custom = new WeakMap<ServedResource, readonly PieceV2[]>();
  #kept: Kept | undefined;

  constructor(registry: Registry, schemas: BuiltInSchemas) {
    this.#registry = registry;
    this.#schemas = schemas;
  }

  /** Undefined for other paths. */
  answer(asked: string, { accept, acceptEncoding, ifNoneMatch }: Asking): ApiResponse | undefined {
    if (asked !== path) return undefined;
    const vary = { vary: 'Accept-Encoding, Accept' };
    const encoding = chosenEncoding(accept);
    if (encoding === undefined) return bytesResponse(406, 'text/plain', [], vary);
    const kept = this.#current();
    const type = encoding === 'json' ? 'application/json' : protobufType;
    const headers = { etag: kept.etag, 'accept-ranges': 'bytes', ...vary };
    if (ifNoneMatch === kept.etag) return bytesResponse(304, type, [], headers);
    if (!acceptsGzip(acceptEncoding)) {
      return bytesResponse(200, type, bodyOf(kept, encoding), headers);
    }
    const packed = packedOf(kept, encoding);
    return bytesResponse(200, type, [packed], { ...headers, 'content-encoding': 'gzip' });
  }

  #current(): Kept {
    const { generation, builtIn, all } = this.#registry;
    if (this.#kept?.generation === generation) return this.#kept;
    this.#builtIn ??= builtInPieces({ resources: builtIn, schemas: this.#schemas });
    const custom = all.filter((resource) => resource.custom);
    const lists = [this.#builtIn, ...custom.map((resource) => this.#piecesOf(resource))];
    const pieces = sorted(lists);
    const digest = createHash('sha512');
    for (const chunk of jsonOf(pieces)) digest.update(chunk);
    const etag = `"${digest.digest('hex').toUpperCase()}"`;
    this.#kept = { generation, pieces, etag, packed: new Map() };
    return this.#kept;
  }

  #piecesOf(resource: ServedResource): readonly PieceV2[] {
    const known = this.#custom.get(resource);
    if (known) return known;
    const made = customPieces(resource, this.#schemas);
    this.#custom.set(resource, made);
    return made;
  }
}

type Pieces = Kept['pieces'];

/** By section and key; of several with the same key the first, so that built-in ones come first. */
function sorted(lists: readonly (readonly PieceV2[])[]): Pieces {
  const found = { definitions: new Map(), parameters: new Map(), paths: new Map() } as const;
  for (const piece of lists.flat()) {
    const section: Map<string, PieceV2> = found[piece.section];
    if (!section.has(piece.key)) section.set(piece.key, piece);
  }
  const inOrder = (pieces: ReadonlyMap<string, PieceV2>): readonly PieceV2[] =>
    [...pieces.values()].sort((left, right) => (left.key < right.key ? -1 : 1));
  return {
    definitions: inOrder(found.definitions),
    parameters: inOrder(found.parameters),
    paths: inOrder(found.paths),
  };
}

const comma = Buffer.from(',');

/** Keys stand in the order in which upstream writes them. */
function jsonOf(pieces: Pieces): readonly Uint8Array[] {
  const { swagger, info, ...last } = frameV2;
  const [head, tail] = [{ swagger, info }, last].map((part) => JSON.stringify(part).slice(1, -1));
  const chunks: Uint8Array[] = [Buffer.from(`{${head}`)];
  for (const section of ['paths', 'definitions', 'parameters'] as const) {
    chunks.push(Buffer.from(`,${JSON.stringify(section)}:{`));
    for (const [index, { json }] of pieces[section].entries()) {
      if (index > 0) chunks.push(comma);
      chunks.push(json);
    }
    chunks.push(Buffer.from('}'));
  }
  chunks.push(Buffer.from(`,${tail}}`));
  return chunks;
}

function bodyOf({ pieces }: Kept, encoding: Encoding): readonly Uint8Array[] {
  if (encoding === 'json') return jsonOf(pieces);
  const entries = (section: Section): readonly Uint8Array[] =>
    pieces[section].map(({ protobuf }) => protobuf);
  return protobufOf(frameV2, {
    paths: entries('paths'),
    definitions: entries('definitions'),
    parameters: entries('parameters'),
  });
}

function packedOf(kept: Kept, encoding: Encoding): Uint8Array {
  const known = kept.packed.get(encoding);
  if (known) return known;
  const options = { level: constants.Z_BEST_SPEED };
  const made = gzipSync(Buffer.concat(bodyOf(kept, encoding)), options);
  kept.packed.set(encoding, made);
  return made;
}

/** The first offer that fits the best of what is accepted. */
function chosenEncoding(accept: string | undefined): Encoding | undefined {
  for (const { type } of mediaRanges(accept)) {
    const [family = '', kind = ''] = type.split('/', 2);
    const fits = offered.find(([offer]) => {
      const [offeredFamily, offeredKind] = offer.split('/', 2);
      return (family === '*' || family === offeredFamily) && (kind === '*' || kind === offeredKind);
    });
    if (fits) return fits[1];
  }
  return undefined;
}

function acceptsGzip(acceptEncoding: string | undefined): boolean {
  return mediaRanges(acceptEncoding ?? 'identity').some(
    ({ type, parameters }) => type === 'gzip' && Number(parameters.get('q') ?? 1) > 0,
  );
}
