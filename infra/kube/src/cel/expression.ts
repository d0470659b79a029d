// Compiles expressions against what they may see.

import { type Checked, checkExpression, type Scope } from './check-expression.ts';
import { type Program, programOf } from './evaluate.ts';
import { validateLiterals } from './literals.ts';
import { parseExpression } from './parse-expression.ts';
import type { Declared } from './schema-values.ts';
import type { Type } from './type.ts';

/** A compiled expression. */
export interface Expression extends Program {
  readonly type: Type;
  readonly checked: Checked;
}

/** @throws ExpressionError with everything wrong with it, as cel-go prints it; ProgramError */
export function compileExpression(source: string, scope: Scope): Expression {
  return readyExpression(checkedExpression(source, scope));
}

/** @throws ExpressionError */
export function checkedExpression(source: string, scope: Scope): Checked {
  const checked = checkExpression(source, parseExpression(source), scope);
  validateLiterals(source, checked);
  return checked;
}

/** @throws ProgramError */
export function readyExpression(checked: Checked): Expression {
  return { ...programOf(checked), type: checked.type, checked };
}

/** A scope of variables, and of all objects that are declared within their types. */
export function scopeOf(
  variables: ReadonlyMap<string, Type>,
  declared: readonly Declared[],
): Scope {
  const objects = new Map<string, ReadonlyMap<string, Declared>>();
  const visit = ({ type, fields, element }: Declared): void => {
    if (fields) {
      objects.set(type.name, fields);
      for (const field of fields.values()) visit(field);
    }
    if (element) visit(element);
  };
  for (const each of declared) visit(each);
  return {
    variables,
    hasType: (type) => objects.has(type),
    fieldType: (type, field) => objects.get(type)?.get(field)?.type,
  };
}
