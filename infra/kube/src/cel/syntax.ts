// The syntax tree of an expression, and where its parts stand in the text.

import type { CelValue } from './value.ts';

interface Placed {
  /** Tells the node from all others of its expression. */
  readonly id: number;
  /** Where errors about it point to: a position in the text, in UTF-16 units. */
  readonly at: number;
}

export type Node = Placed &
  (
    | { readonly kind: 'literal'; readonly value: CelValue }
    | { readonly kind: 'ident'; readonly name: string }
    | {
        readonly kind: 'select';
        readonly operand: Node;
        readonly field: string;
        /** `has(operand.field)`. */
        readonly testOnly: boolean;
      }
    | {
        readonly kind: 'call';
        readonly name: string;
        readonly target: Node | undefined;
        readonly args: readonly Node[];
      }
    | {
        readonly kind: 'list';
        readonly items: readonly Node[];
        /** Positions of items written `?item`. */
        readonly optional: ReadonlySet<number>;
      }
    | { readonly kind: 'map'; readonly entries: readonly MapEntry[] }
    | { readonly kind: 'struct'; readonly type: string }
    | Loop
  );

export interface MapEntry {
  readonly key: Node;
  readonly value: Node;
  readonly optional: boolean;
}

/** What macros over lists and maps become. */
interface Loop {
  readonly kind: 'loop';
  readonly range: Node;
  readonly variable: string;
  /** Of macros with two variables: the value, where `variable` is the key or the position. */
  readonly second: string | undefined;
  readonly accumulator: string;
  readonly initial: Node;
  readonly condition: Node;
  readonly step: Node;
  readonly result: Node;
}

export type LoopNode = Extract<Node, { kind: 'loop' }>;

/** Something wrong with an expression. */
export interface Issue {
  readonly at: number;
  readonly message: string;
}

/** Thrown with everything wrong with an expression. */
export class ExpressionError extends Error {
  override name = 'ExpressionError';

  constructor(source: string, issues: readonly Issue[]) {
    super(
      issues
        .toSorted((left, right) => left.at - right.at)
        .map((issue) => issueText(source, issue))
        .join('\n'),
    );
  }
}

/** An issue as cel-go prints it: place, line, and a mark below the place. */
function issueText(source: string, { at, message }: Issue): string {
  const before = source.slice(0, at).split('\n');
  const line = source.split('\n')[before.length - 1] ?? '';
  const lead = [...(before.at(-1) ?? '')];
  const wide = (char: string): boolean => (char.codePointAt(0) ?? 0) > 0x7f;
  const dots = lead.map((char) => (wide(char) ? '\uff0e' : '.')).join('');
  const marked = [...line][lead.length] ?? '';
  const mark = marked !== '' && wide(marked) ? '\uff3e' : '^';
  const place = `<input>:${before.length}:${lead.length + 1}`;
  return `ERROR: ${place}: ${message}\n | ${line.replaceAll('\t', ' ')}\n | ${dots}${mark}`;
}
