// What does not fit a schema, while a value is walked along it.

/** A value that its schema cannot type; every line of the message names a path. */
export class TypedFault extends Error {
  override name = 'TypedFault';
}

/** Collects faults, and throws them as one. */
export class TypedFaults {
  readonly #lines: string[] = [];

  add(path: string, message: string): void {
    this.#lines.push(path === '' ? message : `${path}: ${message}`);
  }

  throwIfAny(): void {
    if (this.#lines.length === 1) throw new TypedFault(this.#lines[0]);
    if (this.#lines.length > 1)
      throw new TypedFault(`errors:\n${this.#lines.map((line) => `  ${line}`).join('\n')}`);
  }
}

/** What `make` gives; its faults say what was tried. */
export function within<Value>(what: string, make: () => Value): Value {
  try {
    return make();
  } catch (error) {
    if (error instanceof TypedFault) throw new TypedFault(`${what}: ${error.message}`);
    throw error;
  }
}
