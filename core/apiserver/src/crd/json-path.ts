// The part of JSONPath that printer columns, scale paths and selectable fields use.

type Step =
  | { readonly type: 'field'; readonly name: string }
  | { readonly type: 'index'; readonly index: number }
  | { readonly type: 'every' }
  | {
      readonly type: 'filter';
      readonly path: readonly Step[];
      readonly operator: string;
      readonly value: unknown;
    };

/** A parsed path; gives every value it leads to. */
export interface JsonPath {
  readonly find: (value: unknown) => readonly unknown[];
}

const steps: readonly (readonly [
  pattern: RegExp,
  make: (match: RegExpExecArray) => Step | undefined,
])[] = [
  [
    /^\[\?\(\s*@((?:\.[\w-]+|\['[^']*'\])+)\s*(==|!=|<=|>=|<|>)\s*('[^']*'|"[^"]*"|true|false|-?\d+(?:\.\d+)?)\s*\)\]/,
    filterStep,
  ],
  [/^\[(-?\d+)\]/, ([, digits]) => ({ type: 'index', index: Number(digits) })],
  [/^\[\*\]|^\.\*/, () => ({ type: 'every' })],
  [
    /^\['((?:[^'\\]|\\.)*)'\]/,
    ([, name = '']) => ({ type: 'field', name: name.replace(/\\(.)/g, '$1') }),
  ],
  [
    /^\.((?:[^.[\]\\]|\\.)+)/,
    ([, name = '']) => ({ type: 'field', name: name.replace(/\\(.)/g, '$1') }),
  ],
];

/** Parses `.spec.replicas`, `.status.conditions[?(@.type=="Ready")].status`, `.a['b.c'][0]`; undefined for anything else. */
export function parseJsonPath(text: string): JsonPath | undefined {
  const parsed = parseSteps(text.replace(/^\{(.*)\}$/, '$1').replace(/^\$/, ''));
  return parsed && { find: (value) => parsed.reduce(follow, [value]) };
}

function parseSteps(text: string): readonly Step[] | undefined {
  const found: Step[] = [];
  let rest = text;
  while (rest !== '') {
    const step = nextStep(rest);
    if (!step) return undefined;
    found.push(step.step);
    rest = step.rest;
  }
  return found.length > 0 ? found : undefined;
}

function nextStep(text: string): { readonly step: Step; readonly rest: string } | undefined {
  for (const [pattern, make] of steps) {
    const match = pattern.exec(text);
    const step = match && make(match);
    if (match && step) return { step, rest: text.slice(match[0].length) };
  }
  return undefined;
}

function filterStep([, inner = '', operator = '', literal = '']: RegExpExecArray):
  | Step
  | undefined {
  const path = parseSteps(inner);
  const quoted = literal.startsWith("'") || literal.startsWith('"');
  const value: unknown = quoted ? literal.slice(1, -1) : JSON.parse(literal);
  return path && { type: 'filter', path, operator, value };
}

function follow(values: readonly unknown[], step: Step): readonly unknown[] {
  return values.flatMap((value) => stepFrom(value, step));
}

function stepFrom(value: unknown, step: Step): readonly unknown[] {
  if (typeof value !== 'object' || value === null) return [];
  const list: readonly unknown[] | undefined = Array.isArray(value) ? value : undefined;
  switch (step.type) {
    case 'field': {
      const entry = list ? undefined : Object.getOwnPropertyDescriptor(value, step.name);
      const inner: unknown = entry?.value;
      return inner === undefined ? [] : [inner];
    }
    case 'index': {
      const inner = list?.at(step.index);
      return inner === undefined ? [] : [inner];
    }
    case 'every':
      return list ?? Object.values(value);
    case 'filter':
      return (list ?? []).filter((item) =>
        step.path.reduce(follow, [item]).some((inner) => holds(inner, step)),
      );
  }
}

function holds(
  left: unknown,
  { operator, value: right }: Extract<Step, { type: 'filter' }>,
): boolean {
  if (operator === '==') return left === right;
  if (operator === '!=') return left !== right;
  if (typeof left !== 'number' || typeof right !== 'number') return false;
  switch (operator) {
    case '<':
      return left < right;
    case '<=':
      return left <= right;
    case '>':
      return left > right;
    default:
      return left >= right;
  }
}

/** A path of plain fields, such as `.spec.replicas`, as its keys; undefined when it has other steps. */
export function fieldPathOf(text: string): readonly string[] | undefined {
  const parsed = parseSteps(text);
  if (!parsed?.every((step) => step.type === 'field')) return undefined;
  return parsed.map((step) => step.name);
}
