// One rule of `x-kubernetes-validations`: compiled once, evaluated against values.

import {
  type ASTNode,
  TypeError as CelTypeError,
  type Environment,
  EvaluationError,
  ParseError,
  type ParseResult,
} from '@marcbachmann/cel-js';

import type { ValidationRule } from '../generated/kinds.ts';
import { type CostMeter, meterExpression, type Sizes } from './budget.ts';
import { renamedMethods } from './library.ts';

/** A rule ready to run; `problems` says why it is not. */
export interface CompiledRule {
  readonly source: ValidationRule;
  readonly usesOldSelf: boolean;
  readonly problems: readonly {
    readonly keyword: 'rule' | 'messageExpression';
    readonly detail: string;
  }[];
  readonly evaluate: ParseResult | undefined;
  readonly message: ParseResult | undefined;
}

/** Compiles a rule in an environment that knows `self` and `oldSelf`. */
export function compileRule(
  source: ValidationRule,
  environment: Environment,
  { meter, sizes }: { readonly meter: CostMeter; readonly sizes: Sizes },
): CompiledRule {
  const problems: CompiledRule['problems'][number][] = [];
  const compile = (
    keyword: 'rule' | 'messageExpression',
    text: string,
  ): ParseResult | undefined => {
    const compiled = compileExpression(text, environment);
    if (typeof compiled === 'string') {
      const prefix =
        keyword === 'rule' ? 'compilation failed' : 'messageExpression compilation failed';
      problems.push({ keyword, detail: `${prefix}: ${compiled}` });
      return undefined;
    }
    const [wanted, wrong] =
      keyword === 'rule'
        ? ['bool', 'cel expression must evaluate to a bool']
        : ['string', 'messageExpression must evaluate to a string'];
    if (compiled.type !== wanted && compiled.type !== 'dyn') {
      problems.push({ keyword, detail: wrong });
      return undefined;
    }
    meterExpression(compiled.parsed.ast, meter, sizes);
    return compiled.parsed;
  };
  const evaluate = compile('rule', source.rule);
  const message = source.messageExpression
    ? compile('messageExpression', source.messageExpression)
    : undefined;
  const usesOldSelf = evaluate !== undefined && mentions(evaluate.ast, 'oldSelf');
  return { source, usesOldSelf, problems, evaluate, message };
}

function compileExpression(
  text: string,
  environment: Environment,
): { readonly parsed: ParseResult; readonly type: string } | string {
  try {
    const parsed = environment.parse(text);
    const bind = nodesOf(parsed.ast).find((node) => node.op === 'id' && node.args === 'cel');
    if (bind)
      return placedText("undeclared reference to 'cel' (in container '')", text, bind.start);
    renameMethods(parsed.ast);
    const { valid, type = 'dyn', error } = parsed.check();
    return valid ? { parsed, type } : errorText(error, text);
  } catch (error) {
    return errorText(error, text);
  }
}

/** The text of an error as Kubernetes prints it: place, line, and a mark below the place. */
function errorText(error: unknown, text: string): string {
  if (
    !(
      error instanceof ParseError ||
      error instanceof CelTypeError ||
      error instanceof EvaluationError
    )
  ) {
    return `ERROR: <input>:1:1: ${String(error)}`;
  }
  const summary = error.summary
    .replace(/^No such key: (.*)$/s, "undefined field '$1'")
    .replace(/^Unknown variable: (.*)$/s, "undeclared reference to '$1' (in container '')");
  return placedText(summary, text, error.range?.start ?? 0);
}

function placedText(summary: string, text: string, position: number): string {
  const before = text.slice(0, position).split('\n');
  const column = before.at(-1)?.length ?? 0;
  const line = text.split('\n')[before.length - 1] ?? '';
  return `ERROR: <input>:${before.length}:${column + 1}: ${summary}\n | ${line}\n | ${'.'.repeat(column)}^`;
}

function* nodesOf(root: ASTNode): Generator<ASTNode> {
  const pending: unknown[] = [root];
  while (pending.length > 0) {
    const value = pending.pop();
    if (Array.isArray(value)) pending.push(...value);
    else if (isNode(value, root)) {
      yield value;
      pending.push(value.args);
    }
  }
}

function isNode(value: unknown, root: ASTNode): value is ASTNode {
  return typeof value === 'object' && value !== null && value.constructor === root.constructor;
}

function mentions(root: ASTNode, variable: string): boolean {
  return nodesOf(root).some((node) => node.op === 'id' && node.args === variable);
}

function renameMethods(root: ASTNode): void {
  for (const node of nodesOf(root)) {
    if (node.op !== 'rcall') continue;
    const name = renamedMethods.get(node.args[0]);
    if (name !== undefined) node.args[0] = name;
  }
}
