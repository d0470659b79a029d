// Goes through the keys of a namespace, slice by slice, with the server's SCAN.

import { RespError, type RespValue } from '@tweendeck/wire';
import type { KeyPage, KeyQuery, StoredKey } from '../dataplane/value-store.ts';
import type { RedisClient } from './redis-client.ts';

/** What the server found in one step. */
interface ScanStep {
  readonly keys: readonly RespValue[];
  /** `0` behind the last step. */
  readonly next: string;
}

/** Keys that were found and did not fit on the page. */
interface Leftover {
  readonly from: string;
  readonly ids: readonly Buffer[];
  readonly next: string;
}

/** Keys that the server looks at in one step; of one GUID there are few among many. */
const looksPerStep = 256;
const looksPerGuidStep = 4_096;
const leftoversMax = 16;

async function scanStep(
  client: RedisClient,
  {
    cursor,
    pattern,
    looks,
  }: { readonly cursor: string; readonly pattern: string; readonly looks: number },
): Promise<ScanStep> {
  const reply = await client.call(['SCAN', cursor, 'MATCH', pattern, 'COUNT', looks]);
  if (reply instanceof RespError) throw new Error(reply.message);
  const [next, keys]: readonly RespValue[] = isList(reply) ? reply : [];
  return { keys: isList(keys) ? keys : [], next: String(next ?? '0') };
}

/** All keys that match, in slices; may meet one twice. */
export async function* scanAll(
  client: RedisClient,
  pattern: string,
): AsyncGenerator<readonly RespValue[], void> {
  let cursor = '0';
  do {
    const step: ScanStep = await scanStep(client, { cursor, pattern, looks: 1_000 });
    yield step.keys;
    if (step.next === cursor && cursor !== '0')
      throw new Error(`the server's scan stands still at ${cursor}`);
    cursor = step.next;
  } while (cursor !== '0');
}

export interface KeyPagesHost {
  readonly client: RedisClient;
  pattern(guid: Uint8Array | undefined): string;
  idOf(key: RespValue): Buffer | undefined;
  describeAll(ids: readonly Buffer[]): Promise<readonly StoredKey[]>;
}

/** Pages of `ValueStore.keys`. A cursor is the server's, with a note of what did not fit on the page before. */
export class KeyPages {
  readonly #host: KeyPagesHost;
  readonly #leftovers = new Map<string, Leftover>();
  #serial = 0;

  constructor(host: KeyPagesHost) {
    this.#host = host;
  }

  async page({ cursor = '0', guid, keysMax }: KeyQuery): Promise<KeyPage> {
    const step = await this.#step(cursor, guid, keysMax);
    const keys = await this.#host.describeAll(step.ids.slice(0, keysMax));
    const rest = step.ids.slice(keysMax);
    if (rest.length === 0) return { keys, next: step.next === '0' ? undefined : step.next };
    return { keys, next: this.#keep({ ...step, ids: rest }) };
  }

  /** A note that was thrown away is found again by the step it is of: keys may be met twice then. */
  async #step(cursor: string, guid: Uint8Array | undefined, keysMax: number): Promise<Leftover> {
    const kept = this.#leftovers.get(cursor);
    this.#leftovers.delete(cursor);
    if (kept !== undefined) return kept;
    const [digits = ''] = cursor.split('.', 1);
    const from = /^\d{1,20}$/.test(digits) ? digits : '0';
    const looks = guid === undefined ? Math.min(keysMax, looksPerStep) : looksPerGuidStep;
    const pattern = this.#host.pattern(guid);
    const { keys, next } = await scanStep(this.#host.client, { cursor: from, pattern, looks });
    const ids = keys.map((key) => this.#host.idOf(key)).filter((id) => id !== undefined);
    return { from, ids, next };
  }

  #keep(leftover: Leftover): string {
    const cursor = `${leftover.from}.${++this.#serial}`;
    this.#leftovers.set(cursor, leftover);
    const [oldest] = this.#leftovers.keys();
    if (this.#leftovers.size > leftoversMax && oldest !== undefined) this.#leftovers.delete(oldest);
    return cursor;
  }
}

function isList(value: unknown): value is readonly RespValue[] {
  return Array.isArray(value);
}
