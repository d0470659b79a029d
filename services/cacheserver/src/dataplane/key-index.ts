// Which file of which key lies where: a hash table of plain numbers, about 105 bytes a key and no object per key.

const keyWords = 8;
const fileWords = 4; // segment, offset, size, crc
const filesAt = 1 + keyWords;
const committedAt = filesAt + 3 * fileWords;
const usedAt = committedAt + 1;
const recordWords = usedAt + 1;
const recordsPerChunk = 4_096;
const tableLengthMin = 8_192;

/**
 * Where one file lies, in numbers; `sizeBytes` 0 means that there is none. Then a `segment` above 0 is a trace: the last
 * that is known of the file stands there, and whoever stores it anew holds something newer than that segment.
 */
export interface IndexedFile {
  segment: number;
  offset: number;
  sizeBytes: number;
  crc: number;
}

const nowhere: IndexedFile = { segment: 0, offset: 0, sizeBytes: 0, crc: 0 };

/** Open addressing with linear probing over records in chunks; a record's number is stable until it is removed. */
export class KeyIndex {
  readonly #seed: number;
  readonly #chunks: Uint32Array[] = [];
  readonly #free: number[] = [];
  readonly #probe = new Uint32Array(keyWords);
  #table = new Int32Array(tableLengthMin); // record number + 1; 0 is free
  #used = 0; // records handed out so far, freed ones included
  #records = 0; // in the table
  #count = 0; // of these, with a file

  /** `seed` keeps clients from choosing keys that collide. */
  constructor(seed: number) {
    this.#seed = seed | 0;
  }

  /** Keys with a file. */
  get count(): number {
    return this.#count;
  }

  /** Keys with a file or a trace of one. */
  get records(): number {
    return this.#records;
  }

  /** Bytes held by tables and records. */
  get bytes(): number {
    return this.#table.byteLength + this.#chunks.length * recordsPerChunk * recordWords * 4;
  }

  /** Makes the table large enough for so many keys at once. */
  reserve(keys: number): void {
    const length = tableLengthFor(keys);
    if (length > this.#table.length) this.#resize(length);
  }

  /** Makes the table no larger than the keys that are there need. */
  trim(): void {
    const length = tableLengthFor(this.#records);
    if (length < this.#table.length) this.#resize(length);
  }

  /** The record of the key at `at` of `bytes`, or -1 when it has no file. */
  find(bytes: Uint8Array, at: number): number {
    const record = this.locate(bytes, at);
    return record >= 0 && this.holdsKey(record) ? record : -1;
  }

  /** As `find`, also of a key that left only traces. */
  locate(bytes: Uint8Array, at: number): number {
    const hash = this.#load(bytes, at);
    return (this.#table[this.#slotOf(hash)] ?? 0) - 1;
  }

  /** The record of the key, made without files when it is new. */
  insert(bytes: Uint8Array, at: number): number {
    const hash = this.#load(bytes, at);
    return this.#insert(hash);
  }

  /** As `insert`, of a key in eight words. */
  insertWords(words: Uint32Array, at: number): number {
    let hash = this.#seed;
    for (let word = 0; word < keyWords; word++) {
      const value = words[at + word] ?? 0;
      this.#probe[word] = value;
      hash = mixed(hash, value);
    }
    return this.#insert(finished(hash));
  }

  #insert(hash: number): number {
    let slot = this.#slotOf(hash);
    const present = (this.#table[slot] ?? 0) - 1;
    if (present >= 0) return present;
    if ((this.#records + 1) * 10 > this.#table.length * 7) {
      this.#resize(this.#table.length * 2);
      slot = this.#slotOf(hash);
    }
    const record = this.#free.pop() ?? this.#fresh();
    const chunk = this.#chunkOf(record);
    const base = baseOf(record);
    chunk[base] = hash;
    for (let word = 0; word < keyWords; word++) chunk[base + 1 + word] = this.#probe[word] ?? 0;
    this.#table[slot] = record + 1;
    this.#records++;
    return record;
  }

  /** A record that never was anybody's. */
  #fresh(): number {
    const record = this.#used++;
    if (Math.floor(record / recordsPerChunk) === this.#chunks.length) {
      this.#chunks.push(new Uint32Array(recordsPerChunk * recordWords));
    }
    return record;
  }

  /** Reads the place of file 0, 1 or 2 into `into`; false when there is none, only a trace at best. */
  read(record: number, file: number, into: IndexedFile): boolean {
    const chunk = this.#chunkOf(record);
    const base = baseOf(record) + filesAt + file * fileWords;
    into.segment = chunk[base] ?? 0;
    into.offset = chunk[base + 1] ?? 0;
    into.sizeBytes = chunk[base + 2] ?? 0;
    into.crc = chunk[base + 3] ?? 0;
    return into.sizeBytes > 0;
  }

  /** Sets a place, or a trace when its size is 0. */
  write(record: number, file: number, place: Readonly<IndexedFile>): void {
    const before = this.holdsKey(record);
    const chunk = this.#chunkOf(record);
    const base = baseOf(record) + filesAt + file * fileWords;
    chunk[base] = place.segment;
    chunk[base + 1] = place.offset;
    chunk[base + 2] = place.sizeBytes;
    chunk[base + 3] = place.crc;
    this.#count += Number(this.holdsKey(record)) - Number(before);
  }

  /** When a file of the key was last committed, in seconds of the store's clock. */
  committedSeconds(record: number): number {
    return this.#chunkOf(record)[baseOf(record) + committedAt] ?? 0;
  }

  /** When the key was last asked for or committed, in seconds of the store's clock. */
  usedSeconds(record: number): number {
    return this.#chunkOf(record)[baseOf(record) + usedAt] ?? 0;
  }

  /** Notes a commit, which is a use as well; neither time goes back. */
  committed(record: number, seconds: number): void {
    const chunk = this.#chunkOf(record);
    const at = baseOf(record) + committedAt;
    if ((chunk[at] ?? 0) < seconds) chunk[at] = seconds;
    this.used(record, seconds);
  }

  used(record: number, seconds: number): void {
    const chunk = this.#chunkOf(record);
    const at = baseOf(record) + usedAt;
    if ((chunk[at] ?? 0) < seconds) chunk[at] = seconds;
  }

  /** Records handed out so far: all numbers of keys are below. */
  get recordsEnd(): number {
    return this.#used;
  }

  /** Whether this number is a key's at present: one with a file. */
  holdsKey(record: number): boolean {
    const chunk = this.#chunkOf(record);
    const at = baseOf(record) + filesAt + 2;
    return chunk[at] !== 0 || chunk[at + fileWords] !== 0 || chunk[at + 2 * fileWords] !== 0;
  }

  /** Copies the key of a record to `at` of `target`. */
  keyOf(record: number, target: Buffer, at: number): void {
    const chunk = this.#chunkOf(record);
    const base = baseOf(record) + 1;
    for (let word = 0; word < keyWords; word++) {
      target.writeUInt32LE(chunk[base + word] ?? 0, at + word * 4);
    }
  }

  /** Whether the key of a record begins with these bytes, a multiple of four. */
  startsWith(record: number, bytes: Uint8Array): boolean {
    const chunk = this.#chunkOf(record);
    const base = baseOf(record) + 1;
    for (let at = 0; at < bytes.length; at += 4) {
      if (chunk[base + at / 4] !== wordAt(bytes, at)) return false;
    }
    return true;
  }

  /** Takes a file and its trace off a key; a key without any is forgotten. */
  clear(record: number, file: number): void {
    this.write(record, file, nowhere);
    const chunk = this.#chunkOf(record);
    const at = baseOf(record) + filesAt;
    for (let index = 0; index < 3; index++) if (chunk[at + index * fileWords] !== 0) return;
    this.#remove(record);
  }

  /** Forgets everything. */
  reset(): void {
    this.#table = new Int32Array(tableLengthMin);
    this.#chunks.length = 0;
    this.#free.length = 0;
    this.#used = 0;
    this.#records = 0;
    this.#count = 0;
  }

  #remove(record: number): void {
    const chunk = this.#chunkOf(record);
    const base = baseOf(record);
    const mask = this.#table.length - 1;
    let hole = (chunk[base] ?? 0) & mask;
    while (this.#table[hole] !== record + 1) hole = (hole + 1) & mask;
    // Pull later entries of the run back, so that no probe ends early at the hole.
    for (let next = (hole + 1) & mask; this.#table[next] !== 0; next = (next + 1) & mask) {
      const moved = (this.#table[next] ?? 0) - 1;
      const home = (this.#chunkOf(moved)[baseOf(moved)] ?? 0) & mask;
      if (((next - home) & mask) >= ((next - hole) & mask)) {
        this.#table[hole] = moved + 1;
        hole = next;
      }
    }
    this.#table[hole] = 0;
    chunk.fill(0, base, base + recordWords);
    this.#free.push(record);
    this.#records--;
  }

  #resize(length: number): void {
    const table = new Int32Array(length);
    const mask = table.length - 1;
    for (const entry of this.#table) {
      if (entry === 0) continue;
      let slot = (this.#chunkOf(entry - 1)[baseOf(entry - 1)] ?? 0) & mask;
      while (table[slot] !== 0) slot = (slot + 1) & mask;
      table[slot] = entry;
    }
    this.#table = table;
  }

  /** The slot of the key in `#probe`, or the free slot where it would go. */
  #slotOf(hash: number): number {
    const mask = this.#table.length - 1;
    for (let slot = hash & mask; ; slot = (slot + 1) & mask) {
      const record = (this.#table[slot] ?? 0) - 1;
      if (record < 0 || this.#holds(record, hash)) return slot;
    }
  }

  #holds(record: number, hash: number): boolean {
    const chunk = this.#chunkOf(record);
    const base = baseOf(record);
    if (chunk[base] !== hash) return false;
    for (let word = 0; word < keyWords; word++) {
      if (chunk[base + 1 + word] !== this.#probe[word]) return false;
    }
    return true;
  }

  /** Loads the key into `#probe`; returns its hash. */
  #load(bytes: Uint8Array, at: number): number {
    let hash = this.#seed;
    for (let word = 0; word < keyWords; word++) {
      const value = wordAt(bytes, at + word * 4);
      this.#probe[word] = value;
      hash = mixed(hash, value);
    }
    return finished(hash);
  }

  #chunkOf(record: number): Uint32Array {
    return this.#chunks[Math.floor(record / recordsPerChunk)] as Uint32Array; // made before the number was handed out
  }
}

/** Multiply, rotate, xor: a word into a hash. */
function mixed(hash: number, word: number): number {
  const product = Math.imul(hash ^ word, 0x9e3779b1);
  return (product << 13) | (product >>> 19);
}

/** The end of a hash, as murmur3 does it. */
function finished(mixture: number): number {
  let hash = Math.imul(mixture ^ (mixture >>> 16), 0x85ebca6b);
  hash = Math.imul(hash ^ (hash >>> 13), 0xc2b2ae35);
  return (hash ^ (hash >>> 16)) >>> 0;
}

function wordAt(bytes: Uint8Array, at: number): number {
  const low = (bytes[at] ?? 0) | ((bytes[at + 1] ?? 0) << 8);
  return (low | ((bytes[at + 2] ?? 0) << 16) | ((bytes[at + 3] ?? 0) << 24)) >>> 0;
}

function tableLengthFor(keys: number): number {
  let length = tableLengthMin;
  while (keys * 10 > length * 7) length *= 2;
  return length;
}

function baseOf(record: number): number {
  return (record % recordsPerChunk) * recordWords;
}
