// Evaluates checked expressions, and counts what that costs as cel-go does.

import { Pattern } from '../regex/pattern.ts';
import { callCost } from './call-cost.ts';
import type { Checked } from './check-expression.ts';
import { compareValues, typeOfValue } from './compare-values.ts';
import { noOverload } from './conversions.ts';
import { implementations, itemAt, itemIfAny, noSuchKey } from './functions.ts';
import type { LoopNode, Node } from './syntax.ts';
import {
  CelList,
  CelMap,
  CelObject,
  type CelValue,
  Failure,
  keyOf,
  looked,
  Misfit,
  MisfitMet,
  Optional,
  type Outcome,
  Uint,
} from './value.ts';

/** Thrown when an evaluation has used up its share. */
export class CostExceeded extends Error {
  override name = 'CostExceeded';

  constructor() {
    super('operation cancelled: actual cost limit exceeded');
  }
}

interface Evaluated {
  readonly outcome: Outcome;
  readonly cost: number;
}

/** An expression ready to be evaluated; it never waits. */
export interface Program {
  /** Beyond `costMax` the outcome is a failure of {@link CostExceeded}'s words. */
  evaluate(variables: ReadonlyMap<string, Outcome>, costMax: number): Evaluated;
}

const listCost = 10;
const mapCost = 30;

class Run {
  readonly variables: ReadonlyMap<string, Outcome>;
  readonly costMax: number;
  cost = 0;
  locals: Local | undefined;

  constructor(variables: ReadonlyMap<string, Outcome>, costMax: number) {
    this.variables = variables;
    this.costMax = costMax;
  }

  charge(cost: number): void {
    this.cost += cost;
    if (this.cost > this.costMax) throw new CostExceeded();
  }
}

interface Local {
  readonly name: string;
  value: Outcome | (() => Outcome);
  readonly outer: Local | undefined;
}

type Step = (run: Run) => Outcome;

/** How an operand is found: by name and steps behind it, or by computing it. */
interface Compiled {
  readonly run: Step;
  /** Whether the value is known without running. */
  readonly constant: CelValue | undefined;
  /** Whether steps behind it cost as steps, or make it an operand of them first. */
  readonly isPath: boolean;
  /** Without the cost of naming it: how it is found where it is an index. */
  readonly bare?: Step;
}

/** Thrown for what can be seen to fail without running. */
export class ProgramError extends Error {
  override name = 'ProgramError';
}

/** @throws ProgramError */
export function programOf(checked: Checked): Program {
  const { run } = new Planner(checked).plan(checked.root);
  return {
    evaluate(variables, costMax) {
      const state = new Run(variables, costMax);
      try {
        return { outcome: run(state), cost: state.cost };
      } catch (error) {
        if (!(error instanceof CostExceeded)) throw error;
        return { outcome: new Failure(error.message), cost: state.cost };
      }
    },
  };
}

const conversions: ReadonlySet<string> = new Set(
  'bool bytes double duration dyn int string timestamp type uint'.split(' '),
);

type Call = Extract<Node, { kind: 'call' }>;

class Planner {
  readonly #checked: Checked;

  constructor(checked: Checked) {
    this.#checked = checked;
  }

  plan(node: Node): Compiled {
    switch (node.kind) {
      case 'literal':
        return constant(node.value);
      case 'ident':
        return this.#named(node, this.#checked.qualifiedOf(node) ?? node.name);
      case 'select':
        return this.#select(node);
      case 'call':
        return this.#call(node);
      case 'list':
        return this.#list(node);
      case 'map':
        return this.#map(node);
      case 'loop':
        return step(this.#loop(node));
      case 'struct':
        throw new Error('the checker refuses messages');
    }
  }

  #named(node: Node, name: string): Compiled {
    const known = this.#checked.constantOf(node);
    if (known !== undefined) return constant(known);
    const bare: Step = (run) => lookUp(run, name);
    return {
      bare,
      run(run) {
        run.charge(1);
        return bare(run);
      },
      constant: undefined,
      isPath: true,
    };
  }

  #select(node: Extract<Node, { kind: 'select' }>): Compiled {
    const qualified = this.#checked.qualifiedOf(node);
    if (qualified !== undefined) return this.#named(node, qualified);
    const { field, testOnly } = node;
    const operand = this.plan(node.operand);
    if (testOnly) return this.#presence(operand, field);
    return path(operand, (value) => fieldOf(value, field));
  }

  #presence(operand: Compiled, field: string): Compiled {
    const target = operand.bare ?? operand.run;
    return step((run) => {
      const value = target(run);
      if (value instanceof Failure) return value;
      run.charge(1);
      if (value instanceof Optional) {
        if (value.value === undefined) return false;
        return has(value.value, field);
      }
      return has(value, field);
    });
  }

  #call(node: Call): Compiled {
    const name = this.#checked.qualifiedOf(node) ?? node.name;
    const target =
      node.target !== undefined && this.#checked.qualifiedOf(node) === undefined
        ? [node.target]
        : [];
    const args = [...target, ...node.args].map((arg) => this.plan(arg));
    const [first, second, third] = args;
    if (first && second) {
      if (name === '_&&_') return step(logical(first.run, second.run, false));
      if (name === '_||_') return step(logical(first.run, second.run, true));
      if (name === '_?_:_' && third) return this.#choice(first, second, third);
      if (name === '_[_]')
        return this.#index(first, second, (holder, index) => itemAt(holder, index));
      if (name === '_[?_]') return this.#index(first, second, itemIfAny, 'optional');
      if (name === '_?._')
        return path(first, (holder) => itemIfAny(holder, second.constant ?? null), 'optional');
    }
    if ((name === 'or' || name === 'orValue') && first && second && node.target)
      return step(otherwise(first.run, second.run, name));
    if (name === '@not_strictly_false' && first) return step(notStrictlyFalse(first.run));
    return this.#function(node, name, args);
  }

  /** Naming what is chosen costs nothing. */
  #choice(condition: Compiled, whenTrue: Compiled, whenFalse: Compiled): Compiled {
    const [first, second] = [whenTrue.bare ?? whenTrue.run, whenFalse.bare ?? whenFalse.run];
    return {
      constant: undefined,
      isPath: true,
      run(run) {
        const test = condition.run(run);
        if (test instanceof Failure) return test;
        if (typeof test !== 'boolean') return noOverload;
        return (test ? first : second)(run);
      },
    };
  }

  #index(
    holder: Compiled,
    index: Compiled,
    item: (holder: CelValue, index: CelValue) => Outcome,
    kind: 'required' | 'optional' = 'required',
  ): Compiled {
    const at = index.constant;
    const find: Step = at === undefined ? (index.bare ?? index.run) : () => at;
    return path(
      holder,
      (value, run) => {
        const found = find(run);
        if (found instanceof Failure) return found;
        return value instanceof Optional ? itemIfAny(value, found) : item(value, found);
      },
      kind,
    );
  }

  #function(node: Call, name: string, args: readonly Compiled[]): Compiled {
    const implementation = implementations.get(name);
    if (!implementation) throw new Error(`nobody wrote ${name}`);
    const overloads = this.#checked.overloadsOf(node);
    const overload =
      name === '_==_'
        ? 'equals'
        : name === '_!=_'
          ? 'not_equals'
          : overloads.length === 1
            ? (overloads[0] ?? '')
            : '';
    const [first, second] = args;
    if (conversions.has(name) && args.length === 1 && first?.constant !== undefined) {
      const converted = implementation(first.constant);
      if (converted === noOverload)
        throw new ProgramError(`no such overload: ${name}(${typeOfValue(first.constant).name})`);
      if (converted instanceof Failure) throw new ProgramError(converted.message);
      return constant(converted);
    }
    const hasPattern = ['matches', 'find', 'findAll'].includes(name);
    const isPrepared = hasPattern && typeof second?.constant === 'string';
    if (isPrepared) requirePattern(String(second?.constant));
    if (overload === 'in_list' && first && second?.constant instanceof CelList) {
      // Nothing is in an empty list: nobody asks what.
      if (second.constant.items.length === 0) return constant(false);
      const set = membership(second.constant);
      if (set) return step(memberOf(first.run, set));
    }
    const runs = args.map((arg) => arg.run);
    return step((run) => {
      const values: Outcome[] = [];
      let failure: Failure | undefined;
      for (const each of runs) {
        const value = each(run);
        values.push(value);
        if (!(value instanceof Failure)) continue;
        failure ??= value;
        // With more arguments, or a pattern written out, upstream stops, and counts the call only when it has seen them all.
        if ((runs.length > 2 || isPrepared) && values.length < runs.length) return failure;
      }
      const given = values as readonly CelValue[]; // no failure is among them where it is read
      const result = failure ?? ended(() => implementation(...given));
      run.charge(callCost({ name, overload, args: values, result }));
      return result === noOverload && hasNone(name, given[0] ?? null)
        ? new Failure(`no such overload: ${name}`)
        : result;
    });
  }

  #list({ items, optional }: Extract<Node, { kind: 'list' }>): Compiled {
    const planned = items.map((item) => this.plan(item));
    const constants = planned.flatMap(({ constant: value }) =>
      value === undefined ? [] : [value],
    );
    if (constants.length === planned.length && optional.size === 0)
      return constant(new CelList(constants));
    const build = (run: Run): Outcome => {
      const values: CelValue[] = [];
      for (const [index, item] of planned.entries()) {
        const value = item.run(run);
        if (value instanceof Failure) return value;
        if (!optional.has(index)) values.push(value);
        else if (!(value instanceof Optional))
          return new Failure(
            `cannot initialize optional list element from non-optional value ${typeOfValue(value).name}`,
          );
        else if (value.value !== undefined) values.push(value.value);
      }
      return new CelList(values);
    };
    return step((run) => {
      const made = build(run);
      run.charge(listCost);
      return made;
    });
  }

  #map({ entries }: Extract<Node, { kind: 'map' }>): Compiled {
    const planned = entries.map(({ key, value, optional }) => ({
      key: this.plan(key),
      value: this.plan(value),
      optional,
    }));
    const build = (run: Run): Outcome => {
      const found = new Map<string, readonly [CelValue, CelValue]>();
      for (const { key, value, optional } of planned) {
        const name = key.run(run);
        if (name instanceof Failure) return name;
        const member = value.run(run);
        if (member instanceof Failure) return member;
        const text = keyOf(name);
        if (text === undefined || typeof name === 'number')
          return new Failure(`unsupported key type: ${typeOfValue(name).name}`);
        if (found.has(text)) return new Failure(`Failed with repeated key`);
        if (!optional) found.set(text, [name, member]);
        else if (member instanceof Optional) {
          if (member.value !== undefined) found.set(text, [name, member.value]);
        } else return new Failure(`cannot initialize optional entry`);
      }
      return new CelMap(found);
    };
    const isConstant = planned.every(
      ({ key, value, optional }) =>
        !optional && key.constant !== undefined && value.constant !== undefined,
    );
    const whole = isConstant ? build(new Run(new Map(), Number.POSITIVE_INFINITY)) : undefined;
    if (whole !== undefined && !(whole instanceof Failure)) return constant(whole);
    return step((run) => {
      const made = build(run);
      run.charge(mapCost);
      return made;
    });
  }

  #loop(node: LoopNode): Step {
    const range = this.plan(node.range).run;
    const initial = this.plan(node.initial).run;
    const condition = this.plan(node.condition).run;
    const next = this.plan(node.step).run;
    const result = this.plan(node.result).run;
    const { accumulator, variable, second } = node;
    return (run) => {
      const over = range(run);
      if (over instanceof Failure) return over;
      const pairs = pairsOf(over, second !== undefined);
      if (pairs instanceof Failure) return pairs;
      const outer = run.locals;
      try {
        if (variable === '#unused') {
          run.locals = { name: accumulator, value: initial(run), outer };
          return result(run);
        }
        const total: Local = { name: accumulator, value: initial(run), outer };
        for (const [key, value] of pairs) {
          run.locals = { name: variable, value: key, outer: total };
          if (second !== undefined) run.locals = { name: second, value, outer: run.locals };
          if (condition(run) === false) break;
          total.value = next(run);
        }
        run.locals = total;
        return result(run);
      } finally {
        run.locals = outer;
      }
    };
  }
}

/** What a loop goes over: items, keys, or both with their positions or values. */
function pairsOf(
  over: CelValue,
  isPair: boolean,
): Iterable<readonly [CelValue, CelValue]> | Failure {
  if (over instanceof CelList)
    return over.items.map((item, index) => (isPair ? [BigInt(index), item] : [item, null]));
  if (over instanceof CelMap) return over.entries.values();
  if (over instanceof CelObject) return over.fields;
  const { name } = typeOfValue(over);
  return new Failure(`got '${goNames.get(name) ?? name}', expected iterable type`);
}

const comparisons: ReadonlySet<string> = new Set(['_<_', '_<=_', '_>_', '_>=_']);
const arithmetics: ReadonlySet<string> = new Set(['_+_', '_-_', '_*_', '_/_', '_%_']);

/** Whether an operator is none for values of such a type at all: upstream then names it. */
function hasNone(name: string, left: CelValue): boolean {
  if (comparisons.has(name))
    return typeof left !== 'number' && compareValues(left, left) === undefined;
  return arithmetics.has(name) && left === null;
}

function ended(work: () => Outcome): Outcome {
  try {
    return looked(work());
  } catch (error) {
    if (error instanceof MisfitMet) return error.failure;
    throw error;
  }
}

function constant(value: CelValue): Compiled {
  return { run: () => value, constant: value, isPath: false };
}

function step(run: Step): Compiled {
  return { run, constant: undefined, isPath: false };
}

/** A step behind an operand. Those that may find nothing cost only when they find something. */
function path(
  operand: Compiled,
  next: (value: CelValue, run: Run) => Outcome,
  kind: 'required' | 'optional' = 'required',
): Compiled {
  const follow =
    (find: Step, entryCost: number): Step =>
    (run) => {
      const value = find(run);
      run.charge(entryCost);
      if (value instanceof Failure) return value;
      const found = looked(next(value, run));
      const mayMiss = kind === 'optional' || value instanceof Optional;
      if (!(mayMiss && found instanceof Optional && found.value === undefined)) run.charge(1);
      return found;
    };
  if (!operand.isPath)
    return {
      run: follow(operand.run, 1),
      bare: follow(operand.run, 0),
      constant: undefined,
      isPath: true,
    };
  return {
    run: follow(operand.run, 0),
    ...(operand.bare ? { bare: follow(operand.bare, 0) } : {}),
    constant: undefined,
    isPath: true,
  };
}

function lookUp(run: Run, name: string): Outcome {
  for (let local = run.locals; local; local = local.outer) {
    if (local.name !== name) continue;
    if (typeof local.value === 'function') local.value = local.value();
    return looked(local.value);
  }
  const value = run.variables.get(name);
  return value === undefined ? new Failure(`no such attribute(s): ${name}`) : value;
}

/** How upstream's program names types that cannot be gone through, by their names in CEL. */
const goNames: ReadonlyMap<string, string> = new Map([
  ['string', 'types.String'],
  ['int', 'types.Int'],
  ['uint', 'types.Uint'],
  ['double', 'types.Double'],
  ['bool', 'types.Bool'],
  ['bytes', 'types.Bytes'],
  ['null_type', 'types.Null'],
  ['google.protobuf.Timestamp', 'types.Timestamp'],
  ['google.protobuf.Duration', 'types.Duration'],
  ['type', '*types.Type'],
  ['optional_type', '*types.Optional'],
  ['kubernetes.Quantity', 'cel.Quantity'],
  ['kubernetes.URL', 'cel.URL'],
  ['net.IP', 'cel.IP'],
  ['net.CIDR', 'cel.CIDR'],
  ['kubernetes.Semver', 'cel.Semver'],
  ['kubernetes.NamedFormat', 'cel.Format'],
]);

function fieldOf(value: CelValue, field: string): Outcome {
  if (value instanceof Optional) return value.value === undefined ? value : itemIfAny(value, field);
  if (value instanceof CelObject) return value.fields.get(field) ?? missing(value, field);
  return itemAt(value, field);
}

function missing({ fields }: CelObject, field: string): Outcome {
  return fields.has(field) ? null : noSuchKey(field);
}

function has(value: CelValue, field: string): Outcome {
  const found =
    value instanceof CelObject
      ? value.fields.get(field)
      : value instanceof CelMap
        ? value.entries.get(`s${field}`)?.[1]
        : noOverload;
  if (found instanceof Failure) return found;
  return found instanceof Misfit ? found.failure : found !== undefined;
}

/** Errors of one side do not count where the other decides. */
function logical(left: Step, right: Step, decides: boolean): Step {
  return (run) => {
    const first = left(run);
    if (first === decides) return decides;
    const second = right(run);
    if (second === decides) return decides;
    for (const each of [first, second]) {
      if (each instanceof Failure) return each;
      if (typeof each !== 'boolean') return noOverload;
    }
    return !decides;
  };
}

/** What stands in for an absent value is looked at only then. */
function otherwise(value: Step, other: Step, name: 'or' | 'orValue'): Step {
  return (run) => {
    const found = value(run);
    if (found instanceof Failure) return found;
    if (!(found instanceof Optional)) return noOverload;
    if (found.value === undefined) return other(run);
    return name === 'or' ? found : looked(found.value);
  };
}

function notStrictlyFalse(value: Step): Step {
  return (run) => {
    const found = value(run);
    run.charge(1);
    return found instanceof Failure ? true : found !== false;
  };
}

/** @throws ProgramError */
function requirePattern(text: string): void {
  try {
    new Pattern(text);
  } catch (error) {
    throw new ProgramError(error instanceof Error ? error.message : String(error));
  }
}

function membership({ items }: CelList): ReadonlySet<string> | undefined {
  const keys: string[] = [];
  for (const item of items) {
    const key = keyOf(item);
    if (key === undefined || item instanceof Uint8Array) return undefined;
    keys.push(key);
  }
  const kinds = new Set(items.map((item) => (item instanceof Uint ? 'uint' : typeof item)));
  return kinds.size > 1 ? undefined : new Set(keys);
}

function memberOf(value: Step, set: ReadonlySet<string>): Step {
  return (run) => {
    const found = value(run);
    if (found instanceof Failure) return found;
    const key = keyOf(found);
    return key !== undefined && set.has(key);
  };
}
