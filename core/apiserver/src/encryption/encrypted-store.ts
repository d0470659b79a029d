// A store whose values under some prefixes are encrypted: sealed on the way in, opened on the way out.

import type { Random } from '@tweendeck/std';
import type { Change, Item, ListOptions, ListResult, Mutation, Store } from '@tweendeck/store';
import { storagePrefix } from '../storage-key.ts';
import { makeEncryptionKeys, readEncryptionKeys } from './encryption-keys.ts';
import { isSealed, keyNameOf, missingKey, ValueCipher } from './value-cipher.ts';

/** What is encrypted at rest. */
const sealedPrefixes: readonly string[] = [storagePrefix({ group: '', plural: 'secrets' })];

export interface EncryptionOptions {
  /** Made at the first start. */
  readonly keyFile: string;
  readonly random: Random;
}

const rewriteLengthMax = 200;

/**
 * Encrypts secrets in a store, which stays the caller's to close. What lies there under an older key, or in the clear, is
 * written anew with the first key before this returns. @throws PlatformError APISERVER_ENCRYPTION_KEY_MISSING and others;
 * then nothing was changed.
 */
export async function encryptStore(
  store: Store,
  { keyFile, random }: EncryptionOptions,
): Promise<Store> {
  const lists = await Promise.all(sealedPrefixes.map((prefix) => store.list(prefix)));
  const items = lists.flatMap((list) => list.items);
  let keys = await readEncryptionKeys(keyFile);
  if (!keys) {
    const sealed = items.find(({ value }) => isSealed(value));
    if (sealed) throw missingKey(sealed.key, keyNameOf(sealed.value)); // a new key would be of no use
    keys = await makeEncryptionKeys(keyFile, random);
  }
  const cipher = new ValueCipher(keys, random);
  const opened = items.map((item) => ({ item, value: cipher.unseal(item.key, item.value) }));
  const stale = opened.filter(({ item }) => !cipher.isCurrent(item.value));
  for (let start = 0; start < stale.length; start += rewriteLengthMax) {
    await store.commit(
      stale.slice(start, start + rewriteLengthMax).map(({ item: { key, revision }, value }) => ({
        operation: 'put',
        key,
        value: cipher.seal(key, value),
        expectedRevision: revision,
      })),
    );
  }
  return new EncryptedStore(store, cipher);
}

class EncryptedStore implements Store {
  readonly #store: Store;
  readonly #cipher: ValueCipher;

  constructor(store: Store, cipher: ValueCipher) {
    this.#store = store;
    this.#cipher = cipher;
  }

  get revision(): number {
    return this.#store.revision;
  }

  get compactedRevision(): number {
    return this.#store.compactedRevision;
  }

  async get(key: string): Promise<Item | undefined> {
    const item = await this.#store.get(key);
    return item && this.#unsealed(item);
  }

  async list(prefix: string, options?: ListOptions): Promise<ListResult> {
    const result = await this.#store.list(prefix, options);
    return { ...result, items: result.items.map((item) => this.#unsealed(item)) };
  }

  commit(mutations: readonly Mutation[]): Promise<readonly number[]> {
    return this.#store.commit(mutations.map((mutation) => this.#sealed(mutation)));
  }

  async *watch(
    prefix: string,
    afterRevision: number,
    signal: AbortSignal,
  ): AsyncGenerator<readonly Change[], void, undefined> {
    for await (const changes of this.#store.watch(prefix, afterRevision, signal)) {
      yield changes.some(({ key }) => isSecret(key))
        ? changes.map((change) => this.#unsealedChange(change))
        : changes;
    }
  }

  compact(revision: number): Promise<void> {
    return this.#store.compact(revision);
  }

  /** The store below stays its owner's to close. */
  async [Symbol.asyncDispose](): Promise<void> {}

  #sealed(mutation: Mutation): Mutation {
    if (mutation.operation !== 'put' || !isSecret(mutation.key)) return mutation;
    return { ...mutation, value: this.#cipher.seal(mutation.key, mutation.value) };
  }

  #unsealed(item: Item): Item {
    if (!isSecret(item.key)) return item;
    return { ...item, value: this.#cipher.unseal(item.key, item.value) };
  }

  #unsealedChange(change: Change): Change {
    const { key, value, previous } = change;
    if (!isSecret(key)) return change;
    return {
      ...change,
      value: value && this.#cipher.unseal(key, value),
      previous: previous && this.#unsealed(previous),
    };
  }
}

function isSecret(key: string): boolean {
  return sealedPrefixes.some((prefix) => key.startsWith(prefix));
}
