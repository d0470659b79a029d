// Finds keys that stand twice in one JSON object, which JSON.parse passes over in silence.

const quote = 0x22;
const backslash = 0x5c;

/** Paths of repeated keys, such as `spec.replicas`, in the order they are met. `text` must be valid JSON. */
export function duplicateKeys(text: string): readonly string[] {
  const found: string[] = [];
  new Scanner(text, (path, isRepeated) => void (isRepeated && found.push(path))).run();
  return found;
}

/** Unknown and repeated fields as strict decoding tells of them: in the order in which they stand in `text`, valid JSON. */
export function fieldProblems(text: string, unknown: readonly string[]): readonly string[] {
  const left = new Set(unknown);
  const found: string[] = [];
  new Scanner(text, (path, isRepeated) => {
    if (isRepeated) found.push(duplicateField(path));
    else if (left.delete(path)) found.push(unknownField(path));
  }).run();
  return [...found, ...[...left].map(unknownField)];
}

export const duplicateField = (path: string): string => `duplicate field ${JSON.stringify(path)}`;
export const unknownField = (path: string): string => `unknown field ${JSON.stringify(path)}`;

type OnKey = (path: string, isRepeated: boolean) => void;

class Scanner {
  readonly #text: string;
  readonly #onKey: OnKey;
  #position = 0;

  constructor(text: string, onKey: OnKey) {
    this.#text = text;
    this.#onKey = onKey;
  }

  run(): void {
    this.#value('');
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
      this.#onKey(at, seen.has(key));
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
