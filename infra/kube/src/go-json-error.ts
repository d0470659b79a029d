// Why a text is no JSON, in the words of Go's encoding/json: clients read them in the answers of API servers.

/** Deeper nesting is refused before it is looked at. */
const depthMax = 10_000;

class Fault extends Error {}

/** What Go's decoder says of bytes that are no JSON; undefined when they are. */
export function goJsonError(bytes: Uint8Array): string | undefined {
  const scan = new Scan(bytes);
  try {
    scan.document();
    return undefined;
  } catch (error) {
    if (error instanceof Fault) return error.message;
    throw error;
  }
}

const code = (character: string): number => character.charCodeAt(0);
const isSpace = (byte: number): boolean =>
  byte === 0x20 || byte === 0x09 || byte === 0x0a || byte === 0x0d;
const isDigit = (byte: number | undefined): boolean =>
  byte !== undefined && byte >= 0x30 && byte <= 0x39;

class Scan {
  readonly #bytes: Uint8Array;
  #position = 0;

  constructor(bytes: Uint8Array) {
    this.#bytes = bytes;
  }

  document(): void {
    this.#value(0);
    this.#skipSpace();
    if (this.#position < this.#bytes.length) throw this.#wrong('after top-level value');
  }

  #value(depth: number): void {
    if (depth > depthMax) throw new Fault('exceeded max depth');
    this.#skipSpace();
    const byte = this.#peek();
    if (byte === code('{')) this.#object(depth);
    else if (byte === code('[')) this.#array(depth);
    else if (byte === code('"')) this.#string();
    else if (byte === code('-') || isDigit(byte)) this.#number();
    else this.#literal(byte);
  }

  #object(depth: number): void {
    this.#position++;
    this.#skipSpace();
    if (this.#take('}')) return;
    for (;;) {
      this.#skipSpace();
      if (this.#peek() !== code('"'))
        throw this.#wrong('looking for beginning of object key string');
      this.#string();
      this.#skipSpace();
      if (!this.#take(':')) throw this.#wrong('after object key');
      this.#value(depth + 1);
      this.#skipSpace();
      if (this.#take('}')) return;
      if (!this.#take(',')) throw this.#wrong('after object key:value pair');
    }
  }

  #array(depth: number): void {
    this.#position++;
    this.#skipSpace();
    if (this.#take(']')) return;
    for (;;) {
      this.#value(depth + 1);
      this.#skipSpace();
      if (this.#take(']')) return;
      if (!this.#take(',')) throw this.#wrong('after array element');
    }
  }

  #string(): void {
    this.#position++;
    for (;;) {
      const byte = this.#peek();
      if (byte === code('"')) {
        this.#position++;
        return;
      }
      if (byte < 0x20) throw this.#wrong('in string literal');
      this.#position++;
      if (byte === code('\\')) this.#escape();
    }
  }

  #escape(): void {
    const byte = this.#peek();
    if (!'bfnrt\\/"u'.includes(String.fromCharCode(byte)))
      throw this.#wrong('in string escape code');
    this.#position++;
    if (byte !== code('u')) return;
    for (let digit = 0; digit < 4; digit++) {
      if (!/[0-9a-fA-F]/.test(String.fromCharCode(this.#peek()))) {
        throw this.#wrong('in \\u hexadecimal character escape');
      }
      this.#position++;
    }
  }

  #number(): void {
    this.#take('-');
    if (!isDigit(this.#peek())) throw this.#wrong('in numeric literal');
    if (!this.#take('0')) this.#digits();
    if (this.#is('.')) {
      this.#position++;
      if (!isDigit(this.#peek())) throw this.#wrong('after decimal point in numeric literal');
      this.#digits();
    }
    if (!this.#is('e') && !this.#is('E')) return;
    this.#position++;
    if (!this.#take('+')) this.#take('-');
    if (!isDigit(this.#peek())) throw this.#wrong('in exponent of numeric literal');
    this.#digits();
  }

  #digits(): void {
    while (isDigit(this.#bytes[this.#position])) this.#position++;
  }

  #literal(first: number): void {
    const word = ['true', 'false', 'null'].find((each) => code(each) === first);
    if (word === undefined) throw this.#wrong('looking for beginning of value');
    for (const character of word) {
      if (this.#peek() !== code(character)) {
        throw this.#wrong(`in literal ${word} (expecting '${character}')`);
      }
      this.#position++;
    }
  }

  #skipSpace(): void {
    while (isSpace(this.#bytes[this.#position] ?? -1)) this.#position++;
  }

  #is(character: string): boolean {
    return this.#bytes[this.#position] === code(character);
  }

  #take(character: string): boolean {
    if (!this.#is(character)) return false;
    this.#position++;
    return true;
  }

  /** The byte that is next. @throws Fault at the end. */
  #peek(): number {
    const byte = this.#bytes[this.#position];
    if (byte === undefined) throw new Fault('unexpected end of JSON input');
    return byte;
  }

  /** What there is to say of the byte that is next; at the end, that it is the end. */
  #wrong(where: string): Fault {
    return new Fault(`invalid character ${quoted(this.#peek())} ${where}`);
  }
}

/** A byte as Go quotes the character of that number. */
function quoted(byte: number): string {
  const character = String.fromCharCode(byte);
  if (character === "'") return String.raw`'\''`;
  if (character === '"') return `'"'`;
  const named = { '\n': '\\n', '\r': '\\r', '\t': '\\t', '\b': '\\b', '\f': '\\f' }[character];
  const further = { '\v': '\\v', '\u0007': '\\a', '\\': '\\\\' }[character];
  const name = named ?? further;
  if (name !== undefined) return `'${name}'`;
  const isPlain = (byte >= 0x20 && byte < 0x7f) || (byte > 0xa0 && byte !== 0xad);
  if (isPlain) return `'${character}'`;
  const hex = byte.toString(16);
  return byte < 0x80 ? `'\\x${hex.padStart(2, '0')}'` : `'\\u${hex.padStart(4, '0')}'`;
}
