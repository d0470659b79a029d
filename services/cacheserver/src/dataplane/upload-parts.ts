// What an upload holds in memory: large parts as they came, small ones copied together.

/** A smaller part is copied: what it is a part of would be held for it. */
const heldBytesMin = 4_096;
/** Memory that is taken at once for small parts, at most. */
const tailBytesMax = 16_384;
const none = Buffer.alloc(0);

export class UploadParts {
  #parts: Buffer[] = [];
  /** Filled with small parts; up to `#tailUsed` it belongs to the parts. */
  #tail = none;
  #tailUsed = 0;
  #bytes = 0;
  #memoryBytes = 0;

  get bytes(): number {
    return this.#bytes;
  }

  /** What it takes, which is more than `bytes`. */
  get memoryBytes(): number {
    return this.#memoryBytes;
  }

  /** Takes a part that nobody changes any more; so many bytes will follow soon. */
  add(part: Buffer, following: number): void {
    this.#bytes += part.length;
    const whole = part.buffer.byteLength;
    if (part.length >= heldBytesMin && part.length * 2 >= whole) {
      this.#endTail();
      this.#parts.push(part);
      this.#memoryBytes += whole;
      return;
    }
    if (this.#tail.length - this.#tailUsed < part.length) {
      this.#endTail();
      this.#tail = Buffer.allocUnsafe(part.length + Math.min(following, tailBytesMax));
      this.#memoryBytes += this.#tail.length;
    }
    part.copy(this.#tail, this.#tailUsed);
    this.#tailUsed += part.length;
  }

  /** All parts, in order; empty afterwards. */
  take(): readonly Buffer[] {
    this.#endTail();
    const parts = this.#parts;
    this.#parts = [];
    this.#bytes = 0;
    this.#memoryBytes = 0;
    return parts;
  }

  #endTail(): void {
    if (this.#tailUsed > 0) this.#parts.push(this.#tail.subarray(0, this.#tailUsed));
    this.#tail = none;
    this.#tailUsed = 0;
  }
}
