// What Redis-protocol peers say to one another (RESP2 and RESP3), as values.

/** An error that the peer answered with: `OOM command not allowed ...` has the code `OOM`. */
export class RespError {
  readonly code: string;
  readonly message: string;

  constructor(text: string) {
    const [code = ''] = text.split(' ', 1);
    this.code = /^[A-Z][A-Z0-9_]*$/.test(code) ? code : 'ERR';
    this.message = text;
  }
}

/** A mapping in the order it came; keys may be of any kind and may repeat. */
export class RespMap {
  readonly entries: readonly (readonly [RespValue, RespValue])[];

  constructor(entries: readonly (readonly [RespValue, RespValue])[]) {
    this.entries = entries;
  }
}

/** A set as it came; whether items repeat is the peer's business. */
export class RespSet {
  readonly items: readonly RespValue[];

  constructor(items: readonly RespValue[]) {
    this.items = items;
  }
}

/** Text that says what form it has, such as `txt` or `mkd`. */
export class RespVerbatim {
  readonly form: string;
  readonly text: Buffer;

  constructor(form: string, text: Buffer) {
    this.form = form;
    this.text = text;
  }
}

/**
 * One reply. Simple strings are strings, bulk strings are buffers, doubles and integers numbers; an integer beyond 2^53
 * is a bigint, as big numbers are. All nulls are alike.
 */
export type RespValue =
  | null
  | boolean
  | number
  | bigint
  | string
  | Buffer
  | RespError
  | RespMap
  | RespSet
  | RespVerbatim
  | readonly RespValue[];
