// The versions of an object that its field managers speak: each looks at the object through the schema of its own.

import type { ObjectSchema } from './object-schema.ts';
import type { SchemaType } from './schema-type.ts';
import { TypedFault } from './typed-fault.ts';
import { validateTyped } from './validate-typed.ts';

/** What is known of the versions of a kind. The versions differ in nothing but their schemas: none is converted. */
export interface KindVersions {
  /** Undefined for a version that the kind does not have (any more). */
  schemaOf(apiVersion: string): ObjectSchema | undefined;
  /** What becomes of entries of such a version: built-in kinds forget them, custom kinds fail. */
  readonly whenGone: 'forget' | 'fail';
}

/** The view that a request has of an object's versions. */
export class ObjectVersions {
  readonly #current: string;
  readonly #type: SchemaType;
  readonly #versions: KindVersions | undefined;

  constructor(
    current: { readonly apiVersion: string; readonly schema: ObjectSchema },
    versions: KindVersions | undefined,
  ) {
    this.#current = current.apiVersion;
    this.#type = current.schema.type;
    this.#versions = versions;
  }

  /** Of the version of the request. */
  get type(): SchemaType {
    return this.#type;
  }

  get current(): string {
    return this.#current;
  }

  /**
   * The type of `values`, which are of the request's version, in another one. Undefined: that version is gone, and its
   * entries are forgotten. Throws {@link TypedFault} for a value that does not fit there.
   */
  typeFor(apiVersion: string, ...values: readonly unknown[]): SchemaType | undefined {
    return this.typeBetween(this.#current, apiVersion, ...values);
  }

  /** The same for values of any version: those that change it have to fit, and have no item twice. */
  typeBetween(
    from: string,
    apiVersion: string,
    ...values: readonly unknown[]
  ): SchemaType | undefined {
    if (this.#versions === undefined) return this.#type;
    const type =
      apiVersion === this.#current ? this.#type : this.#versions.schemaOf(apiVersion)?.type;
    if (type === undefined) {
      if (this.#versions.whenGone === 'forget') return undefined;
      throw new TypedFault(`request to convert CR to an invalid group/version: ${apiVersion}`);
    }
    if (apiVersion !== from) for (const value of values) validateTyped(type, value);
    return type;
  }
}
