// A transaction that is filled from a connection: answers come as they come, the store says when it has room.

import type { UnityCacheFileType } from '@tweendeck/wire';
import type { PutOutcome, PutTransaction } from '../dataplane/value-store.ts';

type Step = () => Promise<void> | undefined;

/** Takes every step at once while the store has room, and in order behind the one it waits for else. */
export class FillUpload {
  readonly #upload: PutTransaction;
  #behind: Promise<void> | undefined;
  #over = false;

  constructor(upload: PutTransaction) {
    this.#upload = upload;
  }

  startFile(type: UnityCacheFileType, sizeBytes: number): void {
    void this.#take(() => {
      this.#upload.startFile(type, sizeBytes);
      return undefined;
    });
  }

  /** A promise, which does not reject, asks for no more parts. */
  write(part: Buffer): Promise<void> | undefined {
    return this.#take(() => this.#upload.write(part));
  }

  endFile(): void {
    void this.#take(() => {
      this.#upload.endFile();
      return undefined;
    });
  }

  async commit(): Promise<PutOutcome> {
    while (this.#behind !== undefined) await this.#behind;
    this.#over = true;
    return this.#upload.commit();
  }

  abandon(): void {
    this.#over = true;
    this.#upload.abandon();
  }

  #take(step: Step): Promise<void> | undefined {
    if (this.#over) return undefined;
    const room = this.#behind === undefined ? step() : this.#behind.then(() => this.#late(step));
    if (room !== undefined) this.#wait(room);
    return this.#behind;
  }

  #late(step: Step): Promise<void> | undefined {
    return this.#over ? undefined : step();
  }

  #wait(room: Promise<void>): void {
    const behind = room.then(() => {
      if (this.#behind === behind) this.#behind = undefined;
    });
    this.#behind = behind;
  }
}
