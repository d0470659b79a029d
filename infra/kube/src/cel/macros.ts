// Calls that are written like functions and mean loops, tests of presence, or choices.

import type { NodeMaker } from './parse-expression.ts';
import type { Issue, Node } from './syntax.ts';

type Call = Extract<Node, { kind: 'call' }>;

/** The name that a loop's value goes by; no expression can say it. */
export const accumulatorName = '@result';

/** What a call means; undefined for one that is no macro; an issue for one that is used wrongly. */
export function expandMacro(call: Call, make: NodeMaker): Node | Issue | undefined {
  const { name, target, args } = call;
  if (target === undefined)
    return name === 'has' && args.length === 1 ? hasMacro(call, make) : undefined;
  if (target.kind === 'ident' && target.name === 'cel') return undefined;
  const macro = macros.get(`${name}/${args.length}`);
  return macro?.(call, target, make);
}

function hasMacro({ at, args }: Call, make: NodeMaker): Node | Issue {
  const [argument] = args;
  if (argument?.kind !== 'select' || argument.testOnly)
    return { at: argument?.at ?? at, message: 'invalid argument to has() macro' };
  return { ...argument, id: make.id(), at, testOnly: true };
}

type Macro = (call: Call, target: Node, make: NodeMaker) => Node | Issue;

interface LoopParts {
  readonly initial: (make: NodeMaker, at: number) => Node;
  readonly condition: (make: NodeMaker, at: number) => Node;
  readonly step: (
    make: NodeMaker,
    at: number,
    args: readonly Node[],
    names: readonly string[],
  ) => Node;
  readonly result?: (make: NodeMaker, at: number) => Node;
}

const accumulator = (make: NodeMaker, at: number): Node => make.ident(at, accumulatorName);
const always = (make: NodeMaker, at: number): Node => make.literal(at, true);

function nodeOf(node: Node | undefined): Node {
  if (node === undefined) throw new Error('macros are found by their number of arguments');
  return node;
}

const all: LoopParts = {
  initial: always,
  condition: (make, at) => make.call(at, '@not_strictly_false', accumulator(make, at)),
  step: (make, at, [test]) => make.call(at, '_&&_', accumulator(make, at), nodeOf(test)),
};

const exists: LoopParts = {
  initial: (make, at) => make.literal(at, false),
  condition: (make, at) =>
    make.call(at, '@not_strictly_false', make.call(at, '!_', accumulator(make, at))),
  step: (make, at, [test]) => make.call(at, '_||_', accumulator(make, at), nodeOf(test)),
};

const existsOne: LoopParts = {
  initial: (make, at) => make.literal(at, 0n),
  condition: always,
  step: (make, at, [test]) =>
    make.call(
      at,
      '_?_:_',
      nodeOf(test),
      make.call(at, '_+_', accumulator(make, at), make.literal(at, 1n)),
      accumulator(make, at),
    ),
  result: (make, at) => make.call(at, '_==_', accumulator(make, at), make.literal(at, 1n)),
};

/** Adds to a list what `item` makes of the arguments behind the variables, the first of two being a test. */
const collect: LoopParts = {
  initial: (make, at) => make.list(at),
  condition: always,
  step(make, at, args) {
    const item = nodeOf(args.at(-1));
    const added = make.call(at, '_+_', accumulator(make, at), make.list(at, item));
    return tested(make, at, args, added);
  },
};

const filter: LoopParts = {
  initial: (make, at) => make.list(at),
  condition: always,
  step(make, at, [test], [variable = '']) {
    const added = make.call(
      at,
      '_+_',
      accumulator(make, at),
      make.list(at, make.ident(at, variable)),
    );
    return make.call(at, '_?_:_', nodeOf(test), added, accumulator(make, at));
  },
};

const emptyMap = (make: NodeMaker, at: number): Node => ({
  id: make.id(),
  at,
  kind: 'map',
  entries: [],
});

const transformMap: LoopParts = {
  initial: emptyMap,
  condition: always,
  step(make, at, args, [key = '']) {
    const value = nodeOf(args.at(-1));
    const added = make.call(
      at,
      'cel.@mapInsert',
      accumulator(make, at),
      make.ident(at, key),
      value,
    );
    return tested(make, at, args, added);
  },
};

const transformMapEntry: LoopParts = {
  initial: emptyMap,
  condition: always,
  step(make, at, args) {
    const added = make.call(at, 'cel.@mapInsert', accumulator(make, at), nodeOf(args.at(-1)));
    return tested(make, at, args, added);
  },
};

function tested(make: NodeMaker, at: number, args: readonly Node[], added: Node): Node {
  const [test] = args;
  if (args.length < 2 || test === undefined) return added;
  return make.call(at, '_?_:_', test, added, accumulator(make, at));
}

function loop(parts: LoopParts, variables: 1 | 2, told = 'argument must be a simple name'): Macro {
  return ({ at, args }, range, make) => {
    const names: string[] = [];
    for (const variable of args.slice(0, variables)) {
      if (variable.kind !== 'ident')
        return {
          at: variable.at,
          message: told,
        };
      if (variable.name === accumulatorName || variable.name === '__result__')
        return { at: variable.at, message: 'iteration variable overwrites accumulator variable' };
      names.push(variable.name);
    }
    const [variable = '', second] = names;
    if (variable === second) {
      return {
        at: args[1]?.at ?? at,
        message: `duplicate variable name: ${variable}`,
      };
    }
    return {
      id: make.id(),
      at,
      kind: 'loop',
      range,
      variable,
      second,
      accumulator: accumulatorName,
      initial: parts.initial(make, at),
      condition: parts.condition(make, at),
      step: parts.step(make, at, args.slice(variables), names),
      result: (parts.result ?? accumulator)(make, at),
    };
  };
}

/** `target.optMap(x, e)`: what `e` makes of the value, if there is one. */
function optionalMacro(kind: 'value' | 'optional'): Macro {
  return ({ at, args }, target, make) => {
    const [variable, body] = args;
    if (variable?.kind !== 'ident' || body === undefined)
      return {
        at: variable?.at ?? at,
        message: `${kind === 'value' ? 'optMap' : 'optFlatMap'}() variable name must be a simple identifier`,
      };
    const bound: Node = {
      id: make.id(),
      at,
      kind: 'loop',
      range: make.list(at),
      variable: '#unused',
      second: undefined,
      accumulator: variable.name,
      initial: make.member(at, target, 'value'),
      condition: make.literal(at, false),
      step: make.ident(at, variable.name),
      result: body,
    };
    return make.call(
      at,
      '_?_:_',
      make.member(at, target, 'hasValue'),
      kind === 'value' ? make.call(at, 'optional.of', bound) : bound,
      make.call(at, 'optional.none'),
    );
  };
}

const noIdentifier = 'argument is not an identifier';

const macros: ReadonlyMap<string, Macro> = new Map([
  ['all/2', loop(all, 1)],
  ['exists/2', loop(exists, 1)],
  ['exists_one/2', loop(existsOne, 1)],
  ['existsOne/2', loop(existsOne, 1)],
  ['map/2', loop(collect, 1, noIdentifier)],
  ['map/3', loop(collect, 1, noIdentifier)],
  ['filter/2', loop(filter, 1, noIdentifier)],
  ['all/3', loop(all, 2)],
  ['exists/3', loop(exists, 2)],
  ['exists_one/3', loop(existsOne, 2)],
  ['existsOne/3', loop(existsOne, 2)],
  ['transformList/3', loop(collect, 2)],
  ['transformList/4', loop(collect, 2)],
  ['transformMap/3', loop(transformMap, 2)],
  ['transformMap/4', loop(transformMap, 2)],
  ['transformMapEntry/3', loop(transformMapEntry, 2)],
  ['transformMapEntry/4', loop(transformMapEntry, 2)],
  ['optMap/2', optionalMacro('value')],
  ['optFlatMap/2', optionalMacro('optional')],
]);
