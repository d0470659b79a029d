// Compares expressions: what is wrong with them, what they give, and what they cost.

import {
  compileExpression,
  declareSchema,
  describeValue,
  estimateCost,
  Failure,
  scopeOf,
} from '@tweendeck/kube';
import { isJsonObject } from '@tweendeck/std';
import {
  type ExpressionCase,
  expressionOf,
  expressionSchema,
  expressionValues,
} from './cel-cases.ts';
import type { Comparison } from './compare.ts';

const costMax = 1_000_000;

/** Without lists as keys of maps, at which upstream's program ends wherever it is. */
function hashable(draw: () => string): string {
  for (;;) {
    const expression = draw();
    if (!/\{\s*\[/.test(expression)) return expression;
  }
}

/** Expressions over one schema with every type. */
export const celComparison: Comparison<ExpressionCase> = {
  name: 'CEL',
  shrinksTexts: true,
  triesMax: 12,
  isCase: ({ expression, values }) =>
    typeof expression === 'string' &&
    Array.isArray(values) &&
    values.every((each) => each in expressionValues),
  generate: (source, number) => ({
    expression: hashable(() => expressionOf(source, number)),
    values: source.some([...expressionValues.keys()], 0.5),
  }),
  theirs: (each, oracle) =>
    oracle.ask({
      op: 'cel',
      schema: expressionSchema,
      expression: each.expression,
      values: each.values.map((index) => expressionValues[index]),
    }),
  ours({ expression, values }) {
    const declared = declareSchema(expressionSchema, {
      name: 'selfType',
      whole: false,
    });
    if (!declared) throw new Error('the schema is of an object');
    const scope = scopeOf(new Map([['self', declared.type]]), [declared]);
    let compiled: ReturnType<typeof compileExpression>;
    try {
      compiled = compileExpression(expression, scope);
    } catch (error) {
      if (!(error instanceof Error)) throw error;
      if (error.name === 'ExpressionError') return { compile: error.message };
      if (error.name === 'ProgramError') return { program: error.message };
      throw error;
    }
    const { min, max } = estimateCost(compiled.checked, declared);
    return {
      estimate: [String(min), String(max)],
      results: values.map((index) => {
        const self = declared.convert(expressionValues[index]);
        const { outcome, cost } = compiled.evaluate(new Map([['self', self]]), costMax);
        if (outcome instanceof Failure) return { error: outcome.message, cost };
        return { value: describeValue(outcome), cost };
      }),
    };
  },
  agree(ours, theirs) {
    if (!isJsonObject(ours) || !isJsonObject(theirs)) return false;
    if ('compile' in theirs) {
      // What the generated parser of upstream expects is not said again.
      const isSyntax = String(theirs['compile']).includes('Syntax error');
      return isSyntax && 'compile' in ours;
    }
    if (!('estimate' in ours) || !('estimate' in theirs)) return false;
    const near = (left: unknown, right: unknown): boolean =>
      Math.abs(Number(left) - Number(right)) <= Number(right) * 1e-9;
    const [ourEstimate, theirEstimate] = [ours['estimate'], theirs['estimate']];
    return (
      Array.isArray(ourEstimate) &&
      Array.isArray(theirEstimate) &&
      ourEstimate.every((each, index) => near(each, theirEstimate[index])) &&
      sameResults(ours['results'], theirs['results'])
    );
  },
};

function sameResults(ours: unknown, theirs: unknown): boolean {
  if (!Array.isArray(ours) || !Array.isArray(theirs)) return false;
  return ours.every((our, index) => {
    const their: unknown = theirs[index];
    if (!isJsonObject(our) || !isJsonObject(their)) return false;
    // Which of several types an error names is of no use to anybody.
    const error = (text: unknown): string =>
      String(text ?? '').replace(/^no such overload.*/s, 'no such overload');
    return (
      our['value'] === their['value'] &&
      error(our['error']) === error(their['error']) &&
      our['cost'] === their['cost']
    );
  });
}
