// Keys that an upstream did not have a moment ago: it is not asked for them again at once.

export class AbsentKeys {
  readonly #keysMax: number;
  readonly #untilMs = new Map<string, number>();

  /** Beyond `keysMax` the oldest go. */
  constructor(keysMax: number) {
    this.#keysMax = keysMax;
  }

  has(key: string, nowMs: number): boolean {
    const untilMs = this.#untilMs.get(key);
    if (untilMs === undefined) return false;
    if (nowMs < untilMs) return true;
    this.#untilMs.delete(key);
    return false;
  }

  add(key: string, untilMs: number): void {
    this.#untilMs.delete(key);
    this.#untilMs.set(key, untilMs);
    if (this.#untilMs.size <= this.#keysMax) return;
    const [oldest] = this.#untilMs.keys();
    if (oldest !== undefined) this.#untilMs.delete(oldest);
  }

  clear(): void {
    this.#untilMs.clear();
  }
}
