// One loopback address per pod, kept over restarts of the platform, and not given to the next pod right away.

import { join } from 'node:path';
import { isJsonObject, PlatformError } from '@tweendeck/std';
import { readJson, replaceFile } from './files.ts';

/** First and last usable address as numbers; the first and last address of the range itself are not used. */
export interface AddressRange {
  readonly first: number;
  readonly last: number;
}

/** Reads `127.73.5.0/24`. @throws PlatformError AGENT_RANGE_INVALID */
export function parseRange(range: string): AddressRange {
  const match = /^(\d+)\.(\d+)\.(\d+)\.(\d+)\/(\d+)$/.exec(range);
  const [bits = 0, ...octets] = match ? [match[5], ...match.slice(1, 5)].map(Number) : [];
  const valid = match && octets.every((octet) => octet < 256) && bits >= 8 && bits <= 29;
  if (!valid) {
    throw new PlatformError('AGENT_RANGE_INVALID', `"${range}" is no range of pod addresses`, {
      hint: 'Write an IPv4 range with 8 to 29 bits, such as 127.73.5.0/24.',
    });
  }
  const size = 2 ** (32 - bits);
  const address = octets.reduce((sum, octet) => sum * 256 + octet, 0);
  const base = address - (address % size);
  return { first: base + 1, last: base + size - 2 };
}

export function addressText(address: number): string {
  return [24, 16, 8, 0].map((shift) => Math.floor(address / 2 ** shift) % 256).join('.');
}

/** The next free address after `cursor`, going round; undefined when none is free. */
export function nextFree(
  range: AddressRange,
  used: ReadonlySet<string>,
  cursor: number,
): number | undefined {
  const count = range.last - range.first + 1;
  const start = cursor >= range.first && cursor < range.last ? cursor + 1 : range.first;
  for (let step = 0; step < count; step++) {
    const address = range.first + ((start - range.first + step) % count);
    if (!used.has(addressText(address))) return address;
  }
  return undefined;
}

/** The addresses of a node's pods, by pod UID. */
export class AddressBook {
  readonly #path: string;
  readonly #range: AddressRange;
  readonly #byUid: Map<string, string>;
  #cursor: number;
  #saving: Promise<void> = Promise.resolve();

  private constructor(path: string, range: AddressRange, saved: SavedBook) {
    this.#path = path;
    this.#range = range;
    this.#byUid = new Map(Object.entries(saved.addresses));
    this.#cursor = saved.cursor;
  }

  static async open(directory: string, range: string): Promise<AddressBook> {
    const path = join(directory, 'addresses.json');
    return new AddressBook(path, parseRange(range), parseBook(await readJson(path)));
  }

  /** The pod's address, allotted and written down at the first call. @throws PlatformError AGENT_ADDRESSES_EXHAUSTED */
  async allot(uid: string): Promise<string> {
    const known = this.#byUid.get(uid);
    if (known !== undefined) return known;
    const free = nextFree(this.#range, new Set(this.#byUid.values()), this.#cursor);
    if (free === undefined) {
      throw new PlatformError(
        'AGENT_ADDRESSES_EXHAUSTED',
        `all ${this.#byUid.size} addresses of the pod range are in use`,
        { hint: 'Delete pods, or give the agent a larger pod range.' },
      );
    }
    this.#cursor = free;
    const address = addressText(free);
    this.#byUid.set(uid, address);
    await this.#save();
    return address;
  }

  async release(uid: string): Promise<void> {
    if (this.#byUid.delete(uid)) await this.#save();
  }

  /** Forgets every pod that is not among `uids`. */
  async retain(uids: ReadonlySet<string>): Promise<void> {
    const gone = [...this.#byUid.keys()].filter((uid) => !uids.has(uid));
    for (const uid of gone) this.#byUid.delete(uid);
    if (gone.length > 0) await this.#save();
  }

  /** Writes one at a time; the last one has everything. */
  #save(): Promise<void> {
    const save = (): Promise<void> => {
      const addresses = Object.fromEntries(this.#byUid);
      return replaceFile(this.#path, JSON.stringify({ cursor: this.#cursor, addresses }));
    };
    this.#saving = this.#saving.then(save, save);
    return this.#saving;
  }
}

interface SavedBook {
  readonly cursor: number;
  readonly addresses: Readonly<Record<string, string>>;
}

function parseBook(value: unknown): SavedBook {
  if (!isJsonObject(value) || !isJsonObject(value['addresses']))
    return { cursor: 0, addresses: {} };
  const entries = Object.entries(value['addresses']).flatMap(([uid, address]) =>
    typeof address === 'string' ? [[uid, address] as const] : [],
  );
  const cursor = typeof value['cursor'] === 'number' ? value['cursor'] : 0;
  return { cursor, addresses: Object.fromEntries(entries) };
}
