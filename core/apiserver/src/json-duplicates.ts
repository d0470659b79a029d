// Finds keys that stand twice in one JSON object, which JSON.parse passes over in silence.

const quote = 0x22;
const backslash = 0x5c;

/** Paths of repeated keys, such as `spec.replicas`, in the order they are met. `text` must be valid JSON. */
export function duplicateKeys(text: string): readonly string[] {
  return new Scanner(text).run();
}

class Scanner {
  readonly #text: string;
  readonly #found: string[] = [];
  #position = 0;

  constructor(text: string) {
    this.#text = text;
  }

  run(): readonly string[] {
    this.#value('');
    return this.#found;
  }

  #value(path: string): void {
    switch (this.#peek()) {
      case '{':
        this.#members(path);
        return;
      case '[':
        this.#items(path);
        return;
      case '"':
        this.#string();
        return;
      default:
        while (this.#position < this.#text.length && !',]}'.includes(this.#peek()))
          this.#position++;
    }
  }

  #members(path: string): void {
    const seen = new Set<string>();
    this.#position++;
    while (this.#peek() === '"') {
      const key = this.#string();
      const at = path === '' ? key : `${path}.${key}`;
      if (seen.has(key)) this.#found.push(at);
      seen.add(key);
      this.#expect(':');
      this.#value(at);
      if (this.#peek() === ',') this.#position++;
    }
    this.#expect('}');
  }

  #items(path: string): void {
    this.#position++;
    for (let index = 0; this.#peek() !== ']' && this.#position < this.#text.length; index++) {
      this.#value(`${path}[${index}]`);
      if (this.#peek() === ',') this.#position++;
    }
    this.#expect(']');
  }

  /** Reads a string, and gives what it says. */
  #string(): string {
    const start = this.#position;
    this.#position++;
    for (;;) {
      const code = this.#text.charCodeAt(this.#position);
      if (code === quote || Number.isNaN(code)) break;
      this.#position += code === backslash ? 2 : 1;
    }
    this.#position++;
    const raw = this.#text.slice(start, this.#position);
    return raw.includes('\\') ? String(JSON.parse(raw)) : raw.slice(1, -1);
  }

  /** The next character that is no white space. */
  #peek(): string {
    while (/\s/.test(this.#text[this.#position] ?? '')) this.#position++;
    return this.#text[this.#position] ?? '';
  }

  #expect(character: string): void {
    if (this.#peek() === character) this.#position++;
  }
}
