// Finds the type of every part of an expression, and which overloads its calls may mean. Algorithm: cel-go's checker.

import { functions, type Overload } from './declarations.ts';
import { ExpressionError, type Issue, type LoopNode, type Node } from './syntax.ts';
import {
  assign,
  assignAll,
  type Bindings,
  isDynOrError,
  listType,
  mapType,
  mostGeneral,
  optionalType,
  paramType,
  resolveType,
  sameType,
  type Type,
  types,
  typeText,
  typeType,
} from './type.ts';
import { type CelValue, TypeValue } from './value.ts';

/** What names and objects an expression can see. */
export interface Scope {
  readonly variables: ReadonlyMap<string, Type>;
  /** The fields of objects, by type and name. */
  fieldType(type: string, field: string): Type | undefined;
  hasType(type: string): boolean;
}

/** A checked expression. */
export interface Checked {
  readonly root: Node;
  readonly type: Type;
  typeOf(node: Node): Type;
  /** The type as it was found, type parameters and all. */
  rawTypeOf(node: Node): Type;
  /** The overloads that a call may mean. */
  overloadsOf(node: Node): readonly string[];
  /** The constant that a name means, such as a type. */
  constantOf(node: Node): CelValue | undefined;
  /** The variable or function that a dotted name means as a whole. */
  qualifiedOf(node: Node): string | undefined;
  /** Variables that were asked for. */
  readonly used: ReadonlySet<string>;
}

const typeNames: ReadonlyMap<string, Type> = new Map(
  Object.entries({
    bool: types.bool,
    bytes: types.bytes,
    double: types.double,
    int: types.int,
    list: listType(types.dyn),
    map: mapType(types.dyn, types.dyn),
    null_type: types.null,
    optional_type: optionalType(paramType('V')),
    string: types.string,
    type: types.type,
    uint: types.uint,
    'google.protobuf.Duration': types.duration,
    'google.protobuf.Timestamp': types.timestamp,
    'kubernetes.Quantity': types.quantity,
    'kubernetes.URL': types.url,
    'kubernetes.Semver': types.semver,
    'kubernetes.NamedFormat': types.format,
    'net.IP': types.ip,
    'net.CIDR': types.cidr,
  }),
);

/** @throws ExpressionError */
export function checkExpression(source: string, root: Node, scope: Scope): Checked {
  const checker = new Checker(scope);
  const type = checker.checkRoot(root);
  if (checker.issues.length > 0) throw new ExpressionError(source, checker.issues);
  return { ...checker.found(), root, type };
}

type Call = Extract<Node, { kind: 'call' }>;

class Checker {
  readonly issues: Issue[] = [];
  readonly #scope: Scope;
  readonly #types = new Map<number, Type>();
  readonly #overloads = new Map<number, readonly string[]>();
  readonly #constants = new Map<number, CelValue>();
  readonly #qualified = new Map<number, string>();
  readonly #used = new Set<string>();
  readonly #locals: (readonly [name: string, type: Type])[] = [];
  #bindings: Bindings = new Map();
  #typeVariables = 0;

  constructor(scope: Scope) {
    this.#scope = scope;
  }

  checkRoot(root: Node): Type {
    return resolveType(this.#bindings, this.#check(root), 'dyn');
  }

  found(): Omit<Checked, 'root' | 'type'> {
    return {
      typeOf: ({ id }) => resolveType(this.#bindings, this.#types.get(id) ?? types.error, 'dyn'),
      rawTypeOf: ({ id }) => resolveType(this.#bindings, this.#types.get(id) ?? types.error),
      overloadsOf: ({ id }) => this.#overloads.get(id) ?? [],
      constantOf: ({ id }) => this.#constants.get(id),
      qualifiedOf: ({ id }) => this.#qualified.get(id),
      used: this.#used,
    };
  }

  #issue(at: number, message: string): void {
    this.issues.push({ at, message });
  }

  #check(node: Node): Type {
    const type = this.#typed(node);
    this.#types.set(node.id, type);
    return type;
  }

  #typed(node: Node): Type {
    switch (node.kind) {
      case 'literal':
        return literalType(node.value);
      case 'ident':
        return this.#ident(node, node.name) ?? this.#undeclared(node, node.name);
      case 'select':
        return this.#select(node);
      case 'call':
        return this.#call(node);
      case 'list':
        return this.#list(node);
      case 'map':
        return this.#map(node);
      case 'struct':
        return this.#undeclared(node, node.type);
      case 'loop':
        return this.#loop(node);
    }
  }

  #undeclared({ at }: Node, name: string): Type {
    this.#issue(at, `undeclared reference to '${name}' (in container '')`);
    return types.error;
  }

  /** The type of a variable or of a name of a type. */
  #ident(node: Node, said: string): Type | undefined {
    const name = said.replace(/^\./, '');
    if (name !== said) this.#qualified.set(node.id, name);
    const local = this.#locals.findLast(([known]) => known === name);
    if (local) return local[1];
    const variable = this.#scope.variables.get(name);
    if (variable) {
      this.#used.add(name);
      return variable;
    }
    const named = typeNames.get(name);
    if (named === undefined) return undefined;
    this.#constants.set(node.id, new TypeValue(named));
    return typeType(named);
  }

  #select(node: Extract<Node, { kind: 'select' }>): Type {
    const name = node.testOnly ? undefined : qualifiedName(node);
    if (name !== undefined && !this.#locals.some(([local]) => local === name.split('.')[0])) {
      const whole = this.#ident(node, name);
      if (whole) {
        this.#qualified.set(node.id, name);
        return whole;
      }
    }
    const type = this.#field(node, node.operand, node.field, false);
    return node.testOnly ? types.bool : resolveType(this.#bindings, type);
  }

  #field({ at }: Node, operand: Node, field: string, optional: boolean): Type {
    const operandType = resolveType(this.#bindings, this.#check(operand));
    const inner = unwrapped(operandType);
    const target = inner ?? operandType;
    let result: Type = types.error;
    if (target.kind === 'map') result = target.params[1] ?? types.dyn;
    else if (target.kind === 'object') result = this.#objectField(at, target.name, field);
    else if (target.kind === 'param') {
      this.#assign(types.dyn, target);
      result = types.dyn;
    } else {
      if (!isDynOrError(target))
        this.#issue(at, `type '${typeText(target)}' does not support field selection`);
      result = types.dyn;
    }
    return inner || optional ? optionalType(result) : result;
  }

  #objectField(at: number, type: string, field: string): Type {
    if (!this.#scope.hasType(type)) {
      this.#issue(at, `unexpected failed resolution of '${type}'`);
      return types.error;
    }
    const found = this.#scope.fieldType(type, field);
    if (found === undefined) this.#issue(at, `undefined field '${field}'`);
    return found ?? types.error;
  }

  #call(node: Call): Type {
    const { name, target, args } = node;
    if (name === '_?._') return this.#optionalSelect(node);
    const argTypes = args.map((arg) => this.#check(arg));
    if (target === undefined) {
      const overloads = functions.get(name.replace(/^\./, ''));
      if (!overloads) return this.#undeclared(node, name);
      if (name.startsWith('.')) this.#qualified.set(node.id, name.slice(1));
      return this.#resolve(node, overloads, argTypes, false);
    }
    const prefix = qualifiedName(target);
    const namespaced = prefix === undefined ? undefined : `${prefix}.${name}`;
    const qualified = namespaced === undefined ? undefined : functions.get(namespaced);
    if (namespaced !== undefined && qualified) {
      this.#qualified.set(node.id, namespaced);
      return this.#resolve(node, qualified, argTypes, false);
    }
    const targetType = this.#check(target);
    const overloads = functions.get(name);
    if (!overloads) return this.#undeclared(node, name);
    return this.#resolve(node, overloads, [targetType, ...argTypes], true);
  }

  #optionalSelect(node: Call): Type {
    const [operand, field] = node.args;
    if (!operand || field?.kind !== 'literal' || typeof field.value !== 'string')
      throw new Error('the parser gives both');
    this.#types.set(field.id, types.string);
    const type = this.#field(node, operand, field.value, true);
    this.#overloads.set(node.id, ['select_optional_field']);
    return resolveType(this.#bindings, type);
  }

  #resolve(
    node: Call,
    overloads: readonly Overload[],
    argTypes: readonly Type[],
    member: boolean,
  ): Type {
    if (node.name === '_&&_' || node.name === '_||_') return this.#logical(node, argTypes);
    const ids: string[] = [];
    let result: Type | undefined;
    for (const overload of overloads) {
      if (overload.member !== member) continue;
      const [type, ...params] = this.#instance([overload.result, ...overload.args]);
      const bindings = assignAll(this.#bindings, argTypes, params);
      if (bindings === undefined || type === undefined) continue;
      this.#bindings = bindings;
      ids.push(overload.id);
      const found = resolveType(bindings, type);
      if (result === undefined) result = found;
      else if (result.kind !== 'dyn' && !sameType(found, result)) result = types.dyn;
    }
    if (result === undefined) {
      const name = this.#qualified.get(node.id) ?? node.name;
      const texts = argTypes.map((type) => typeText(resolveType(this.#bindings, type, 'dyn')));
      const signature = member
        ? `${texts[0]}.(${texts.slice(1).join(', ')})`
        : `(${texts.join(', ')})`;
      this.#issue(node.at, `found no matching overload for '${name}' applied to '${signature}'`);
      return types.error;
    }
    this.#overloads.set(node.id, ids);
    return result;
  }

  #logical(node: Call, argTypes: readonly Type[]): Type {
    let wrong = false;
    for (const [index, type] of argTypes.entries()) {
      if (this.#assign(type, types.bool)) continue;
      this.#issue(
        node.args[index]?.at ?? node.at,
        `expected type 'bool' but found '${typeText(type)}'`,
      );
      wrong = true;
    }
    if (wrong) return types.error;
    this.#overloads.set(node.id, [node.name === '_&&_' ? 'logical_and' : 'logical_or']);
    return types.bool;
  }

  /** The types with parameters of their own. */
  #instance(signature: readonly Type[]): readonly Type[] {
    const fresh = new Map<string, Type>();
    const rename = (type: Type): Type => {
      if (type.kind === 'param') {
        const known = fresh.get(type.name) ?? this.#typeVariable();
        fresh.set(type.name, known);
        return known;
      }
      return type.params.length === 0 ? type : { ...type, params: type.params.map(rename) };
    };
    // In the order in which cel-go has them: arguments first would do as well.
    return signature.map(rename);
  }

  #typeVariable(): Type {
    return paramType(`_var${this.#typeVariables++}`);
  }

  #assign(wanted: Type, given: Type): boolean {
    const bindings = assign(this.#bindings, wanted, given);
    if (bindings) this.#bindings = bindings;
    return bindings !== undefined;
  }

  #list({ items, optional }: Extract<Node, { kind: 'list' }>): Type {
    let joined: Type | undefined;
    for (const [index, item] of items.entries()) {
      const type = this.#itemType(item, optional.has(index));
      joined = this.#join(joined, type);
    }
    return listType(joined ?? this.#typeVariable());
  }

  #itemType(item: Node, optional: boolean): Type {
    const type = this.#check(item);
    if (!optional) return type;
    const inner = unwrapped(type);
    if (inner === undefined && type.kind !== 'dyn')
      this.#issue(
        item.at,
        `expected type '${typeText(optionalType(type))}' but found '${typeText(type)}'`,
      );
    return inner ?? type;
  }

  #map({ entries }: Extract<Node, { kind: 'map' }>): Type {
    let keyType: Type | undefined;
    let valueType: Type | undefined;
    for (const { key, value, optional } of entries) {
      keyType = this.#join(keyType, this.#check(key));
      valueType = this.#join(valueType, this.#itemType(value, optional));
    }
    if (keyType === undefined || valueType === undefined)
      return mapType(this.#typeVariable(), this.#typeVariable());
    return mapType(keyType, valueType);
  }

  #join(former: Type | undefined, type: Type): Type {
    if (former === undefined) return type;
    return this.#assign(former, type) ? mostGeneral(former, type) : types.dyn;
  }

  #loop(node: LoopNode): Type {
    const range = resolveType(this.#bindings, this.#check(node.range));
    const accumulated = this.#check(node.initial);
    this.#locals.push([node.accumulator, accumulated]);
    const [first, second] = this.#loopVariables(node, range);
    this.#locals.push([node.variable, first]);
    if (node.second !== undefined) this.#locals.push([node.second, second]);
    const depth = this.#locals.length;
    this.#require(node.condition, types.bool);
    this.#require(node.step, accumulated);
    this.#locals.length = depth - (node.second === undefined ? 1 : 2);
    const result = this.#check(node.result);
    this.#locals.pop();
    return resolveType(this.#bindings, result);
  }

  #loopVariables(node: LoopNode, range: Type): readonly [Type, Type] {
    const [first = types.dyn, second = types.dyn] = range.params;
    const isPair = node.second !== undefined;
    if (range.kind === 'list') return isPair ? [types.int, first] : [first, first];
    if (range.kind === 'map') return [first, second];
    if (isDynOrError(range) || range.kind === 'param') {
      this.#assign(types.dyn, range);
      return [types.dyn, types.dyn];
    }
    this.#issue(
      node.range.at,
      `expression of type '${typeText(range)}' cannot be range of a comprehension (must be list, map, or dynamic)`,
    );
    return [types.error, types.error];
  }

  #require(node: Node, wanted: Type): void {
    const found = this.#check(node);
    if (!this.#assign(wanted, found))
      this.#issue(node.at, `expected type '${typeText(wanted)}' but found '${typeText(found)}'`);
  }
}

function unwrapped(type: Type): Type | undefined {
  return type.kind === 'opaque' && type.name === 'optional_type' ? type.params[0] : undefined;
}

function literalType(value: CelValue): Type {
  if (value === null) return types.null;
  if (typeof value === 'boolean') return types.bool;
  if (typeof value === 'bigint') return types.int;
  if (typeof value === 'number') return types.double;
  if (typeof value === 'string') return types.string;
  return value instanceof Uint8Array ? types.bytes : types.uint;
}

/** `a.b.c` as one name; undefined for what is more than names. */
function qualifiedName(node: Node): string | undefined {
  if (node.kind === 'ident') return node.name;
  if (node.kind !== 'select' || node.testOnly) return undefined;
  const prefix = qualifiedName(node.operand);
  return prefix === undefined ? undefined : `${prefix}.${node.field}`;
}
