// Answers `/openapi/v2`: JSON or protobuf, plain or compressed, kept until what is served changes.

import { createHash } from 'node:crypto';
import { constants, gzipSync } from 'node:zlib';
import type { ApiResponse } from '@tweendeck/kube';
import { mediaRanges } from '../negotiation.ts';
import type { Registry } from '../registry.ts';
import { bytesResponse } from '../response.ts';
import type { BuiltInSchemas } from '../schema/built-in-schemas.ts';
import { protobufOf } from './document-protobuf.ts';
import { documentV2 } from './document-v2.ts';

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
  readonly etag: string;
  readonly bodies: Map<`${Encoding}${'' | ' gzip'}`, Uint8Array>;
}

interface Asking {
  readonly accept: string | undefined;
  readonly acceptEncoding: string | undefined;
  readonly ifNoneMatch: string | undefined;
}

export class OpenApiV2 {
  readonly #registry: Registry;
  readonly #schemas: BuiltInSchemas;
  #kept: Kept | undefined;

  constructor(registry: Registry, schemas: BuiltInSchemas) {
    this.#registry = registry;
    this.#schemas = schemas;
  }

  /** Undefined for other paths. */
  answer(asked: string, { accept, acceptEncoding, ifNoneMatch }: Asking): ApiResponse | undefined {
    if (asked !== path) return undefined;
    const vary = { vary: 'Accept, Accept-Encoding' };
    const encoding = chosenEncoding(accept);
    if (encoding === undefined) return bytesResponse(406, 'text/plain', [], vary);
    const kept = this.#current();
    const type = encoding === 'json' ? 'application/json' : protobufType;
    const headers = { etag: kept.etag, ...vary };
    if (ifNoneMatch === kept.etag) return bytesResponse(304, type, [], headers);
    if (!acceptsGzip(acceptEncoding)) {
      return bytesResponse(200, type, [this.#body(kept, encoding)], headers);
    }
    const packed = this.#packed(kept, encoding);
    return bytesResponse(200, type, [packed], { ...headers, 'content-encoding': 'gzip' });
  }

  #current(): Kept {
    const { generation } = this.#registry;
    if (this.#kept?.generation === generation) return this.#kept;
    const body = Buffer.from(JSON.stringify(this.#document()));
    const etag = `"${createHash('sha512').update(body).digest('hex').toUpperCase()}"`;
    this.#kept = { generation, etag, bodies: new Map([['json', body]]) };
    return this.#kept;
  }

  #document(): Readonly<Record<string, unknown>> {
    return documentV2({ resources: this.#registry.all, schemas: this.#schemas });
  }

  #body({ bodies }: Kept, encoding: Encoding): Uint8Array {
    const known = bodies.get(encoding);
    if (known) return known;
    const made = protobufOf(this.#document());
    bodies.set(encoding, made);
    return made;
  }

  #packed(kept: Kept, encoding: Encoding): Uint8Array {
    const known = kept.bodies.get(`${encoding} gzip`);
    if (known) return known;
    const options = { level: constants.Z_BEST_SPEED };
    const made = gzipSync(this.#body(kept, encoding), options);
    kept.bodies.set(`${encoding} gzip`, made);
    return made;
  }
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
