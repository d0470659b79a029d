// How the values of a schema merge: which may be scalars, lists or maps, which of those are atomic, which lists have keys.

import { referenceOf, type SchemaNode, type SchemaSource } from '../schema-node.ts';

export interface ListType {
  /** `atomic` is owned as a whole, `set` by value, `map` by key fields. */
  readonly relationship: 'atomic' | 'set' | 'map';
  readonly keys: readonly string[];
  readonly element: SchemaType;
}

export interface MapType {
  readonly atomic: boolean;
  readonly declaresFields: boolean;
  /** Whether undeclared fields are whatever their values are. */
  readonly deducesElements: boolean;
  /** The type of a declared field. */
  field(name: string): SchemaType | undefined;
  /** The default of a declared field, as key fields of associative lists need it. */
  defaultOf(name: string): unknown;
  /** The type of undeclared fields; undefined: there may be none. */
  readonly element: SchemaType | undefined;
}

/** What a value may be; several at once where the schema does not say or allows several. */
export interface SchemaType {
  readonly scalar?: 'string' | 'numeric' | 'boolean' | 'untyped' | undefined;
  readonly list?: ListType | undefined;
  readonly map?: MapType | undefined;
}

/** Values nobody described, and whose owners own them whole. */
export const untypedType: SchemaType = {
  scalar: 'untyped',
  list: {
    relationship: 'atomic',
    keys: [],
    get element() {
      return untypedType;
    },
  },
  map: {
    atomic: true,
    declaresFields: false,
    deducesElements: false,
    field: () => undefined,
    defaultOf: () => undefined,
    get element() {
      return untypedType;
    },
  },
};

/** Values nobody described, whose maps are owned field by field. */
const deducedType: SchemaType = {
  scalar: 'untyped',
  list: { relationship: 'atomic', keys: [], element: untypedType },
  map: {
    atomic: false,
    declaresFields: false,
    deducesElements: true,
    field: () => undefined,
    defaultOf: () => undefined,
    get element() {
      return deducedType;
    },
  },
};

type UnknownFields = 'preserve' | 'refuse';

/** Types that upstream knows by the names of their schemas, which say less. */
const typesOfNames: ReadonlyMap<string, SchemaType> = new Map([
  ['io.k8s.apimachinery.pkg.api.resource.Quantity', { scalar: 'untyped' }],
  ['io.k8s.apimachinery.pkg.runtime.RawExtension', untypedType],
]);

/** Makes and remembers the types behind one source of schemas; types are built when they are first looked at. */
export class SchemaTypes {
  readonly #source: SchemaSource;
  readonly #named = new Map<string, SchemaType>();

  constructor(source: SchemaSource) {
    this.#source = source;
  }

  typeOf(node: SchemaNode, unknownFields: UnknownFields = 'refuse'): SchemaType {
    const ref = referenceOf(node);
    if (ref === undefined) return this.#inlineType(node, unknownFields);
    const named = this.#namedType(ref);
    const mapType = node['x-kubernetes-map-type'];
    if (mapType === undefined || named.map === undefined) return named;
    return { ...named, map: withAtomic(named.map, mapType === 'atomic') };
  }

  #namedType(ref: string): SchemaType {
    const known = this.#named.get(ref);
    if (known !== undefined) return known;
    const type =
      typesOfNames.get(ref.slice(ref.lastIndexOf('/') + 1)) ??
      this.typeOf(this.#source.resolve(ref) ?? {});
    this.#named.set(ref, type);
    return type;
  }

  #inlineType(node: SchemaNode, inherited: UnknownFields): SchemaType {
    const unknownFields = node['x-kubernetes-preserve-unknown-fields'] ? 'preserve' : inherited;
    switch (node.type ?? '') {
      case 'object':
        return { map: this.#mapType(node, unknownFields) };
      case 'array':
        return { list: this.#listType(node, unknownFields) };
      case 'integer':
      case 'number':
        return { scalar: 'numeric' };
      case 'boolean':
        return { scalar: 'boolean' };
      case 'string':
        return { scalar: ['', 'byte'].includes(node.format ?? '') ? 'string' : 'untyped' };
      default:
        return {
          scalar: 'untyped',
          list: this.#listType(node, unknownFields),
          map: this.#mapType(node, unknownFields),
        };
    }
  }

  #listType(node: SchemaNode, unknownFields: UnknownFields): ListType {
    const { items } = node;
    const element = once(() => (items ? this.typeOf(items, unknownFields) : untypedType));
    return {
      ...relationshipOf(node),
      get element() {
        return element();
      },
    };
  }

  #mapType(node: SchemaNode, unknownFields: UnknownFields): MapType {
    const { properties = {}, additionalProperties: further } = node;
    const fields = new Map<string, SchemaType>();
    const element = once(() => this.#elementType(node, unknownFields));
    return {
      atomic: node['x-kubernetes-map-type'] === 'atomic',
      declaresFields: Object.keys(properties).length > 0,
      get deducesElements() {
        const type = element();
        if (type === deducedType) return true;
        const isNamed = typeof further === 'object' && referenceOf(further) !== undefined;
        return !isNamed && type?.scalar === 'untyped';
      },
      field: (name) => {
        const known = fields.get(name);
        if (known !== undefined || !Object.hasOwn(properties, name)) return known;
        const type = this.typeOf(properties[name] ?? {}, unknownFields);
        fields.set(name, type);
        return type;
      },
      defaultOf: (name) =>
        Object.hasOwn(properties, name) ? properties[name]?.default : undefined,
      get element() {
        return element();
      },
    };
  }

  #elementType(node: SchemaNode, unknownFields: UnknownFields): SchemaType | undefined {
    const further = node.additionalProperties;
    if (typeof further === 'object') return this.typeOf(further, unknownFields);
    if (further !== undefined) return further ? deducedType : undefined;
    const open = unknownFields === 'preserve' || Object.keys(node.properties ?? {}).length === 0;
    return open ? deducedType : undefined;
  }
}

function relationshipOf(node: SchemaNode): Pick<ListType, 'relationship' | 'keys'> {
  const listType = node['x-kubernetes-list-type'];
  if (listType === 'set') return { relationship: 'set', keys: [] };
  if (listType === 'map')
    return { relationship: 'map', keys: node['x-kubernetes-list-map-keys'] ?? [] };
  const strategy = node['x-kubernetes-patch-strategy'];
  if (listType === undefined && (strategy === 'merge' || strategy === 'merge,retainKeys')) {
    const key = node['x-kubernetes-patch-merge-key'];
    return key === undefined
      ? { relationship: 'set', keys: [] }
      : { relationship: 'map', keys: [key] };
  }
  return { relationship: 'atomic', keys: [] };
}

function withAtomic(map: MapType, atomic: boolean): MapType {
  return {
    atomic,
    declaresFields: map.declaresFields,
    get deducesElements() {
      return map.deducesElements;
    },
    field: map.field,
    defaultOf: map.defaultOf,
    get element() {
      return map.element;
    },
  };
}

function once<Value>(make: () => Value): () => Value {
  let made: { readonly value: Value } | undefined;
  return () => {
    made ??= { value: make() };
    return made.value;
  };
}

/** The kinds of `type` that fit a value: one where the value decides, all of them for null and absent values. */
export function deduced(type: SchemaType, value: unknown): SchemaType {
  if (value === undefined || value === null) return type;
  if (Array.isArray(value)) return type.list ? { list: type.list } : type;
  if (typeof value === 'object') return type.map ? { map: type.map } : type;
  return type.scalar ? { scalar: type.scalar } : type;
}

/** Which kind of `type` is looked at first: maps before scalars before lists. */
export function leadingKind(type: SchemaType): 'map' | 'scalar' | 'list' {
  return type.map ? 'map' : type.scalar ? 'scalar' : 'list';
}

/** The type of a field of a map, declared or not. */
export function fieldTypeOf(map: MapType, name: string): SchemaType | undefined {
  return map.field(name) ?? map.element;
}
