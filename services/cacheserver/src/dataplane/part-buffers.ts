// Memory for parts of files on their way from disk to clients, used again and again: making it anew costs more than
// reading into it.

/** What every part has but the last one of a file. */
export const diskPartBytes: number = 256 * 1_024;

/** Idle memory that is kept: 4 MiB. */
const idleMax = 16;

export class PartBuffers {
  readonly #idle: Buffer[] = [];

  /** Its content is anything. */
  take(length: number): Buffer {
    const idle = length === diskPartBytes ? this.#idle.pop() : undefined;
    return idle ?? Buffer.allocUnsafeSlow(length);
  }

  /** Nobody looks at it any more. */
  give(part: Buffer): void {
    if (part.length === diskPartBytes && this.#idle.length < idleMax) this.#idle.push(part);
  }
}
