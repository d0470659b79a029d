// What a lab made on this machine, written down before it is made, so that anybody can undo it afterwards.

import { appendFileSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { ProcessId } from './processes.ts';

/** One thing that does not go away by itself. Processes are found by the lab's marker as well. */
export type Made =
  | ({ readonly kind: 'process'; readonly name: string } & ProcessId)
  | { readonly kind: 'link'; readonly name: string }
  | { readonly kind: 'cgroup'; readonly path: string };

const fileName = 'journal.jsonl';

/** The journal of a lab's directory. */
export class Journal {
  readonly #path: string;

  constructor(directory: string) {
    this.#path = join(directory, fileName);
  }

  /** Returns once it is in the file: make the thing after that. */
  add(made: Made): void {
    appendFileSync(this.#path, `${JSON.stringify(made)}\n`);
  }

  /** Everything written so far; a last line that was cut short stands for nothing that was made. */
  read(): readonly Made[] {
    let text: string;
    try {
      text = readFileSync(this.#path, 'utf8');
    } catch {
      return []; // nothing was made yet
    }
    const lines = text.split('\n').slice(0, -1);
    return lines.map((line): Made => JSON.parse(line)); // written by add alone
  }
}
