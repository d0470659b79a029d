// One rule of `x-kubernetes-validations`: compiled once, evaluated against values.

import type { ValidationRule } from '../generated/kinds.ts';
import { GoText } from '../go-format.ts';
import type { Scope } from './check-expression.ts';
import { estimateCost } from './estimate.ts';
import { ProgramError } from './evaluate.ts';
import { compileExpression, type Expression } from './expression.ts';
import type { Declared } from './schema-values.ts';
import { ExpressionError } from './syntax.ts';

interface RuleProblem {
  readonly keyword: 'rule' | 'messageExpression';
  readonly detail: string;
}

/** A rule ready to run; `problems` says why it is not. */
export interface CompiledRule {
  readonly source: ValidationRule;
  readonly usesOldSelf: boolean;
  readonly problems: readonly RuleProblem[];
  readonly expression: Expression | undefined;
  /** What evaluating it once can cost at most. */
  readonly costMax: number;
  readonly message: Expression | undefined;
  readonly messageCostMax: number;
}

/** Compiles a rule where `self` and `oldSelf` are. */
export function compileRule(source: ValidationRule, scope: Scope, self: Declared): CompiledRule {
  const rule = compiled(source.rule, scope, {
    type: 'bool',
    prefix: '',
    wrong: 'cel expression must evaluate to a bool',
  });
  const none = { source, usesOldSelf: false, costMax: 0, message: undefined, messageCostMax: 0 };
  if (typeof rule === 'string')
    return { ...none, expression: undefined, problems: [{ keyword: 'rule', detail: rule }] };
  const message = source.messageExpression
    ? compiled(source.messageExpression, scope, {
        type: 'string',
        prefix: 'messageExpression ',
        wrong: 'messageExpression must evaluate to a string',
      })
    : undefined;
  const isBad = typeof message === 'string';
  return {
    source,
    usesOldSelf: rule.checked.used.has('oldSelf'),
    problems: isBad ? [{ keyword: 'messageExpression', detail: message }] : [],
    expression: rule,
    costMax: estimateCost(rule.checked, self).max,
    message: isBad ? undefined : message,
    messageCostMax: message && !isBad ? estimateCost(message.checked, self).max : 0,
  };
}

function compiled(
  text: string,
  scope: Scope,
  {
    type,
    prefix,
    wrong,
  }: { readonly type: string; readonly prefix: string; readonly wrong: string },
): Expression | string {
  try {
    const expression = compileExpression(text, scope);
    return expression.type.kind === type ? expression : wrong;
  } catch (error) {
    if (error instanceof ExpressionError) return `${prefix}compilation failed: ${error.message}`;
    const what = prefix === '' ? 'program instantiation' : 'messageExpression instantiation';
    if (error instanceof ProgramError) return `${what} failed: ${error.message}`;
    throw error;
  }
}

/** A rule as errors print it: the fields of upstream's struct. */
export function printedRule(rule: ValidationRule): GoText {
  const { message, messageExpression, reason, fieldPath, optionalOldSelf } = rule;
  return GoText.ofFields({
    Rule: rule.rule,
    Message: message ?? '',
    MessageExpression: messageExpression ?? '',
    Reason: reason ?? null,
    FieldPath: fieldPath ?? '',
    OptionalOldSelf: optionalOldSelf ?? null,
  });
}
