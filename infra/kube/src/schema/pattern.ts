// Patterns of schemas are written in RE2's syntax; this compiles them to JavaScript's. Backtracking is JavaScript's too.

/** A pattern that RE2 would refuse, or that cannot be said in JavaScript; `message` is worded as Go's. */
export class PatternError extends Error {
  override name = 'PatternError';
}

const cacheMax = 1_000;
const posix: Readonly<Record<string, string>> = {
  alnum: '0-9A-Za-z',
  alpha: 'A-Za-z',
  ascii: '\\x00-\\x7F',
  blank: '\\t ',
  cntrl: '\\x00-\\x1F\\x7F',
  digit: '0-9',
  graph: '!-~',
  lower: 'a-z',
  print: ' -~',
  punct: '!-\\/:-@\\[-`{-~',
  space: '\\t\\n\\v\\f\\r ',
  upper: 'A-Z',
  word: '0-9A-Za-z_',
  xdigit: '0-9A-Fa-f',
};
const categories = /^(?:[LMNPSZC][a-z]?)$/;

/** Compiles an RE2 pattern, unanchored. @throws PatternError */
export function compilePattern(pattern: string): RegExp {
  const source = new PatternTranslator(pattern).translate();
  try {
    return new RegExp(source, 'u');
  } catch (cause) {
    throw new PatternError(`error parsing regexp: \`${pattern}\``, { cause });
  }
}

/** A bounded memory of compiled patterns, for patterns that come from data: the oldest is forgotten first. */
export class PatternCache {
  readonly #compiled = new Map<string, RegExp>();

  /** @throws PatternError */
  get(pattern: string): RegExp {
    const known = this.#compiled.get(pattern);
    if (known) return known;
    const compiled = compilePattern(pattern);
    const [oldest] = this.#compiled.keys();
    if (this.#compiled.size >= cacheMax && oldest !== undefined) this.#compiled.delete(oldest);
    this.#compiled.set(pattern, compiled);
    return compiled;
  }
}

interface Group {
  /** What was opened for flags that hold to the end of this group; closed with it, and around each `|`. */
  readonly flags: string[];
  /** Whether `.` takes newlines. */
  dotAll: boolean;
}

class PatternTranslator {
  readonly #input: string;
  #position = 0;
  readonly #groups: Group[] = [{ flags: [], dotAll: false }];

  constructor(input: string) {
    this.#input = input;
  }

  translate(): string {
    let output = '';
    while (this.#position < this.#input.length) output += this.#next();
    if (this.#groups.length !== 1) this.#refuse('missing closing )');
    return output + ')'.repeat(this.#groups[0]?.flags.length ?? 0);
  }

  #refuse(what: string, culprit: string = this.#input): never {
    throw new PatternError(`error parsing regexp: ${what}: \`${culprit}\``);
  }

  #rest(): string {
    return this.#input.slice(this.#position);
  }

  #take(count: number): string {
    const taken = this.#input.slice(this.#position, this.#position + count);
    this.#position += count;
    return taken;
  }

  #next(): string {
    const char = String.fromCodePoint(this.#input.codePointAt(this.#position) ?? 0);
    if (char === '\\') return this.#escape(false);
    if (char === '[') return this.#class();
    if (char === '(') return this.#open();
    if (char === '{') return this.#brace();
    this.#take(char.length);
    if (char === ')') return this.#close();
    if (char === '|') return this.#alternative();
    if (char === '.') return this.#groups.at(-1)?.dotAll ? '[^]' : '[^\\n]';
    if (char === '}' || char === ']') return `\\${char}`;
    return char;
  }

  #open(): string {
    const outer = this.#groups.at(-1);
    const dotAll = outer?.dotAll ?? false;
    const named = /^\(\?P?<([A-Za-z_]\w*)>/.exec(this.#rest());
    if (named) {
      this.#take(named[0].length);
      this.#groups.push({ flags: [], dotAll });
      return `(?<${named[1]}>`;
    }
    if (!this.#rest().startsWith('(?')) {
      this.#take(1);
      this.#groups.push({ flags: [], dotAll });
      return '(';
    }
    return this.#flags(dotAll);
  }

  #flags(dotAll: boolean): string {
    const match = /^\(\?([imsU]*)(?:-([imsU]+))?([:)])/.exec(this.#rest());
    if (!match) this.#refuse('invalid or unsupported Perl syntax', this.#rest().slice(0, 3));
    const [all, on = '', off = '', end] = match;
    if (/U/.test(on + off)) this.#refuse('unsupported flag U');
    this.#take(all.length);
    const dot = on.includes('s') || (dotAll && !off.includes('s'));
    const open = on || off ? `(?${on}${off ? `-${off}` : ''}:` : '(?:';
    if (end === ':') {
      this.#groups.push({ flags: [], dotAll: dot });
      return open;
    }
    const group = this.#groups.at(-1); // flags hold to the end of the group around them
    if (group) {
      group.flags.push(open);
      group.dotAll = dot;
    }
    return open;
  }

  #close(): string {
    const group = this.#groups.pop();
    if (!group || this.#groups.length === 0) this.#refuse('unexpected )');
    return ')'.repeat(group.flags.length + 1);
  }

  #alternative(): string {
    const flags = this.#groups.at(-1)?.flags ?? [];
    return `${')'.repeat(flags.length)}|${flags.join('')}`;
  }

  #brace(): string {
    const match = /^\{(\d+)(?:,(\d*))?\}/.exec(this.#rest());
    if (!match) {
      this.#take(1);
      return '\\{';
    }
    if (Number(match[1]) > 1_000 || Number(match[2] ?? 0) > 1_000) {
      this.#refuse('invalid repeat count', match[0]);
    }
    return this.#take(match[0].length);
  }

  #escape(inClass: boolean): string {
    const rest = this.#rest();
    const quoted = inClass ? null : /^\\Q(.*?)(?:\\E|$)/s.exec(rest);
    if (quoted) {
      this.#take(quoted[0].length);
      return RegExp.escape(quoted[1] ?? '')
        .replace(/\\x2d/g, '\\-')
        .replaceAll('\\-', '\\x2d');
    }
    const unicode = /^\\([pP])(?:\{(\^?)([A-Za-z_]+)\}|([A-Z]))/.exec(rest);
    if (unicode) return this.#unicode(unicode);
    const hex = /^\\x(?:\{([0-9A-Fa-f]+)\}|([0-9A-Fa-f]{2}))/.exec(rest);
    if (hex) {
      this.#take(hex[0].length);
      return `\\u{${hex[1] ?? hex[2]}}`;
    }
    const octal = /^\\(?:0[0-7]{0,2}|[1-7][0-7]{1,2})/.exec(rest);
    if (octal) {
      this.#take(octal[0].length);
      return `\\u{${Number.parseInt(octal[0].slice(1), 8).toString(16)}}`;
    }
    return this.#simpleEscape(this.#take(2).slice(1), inClass);
  }

  #simpleEscape(char: string, inClass: boolean): string {
    if (char === '') this.#refuse('trailing backslash at end of expression', '');
    if (/[dDwWtnrfv]/.test(char)) return `\\${char}`;
    if (char === 'a') return '\\x07';
    if (char === 's') return inClass ? '\\t\\n\\f\\r ' : '[\\t\\n\\f\\r ]';
    if (char === 'S') return inClass ? '\\S' : '[^\\t\\n\\f\\r ]';
    if (!inClass && /[bB]/.test(char)) return `\\${char}`;
    if (!inClass && char === 'A') return '(?<![^])';
    if (!inClass && char === 'z') return '(?![^])';
    if (/[A-Za-z0-9]/.test(char) || char.charCodeAt(0) > 127) {
      this.#refuse('invalid escape sequence', `\\${char}`);
    }
    return /[\^$\\.*+?()[\]{}|/-]/.test(char) && (char !== '-' || inClass) ? `\\${char}` : char;
  }

  #unicode([all, letter = 'p', negated = '', name = '', short = '']: RegExpExecArray): string {
    this.#take(all.length);
    const property = short || name;
    const flipped = negated === '' ? letter : letter === 'p' ? 'P' : 'p';
    return `\\${flipped}{${categories.test(property) ? '' : 'Script='}${property}}`;
  }

  #class(): string {
    const whole = this.#rest();
    this.#take(1);
    let output = '[';
    if (this.#input[this.#position] === '^') output += this.#take(1);
    if (this.#input[this.#position] === ']') {
      this.#take(1);
      output += '\\]';
    }
    for (;;) {
      const rest = this.#rest();
      if (rest === '') this.#refuse('missing closing ]', whole);
      const named = /^\[:(\^?)([a-z]+):\]/.exec(rest);
      if (named) {
        const members = posix[named[2] ?? ''];
        if (members === undefined || named[1])
          this.#refuse('invalid character class range', named[0]);
        this.#take(named[0].length);
        output += members;
      } else if (rest.startsWith('\\')) output += this.#escape(true);
      else if (rest.startsWith(']')) return output + this.#take(1);
      else if (rest.startsWith('[')) output += `\\${this.#take(1)}`;
      else output += this.#take(String.fromCodePoint(rest.codePointAt(0) ?? 0).length);
    }
  }
}
