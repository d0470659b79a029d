// Single cases, each over keys of its own: what is sent in which packets. Where the peer is known to do otherwise, the row
// says what it does then, and by which of its faults.

import { unityCacheBegin, unityCacheCommit, unityCacheGet, unityCachePut } from '@tweendeck/wire';
import type { SideName } from './sides.ts';
import type { Heard } from './talk.ts';

/** The peer's faults that rows show; `FAULTS.md` of the cache server tells what they are. */
type PeerFault =
  | 'version in pieces'
  | 'version eats commands'
  | 'version by parseInt'
  | 'empty file'
  | 'size by parseInt'
  | 'size without bound'
  | 'memory forgets'
  | 'answers lost at the end';

/** What was heard, in words, and how it ended; `any start` of what the other one says where the rest is dropped. */
export interface Outcome {
  readonly said: string;
  readonly end: Heard['end'];
}

export interface Row {
  readonly name: string;
  readonly packets: readonly Buffer[];
  /** Between packets, so that the kernel does not join them. */
  readonly pauseMs?: number;
  /** The client ends its side behind the last packet. */
  readonly finish?: boolean;
  /** Bytes before it, in packets of their own whose answer is awaited. */
  readonly first?: readonly Buffer[];
  readonly differs?: {
    readonly by: PeerFault;
    readonly ours: Outcome;
    /** Of the peers that differ. */
    readonly peers: Partial<Record<Exclude<SideName, 'ours'>, Outcome>>;
  };
}

const bytesOf = (...parts: readonly (string | Buffer)[]): Buffer =>
  Buffer.concat(
    parts.map((part) => (typeof part === 'string' ? Buffer.from(part, 'latin1') : part)),
  );
const size = (text: string): string => text.padStart(16, '0');
const version = Buffer.from('000000fe');
const accepted: Outcome = { said: 'accepted', end: 'open' };
const acceptedClosed: Outcome = { said: 'accepted', end: 'closed' };
const refused: Outcome = { said: 'refused', end: 'closed' };
const both = (outcome: Outcome): { readonly fs: Outcome; readonly ram: Outcome } => ({
  fs: outcome,
  ram: outcome,
});

/**
 * The rows, in the order in which they are played; `fresh` gives a key that is used nowhere else; `kept`: whether all store
 * the same for it.
 */
export function rowsOf(fresh: (kept: boolean) => Buffer): readonly Row[] {
  return [
    ...versionRows(fresh(true)),
    ...commandRows(fresh(true), fresh(true), fresh(true)),
    ...sizeRows(fresh),
    forgottenRow(fresh(true), fresh(true)),
    ...endRows(fresh(true)),
  ];
}

function versionRows(key: Buffer): readonly Row[] {
  const get = unityCacheGet('a', key);
  const alone = (text: string | Buffer, differs?: Row['differs']): Row => ({
    name: `version ${JSON.stringify(text.toString('latin1'))}`,
    packets: [bytesOf(text)],
    ...(differs ? { differs } : {}),
  });
  const pieces = (...texts: readonly string[]): Row => ({
    name: `version in packets ${texts.join(' + ')}`,
    packets: texts.map((text) => Buffer.from(text)),
    pauseMs: 60,
    differs: { by: 'version in pieces', ours: accepted, peers: both(refused) },
  });
  const byParse = (ours: Outcome, peers: Outcome): Row['differs'] => ({
    by: 'version by parseInt',
    ours,
    peers: both(peers),
  });
  return [
    ...[
      '000000fe',
      '000000FE',
      '000000Fe',
      'fe',
      'FE',
      'fE',
      '0fe',
      '00fe',
      '0000fe',
      '00000fe',
    ].map((text) => alone(text)),
    ...[
      'ff',
      'fd',
      '000000fd',
      '000000ff',
      '00000000',
      '-fe',
      'zz',

      '1fe',
      'GET / HTTP/1.1\r\nHost: x\r\n\r\n',
    ].map((text) => alone(text)),
    alone('PROXY TCP4 10.0.0.1 10.0.0.2 1 2\r\n000000fe'),
    alone('\r\n\r\n\0\r\nQUIT\n\x21\x11\0\x0c'),
    alone(Buffer.from([0x16, 3, 1, 0, 0xa5, 1, 0, 0, 0xa1, 3, 3])),
    { name: 'version and commands in one packet', packets: [bytesOf(version, get)] },
    { name: 'version f + e', packets: [Buffer.from('f'), Buffer.from('e')], pauseMs: 60 },
    {
      name: 'version 0 + 00000fe',
      packets: [Buffer.from('0'), Buffer.from('00000fe')],
      pauseMs: 60,
    },
    pieces('00', '0000fe'),
    pieces('0000', '00fe'),
    pieces('000000f', 'e'),
    {
      name: 'a short version and a get in one packet',
      packets: [bytesOf('fe', get)],
      differs: {
        by: 'version eats commands',
        ours: { said: 'accepted, miss a', end: 'open' },
        peers: both(acceptedClosed),
      },
    },
    alone('fea', byParse(acceptedClosed, refused)),
    alone('fe0', byParse(acceptedClosed, refused)),
    alone('feq', byParse(acceptedClosed, accepted)),
    alone('feg', byParse({ said: 'accepted', end: 'closed' }, accepted)),
    alone('fe\r\n', byParse(acceptedClosed, accepted)),
    alone('  fe', byParse(refused, accepted)),
    alone('+fe', byParse(refused, accepted)),
    alone('0xfe', byParse(refused, accepted)),
    alone(Buffer.from([0xe6, 0xe5]), byParse(refused, accepted)),
  ];
}

/** A row behind a version that was accepted. */
function behind(name: string, ...parts: readonly (string | Buffer)[]): Row {
  return { name, first: [version], packets: [bytesOf(...parts)] };
}

function commandRows(key: Buffer, other: Buffer, third: Buffer): readonly Row[] {
  const id = key.toString('latin1');
  const begin = unityCacheBegin(key);
  const put = (type: 'a' | 'i' | 'r', body: string): Buffer =>
    bytesOf(unityCachePut(type, body.length), body);
  const asked = (of: Buffer): Buffer =>
    bytesOf(...(['a', 'i', 'r'] as const).map((type) => unityCacheGet(type, of)));
  return [
    behind('misses of all types', asked(key)),
    behind('te without ts', 'te'),
    behind('a put without ts', put('a', 'x')),
    behind('te twice', begin, 'tete'),
    behind('te many times', 'te'.repeat(500)),
    behind('an empty transaction', begin, unityCacheCommit()),
    ...[
      'xy',
      `gx${id}`,
      `tx${id}`,
      `GA${id}`,
      'QQ',
      '\n\n',
      '\r\n',
      '+a',
      `-a${id}`,
      'qq',
      'q\n',
      'qga',
    ].map((text) => behind(`unknown ${JSON.stringify(text.slice(0, 2))}`, text)),
    ...['gx', 'gq', 'tq'].map((text) => behind(`half a command ${text}`, text)),
    behind('px', begin, 'px', size('5'), 'abcde'),
    behind('quit', 'q'),
    behind('quit in a transaction', begin, put('a', 'x'), 'q'),
    behind(
      'a transaction of all types',
      begin,
      put('a', 'qte'),
      put('i', 'te'),
      put('r', 'q'),
      'te',
      asked(key),
    ),
    behind(
      'the same file twice in a transaction',
      unityCacheBegin(other),
      put('i', 'first'),
      put('i', 'second'),
      'te',
      asked(other),
    ),
    behind(
      'a transaction begun anew',
      unityCacheBegin(other),
      put('r', 'lost'),
      unityCacheBegin(third),
      put('r', 'kept'),
      'te',
      asked(third),
      asked(other),
    ),
    behind('only an info', unityCacheBegin(key), put('i', 'new'), 'te', asked(key)),
    behind(
      'a get before te',
      unityCacheBegin(key),
      put('r', 'later'),
      unityCacheGet('a', key),
      'te',
      unityCacheGet('r', key),
    ),
    behind('hits and misses, 1 500 of them', ...Array.from({ length: 500 }, () => asked(other))),
  ];
}

function sizeRows(fresh: (kept: boolean) => Buffer): readonly Row[] {
  const sized = (text: string, body: string | Buffer, kept = true): Buffer => {
    const key = fresh(kept);
    const put = bytesOf(unityCacheBegin(key), 'pa', text, body);
    return bytesOf(put, 'te', unityCacheGet('a', key));
  };
  const key = fresh(true);
  const lenient = (text: string, peers: NonNullable<Row['differs']>['peers']): Row => ({
    ...behind(`size ${JSON.stringify(text)}`, sized(text, 'abcdefgh', false)),
    differs: { by: 'size by parseInt', ours: acceptedClosed, peers },
  });
  const silent: Outcome = { said: 'accepted', end: 'silent' };
  const huge = (text: string, peers: NonNullable<Row['differs']>['peers']): Row => ({
    ...behind(`size ${text}`, unityCacheBegin(key), 'pa', size(text)),
    differs: { by: 'size without bound', ours: acceptedClosed, peers },
  });
  return [
    ...[
      1, 15, 16, 17, 255, 4_095, 4_096, 65_535, 65_536, 65_537, 262_144, 1_048_577, 5_000_000,
    ].map((bytes) =>
      behind(
        `a file of ${bytes} bytes`,
        sized(size(bytes.toString(16)), Buffer.alloc(bytes, `q${bytes}te`)),
      ),
    ),
    behind('a size in capitals', sized('000000000000000A', 'tenletters')),
    ...[
      '-000000000000001',
      '00000000000000-1',
      '00000000000000+5',
      '00000000000000 5',
      '00000000000000x5',
      '0x00000000000000',
    ].map((text) => behind(`size ${JSON.stringify(text)}`, sized(text, ''))),
    lenient('8zzzzzzzzzzzzzzz', both({ said: 'accepted, hit a 8', end: 'open' })),
    lenient('zzzzzzzzzzzzzzzz', { fs: silent }),
    behind('one byte short', sized(size('3'), 'xy')),
    behind('one byte more', sized(size('1'), 'xy')),
    {
      ...behind(
        'an empty file',
        unityCacheBegin(key),
        unityCachePut('i', 0),
        'te',
        unityCacheGet('i', key),
      ),
      differs: {
        by: 'empty file',
        ours: { said: 'accepted, miss i', end: 'open' },
        peers: both(acceptedClosed),
      },
    },
    huge('80000000', both(silent)),
    huge('20000000000001', { fs: silent }),
    huge('ffffffffffffffff', { fs: silent }),
  ];
}

/** A file that is replaced, and another one that takes a part of the place of its first version. */
function forgottenRow(key: Buffer, other: Buffer): Row {
  const stored = (of: Buffer, bytes: number): Buffer =>
    bytesOf(unityCacheBegin(of), unityCachePut('a', bytes), Buffer.alloc(bytes, 'x'), 'te');
  const puts = [stored(key, 5_000), stored(key, 6_000), stored(other, 100)];
  return {
    ...behind('a file that was replaced', ...puts, unityCacheGet('a', key)),
    differs: {
      by: 'memory forgets',
      ours: { said: 'accepted, hit a 6000', end: 'open' },
      peers: { ram: { said: 'accepted, miss a', end: 'open' } },
    },
  };
}

function endRows(key: Buffer): readonly Row[] {
  const large = Buffer.alloc(5_000_000, 'qte');
  const gets = Array.from({ length: 4 }, () => unityCacheGet('a', key));
  return [
    behind('a large file', unityCacheBegin(key), unityCachePut('a', large.length), large, 'te'),
    { ...behind('the end behind nothing'), packets: [], finish: true },
    { ...behind('the end in half a command', 'ga123'), finish: true },
    {
      ...behind('the end in a body', unityCacheBegin(key), unityCachePut('r', 100), 'abc'),
      finish: true,
    },
    {
      ...behind('the end behind gets', ...gets),
      finish: true,
      differs: {
        by: 'answers lost at the end',
        ours: {
          said: ['accepted', ...gets.map(() => 'hit a 5000000')].join(', '),
          end: 'closed',
        },
        peers: both({ said: 'any start', end: 'closed' }),
      },
    },
    {
      ...behind('quit behind gets', ...gets, 'q'),
      differs: {
        by: 'answers lost at the end',
        ours: { said: 'any start', end: 'closed' },
        peers: both({ said: 'any start', end: 'closed' }),
      },
    },
  ];
}
