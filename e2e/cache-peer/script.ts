// How a session becomes packets. What the peer is known to do wrong (`FAULTS.md` of the cache server, class 48) is kept out
// here, and nowhere else.

import { unityCacheBegin, unityCacheGet, unityCachePut } from '@tweendeck/wire';
import {
  type FileType,
  fileTypes,
  keyCount,
  type Offence,
  type Session,
  type Step,
  versions,
  zeroGuidKey,
  zeroHashKey,
} from './session.ts';

/** The peer's faults that sessions are kept clear of, or that an answer of it is let pass for. */
export const allowances = [
  'overwritten while it waits',
  'versions of one key are mixed',
  'memory forgets',
  'answers lost at the end',
] as const;

/** What is known of the answer to a get before anybody gave it. */
export type AnswerKind = 'plain' | 'overwritten';

/** What is done to a connection, by itself one after the other; each `open` starts another one. */
export type Action = { readonly on: 0 | 1 } & (
  | { readonly do: 'open'; readonly packets: readonly Buffer[] }
  | { readonly do: 'send'; readonly packets: readonly Buffer[] }
  | { readonly do: 'answers'; readonly kinds: readonly AnswerKind[] }
  | { readonly do: 'finish' | 'reset' | 'ended' }
);

/** Asked for to see that everything before was answered; never stored. */
export const fenceKey: Buffer = Buffer.alloc(32, 0xfe);

const letters = Buffer.from('qte\n\0\xffgasp', 'latin1');

/** The keys of a session: made of letters of commands, and used once. */
export function keysOf(session: number): readonly Buffer[] {
  return Array.from({ length: keyCount }, (_, index) => {
    const key = Buffer.from(
      Array.from(
        { length: 32 },
        (_byte, at) => letters[(at * 7 + index + session) % letters.length] ?? 0,
      ),
    );
    key.writeUInt32BE(session, index === zeroGuidKey ? 16 : 0);
    key[index === zeroGuidKey ? 20 : 4] = index;
    if (index === zeroHashKey) key.fill(0, 16);
    if (index === zeroGuidKey) key.fill(0, 0, 16);
    return key;
  });
}

const nothing = Buffer.alloc(0);

/** One connection while a script is written. */
interface Line {
  open: boolean;
  /** Commands that were not sent yet, each by itself. */
  commands: Buffer[];
  /** One for each get. */
  asked: AnswerKind[];
  /** What leads the first packet, whole: the peer takes the version from one packet. */
  lead: Buffer;
  /** Keys with gets that may not be answered yet. */
  asking: Set<number>;
  transaction: { readonly key: number; readonly files: Map<FileType, number> } | undefined;
}

/** The packets of a session over these keys. At its end every file of every key is asked for on a fresh connection. */
export function scriptOf(session: Session, keys: readonly Buffer[]): readonly Action[] {
  const script = new ScriptWriter(session, keys);
  for (const step of session.steps) script.step(step);
  script.end();
  return script.actions;
}

class ScriptWriter {
  readonly actions: Action[] = [];
  readonly #session: Session;
  readonly #keys: readonly Buffer[];
  readonly #lines: [Line, Line] = [freshLine(), freshLine()];
  /** What is stored, by key and type, and what was put over something larger. */
  readonly #sizes = new Map<string, number>();
  readonly #overwritten = new Set<string>();
  #cutState: number;
  #last: 0 | 1 | undefined;

  constructor(session: Session, keys: readonly Buffer[]) {
    this.#session = session;
    this.#keys = keys;
    this.#cutState = session.cutSeed;
  }

  step(step: Step): void {
    const { on } = step;
    const line = this.#turnTo(on);
    switch (step.do) {
      case 'get':
        this.#get(line, step.key, step.type);
        return;
      case 'begin':
        line.commands.push(unityCacheBegin(this.#key(step.key)));
        line.transaction = { key: step.key, files: new Map() };
        return;
      case 'file':
        if (line.transaction === undefined) this.#offend(on, 'pa');
        else {
          line.transaction.files.set(step.type, step.bytes);
          line.commands.push(...this.#file(step));
        }
        return;
      case 'commit':
        this.#commit(on);
        return;
      case 'await':
        this.#await(on);
        return;
      case 'offend':
        this.#offend(on, step.with);
        return;
      case 'leave':
        this.#leave(on, step);
        return;
    }
  }

  end(): void {
    for (const on of [0, 1] as const) {
      if (this.#lines[on].open) this.#leave(on, { way: 'quit', half: 0 });
    }
    const line = this.#turnTo(0);
    for (const key of this.#keys.keys()) {
      for (const type of fileTypes) this.#get(line, key, type);
    }
    this.#leave(0, { way: 'finish', half: 0 });
  }

  #key(index: number): Buffer {
    return this.#keys[index] ?? fenceKey;
  }

  /**
   * Peer's fault "versions of one key are mixed": within a second, ours answers files of one key from one version also when
   * another client stored a newer one; the peer mixes them. The fence in between makes both look anew.
   */
  #turnTo(on: 0 | 1): Line {
    const line = this.#lines[on];
    if (this.#last !== on && this.#last !== undefined && this.#lines[this.#last].open) {
      this.#await(this.#last);
    }
    const returned = this.#last !== on && line.open;
    this.#last = on;
    if (returned) this.#await(on);
    if (!line.open) this.#open(on);
    return line;
  }

  #open(on: 0 | 1): void {
    const packets = versions[this.#session.version].map((text) => Buffer.from(text));
    const joined = this.#session.version === 'joined';
    const lead = joined ? Buffer.concat(packets) : nothing;
    Object.assign(this.#lines[on], { ...freshLine(), open: true, lead });
    this.actions.push({ on, do: 'open', packets: joined ? [] : packets });
  }

  #file(step: Extract<Step, { do: 'file' }>): readonly Buffer[] {
    const put = unityCachePut(step.type, step.bytes);
    if (this.#session.upperSizes) {
      put.write(put.toString('latin1', 2).toUpperCase(), 2, 'latin1');
    }
    return [put, Buffer.alloc(step.bytes, Buffer.from(step.fill, 'latin1'))];
  }

  /** Peer's fault "overwritten while it waits": gets of the key are answered before. */
  #commit(on: 0 | 1): void {
    const line = this.#lines[on];
    if (line.transaction === undefined) {
      this.#offend(on, 'te');
      return;
    }
    const { key, files } = line.transaction;
    if (line.asking.has(key)) this.#await(on);
    line.transaction = undefined;
    this.#stored(key, files);
    line.commands.push(Buffer.from('te'));
  }

  #get(line: Line, key: number, type: FileType): void {
    line.commands.push(unityCacheGet(type, this.#key(key)));
    line.asked.push(this.#overwritten.has(`${key} ${type}`) ? 'overwritten' : 'plain');
    line.asking.add(key);
  }

  /** Peer's fault "memory forgets": where a file of more than 1 KiB was replaced. */
  #stored(key: number, files: ReadonlyMap<FileType, number>): void {
    for (const [type, bytes] of files) {
      const file = `${key} ${type}`;
      if ((this.#sizes.get(file) ?? 0) > 1_024) this.#overwritten.add(file);
      this.#sizes.set(file, bytes);
    }
  }

  #await(on: 0 | 1): void {
    const line = this.#lines[on];
    line.commands.push(unityCacheGet('i', fenceKey));
    line.asked.push('plain');
    this.#flush(on);
    this.actions.push({ on, do: 'answers', kinds: [...line.asked] });
    line.asking.clear();
  }

  /** Peer's fault "answers lost at the end"; at an error ours drops them, too. Those before are awaited. */
  #offend(on: 0 | 1, offence: Offence): void {
    this.#await(on);
    const { transaction } = this.#lines[on];
    if (transaction && (offence === 'te' || offence === 'pa')) {
      this.#stored(transaction.key, transaction.files);
    }
    const id = this.#key(0);
    const command = (text: string): Buffer => Buffer.concat([Buffer.from(text), id]);
    const bytes: Readonly<Record<Offence, readonly Buffer[]>> = {
      te: [...(transaction ? [Buffer.from('te')] : []), Buffer.from('te')],
      pa: [...(transaction ? [Buffer.from('te')] : []), unityCachePut('a', 5)],
      x: [Buffer.from('xy')],
      GA: [command('GA')],
      gx: [command('gx')],
      px: [unityCacheBegin(id), Buffer.from(`px${'0'.repeat(15)}5`)],
      tx: [command('tx')],
      'line end': [Buffer.from('\r\n')],
      'minus one': [unityCacheBegin(id), Buffer.from(`pa${'0'.repeat(14)}-1`)],
    };
    this.#lines[on].commands.push(...bytes[offence]);
    this.#flush(on);
    this.#over(on, 'ended');
  }

  #leave(
    on: 0 | 1,
    { way, half }: { readonly way: 'quit' | 'finish' | 'reset'; readonly half: number },
  ): void {
    this.#await(on);
    const line = this.#lines[on];
    if (way === 'quit') {
      line.commands.push(Buffer.from('q'));
    } else if (half > 0) {
      const whole =
        line.transaction === undefined
          ? unityCacheGet('a', this.#key(0))
          : Buffer.concat([unityCachePut('r', 100), Buffer.alloc(100, 'qte')]);
      line.commands.push(whole.subarray(0, Math.min(half, whole.length - 1)));
    }
    this.#flush(on);
    if (way !== 'quit') this.actions.push({ on, do: way });
    this.#over(on, way === 'reset' ? undefined : 'ended');
  }

  #over(on: 0 | 1, wait: 'ended' | undefined): void {
    if (wait !== undefined) this.actions.push({ on, do: wait });
    this.#lines[on] = freshLine();
  }

  #flush(on: 0 | 1): void {
    const line = this.#lines[on];
    if (line.commands.length > 0) {
      const [first = nothing, ...others] = this.#packets(line.commands);
      const packets = [Buffer.concat([line.lead, first]), ...others];
      this.actions.push({ on, do: 'send', packets });
    }
    line.commands = [];
    line.lead = nothing;
  }

  #packets(commands: readonly Buffer[]): readonly Buffer[] {
    const { cut } = this.#session;
    if (cut === 'commands') return commands;
    if (cut === 'thirds') {
      return commands.flatMap((bytes) =>
        [bytes.subarray(0, 2), bytes.subarray(2, 18), bytes.subarray(18)].filter(
          ({ length }) => length > 0,
        ),
      );
    }
    const bytes = Buffer.concat(commands);
    if (cut === 'whole') return [bytes];
    if (cut === 'bytes' && bytes.length < 1_500) return cutAt(bytes, () => 1);
    if (cut === 'inside') {
      // Each packet ends one byte into the next command.
      return cutAt(bytes, (at) => (at === 0 ? (commands[0]?.length ?? 0) + 1 : 35));
    }
    const longest = bytes.length < 3_000 ? 60 : 60_000;
    return cutAt(bytes, () => 1 + this.#chance(longest));
  }

  /** The same cuts for the same session. */
  #chance(bound: number): number {
    this.#cutState = (Math.imul(this.#cutState, 1_664_525) + 1_013_904_223) >>> 0;
    return Math.floor((this.#cutState / 2 ** 32) * bound);
  }
}

function cutAt(bytes: Buffer, lengthAt: (at: number) => number): readonly Buffer[] {
  const packets: Buffer[] = [];
  for (let at = 0; at < bytes.length; ) {
    const length = lengthAt(at);
    packets.push(bytes.subarray(at, at + length));
    at += length;
  }
  return packets;
}

function freshLine(): Line {
  const empty = { commands: [], asked: [], asking: new Set<number>(), transaction: undefined };
  return { ...empty, open: false, lead: nothing };
}
