// Gives servers the keys of an RDB file, each to whoever owns its slot.

import { Buffer } from 'node:buffer';
import type { BackupAccess, BackupMember, FillCounts } from '@tweendeck/engine';
import { isPlatformError, messageOf, PlatformError } from '@tweendeck/std';
import { type Command, openTcpLink, type RedisLink } from '../redis-link.ts';
import { addressIn } from './members.ts';
import { type RdbEntry, RdbScanner } from './rdb-scanner.ts';
import { restoreCommand, valueBytesMax } from './restore-batch.ts';
import { unsteady } from './unsteady.ts';

/** Whom keys go to. */
export interface FillTarget {
  readonly leaders: readonly BackupMember[];
  readonly ownerOf: (key: Uint8Array) => BackupMember;
}

const batchKeysMax = 1_000;
const batchBytesMax = 4 * 2 ** 20;
const turnsMax = 5;
const turnMs = 1_000;

/** `findTarget` is asked again when a key turns out to be somebody else's. */
export async function fillFrom(
  file: AsyncIterable<Uint8Array>,
  findTarget: (access: BackupAccess, signal: AbortSignal) => Promise<FillTarget>,
  access: BackupAccess,
  signal: AbortSignal,
): Promise<FillCounts> {
  const entries: RdbEntry[] = [];
  const libraries: Buffer[] = [];
  const scanner = new RdbScanner(
    { entry: (entry) => entries.push(entry), library: (code) => libraries.push(code) },
    { keepsValues: true },
  );
  using filling = new Filling(findTarget, access);
  let bytes = 0;
  for await (const chunk of file) {
    scanner.push(Buffer.from(chunk.buffer, chunk.byteOffset, chunk.length));
    bytes += chunk.length;
    await filling.load(libraries.splice(0), signal);
    if (entries.length < batchKeysMax && bytes < batchBytesMax) continue;
    await filling.restore(entries.splice(0), scanner.version, signal);
    bytes = 0;
  }
  if (!scanner.hasEnded) throw cutOff();
  await filling.restore(entries, scanner.version, signal);
  return filling.counts;
}

class Filling implements Disposable {
  readonly #findTarget: (access: BackupAccess, signal: AbortSignal) => Promise<FillTarget>;
  readonly #access: BackupAccess;
  readonly #links = new Map<string, RedisLink>();
  #target: FillTarget | undefined;
  #keys = 0;
  #present = 0;

  constructor(
    findTarget: (access: BackupAccess, signal: AbortSignal) => Promise<FillTarget>,
    access: BackupAccess,
  ) {
    this.#findTarget = findTarget;
    this.#access = access;
  }

  get counts(): FillCounts {
    return { keys: this.#keys, present: this.#present };
  }

  [Symbol.dispose](): void {
    for (const link of this.#links.values()) link[Symbol.dispose]();
  }

  async restore(entries: readonly RdbEntry[], version: number, signal: AbortSignal): Promise<void> {
    const keys = entries.map((entry): KeyToGo => {
      const bytes = entry.value.reduce((sum, part) => sum + part.length, 0);
      if (bytes > valueBytesMax) throw tooLarge(entry, bytes);
      const { key, database } = entry;
      return { key, database, command: restoreCommand(entry, version) };
    });
    this.#keys += keys.length;
    await this.#send(keys, 0, signal);
  }

  /** Every leader has every library; that of the platform itself is none of the user's. */
  async load(libraries: readonly Buffer[], signal: AbortSignal): Promise<void> {
    const others = libraries.filter((code) => !/^#!lua name=tweendeck\s/.test(code.toString()));
    if (others.length === 0) return;
    const { leaders } = await this.#whom(signal);
    const commands = others.map((code) => ['FUNCTION', 'LOAD', 'REPLACE', code]);
    for (const leader of leaders) await (await this.#linkTo(leader, signal)).ask(commands, signal);
  }

  async #send(keys: readonly KeyToGo[], turn: number, signal: AbortSignal): Promise<void> {
    const target = await this.#whom(signal);
    const portions = Map.groupBy(keys, ({ key }) => target.ownerOf(key));
    const sent = [...portions].map(([owner, portion]) => this.#sendTo(owner, portion, signal));
    const astray = (await Promise.all(sent)).flat();
    if (astray.length === 0) return;
    if (turn >= turnsMax) throw unsteady(`keys find no owner: ${astray[0]?.why ?? ''}`);
    await this.#access.clock.sleep(turnMs, signal);
    this.#target = undefined;
    await this.#send(
      astray.map(({ key }) => key),
      turn + 1,
      signal,
    );
  }

  /** All at once; where one is refused, each by itself. Gives those that belong elsewhere. */
  async #sendTo(
    owner: BackupMember,
    keys: readonly KeyToGo[],
    signal: AbortSignal,
  ): Promise<readonly Astray[]> {
    const astray: Astray[] = [];
    for (const [database, portion] of Map.groupBy(keys, (key) => key.database)) {
      const link = await this.#linkTo(owner, signal);
      await link.ask([...(database === 0 ? [] : [['SELECT', database]])], signal);
      try {
        await link.ask(
          portion.map(({ command }) => command),
          signal,
        );
      } catch (error) {
        if (!isPlatformError(error, 'REDIS_COMMAND_FAILED')) throw error;
        const sent = portion.map(async (key): Promise<readonly Astray[]> => {
          const why = await this.#sendOne(link, key, signal);
          return why === undefined ? [] : [{ key, why }];
        });
        astray.push(...(await Promise.all(sent)).flat());
      }
      if (database !== 0) await link.ask([['SELECT', 0]], signal);
    }
    return astray;
  }

  /** Undefined when the key is there. */
  async #sendOne(
    link: RedisLink,
    { command }: KeyToGo,
    signal: AbortSignal,
  ): Promise<string | undefined> {
    try {
      await link.ask([command], signal);
      return undefined;
    } catch (error) {
      if (!isPlatformError(error, 'REDIS_COMMAND_FAILED')) throw error;
      const said = messageOf(error);
      if (/: (MOVED|ASK|TRYAGAIN|CLUSTERDOWN|READONLY|LOADING|NOREPLICAS)\b/.test(said))
        return said;
      if (!said.includes(': BUSYKEY')) throw error;
      this.#present++;
      return undefined;
    }
  }

  async #whom(signal: AbortSignal): Promise<FillTarget> {
    this.#target ??= await this.#findTarget(this.#access, signal);
    return this.#target;
  }

  async #linkTo(member: BackupMember, signal: AbortSignal): Promise<RedisLink> {
    const known = this.#links.get(member.host);
    if (known) return known;
    const link = await openTcpLink(addressIn(this.#access, member), signal);
    this.#links.set(member.host, link);
    return link;
  }
}

interface KeyToGo {
  readonly key: Uint8Array;
  readonly database: number;
  readonly command: Command;
}

interface Astray {
  readonly key: KeyToGo;
  readonly why: string;
}

function cutOff(): PlatformError {
  return new PlatformError('REDIS_BACKUP_UNREADABLE', 'the file ends in the middle', {
    hint: 'Restore from another backup.',
  });
}

function tooLarge({ key }: RdbEntry, bytes: number): PlatformError {
  const fact = `the value of ${key.toString()} has ${bytes} bytes, and a server takes ${valueBytesMax} at once`;
  return new PlatformError('REDIS_BACKUP_UNREADABLE', fact, {
    hint: 'Start a server of your own on the file to get at it.',
  });
}
