// The field tables by which protobuf messages are decoded, from their compact spelling in `generated/protobuf.json`.

/** How one field is decoded. */
export interface ProtobufField {
  /** The JSON name; `>inline` for embedded structs. */
  readonly name: string;
  readonly shape: 'one' | 'list' | 'map';
  /** A scalar, or the name of a message. */
  readonly type: string;
  /** Whether the zero of the type means that the field is not set. */
  readonly zeroIsUnset: boolean;
}

/** What `generated/protobuf.json` holds. */
export interface CompactTables {
  readonly kinds: Readonly<Record<string, string>>;
  readonly messages: Readonly<Record<string, readonly string[]>>;
}

/** Tables of one release; messages are unfolded when they are first met. */
export class ProtobufTables {
  readonly #compact: CompactTables;
  readonly #unfolded = new Map<string, ReadonlyMap<number, ProtobufField>>();

  constructor(compact: CompactTables) {
    this.#compact = compact;
  }

  /** The message of a kind; undefined for kinds that are not served. */
  messageOf(apiVersion: string, kind: string): string | undefined {
    const groupVersion = apiVersion.includes('/') ? apiVersion : `/${apiVersion}`;
    const { kinds } = this.#compact;
    const own = `${groupVersion}/${kind}`;
    if (Object.hasOwn(kinds, own)) return kinds[own];
    return Object.hasOwn(kinds, `*/${kind}`) ? kinds[`*/${kind}`] : undefined;
  }

  /** The fields of a message by number; undefined for messages that are not in the tables. */
  fieldsOf(message: string): ReadonlyMap<number, ProtobufField> | undefined {
    const known = this.#unfolded.get(message);
    if (known !== undefined || !Object.hasOwn(this.#compact.messages, message)) return known;
    const fields = new Map(this.#compact.messages[message]?.map(unfold));
    this.#unfolded.set(message, fields);
    return fields;
  }
}

/** Reads `number name type`, where the type may begin with `*` (list), `%` (map) or `?` (zero is unset). */
function unfold(text: string): readonly [number, ProtobufField] {
  const [number = '', name = '', type = ''] = text.split(' ');
  const mark = type.charAt(0);
  const shape = mark === '*' ? 'list' : mark === '%' ? 'map' : 'one';
  return [
    Number(number),
    { name, shape, type: type.replace(/^[*%?]/, ''), zeroIsUnset: mark === '?' },
  ];
}

/** Loads the tables of the served kinds; keep them, each call builds them anew. */
export async function loadProtobufTables(): Promise<ProtobufTables> {
  const { default: compact } = await import('../generated/protobuf.json', {
    with: { type: 'json' },
  });
  return new ProtobufTables(compact);
}
