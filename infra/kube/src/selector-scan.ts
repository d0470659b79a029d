// Splits the text of a label selector into tokens.

export interface Token {
  /** `word`: `in` and `notin`, which are operators only after a key. `error`: a run of symbols that is no operator. */
  readonly kind: 'identifier' | 'word' | 'symbol' | 'error' | 'end';
  readonly text: string;
}

const symbols: ReadonlySet<string> = new Set([')', ',', '!', '==', '=', '>', '<', '!=', '(']);
const token = /[ \t\r\n]*(?:([=!(),><]+)|([^=!(),>< \t\r\n]+)|$)/y;

/** Tokens of `text`, the last of kind `end`. A NUL ends the text, as it does in the original. */
export function scanLabelSelector(text: string): Token[] {
  const tokens: Token[] = [];
  const input = text.split('\0', 1)[0] ?? '';
  for (let position = 0; ; ) {
    token.lastIndex = position;
    const [all = '', run, word] = token.exec(input) ?? [];
    if (word !== undefined) {
      tokens.push({ kind: word === 'in' || word === 'notin' ? 'word' : 'identifier', text: word });
      position += all.length;
    } else if (run !== undefined) {
      const symbol = longestSymbol(run);
      tokens.push(symbol);
      position +=
        all.length - run.length + (symbol.kind === 'error' ? run.length : symbol.text.length);
    } else {
      tokens.push({ kind: 'end', text: '' });
      return tokens;
    }
  }
}

function longestSymbol(run: string): Token {
  const two = run.slice(0, 2);
  const text = symbols.has(two) ? two : run.slice(0, 1);
  if (symbols.has(text)) return { kind: 'symbol', text };
  return { kind: 'error', text: `error expected: keyword found '${run}'` };
}
