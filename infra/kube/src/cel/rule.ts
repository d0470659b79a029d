// One rule of `x-kubernetes-validations`: compiled once, evaluated against values.

import type { ValidationRule } from '../generated/kinds.ts';
import { GoText } from '../go-format.ts';
import type { Checked, Scope } from './check-expression.ts';
import { estimateCost } from './estimate.ts';
import { ProgramError } from './evaluate.ts';
import { checkedExpression, type Expression, readyExpression } from './expression.ts';
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
  const { expression, checked, problem } = rule;
  const usesOldSelf = checked?.used.has('oldSelf') ?? false;
  if (!expression) {
    const problems: readonly RuleProblem[] = [{ keyword: 'rule', detail: problem ?? '' }];
    const none = { costMax: 0, message: undefined, messageCostMax: 0 };
    return { source, usesOldSelf, problems, expression: undefined, ...none };
  }
  const message = source.messageExpression
    ? compiled(source.messageExpression, scope, {
        type: 'string',
        prefix: 'messageExpression ',
        wrong: 'messageExpression must evaluate to a string',
      })
    : undefined;
  const spoken = message?.expression;
  return {
    source,
    usesOldSelf,
    problems: message?.problem ? [{ keyword: 'messageExpression', detail: message.problem }] : [],
    expression,
    costMax: estimateCost(expression.checked, self).max,
    message: spoken,
    messageCostMax: spoken ? estimateCost(spoken.checked, self).max : 0,
  };
}

interface Compiled {
  readonly checked?: Checked;
  readonly expression?: Expression;
  readonly problem?: string;
}

interface Wanted {
  readonly type: string;
  readonly prefix: string;
  readonly wrong: string;
}

function compiled(text: string, scope: Scope, { type, prefix, wrong }: Wanted): Compiled {
  let checked: Checked | undefined;
  try {
    checked = checkedExpression(text, scope);
    if (checked.type.kind !== type) return { problem: wrong };
    return { checked, expression: readyExpression(checked) };
  } catch (error) {
    if (error instanceof ExpressionError)
      return { problem: `${prefix}compilation failed: ${error.message}` };
    if (!(error instanceof ProgramError)) throw error;
    const what = prefix === '' ? 'program instantiation' : 'messageExpression instantiation';
    return { ...(checked ? { checked } : {}), problem: `${what} failed: ${error.message}` };
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
