// The framing, size and transaction classes through real sockets, with a witness beside each of them.

import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { openPolicy } from '@tweendeck/cacheserver';
import {
  unityCacheBegin,
  unityCacheCommit,
  unityCacheGet,
  unityCachePut,
  unityCacheQuit,
} from '@tweendeck/wire';
import { type CacheRig, RawConnection, startCacheRig } from './support/cache-rig.ts';
import { EditorClient } from './unity-clients.ts';

const id: Buffer = Buffer.alloc(32, 0x21);
const otherId = Buffer.alloc(32, 0x42);
const trickyId = Buffer.from('q\n\0\xffteqqtsgaq\r\0\0\xffpaqqqqqqqqqqqqq', 'latin1');
const witnessId = { guid: Buffer.alloc(16, 0x77), hash: Buffer.alloc(16, 0x88) };
const witnessFiles = {
  a: Buffer.alloc(90_000, 1),
  i: Buffer.alloc(77, 2),
  r: Buffer.alloc(3_000, 3),
};

const version = Buffer.from('000000fe');
const refused = '00000000';
const accepted = '000000fe';
const size = (text: string): string => text.padStart(16, '0');
const bytesOf = (...parts: readonly (string | Buffer)[]): Buffer =>
  Buffer.concat(
    parts.map((part) => (typeof part === 'string' ? Buffer.from(part, 'latin1') : part)),
  );
const missOf = (type: string, of = id): Buffer => bytesOf(`-${type}`, of);
const hitOf = (type: string, body: Buffer, of = id): Buffer =>
  bytesOf(`+${type}`, size(body.length.toString(16)), of, body);
const begun = bytesOf(version, unityCacheBegin(id));

let rig: CacheRig;
let witness: EditorClient;
before(async () => {
  rig = await startCacheRig();
  witness = await EditorClient.connect('127.0.0.1', rig.port);
  await witness.store(witnessId, witnessFiles);
});
after(async () => {
  witness.close();
  await rig.assertNothingLeft();
  await rig[Symbol.asyncDispose]();
});

/** Another client, which must never notice. */
async function assertWitness(): Promise<void> {
  assert.deepEqual(await witness.find(witnessId), witnessFiles);
}

async function assertNoConnectionButTheWitness(): Promise<void> {
  await rig.until('only the witness', () => rig.server.stats().server.connectionsOpen === 1);
  await rig.until('no upload', () => rig.store.stats().uploadBytes === 0);
}

interface Row {
  readonly name: string;
  readonly sent: Buffer;
  /** The whole answer; what comes behind a fence is not counted. */
  readonly answer: Buffer | string;
  /** Why the connection ends; `open` when it goes on. */
  readonly end: string;
}

const refusedRow = (name: string, sent: string | Buffer): Row => ({
  name,
  sent: bytesOf(sent),
  answer: refused,
  end: 'version-refused',
});
const closedRow = (name: string, sent: Buffer, end: string): Row => ({
  name,
  sent,
  answer: accepted,
  end,
});
const openRow = (name: string, sent: Buffer, answer: Buffer | string = ''): Row => ({
  name,
  sent,
  answer: bytesOf(accepted, answer),
  end: 'open',
});

const rows: readonly Row[] = [
  // 1: each row of the version table. 3, 4: what only looks like one.
  ...['000000fe', 'fe', '00fe', 'FE'].map((text) => openRow(`version ${text}`, bytesOf(text))),
  openRow('version fe and a get', bytesOf('fe', unityCacheGet('a', id)), missOf('a')),
  closedRow('version feq', bytesOf('feq'), 'quit'),
  closedRow('version fea', bytesOf('fea'), 'unknown-command'),
  closedRow('version and a line end', bytesOf('fe\r\n'), 'unknown-command'),
  ...['ff', 'fd', '000000fd', '-fe', 'zz', '  fe', '+fe', '0xfe', '000000000'].map((text) =>
    refusedRow(`version ${JSON.stringify(text)}`, text),
  ),
  refusedRow('high bits', Buffer.from([0xe6, 0xe5])),
  refusedRow('a TLS hello', Buffer.from([0x16, 3, 1, 0, 0xa5, 1, 0, 0, 0xa1, 3, 3])),
  refusedRow('an HTTP request', 'GET / HTTP/1.1\r\nHost: x\r\n\r\n'),
  refusedRow('a PROXY v1 header', 'PROXY TCP4 10.0.0.1 10.0.0.2 1 2\r\n000000fe'),
  refusedRow('a PROXY v2 header', '\r\n\r\n\0\r\nQUIT\n\x21\x11\0\x0c'),
  // 7: several commands in a packet, ids that look like commands.
  openRow(
    'ids full of commands',
    bytesOf(
      version,
      unityCacheGet('a', trickyId),
      unityCacheGet('i', id),
      unityCacheGet('r', trickyId),
    ),
    bytesOf(missOf('a', trickyId), missOf('i'), missOf('r', trickyId)),
  ),
  openRow(
    'a transaction and its files in one packet',
    bytesOf(
      begun,
      unityCachePut('a', 5),
      'qteq\n',
      unityCachePut('i', 2),
      'te',
      unityCacheCommit(),
      unityCacheGet('a', id),
      unityCacheGet('i', id),
      unityCacheGet('r', id),
    ),
    bytesOf(hitOf('a', Buffer.from('qteq\n')), hitOf('i', Buffer.from('te')), missOf('r')),
  ),
  // 9, 10, 11: letters.
  closedRow('a megabyte of te', bytesOf(version, 'te'.repeat(2_000)), 'no-transaction'),
  closedRow('an unknown first letter', bytesOf(version, 'x'), 'unknown-command'),
  closedRow('an unknown second letter', bytesOf(version, 'gx'), 'unknown-command'),
  closedRow(
    'an unknown second letter with the rest',
    bytesOf(version, 'gx', id),
    'unknown-command',
  ),
  closedRow('tx', bytesOf(version, 'tx', id), 'unknown-command'),
  closedRow('upper case', bytesOf(version, 'GA', id), 'unknown-command'),
  ...['gq', 'tq'].map((text) => closedRow(text, bytesOf(version, text), 'unknown-command')),
  closedRow('pq', bytesOf(begun, 'pq'), 'unknown-command'),
  closedRow('qq', bytesOf(version, 'qq'), 'quit'),
  closedRow('q and a line end', bytesOf(version, 'q\n'), 'quit'),
  // 13, 14, 15, 17, 18: sizes.
  openRow(
    'an empty file',
    bytesOf(unityCacheBeginOf(otherId), unityCachePut('a', 0), 'te', unityCacheGet('a', otherId)),
    missOf('a', otherId),
  ),
  ...['-1', '+5', '0x5', ' 5', '8zzz', 'NaN'].map((text) =>
    closedRow(`size ${text}`, bytesOf(begun, 'pa', size(text), 'abcde'), 'size-malformed'),
  ),
  ...['80000000', '100000000', '20000000000001', 'ffffffffffffffff'].map((text) =>
    closedRow(`size ${text}`, bytesOf(begun, 'pa', size(text)), 'value-too-large'),
  ),
  closedRow(
    'one byte short, then te',
    bytesOf(begun, unityCachePut('a', 3), 'xy', 'te'),
    'unknown-command',
  ),
  closedRow('one byte extra', bytesOf(begun, unityCachePut('a', 1), 'xy', 'te'), 'unknown-command'),
  closedRow(
    'a 1-byte file without its body',
    bytesOf(begun, unityCachePut('i', 1), 'te'),
    'unknown-command',
  ),
  // 20, 21, 22, 23: transactions.
  closedRow('te without ts', bytesOf(version, 'te'), 'no-transaction'),
  closedRow('pa without ts', bytesOf(version, unityCachePut('a', 1), 'x'), 'no-transaction'),
  closedRow('te twice', bytesOf(begun, 'tete'), 'no-transaction'),
  openRow(
    'ts twice: the first one is given up',
    bytesOf(
      unityCacheBeginOf(otherId),
      unityCachePut('r', 1),
      'x',
      unityCacheBegin(id),
      unityCachePut('r', 1),
      'y',
      'te',
      unityCacheGet('r', id),
      unityCacheGet('r', otherId),
    ),
    bytesOf(hitOf('r', Buffer.from('y')), missOf('r', otherId)),
  ),
  openRow(
    'an empty transaction',
    bytesOf(begun, 'te', unityCacheGet('a', otherId)),
    missOf('a', otherId),
  ),
  openRow(
    'the same type twice: the last one counts',
    bytesOf(
      begun,
      unityCachePut('a', 1),
      'x',
      unityCachePut('a', 2),
      'yz',
      'te',
      unityCacheGet('a', id),
    ),
    hitOf('a', Buffer.from('yz')),
  ),
  openRow(
    'only an info: the others stay',
    bytesOf(
      begun,
      unityCachePut('i', 3),
      'new',
      'te',
      unityCacheGet('i', id),
      unityCacheGet('a', id),
    ),
    bytesOf(hitOf('i', Buffer.from('new')), hitOf('a', Buffer.from('yz'))),
  ),
  openRow(
    'a get before te sees the old',
    bytesOf(
      begun,
      unityCachePut('i', 3),
      'old',
      'te',
      unityCacheBegin(id),
      unityCachePut('i', 4),
      'late',
      unityCacheGet('i', id),
      'te',
      unityCacheGet('i', id),
    ),
    bytesOf(hitOf('i', Buffer.from('old')), hitOf('i', Buffer.from('late'))),
  ),
  openRow(
    'a zero hash is dropped, and the connection goes on',
    bytesOf(
      unityCacheBeginOf(Buffer.alloc(32)),
      unityCachePut('a', 1),
      'x',
      'te',
      unityCacheGet('a', Buffer.alloc(32)),
    ),
    missOf('a', Buffer.alloc(32)),
  ),
  openRow(
    'a zero guid is fine',
    bytesOf(
      unityCacheBeginOf(zeroGuid()),
      unityCachePut('a', 1),
      'x',
      'te',
      unityCacheGet('a', zeroGuid()),
    ),
    hitOf('a', Buffer.from('x'), zeroGuid()),
  ),
];

function unityCacheBeginOf(key: Buffer): Buffer {
  return bytesOf(version, unityCacheBegin(key));
}

function zeroGuid(): Buffer {
  return Buffer.concat([Buffer.alloc(16), Buffer.alloc(16, 9)]);
}

const fenceId = Buffer.alloc(32, 0xfe);

async function runRow(
  { sent, answer, end }: Row,
  packets: readonly Buffer[],
  on: CacheRig = rig,
): Promise<void> {
  const wanted = typeof answer === 'string' ? Buffer.from(answer, 'latin1') : answer;
  const before = on.closings(end);
  using connection = await RawConnection.open(on.port);
  await connection.send(...packets);
  assert.equal(Buffer.concat(packets).length, sent.length);
  if (end === 'open') {
    await connection.send(unityCacheGet('r', fenceId));
    assert.deepEqual(await connection.expect(wanted.length), wanted);
    assert.deepEqual(await connection.expect(34), missOf('r', fenceId));
    await connection.send(unityCacheQuit());
    assert.equal((await connection.untilClosed()).length, 0);
    return;
  }
  const got = await connection.untilClosed();
  assert.deepEqual(got, wanted.subarray(0, got.length)); // a reset may overtake what was sent
  await on.until(`one more ${end}`, () => on.closings(end) === before + 1);
}

/** The same answer where nothing is stored: each hit is a miss. */
function withoutHits(answer: Buffer | string): Buffer {
  const bytes = bytesOf(answer);
  const parts: Buffer[] = [bytes.subarray(0, 8)];
  for (let at = 8; at < bytes.length; ) {
    const hit = bytes[at] === 0x2b;
    const idAt = at + (hit ? 18 : 2);
    const bodyBytes = hit ? Number.parseInt(bytes.toString('latin1', at + 2, at + 18), 16) : 0;
    parts.push(missOf(bytes.toString('latin1', at + 1, at + 2), bytes.subarray(idAt, idAt + 32)));
    at = idAt + 32 + bodyBytes;
  }
  return Buffer.concat(parts);
}

test('class 27: whoever may not put stays in step with each of these, and stores nothing', async () => {
  await using closed = await startCacheRig({}, {}, { ...openPolicy, readOnly: true });
  for (const row of rows) {
    const without = { ...row, answer: withoutHits(row.answer) };
    await runRow(without, [row.sent], closed);
    const bytes = Array.from(row.sent, (_, at) => row.sent.subarray(at, at + 1));
    if (row.sent.length < 400) await runRow(without, bytes, closed);
  }
  using connection = await RawConnection.open(closed.port);
  const large = bytesOf(begun, unityCachePut('a', 20_000_000), Buffer.alloc(20_000_000), 'te');
  await connection.send(bytesOf(large, unityCacheGet('a', id)));
  assert.deepEqual(await connection.expect(42), bytesOf(accepted, missOf('a')));
  assert.equal(closed.store.stats().keys, 0);
  const { transactions } = closed.server.stats().server;
  assert.ok((transactions['not-permitted'] ?? 0) > 10);
  assert.equal(transactions.stored ?? 0, 0);
  connection.socket.destroy();
  await closed.assertNothingLeft();
});

for (const row of rows) {
  test(`through a socket: ${row.name}`, async () => {
    await runRow(row, [row.sent]);
    if (row.sent.length < 400) {
      await runRow(
        row,
        Array.from(row.sent, (_, at) => row.sent.subarray(at, at + 1)),
      );
    }
    await assertWitness();
    await assertNoConnectionButTheWitness();
  });
}

test('class 2: a client that never finishes the version is cut, and nobody else', async () => {
  await using own = await startCacheRig({ handshakeTimeoutMs: 100 });
  for (const start of ['', '00', 'f']) {
    using connection = await RawConnection.open(own.port);
    await connection.send(start);
    await connection.untilClosed();
  }
  assert.equal(own.closings('handshake-timeout'), 3);
  await own.assertNothingLeft();
});

test('class 5: version, then FIN or RST', async () => {
  using finished = await RawConnection.open(rig.port);
  await finished.send(version);
  finished.socket.end();
  assert.equal((await finished.untilClosed()).toString(), accepted);
  using reset = await RawConnection.open(rig.port);
  await reset.send(version);
  await reset.expect(8);
  reset.socket.resetAndDestroy();
  await assertNoConnectionButTheWitness();
});

test('class 6: a session cut in two at every byte is answered the same', async () => {
  const session = bytesOf(
    begun,
    unityCachePut('a', 4),
    'wxyz',
    unityCacheCommit(),
    unityCacheGet('a', id),
    unityCacheGet('i', trickyId),
  );
  const wanted = bytesOf(accepted, hitOf('a', Buffer.from('wxyz')), missOf('i', trickyId));
  for (let at = 1; at < session.length; at++) {
    using connection = await RawConnection.open(rig.port);
    await connection.send(session.subarray(0, at), session.subarray(at));
    assert.deepEqual(await connection.expect(wanted.length), wanted, `cut at ${at}`);
  }
  await assertWitness();
});

test('class 8, 31: 100 000 gets of a client that never reads: bounded, and cut in the end', async () => {
  await using own = await startCacheRig({ readerTimeoutMs: 1_500 });
  using filler = await RawConnection.open(own.port);
  await filler.send(bytesOf(begun, unityCachePut('a', 65_536), Buffer.alloc(65_536, 5)));
  await filler.send(bytesOf(unityCachePut('r', 5_000_000), Buffer.alloc(5_000_000, 6), 'te'));
  await filler.send(unityCacheGet('i', id));
  await filler.expect(8 + 34);
  const residentBefore = process.memoryUsage().rss;
  for (const type of ['a', 'r'] as const) {
    using connection = await RawConnection.open(own.port);
    connection.socket.pause();
    const gets = Buffer.concat(Array.from({ length: 100_000 }, () => unityCacheGet(type, id)));
    await connection.send(bytesOf(version, gets));
    await own.until('cut', () => own.closings('stalled-reader') === (type === 'a' ? 1 : 2));
    const grown = process.memoryUsage().rss - residentBefore;
    assert.ok(grown < 150 * 1_048_576, `${grown} bytes more`);
  }
  filler.socket.destroy();
  await own.assertNothingLeft();
});

test('class 12: FIN behind pipelined gets gets all answers, q gets none that were not sent', async () => {
  const body = Buffer.alloc(300_000, 7);
  using writer = await RawConnection.open(rig.port);
  await writer.send(
    bytesOf(begun, unityCachePut('a', body.length), body, 'te', unityCacheGet('r', fenceId)),
  );
  await writer.expect(8 + 34);
  writer.socket.destroy();
  using finishing = await RawConnection.open(rig.port);
  await finishing.send(
    bytesOf(version, ...Array.from({ length: 40 }, () => unityCacheGet('a', id))),
  );
  finishing.socket.end();
  const got = await finishing.untilClosed();
  assert.equal(got.length, 8 + 40 * (50 + body.length));
  using quitting = await RawConnection.open(rig.port);
  await quitting.send(bytesOf(version, unityCacheGet('a', id), 'q'));
  assert.ok((await quitting.untilClosed()).length <= 8 + 50);
  await assertNoConnectionButTheWitness();
});

test('class 16: the largest size and no data: no memory, no file, cut in the end', async () => {
  await using own = await startCacheRig({ uploadTimeoutMs: 100 });
  const residentBefore = process.memoryUsage().rss;
  const connections = await Promise.all(
    Array.from({ length: 50 }, () => RawConnection.open(own.port)),
  );
  for (const connection of connections)
    await connection.send(bytesOf(begun, 'pa', size('7fffffff')));
  for (const connection of connections) await connection.untilClosed();
  assert.equal(own.closings('slow-upload'), 50);
  assert.ok(process.memoryUsage().rss - residentBefore < 60 * 1_048_576);
  await own.assertNothingLeft();
});

test('class 16b: a half command and an open transaction are cut as well', async () => {
  await using own = await startCacheRig({ uploadTimeoutMs: 100, transactionTimeoutMs: 100 });
  using half = await RawConnection.open(own.port);
  await half.send(bytesOf(version, 'g'));
  using open = await RawConnection.open(own.port);
  await open.send(begun);
  using idle = await RawConnection.open(own.port);
  await idle.send(version);
  await half.untilClosed();
  await open.untilClosed();
  assert.deepEqual([own.closings('slow-upload'), own.closings('idle-transaction')], [1, 1]);
  assert.equal(idle.closed, false);
});

test('class 19: sizes at every edge come back exactly', async () => {
  using connection = await RawConnection.open(rig.port);
  await connection.send(version);
  await connection.expect(8);
  for (const edge of [1, 4_096, 65_536, 131_072, 262_144, 1_048_576, 4_194_304]) {
    for (const length of [edge - 1, edge, edge + 1]) {
      if (length === 0) continue;
      const body = Buffer.alloc(length, length % 251);
      await connection.send(
        bytesOf(
          unityCacheBegin(id),
          unityCachePut('r', length),
          body,
          'te',
          unityCacheGet('r', id),
        ),
      );
      const wanted = hitOf('r', body);
      assert.ok((await connection.expect(wanted.length)).equals(wanted), `${length} bytes`);
    }
  }
});

test('class 24: 10 000 transactions on one connection', async () => {
  using connection = await RawConnection.open(rig.port);
  const transaction = bytesOf(unityCacheBegin(id), unityCachePut('i', 3), 'abc', 'te');
  const storedBefore = rig.server.stats().server.transactions.stored ?? 0;
  await connection.send(bytesOf(version, ...Array.from({ length: 10_000 }, () => transaction)));
  await connection.send(unityCacheGet('i', id));
  assert.equal((await connection.expect(8 + 53)).subarray(-3).toString(), 'abc');
  assert.equal(rig.server.stats().server.transactions.stored, storedBefore + 10_000);
});

test('class 25: a client that leaves after each byte of a transaction leaves nothing', async () => {
  const key = Buffer.alloc(32, 0x99);
  const session = bytesOf(unityCacheBeginOf(key), unityCachePut('a', 4), 'wxyz', 'te');
  for (let length = 1; length < session.length; length++) {
    for (const leave of ['end', 'resetAndDestroy'] as const) {
      using connection = await RawConnection.open(rig.port);
      await connection.send(session.subarray(0, length));
      connection.socket[leave]();
      if (leave === 'end') await connection.untilClosed();
    }
  }
  await assertNoConnectionButTheWitness();
  for (let round = 0; round < 20; round++) {
    using large = await RawConnection.open(rig.port);
    await large.send(
      bytesOf(unityCacheBeginOf(key), unityCachePut('a', 9_000_000), Buffer.alloc(2_000_000)),
    );
    await rig.until('a large upload', () => rig.store.stats().uploadBytes > 300_000);
    large.socket.resetAndDestroy();
    await rig.until('no upload', () => rig.store.stats().uploadBytes === 0);
  }
  using reader = await RawConnection.open(rig.port);
  await reader.send(bytesOf(version, unityCacheGet('a', key)));
  assert.deepEqual(await reader.expect(8 + 34), bytesOf(accepted, missOf('a', key)));
  reader.socket.destroy();
  await assertNoConnectionButTheWitness();
  await assertWitness();
});
