// Sessions that Unity's server and ours must answer alike: what clients do, one step after the other, and how that becomes
// packets. What the peer is known to do wrong (`FAULTS.md`, class 48) is kept out here, and nowhere else.

import type { Random } from '@tweendeck/std';
import { unityCacheBegin, unityCacheGet, unityCachePut } from '@tweendeck/wire';

const fileTypes = ['a', 'i', 'r'] as const;
type FileType = (typeof fileTypes)[number];

/** Which of the session's keys; the last two have a hash of zeros, which is never stored, and a GUID of zeros, which is. */
const keyCount = 5;
const zeroHashKey = 3;
const zeroGuidKey = 4;

export type Step = { readonly on: 0 | 1 } & (
  | { readonly do: 'get'; readonly key: number; readonly type: FileType }
  | { readonly do: 'begin'; readonly key: number }
  | { readonly do: 'file'; readonly type: FileType; readonly bytes: number; readonly fill: string }
  | { readonly do: 'commit' }
  /** All answers are awaited. */
  | { readonly do: 'await' }
  /** Bytes that end the connection. */
  | { readonly do: 'offend'; readonly with: Offence }
  /** With the start of a command or a body behind it that stays half. */
  | { readonly do: 'leave'; readonly way: 'quit' | 'finish' | 'reset'; readonly half: number }
);

const offences = ['te', 'pa', 'x', 'GA', 'gx', 'px', 'tx', 'line end', 'minus one'] as const;
type Offence = (typeof offences)[number];

/** The forms that both accept, each packet by itself; `joined` goes in one packet with the first commands. */
const versions = {
  whole: ['000000fe'],
  joined: ['000000fe'],
  short: ['fe'],
  middle: ['00fe'],
  odd: ['0fe'],
  upper: ['FE'],
  'upper whole': ['000000FE'],
  'two pieces': ['f', 'e'],
  'first byte alone': ['0', '00000fe'],
} as const;

/** How commands are cut into packets; `thirds` is how the Scriptable Build Pipeline writes a get. */
const cuts = ['whole', 'commands', 'thirds', 'bytes', 'anywhere', 'inside'] as const;

export interface Session {
  readonly version: keyof typeof versions;
  readonly cut: (typeof cuts)[number];
  /** Where `anywhere` cuts. */
  readonly cutSeed: number;
  readonly upperSizes: boolean;
  readonly steps: readonly Step[];
}

function oneOf<Value>(values: readonly Value[], random: Random): Value {
  const value = values[random.integer(values.length)];
  if (value === undefined) throw new Error('nothing to choose from');
  return value;
}

const sizes = [1, 1, 2, 5, 16, 100, 1_000, 4_096, 16_384, 65_535, 65_536, 65_537, 300_000] as const;

/** What a client might do. */
export function randomSession(random: Random): Session {
  const steps: Step[] = [];
  const keys = 1 + random.integer(keyCount);
  for (let run = 1 + random.integer(4); run > 0; run--) {
    const on = random.next() < 0.7 ? 0 : 1;
    for (let count = 1 + random.integer(9); count > 0; count--) {
      steps.push(...randomSteps(on, keys, random));
    }
    if (random.next() < 0.25) steps.push(randomEnd(on, random));
  }
  return {
    version: oneOf(Object.keys(versions) as (keyof typeof versions)[], random), // its own keys
    cut: oneOf(cuts, random),
    cutSeed: random.integer(2 ** 31),
    upperSizes: random.next() < 0.2,
    steps,
  };
}

function randomSteps(on: 0 | 1, keys: number, random: Random): readonly Step[] {
  const key = random.integer(keys);
  const get = (): Step => ({ on, do: 'get', key, type: oneOf(fileTypes, random) });
  const chance = random.next();
  if (chance < 0.35) return [get()];
  if (chance < 0.45) return Array.from({ length: 1 + random.integer(40) }, get);
  if (chance < 0.5) return [{ on, do: 'await' }];
  if (chance < 0.55) return [{ on, do: 'begin', key }];
  const parts: Step[] = [{ on, do: 'begin', key }];
  for (let count = random.integer(5); count > 0; count--) {
    const bytes = oneOf(sizes.slice(0, 1 + random.integer(sizes.length)), random);
    const fill = oneOf(['qte', 'tspa', '\0', '\xff', '\n', 'x', 'yz'], random);
    parts.push({ on, do: 'file', type: oneOf(fileTypes, random), bytes, fill });
    if (random.next() < 0.15) parts.push(get());
  }
  if (random.next() < 0.92) parts.push({ on, do: 'commit' });
  return parts;
}

function randomEnd(on: 0 | 1, random: Random): Step {
  if (random.next() < 0.4) return { on, do: 'offend', with: oneOf(offences, random) };
  const way = oneOf(['quit', 'finish', 'reset'] as const, random);
  const half = way === 'quit' || random.next() < 0.5 ? 0 : 1 + random.integer(60);
  return { on, do: 'leave', way, half };
}

/** Does nothing but ask for all keys, as every session does at its end. */
export const readingSession: Session = {
  ...{ version: 'whole', cut: 'whole', cutSeed: 0, upperSizes: false },
  steps: [],
};

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
