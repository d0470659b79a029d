// Parameters that many operations share stand once in a document, under a name made of their content.

import { definitionPrefix } from './definitions-v2.ts';

type Json = Readonly<Record<string, unknown>>;

/** Upstream never shares these: their text differs, or old clients look for them in each operation. */
const alone: ReadonlySet<unknown> = new Set(['name', 'fieldValidation', 'dryRun']);
const generic = `${definitionPrefix}io.k8s.apimachinery`;

/** Gives out references, and keeps what they refer to. */
export class ParameterNames {
  readonly #byContent = new Map<string, string>();
  /** By name. */
  readonly all: Map<string, Json> = new Map();

  /** A reference to a parameter that can be shared, otherwise the parameter itself. */
  refer(parameter: Json): Json {
    if (alone.has(parameter['name']) || !isGeneric(parameter)) return parameter;
    const content = goJson(inGosOrder(parameter));
    let name = this.#byContent.get(content);
    if (name === undefined) {
      name = `${parameter['name']}-${shortHash(content)}`;
      this.#byContent.set(content, name);
      this.all.set(name, parameter);
    }
    return { $ref: `#/parameters/${name}` };
  }
}

/** Bodies that refer to a kind are the kind's own. */
function isGeneric({ in: place, schema }: Json): boolean {
  if (place !== 'body') return true;
  return JSON.stringify(schema ?? {}).includes(generic);
}

const fields = ['uniqueItems', 'type', 'description', 'name', 'in', 'required', 'schema'];

/** The order in which Go writes the fields of a parameter decides its name. */
function inGosOrder(parameter: Json): Json {
  return Object.fromEntries(
    fields.flatMap((name) => (parameter[name] === undefined ? [] : [[name, parameter[name]]])),
  );
}

/** Go writes what HTML would take for its own as escapes. */
function goJson(parameter: Json): string {
  const escaped = (character: string): string => `\\u00${character.charCodeAt(0).toString(16)}`;
  return JSON.stringify(parameter).replace(/[<>&]/g, escaped);
}

const prime = 0x1_00_00_00_01_b3n;

/** Eight characters of FNV-1 over 64 bits, as upstream names parameters. */
function shortHash(content: string): string {
  let hash = 0xcb_f2_9c_e4_84_22_23_25n;
  for (const byte of Buffer.from(content)) {
    hash = BigInt.asUintN(64, hash * prime) ^ BigInt(byte);
  }
  const bytes = Buffer.alloc(8);
  bytes.writeBigUInt64BE(hash);
  return bytes.subarray(0, 6).toString('base64url');
}
