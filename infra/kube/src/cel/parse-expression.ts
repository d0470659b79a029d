// Parses expressions: the grammar of CEL, and the macros that Kubernetes has.

import { type ExpressionSource, isReserved, lex, type Token } from './lex.ts';
import { expandMacro } from './macros.ts';
import { ExpressionError, type MapEntry, type Node } from './syntax.ts';
import type { CelValue } from './value.ts';

const depthMax = 250;
const lengthMax = 100_000;

/** Makes nodes, each with a number of its own. */
export class NodeMaker {
  #next = 1;

  /** A node's place in the numbering. */
  id(): number {
    return this.#next++;
  }

  literal(at: number, value: CelValue): Node {
    return { id: this.id(), at, kind: 'literal', value };
  }

  ident(at: number, name: string): Node {
    return { id: this.id(), at, kind: 'ident', name };
  }

  call(at: number, name: string, ...args: readonly Node[]): Node {
    return { id: this.id(), at, kind: 'call', name, target: undefined, args };
  }

  member(at: number, target: Node, name: string, ...args: readonly Node[]): Node {
    return { id: this.id(), at, kind: 'call', name, target, args };
  }

  list(at: number, ...items: readonly Node[]): Node {
    return { id: this.id(), at, kind: 'list', items, optional: new Set() };
  }
}

/** @throws ExpressionError */
export function parseExpression(source: string): Node {
  if (source.length > lengthMax)
    throw new ExpressionError(source, [
      {
        at: 0,
        message: `expression code point size exceeds limit: size: ${[...source].length}, limit ${lengthMax}`,
      },
    ]);
  return new ExpressionParser(lex(source)).parse();
}

const comparisons = ['<', '<=', '>=', '>', '==', '!=', 'in'];

/** What an operand can begin with, as ANTLR lists it. */
const beginnings =
  "{'[', '{', '(', '.', '-', '!', 'true', 'false', 'null', NUM_FLOAT, NUM_INT, NUM_UINT, STRING, BYTES, IDENTIFIER}";

class ExpressionParser {
  readonly #source: string;
  readonly #tokens: readonly Token[];
  readonly #make = new NodeMaker();
  #position = 0;
  #depth = 0;

  constructor({ source, tokens }: ExpressionSource) {
    this.#source = source;
    this.#tokens = tokens;
  }

  parse(): Node {
    const node = this.#ternary();
    if (this.#peek().kind !== 'end')
      this.#unexpected('<EOF>', this.#tokens.length - this.#position === 2);
    return node;
  }

  #peek(): Token {
    const token = this.#tokens[this.#position];
    if (token === undefined) throw new Error('the end comes last');
    return token;
  }

  #take(): Token {
    const token = this.#peek();
    if (token.kind !== 'end') this.#position++;
    return token;
  }

  #is(text: string): boolean {
    const token = this.#peek();
    return token.kind === 'symbol' && token.text === text;
  }

  #accept(text: string): Token | undefined {
    return this.#is(text) ? this.#take() : undefined;
  }

  #expect(text: string): Token {
    const found = this.#accept(text);
    if (found) return found;
    if (text === ')') this.#fail(this.#peek().at, `Syntax error: missing ')' at ${this.#shown()}`);
    return this.#unexpected(text === ']' ? "{']', ','}" : `'${text}'`);
  }

  #fail(at: number, message: string): never {
    throw new ExpressionError(this.#source, [{ at, message }]);
  }

  #shown(): string {
    const { kind, text } = this.#peek();
    return kind === 'end' ? "'<EOF>'" : `'${text}'`;
  }

  /** `extra`: what comes after it would have been right. */
  #unexpected(expecting: string, extra = false): never {
    const how = extra ? 'extraneous' : 'mismatched';
    this.#fail(
      this.#peek().at,
      `Syntax error: ${how} input ${this.#shown()} expecting ${expecting}`,
    );
  }

  #ternary(): Node {
    if (++this.#depth > depthMax)
      this.#fail(this.#peek().at, `expression recursion limit exceeded: ${depthMax}`);
    const condition = this.#or();
    const mark = this.#accept('?');
    if (!mark) {
      this.#depth--;
      return condition;
    }
    const whenTrue = this.#or();
    this.#expect(':');
    const whenFalse = this.#ternary();
    this.#depth--;
    return this.#make.call(mark.at, '_?_:_', condition, whenTrue, whenFalse);
  }

  #or(): Node {
    return this.#logical('||', () => this.#logical('&&', () => this.#relation()));
  }

  #logical(operator: string, operand: () => Node): Node {
    const terms = [operand()];
    const places: number[] = [];
    for (let token = this.#accept(operator); token; token = this.#accept(operator)) {
      places.push(token.at);
      terms.push(operand());
    }
    return this.#balanced(`_${operator}_`, terms, places);
  }

  /** A tree as flat as can be: operators in a row are a matter of depth otherwise. */
  #balanced(name: string, terms: readonly Node[], places: readonly number[]): Node {
    const [only] = terms;
    if (terms.length === 1 && only) return only;
    const middle = Math.floor((terms.length + 1) / 2) - 1;
    const split = terms.length === 2 ? 1 : middle + 1;
    const left = this.#balanced(name, terms.slice(0, split), places.slice(0, split - 1));
    const right = this.#balanced(name, terms.slice(split), places.slice(split));
    return this.#make.call(places[split - 1] ?? 0, name, left, right);
  }

  #relation(): Node {
    let left = this.#sum();
    for (;;) {
      const token = this.#peek();
      if (token.kind !== 'symbol' || !comparisons.includes(token.text)) return left;
      this.#take();
      const name = token.text === 'in' ? '@in' : `_${token.text}_`;
      left = this.#make.call(token.at, name, left, this.#sum());
    }
  }

  #sum(): Node {
    return this.#arithmetic(['+', '-'], () =>
      this.#arithmetic(['*', '/', '%'], () => this.#unary()),
    );
  }

  #arithmetic(operators: readonly string[], operand: () => Node): Node {
    let left = operand();
    for (;;) {
      const token = this.#peek();
      if (token.kind !== 'symbol' || !operators.includes(token.text)) return left;
      this.#take();
      left = this.#make.call(token.at, `_${token.text}_`, left, operand());
    }
  }

  #unary(): Node {
    const first = this.#peek();
    if (!this.#is('!') && !this.#is('-')) return this.#member();
    let count = 0;
    while (this.#accept(first.text)) count++;
    const next = this.#peek();
    // A minus before a number belongs to it.
    if (first.text === '-' && count % 2 === 1 && (next.kind === 'int' || next.kind === 'double'))
      return this.#member({ at: first.at });
    const operand = this.#member();
    if (count % 2 === 0) return operand;
    return this.#make.call(first.at, first.text === '!' ? '!_' : '-_', operand);
  }

  #member(negative?: { readonly at: number }): Node {
    let node = this.#primary(negative);
    for (;;) {
      const token = this.#peek();
      if (this.#accept('.')) {
        const optional = this.#accept('?');
        const name = this.#take();
        if (name.kind === 'quoted') this.#fail(name.at, "unsupported syntax: '`'");
        if (name.kind !== 'ident') {
          this.#fail(name.at, `Syntax error: no viable alternative at input '.${name.text}'`);
        }
        const open = optional ? undefined : this.#accept('(');
        if (open) node = this.#called(open.at, node, name.text);
        else if (optional)
          node = this.#make.call(token.at, '_?._', node, this.#make.literal(name.at, name.text));
        else
          node = {
            id: this.#make.id(),
            at: token.at,
            kind: 'select',
            operand: node,
            field: name.text,
            testOnly: false,
          };
      } else if (this.#accept('[')) {
        const optional = this.#accept('?');
        const index = this.#ternary();
        this.#expect(']');
        node = this.#make.call(token.at, optional ? '_[?_]' : '_[_]', node, index);
      } else return node;
    }
  }

  #called(at: number, target: Node | undefined, name: string): Node {
    const id = this.#make.id();
    const args: Node[] = [];
    if (!this.#is(')')) {
      do args.push(this.#ternary());
      while (this.#accept(','));
    }
    this.#expect(')');
    const call: Node = { id, at, kind: 'call', name, target, args };
    const expanded = expandMacro(call, this.#make);
    if (expanded === undefined) return call;
    if ('message' in expanded) this.#fail(expanded.at, expanded.message);
    return expanded;
  }

  #primary(negative?: { readonly at: number }): Node {
    const token = this.#take();
    const { kind, at } = token;
    if (kind === 'int' || kind === 'double') {
      const sign = negative ? '-' : '';
      const place = negative?.at ?? at;
      if (kind === 'double') return this.#make.literal(place, Number(sign + token.text));
      const size = BigInt(token.text);
      const value = negative ? -size : size;
      if (BigInt.asIntN(64, value) !== value) this.#fail(place, 'invalid int literal');
      return this.#make.literal(place, value);
    }
    if (kind === 'value') return this.#make.literal(at, token.value);
    if (kind === 'ident') {
      if (isReserved(token.text)) this.#fail(at, `reserved identifier: ${token.text}`);
      const open = this.#accept('(');
      if (open) return this.#called(open.at, undefined, token.text);
      if (this.#is('{')) return this.#struct(token.text);
      return this.#make.ident(at, token.text);
    }
    if (kind === 'symbol') {
      if (token.text === '(') {
        const inner = this.#ternary();
        this.#expect(')');
        return inner;
      }
      if (token.text === '[') return this.#list(at);
      if (token.text === '{') return this.#map(at);
      if (token.text === '.') {
        const name = this.#take();
        if (name.kind === 'ident') {
          const open = this.#accept('(');
          if (open) return this.#called(open.at, undefined, `.${name.text}`);
          return this.#make.ident(name.at, `.${name.text}`);
        }
      }
    }
    if (kind !== 'end') this.#position--;
    this.#unexpected(beginnings);
  }

  #list(at: number): Node {
    const id = this.#make.id();
    const items: Node[] = [];
    const optional = new Set<number>();
    while (!this.#is(']')) {
      if (this.#accept('?')) optional.add(items.length);
      items.push(this.#ternary());
      if (!this.#accept(',')) break;
    }
    this.#expect(']');
    return { id, at, kind: 'list', items, optional };
  }

  #map(at: number): Node {
    const id = this.#make.id();
    const entries: MapEntry[] = [];
    while (!this.#is('}')) {
      const optional = this.#accept('?') !== undefined;
      const key = this.#ternary();
      this.#expect(':');
      entries.push({ key, value: this.#ternary(), optional });
      if (!this.#accept(',')) break;
    }
    this.#expect('}');
    return { id, at, kind: 'map', entries };
  }

  /** Messages have no types here; the fields are read over. */
  #struct(type: string): Node {
    const open = this.#expect('{');
    const id = this.#make.id();
    while (!this.#is('}')) {
      this.#accept('?');
      if (this.#take().kind !== 'ident') this.#unexpected('IDENTIFIER');
      this.#expect(':');
      this.#ternary();
      if (!this.#accept(',')) break;
    }
    this.#expect('}');
    return { id, at: open.at, kind: 'struct', type };
  }
}
