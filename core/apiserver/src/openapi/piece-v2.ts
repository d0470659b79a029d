// A definition, parameter or path of an OpenAPI v2 document as it is sent, kept so that a change of one kind costs no more than that.

import { type Section, sectionEntry } from './document-protobuf.ts';

export class PieceV2 {
  readonly section: Section;
  readonly key: string;
  /** `"key":value`. */
  readonly json: Buffer;
  #protobuf: Uint8Array | undefined;

  constructor(section: Section, key: string, value: unknown) {
    this.section = section;
    this.key = key;
    this.json = Buffer.from(`${JSON.stringify(key)}:${JSON.stringify(value)}`);
  }

  /** An entry of the section's message; made when first asked for, for few clients do. */
  get protobuf(): Uint8Array {
    this.#protobuf ??= sectionEntry(this.section, JSON.parse(`{${this.json.toString()}}`));
    return this.#protobuf;
  }
}
