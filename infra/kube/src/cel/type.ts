// The types of CEL, and which values may stand where. Algorithm: cel-go's checker (type parameters are bound as they are met).

export type TypeKind =
  | 'bool'
  | 'int'
  | 'uint'
  | 'double'
  | 'string'
  | 'bytes'
  | 'null'
  | 'timestamp'
  | 'duration'
  | 'list'
  | 'map'
  | 'object'
  | 'opaque'
  | 'type'
  | 'dyn'
  | 'error'
  | 'param';

export interface Type {
  readonly kind: TypeKind;
  /** As messages name it. */
  readonly name: string;
  readonly params: readonly Type[];
}

function simple(kind: TypeKind, name: string = kind): Type {
  return { kind, name, params: [] };
}

type NamedType =
  | 'bool'
  | 'int'
  | 'uint'
  | 'double'
  | 'string'
  | 'bytes'
  | 'null'
  | 'timestamp'
  | 'duration'
  | 'dyn'
  | 'error'
  | 'type'
  | 'quantity'
  | 'url'
  | 'format'
  | 'semver'
  | 'ip'
  | 'cidr';

export const types: Readonly<Record<NamedType, Type>> = {
  bool: simple('bool'),
  int: simple('int'),
  uint: simple('uint'),
  double: simple('double'),
  string: simple('string'),
  bytes: simple('bytes'),
  null: simple('null', 'null_type'),
  timestamp: simple('timestamp', 'google.protobuf.Timestamp'),
  duration: simple('duration', 'google.protobuf.Duration'),
  dyn: simple('dyn'),
  error: simple('error', '!error!'),
  type: simple('type'),
  quantity: simple('object', 'kubernetes.Quantity'),
  url: simple('object', 'kubernetes.URL'),
  format: simple('object', 'kubernetes.NamedFormat'),
  semver: simple('object', 'kubernetes.Semver'),
  ip: simple('opaque', 'net.IP'),
  cidr: simple('opaque', 'net.CIDR'),
};

export function listType(item: Type): Type {
  return { kind: 'list', name: 'list', params: [item] };
}

export function mapType(key: Type, value: Type): Type {
  return { kind: 'map', name: 'map', params: [key, value] };
}

export function optionalType(value: Type): Type {
  return { kind: 'opaque', name: 'optional_type', params: [value] };
}

export function typeType(of: Type): Type {
  return { kind: 'type', name: 'type', params: [of] };
}

export function objectType(name: string): Type {
  return simple('object', name);
}

export function paramType(name: string): Type {
  return simple('param', name);
}

/** As messages print it: `list(int)`. */
export function typeText(type: Type): string {
  if (['null', 'timestamp', 'duration'].includes(type.kind)) return type.kind;
  if (type.params.length === 0) return type.name;
  return `${type.name}(${type.params.map(typeText).join(', ')})`;
}

export function sameType(left: Type, right: Type): boolean {
  return (
    left === right ||
    (left.kind === right.kind &&
      left.name === right.name &&
      left.params.length === right.params.length &&
      left.params.every((param, index) => sameType(param, right.params[index] ?? types.error)))
  );
}

export function isDynOrError({ kind }: Type): boolean {
  return kind === 'dyn' || kind === 'error';
}

/** What type parameters were found to stand for. */
export type Bindings = ReadonlyMap<string, Type>;

/** The bindings under which a value of `given` may stand where `wanted` is; undefined: none. */
export function assign(bindings: Bindings, wanted: Type, given: Type): Bindings | undefined {
  const copy = new Map(bindings);
  return fits(copy, wanted, given) ? copy : undefined;
}

export function assignAll(
  bindings: Bindings,
  given: readonly Type[],
  wanted: readonly Type[],
): Bindings | undefined {
  const copy = new Map(bindings);
  return fitAll(copy, given, wanted) ? copy : undefined;
}

type Bound = Map<string, Type>;

function fitAll(bound: Bound, left: readonly Type[], right: readonly Type[]): boolean {
  if (left.length !== right.length) return false;
  return left.every((type, index) => fits(bound, type, right[index] ?? types.error));
}

function fits(bound: Bound, left: Type, right: Type): boolean {
  if (right.kind === 'param') {
    const { valid, known } = bind(bound, left, right);
    if (valid) return true;
    if (known) return false;
  }
  if (left.kind === 'param') return bind(bound, right, left).valid;
  if (isDynOrError(left) || isDynOrError(right)) return true;
  if (left.kind === 'null') return isNullable(right);
  if (right.kind === 'null') return isNullable(left);
  if (left.kind === 'type') return right.kind === 'type';
  if (left.kind !== right.kind || left.name !== right.name) return false;
  return fitAll(bound, left.params, right.params);
}

function isNullable({ kind }: Type): boolean {
  return ['opaque', 'duration', 'timestamp', 'object', 'null'].includes(kind);
}

/** Whether `type` may be what `param` stands for, and whether that stood for something already. */
function bind(
  bound: Bound,
  type: Type,
  param: Type,
): { readonly valid: boolean; readonly known: boolean } {
  if (type.kind === 'param' && sameType(type, param)) return { valid: true, known: true };
  const former = bound.get(param.name);
  if (former !== undefined) {
    if (sameType(type, former)) return { valid: true, known: true };
    if (!fits(bound, type, former)) return { valid: false, known: true };
    const general = mostGeneral(type, former);
    if (!occurs(bound, param, general)) bound.set(param.name, general);
    return { valid: true, known: true };
  }
  if (occurs(bound, param, type)) return { valid: false, known: false };
  bound.set(param.name, type);
  return { valid: true, known: false };
}

function occurs(bound: Bindings, param: Type, within: Type): boolean {
  if (sameType(param, within)) return true;
  if (within.kind === 'param') {
    const former = bound.get(within.name);
    return former !== undefined && occurs(bound, param, former);
  }
  return within.params.some((each) => occurs(bound, param, each));
}

export function mostGeneral(left: Type, right: Type): Type {
  return isAsGeneral(left, right) ? left : right;
}

function isAsGeneral(left: Type, right: Type): boolean {
  if (left.kind === 'dyn' || left.kind === 'param') return true;
  if (right.kind === 'dyn' || right.kind === 'param') return false;
  if (left.kind !== right.kind) return false;
  if (left.kind === 'type') return true;
  if (left.name !== right.name) return false;
  return left.params.every((param, index) => isAsGeneral(param, right.params[index] ?? types.dyn));
}

/** The type with its parameters replaced by what they stand for; `free`: what becomes of those that stand for nothing. */
export function resolveType(bindings: Bindings, type: Type, free: 'keep' | 'dyn' = 'keep'): Type {
  if (type.kind === 'param') {
    const known = bindings.get(type.name);
    if (known !== undefined) return resolveType(bindings, known, free);
    return free === 'dyn' ? types.dyn : type;
  }
  if (type.params.length === 0) return type;
  return { ...type, params: type.params.map((param) => resolveType(bindings, param, free)) };
}
