// Cuts expressions into tokens.

import { ExpressionError } from './syntax.ts';
import { type CelValue, Uint } from './value.ts';

export type Token = { readonly at: number; readonly text: string } & (
  | { readonly kind: 'ident' | 'quoted' | 'symbol' | 'int' | 'double' | 'end' }
  | { readonly kind: 'value'; readonly value: CelValue }
);

export interface ExpressionSource {
  readonly source: string;
  readonly tokens: readonly Token[];
}

const space = /(?:[\t \r\n\f]|\/\/[^\n]*)*/y;
const ident = /[A-Za-z_]\w*/y;
const quotedIdent = /`([A-Za-z0-9_.\-/ ]+)`/y;
const double = /(?:\d+\.\d+(?:[eE][+-]?\d+)?|\d+[eE][+-]?\d+|\.\d+(?:[eE][+-]?\d+)?)/y;
const whole = /0x[0-9a-fA-F]+|\d+/y;
const symbol = /==|!=|<=|>=|&&|\|\||[-+*/%!<>?:.,()[\]{}]/y;
const text =
  /([rR][bB]?|[bB][rR]?)?("""(?:[^\\]|\\[\s\S])*?"""|'''(?:[^\\]|\\[\s\S])*?'''|"(?:[^\\"\n\r]|\\.)*"|'(?:[^\\'\n\r]|\\.)*')/y;
const rawText = /([rR][bB]?|[bB][rR])("""[\s\S]*?"""|'''[\s\S]*?'''|"[^"\n\r]*"|'[^'\n\r]*')/y;

/** @throws ExpressionError */
export function lex(source: string): ExpressionSource {
  const tokens: Token[] = [];
  let at = 0;
  const match = (pattern: RegExp): RegExpExecArray | null => {
    pattern.lastIndex = at;
    return pattern.exec(source);
  };
  const fail = (message: string): never => {
    throw new ExpressionError(source, [{ at, message }]);
  };
  for (;;) {
    at += match(space)?.[0].length ?? 0;
    if (at >= source.length) {
      tokens.push({ kind: 'end', at: source.length, text: '' });
      return { source, tokens };
    }
    const literal = match(rawText) ?? match(text);
    if (literal) {
      const value = textValue(literal[1] ?? '', literal[2] ?? '');
      if (value === undefined)
        fail(`invalid ${/b/i.test(literal[1] ?? '') ? 'bytes' : 'string'} literal`);
      else tokens.push({ kind: 'value', at, text: literal[0], value });
      at += literal[0].length;
      continue;
    }
    const name = match(ident)?.[0];
    if (name !== undefined) {
      tokens.push(wordToken(name, at));
      at += name.length;
      continue;
    }
    const quoted = match(quotedIdent);
    if (quoted) {
      tokens.push({ kind: 'quoted', at, text: quoted[1] ?? '' });
      at += quoted[0].length;
      continue;
    }
    const decimal = match(double)?.[0];
    if (decimal !== undefined) {
      if (!Number.isFinite(Number(decimal))) fail('invalid double literal');
      tokens.push({ kind: 'double', at, text: decimal });
      at += decimal.length;
      continue;
    }
    const digits = match(whole)?.[0];
    if (digits !== undefined) {
      if (/^u/i.test(source.slice(at + digits.length))) {
        const value = BigInt(digits);
        if (BigInt.asUintN(64, value) !== value) fail('invalid uint literal');
        tokens.push({ kind: 'value', at, text: `${digits}u`, value: new Uint(value) });
        at += digits.length + 1;
      } else {
        tokens.push({ kind: 'int', at, text: digits });
        at += digits.length;
      }
      continue;
    }
    const mark = match(symbol)?.[0];
    if (mark === undefined) {
      fail(
        `Syntax error: token recognition error at: '${String.fromCodePoint(source.codePointAt(at) ?? 0)}'`,
      );
      continue;
    }
    tokens.push({ kind: 'symbol', at, text: mark });
    at += mark.length;
  }
}

function wordToken(name: string, at: number): Token {
  if (name === 'true' || name === 'false')
    return { kind: 'value', at, text: name, value: name === 'true' };
  if (name === 'null') return { kind: 'value', at, text: name, value: null };
  if (name === 'in') return { kind: 'symbol', at, text: name };
  return { kind: 'ident', at, text: name };
}

const reserved: ReadonlySet<string> = new Set(
  'as break const continue else for function if import let loop package namespace return var void while'.split(
    ' ',
  ),
);

/** Words kept for later: no identifiers, though fields may have them. */
export function isReserved(name: string): boolean {
  return reserved.has(name);
}

const escapes: Readonly<Record<string, string>> = {
  a: '\u0007',
  b: '\b',
  f: '\f',
  n: '\n',
  r: '\r',
  t: '\t',
  v: '\v',
  '\\': '\\',
  "'": "'",
  '"': '"',
  '`': '`',
  '?': '?',
};

const escapeSequence =
  /\\(?:x([0-9a-fA-F]{2})|X([0-9a-fA-F]{2})|u([0-9a-fA-F]{4})|U([0-9a-fA-F]{8})|([0-3][0-7]{2})|([\s\S]))/g;

function textValue(prefix: string, quoted: string): CelValue | undefined {
  const width = /^(?:"""|''')/.test(quoted) ? 3 : 1;
  const body = quoted.slice(width, -width).replaceAll(/\r\n?/g, '\n');
  const isBytes = /b/i.test(prefix);
  if (/r/i.test(prefix)) return isBytes ? new Uint8Array(Buffer.from(body)) : body;
  let wrong = false;
  const parts: Buffer[] = [];
  let last = 0;
  let plain = '';
  for (const found of body.matchAll(escapeSequence)) {
    const [all, hex, hexUpper, short, long, octal, single] = found;
    plain += body.slice(last, found.index);
    if (isBytes) parts.push(Buffer.from(body.slice(last, found.index)));
    last = found.index + all.length;
    const code =
      hex !== undefined || hexUpper !== undefined || short !== undefined || long !== undefined
        ? Number.parseInt(hex ?? hexUpper ?? short ?? long ?? '', 16)
        : octal === undefined
          ? undefined
          : Number.parseInt(octal, 8);
    if (code === undefined) {
      const char = escapes[single ?? ''];
      if (char === undefined) wrong = true;
      plain += char ?? '';
      parts.push(Buffer.from(char ?? ''));
      continue;
    }
    const isUnicode = short !== undefined || long !== undefined;
    if (code > 0x10_ffff || (isUnicode && (isBytes || (code >= 0xd800 && code < 0xe000)))) {
      wrong = true;
      continue;
    }
    plain += String.fromCodePoint(code);
    parts.push(Buffer.from([code & 0xff]));
  }
  if (wrong) return undefined;
  if (!isBytes) return plain + body.slice(last);
  return new Uint8Array(Buffer.concat([...parts, Buffer.from(body.slice(last))]));
}
